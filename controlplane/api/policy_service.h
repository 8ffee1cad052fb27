// Policies over gRPC: gRPC's threads only begin calls and go on with streams.
#pragma once

#include <grpcpp/grpcpp.h>

#include "bulkhead/v1/control.grpc.pb.h"
#include "controlplane/api/work.h"
#include "controlplane/revisions/policies.h"

namespace bulkhead::controlplane {

class PolicyServiceImpl final : public v1::PolicyService::CallbackService {
 public:
  using Context = grpc::CallbackServerContext;
  PolicyServiceImpl(Work& work, Policies& policies) : work_(work), policies_(policies) {}

  grpc::ServerReadReactor<v1::PolicyPiece>* StagePolicy(Context* context,
                                                        v1::StagePolicyResponse* response) override;
  grpc::ServerUnaryReactor* CommitPolicy(Context* context, const v1::CommitPolicyRequest* request,
                                         v1::CommitPolicyResponse* response) override;
  grpc::ServerUnaryReactor* ConfirmPolicy(Context* context, const v1::ConfirmPolicyRequest* request,
                                          v1::CommitPolicyResponse* response) override;
  grpc::ServerUnaryReactor* RollbackPolicy(Context* context,
                                           const v1::RollbackPolicyRequest* request,
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
  Policies& policies_;
};

}  // namespace bulkhead::controlplane
