// Containment over gRPC.
#pragma once

#include <grpcpp/grpcpp.h>

#include "bulkhead/v1/containment.grpc.pb.h"
#include "controlplane/api/work.h"
#include "controlplane/containment/containing.h"

namespace bulkhead::controlplane {

class ContainmentServiceImpl final : public v1::ContainmentService::CallbackService {
 public:
  using Context = grpc::CallbackServerContext;
  ContainmentServiceImpl(Work& work, Containing& containing)
      : work_(work), containing_(containing) {}

  grpc::ServerUnaryReactor* SetContainment(Context* context,
                                           const v1::SetContainmentRequest* request,
                                           v1::ContainmentChanged* response) override;
  grpc::ServerUnaryReactor* ReleaseContainment(Context* context,
                                               const v1::ReleaseContainmentRequest* request,
                                               v1::ContainmentChanged* response) override;
  grpc::ServerUnaryReactor* ListContainment(Context* context,
                                            const v1::ListContainmentRequest* request,
                                            v1::ListContainmentResponse* response) override;

 private:
  Work& work_;
  Containing& containing_;
};

}  // namespace bulkhead::controlplane
