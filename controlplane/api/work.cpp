// What a refusal is in gRPC's words, and a call in those of the audit log.
#include "controlplane/api/work.h"

#include "controlplane/audit/logins.h"

namespace bulkhead::controlplane {

grpc::Status to_status(const Refusal& refusal) {
  switch (refusal.kind) {
    case Refusal::Kind::invalid:
      return {grpc::StatusCode::INVALID_ARGUMENT, refusal.text};
    case Refusal::Kind::not_found:
      return {grpc::StatusCode::NOT_FOUND, refusal.text};
    case Refusal::Kind::forbidden:
      return {grpc::StatusCode::PERMISSION_DENIED, refusal.text};
    case Refusal::Kind::unavailable:
      return {grpc::StatusCode::FAILED_PRECONDITION, refusal.text};
    case Refusal::Kind::storage:
      return {grpc::StatusCode::RESOURCE_EXHAUSTED, refusal.text};
    case Refusal::Kind::busy:
      return {grpc::StatusCode::ABORTED, refusal.text};
  }
  return {grpc::StatusCode::UNKNOWN, refusal.text};
}

audit::Caller recorded_caller(const Caller& caller, const std::string& peer) {
  return {caller.identity, caller.certificate_sha256, caller.roles.text(), audit::address_of(peer)};
}

void record_calls(Gate& gate, audit::Trail& trail) {
  gate.on_judged([&trail](const Judged& judged) {
    const audit::Caller caller = recorded_caller(judged.caller, std::string(judged.peer));
    if (caller.identity.empty()) return trail.failed_login(caller.address, judged.reason);
    trail.judged(caller, judged.method, judged.accepted, judged.reason);
  });
}

}  // namespace bulkhead::controlplane
