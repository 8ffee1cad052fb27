// A pair over gRPC.
#pragma once

#include <grpcpp/grpcpp.h>

#include "bulkhead/v1/failover.grpc.pb.h"
#include "controlplane/api/work.h"
#include "controlplane/pair/pair_control.h"

namespace bulkhead::controlplane {

class PairServiceImpl final : public v1::PairService::CallbackService {
 public:
  using Context = grpc::CallbackServerContext;
  PairServiceImpl(Work& work, PairControl& pair) : work_(work), pair_(pair) {}

  grpc::ServerUnaryReactor* GetPair(Context* context, const v1::GetPairRequest* request,
                                    v1::PairStatus* response) override;
  grpc::ServerUnaryReactor* OrderPair(Context* context, const v1::OrderPairRequest* request,
                                      v1::PairStatus* response) override;

 private:
  Work& work_;
  PairControl& pair_;
};

}  // namespace bulkhead::controlplane
