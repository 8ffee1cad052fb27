// The gRPC services, thin over the agent. gRPC's threads only begin calls and go on with streams.
#pragma once

#include <grpcpp/grpcpp.h>

#include "bulkhead/v1/control.grpc.pb.h"
#include "bulkhead/v1/failover.grpc.pb.h"
#include "controlplane/api/work.h"

namespace bulkhead::controlplane {

class PolicyServiceImpl final : public v1::PolicyService::CallbackService {
 public:
  using Context = grpc::CallbackServerContext;
  explicit PolicyServiceImpl(Work& work) : work_(work) {}

  grpc::ServerReadReactor<v1::PolicyPiece>* StagePolicy(Context* context,
                                                        v1::StagePolicyResponse* response) override;
  grpc::ServerUnaryReactor* CommitPolicy(Context* context, const v1::CommitPolicyRequest* request,
                                         v1::CommitPolicyResponse* response) override;
  grpc::ServerUnaryReactor* GetCommit(Context* context, const v1::GetCommitRequest* request,
                                      v1::Commit* response) override;
  grpc::ServerUnaryReactor* PreviewPolicy(Context* context, const v1::PreviewPolicyRequest* request,
                                          v1::PreviewPolicyResponse* response) override;
  grpc::ServerWriteReactor<v1::PolicyPiece>* GetPolicy(
      Context* context, const v1::GetPolicyRequest* request) override;
  grpc::ServerUnaryReactor* ListPolicies(Context* context, const v1::ListPoliciesRequest* request,
                                         v1::ListPoliciesResponse* response) override;

 private:
  Work& work_;
};

class TelemetryServiceImpl final : public v1::TelemetryService::CallbackService {
 public:
  using Context = grpc::CallbackServerContext;
  explicit TelemetryServiceImpl(Work& work) : work_(work) {}

  grpc::ServerUnaryReactor* GetStatus(Context* context, const v1::GetStatusRequest* request,
                                      v1::GetStatusResponse* response) override;
  grpc::ServerWriteReactor<v1::Counters>* GetCounters(
      Context* context, const v1::GetCountersRequest* request) override;
  grpc::ServerWriteReactor<v1::Counters>* WatchCounters(
      Context* context, const v1::WatchCountersRequest* request) override;
  grpc::ServerWriteReactor<v1::Event>* WatchEvents(Context* context,
                                                   const v1::WatchEventsRequest* request) override;
  grpc::ServerWriteReactor<v1::ListFlowsResponse>* ListFlows(
      Context* context, const v1::ListFlowsRequest* request) override;

 private:
  Work& work_;
};

class PairServiceImpl final : public v1::PairService::CallbackService {
 public:
  using Context = grpc::CallbackServerContext;
  explicit PairServiceImpl(Work& work) : work_(work) {}

  grpc::ServerUnaryReactor* GetPair(Context* context, const v1::GetPairRequest* request,
                                    v1::PairStatus* response) override;
  grpc::ServerUnaryReactor* OrderPair(Context* context, const v1::OrderPairRequest* request,
                                      v1::PairStatus* response) override;

 private:
  Work& work_;
};

}  // namespace bulkhead::controlplane
