// Translates between gRPC and the agent.
#include "controlplane/api/services.h"

#include <algorithm>
#include <thread>

namespace bulkhead::controlplane {

namespace {

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
  }
  return {grpc::StatusCode::UNKNOWN, refusal.text};
}

std::string peer_name(const grpc::ServerContext& context) {
  const auto names = context.auth_context()->FindPropertyValues("x509_common_name");
  return names.empty() ? "unknown" : std::string(names[0].data(), names[0].size());
}

}  // namespace

grpc::Status PolicyServiceImpl::StagePolicy(grpc::ServerContext* context,
                                            const v1::StagePolicyRequest* request,
                                            v1::StagePolicyResponse* response) {
  const auto revision = agent_.stage(*request, peer_name(*context));
  if (!revision) return to_status(revision.error());
  *response->mutable_revision() = revision.value();
  return grpc::Status::OK;
}

grpc::Status PolicyServiceImpl::CommitPolicy(grpc::ServerContext* context,
                                             const v1::CommitPolicyRequest* request,
                                             v1::CommitPolicyResponse* response) {
  const auto committed = agent_.commit(request->number(), peer_name(*context));
  if (!committed) return to_status(committed.error());
  *response = committed.value();
  return grpc::Status::OK;
}

grpc::Status PolicyServiceImpl::GetPolicy(grpc::ServerContext* /*context*/,
                                          const v1::GetPolicyRequest* request,
                                          v1::GetPolicyResponse* response) {
  const auto stored = agent_.get(request->number());
  if (!stored) return to_status(stored.error());
  *response = stored.value();
  return grpc::Status::OK;
}

grpc::Status PolicyServiceImpl::ListPolicies(grpc::ServerContext* /*context*/,
                                             const v1::ListPoliciesRequest* /*request*/,
                                             v1::ListPoliciesResponse* response) {
  for (const v1::Revision& revision : agent_.list()) *response->add_revisions() = revision;
  return grpc::Status::OK;
}

grpc::Status TelemetryServiceImpl::GetStatus(grpc::ServerContext* /*context*/,
                                             const v1::GetStatusRequest* /*request*/,
                                             v1::GetStatusResponse* response) {
  *response = agent_.status();
  return grpc::Status::OK;
}

grpc::Status TelemetryServiceImpl::GetCounters(grpc::ServerContext* /*context*/,
                                               const v1::GetCountersRequest* /*request*/,
                                               v1::Counters* response) {
  const auto counters = agent_.counters();
  if (!counters) return to_status(counters.error());
  *response = counters.value();
  return grpc::Status::OK;
}

grpc::Status TelemetryServiceImpl::WatchCounters(grpc::ServerContext* context,
                                                 const v1::WatchCountersRequest* request,
                                                 grpc::ServerWriter<v1::Counters>* writer) {
  constexpr std::uint32_t kIntervalDefaultMs = 1000;
  constexpr std::uint32_t kIntervalMinMs = 100;
  const std::uint32_t interval_ms = request->interval_ms() == 0
                                        ? kIntervalDefaultMs
                                        : std::max(request->interval_ms(), kIntervalMinMs);
  while (!context->IsCancelled()) {
    const auto counters = agent_.counters();
    if (!counters) return to_status(counters.error());
    if (!writer->Write(counters.value())) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(interval_ms));
  }
  return grpc::Status::OK;
}

grpc::Status TelemetryServiceImpl::WatchEvents(grpc::ServerContext* context,
                                               const v1::WatchEventsRequest* request,
                                               grpc::ServerWriter<v1::Event>* writer) {
  constexpr auto kLook = std::chrono::milliseconds(200);  // for a client that has gone
  const auto follower = agent_.events().follow(request->recent());
  bool alive = true;
  do {
    const auto wait = request->follow() ? kLook : std::chrono::milliseconds(0);
    for (const v1::Event& event : follower->wait(wait)) alive = alive && writer->Write(event);
  } while (request->follow() && alive && !context->IsCancelled() && !follower->ended());
  agent_.events().leave(follower);
  return grpc::Status::OK;
}

grpc::Status TelemetryServiceImpl::ListFlows(grpc::ServerContext* /*context*/,
                                             const v1::ListFlowsRequest* request,
                                             v1::ListFlowsResponse* response) {
  const auto flows = agent_.flows(request->limit());
  if (!flows) return to_status(flows.error());
  *response->mutable_flows() = flows.value().flows();
  response->set_total(flows.value().total());
  return grpc::Status::OK;
}

grpc::Status PairServiceImpl::GetPair(grpc::ServerContext* /*context*/,
                                      const v1::GetPairRequest* /*request*/,
                                      v1::PairStatus* response) {
  const auto status = agent_.pair_status();
  if (!status) return to_status(status.error());
  *response = status.value();
  return grpc::Status::OK;
}

grpc::Status PairServiceImpl::OrderPair(grpc::ServerContext* context,
                                        const v1::OrderPairRequest* request,
                                        v1::PairStatus* response) {
  failover::Order order{};
  switch (request->order()) {
    case v1::OrderPairRequest::ORDER_SWITCHOVER:
      order = failover::Order::switchover;
      break;
    case v1::OrderPairRequest::ORDER_MAINTENANCE_ON:
      order = failover::Order::maintenance_on;
      break;
    case v1::OrderPairRequest::ORDER_MAINTENANCE_OFF:
      order = failover::Order::maintenance_off;
      break;
    default:
      return {grpc::StatusCode::INVALID_ARGUMENT, "there is no such order"};
  }
  const auto status = agent_.order_pair(order, peer_name(*context));
  if (!status) return to_status(status.error());
  *response = status.value();
  return grpc::Status::OK;
}

}  // namespace bulkhead::controlplane
