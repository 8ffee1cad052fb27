// What a refusal is in gRPC's words.
#include "controlplane/api/work.h"

namespace bulkhead::controlplane {

grpc::Status to_status(const Refusal& refusal) {
  switch (refusal.kind) {
    case Refusal::Kind::invalid:
      return {grpc::StatusCode::INVALID_ARGUMENT, refusal.text};
    case Refusal::Kind::not_found:
      return {grpc::StatusCode::NOT_FOUND, refusal.text};
    case Refusal::Kind::unavailable:
      return {grpc::StatusCode::FAILED_PRECONDITION, refusal.text};
    case Refusal::Kind::storage:
      return {grpc::StatusCode::RESOURCE_EXHAUSTED, refusal.text};
    case Refusal::Kind::busy:
      return {grpc::StatusCode::ABORTED, refusal.text};
  }
  return {grpc::StatusCode::UNKNOWN, refusal.text};
}

}  // namespace bulkhead::controlplane
