// The gRPC services, thin over the agent. Each method runs on a gRPC thread.
#pragma once

#include <grpcpp/grpcpp.h>

#include "bulkhead/v1/control.grpc.pb.h"
#include "bulkhead/v1/failover.grpc.pb.h"
#include "controlplane/agent/agent.h"

namespace bulkhead::controlplane {

class PolicyServiceImpl final : public v1::PolicyService::Service {
 public:
  explicit PolicyServiceImpl(Agent& agent) : agent_(agent) {}

  grpc::Status StagePolicy(grpc::ServerContext* context, const v1::StagePolicyRequest* request,
                           v1::StagePolicyResponse* response) override;
  grpc::Status CommitPolicy(grpc::ServerContext* context, const v1::CommitPolicyRequest* request,
                            v1::CommitPolicyResponse* response) override;
  grpc::Status GetPolicy(grpc::ServerContext* context, const v1::GetPolicyRequest* request,
                         v1::GetPolicyResponse* response) override;
  grpc::Status ListPolicies(grpc::ServerContext* context, const v1::ListPoliciesRequest* request,
                            v1::ListPoliciesResponse* response) override;

 private:
  Agent& agent_;
};

class TelemetryServiceImpl final : public v1::TelemetryService::Service {
 public:
  explicit TelemetryServiceImpl(Agent& agent) : agent_(agent) {}

  grpc::Status GetStatus(grpc::ServerContext* context, const v1::GetStatusRequest* request,
                         v1::GetStatusResponse* response) override;
  grpc::Status GetCounters(grpc::ServerContext* context, const v1::GetCountersRequest* request,
                           v1::Counters* response) override;
  grpc::Status WatchCounters(grpc::ServerContext* context, const v1::WatchCountersRequest* request,
                             grpc::ServerWriter<v1::Counters>* writer) override;
  grpc::Status WatchEvents(grpc::ServerContext* context, const v1::WatchEventsRequest* request,
                           grpc::ServerWriter<v1::Event>* writer) override;
  grpc::Status ListFlows(grpc::ServerContext* context, const v1::ListFlowsRequest* request,
                         v1::ListFlowsResponse* response) override;

 private:
  Agent& agent_;
};

class PairServiceImpl final : public v1::PairService::Service {
 public:
  explicit PairServiceImpl(Agent& agent) : agent_(agent) {}

  grpc::Status GetPair(grpc::ServerContext* context, const v1::GetPairRequest* request,
                       v1::PairStatus* response) override;
  grpc::Status OrderPair(grpc::ServerContext* context, const v1::OrderPairRequest* request,
                         v1::PairStatus* response) override;

 private:
  Agent& agent_;
};

}  // namespace bulkhead::controlplane
