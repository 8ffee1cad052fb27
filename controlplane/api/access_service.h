// A caller's own roles, and the access file in force, over gRPC.
#pragma once

#include <grpcpp/grpcpp.h>

#include "bulkhead/v1/access.grpc.pb.h"
#include "controlplane/access/access_file.h"
#include "controlplane/api/work.h"

namespace bulkhead::controlplane {

class AccessServiceImpl final : public v1::AccessService::CallbackService {
 public:
  using Context = grpc::CallbackServerContext;
  AccessServiceImpl(Work& work, const AccessFile& file) : work_(work), file_(file) {}

  grpc::ServerUnaryReactor* GetAccess(Context* context, const v1::GetAccessRequest* request,
                                      v1::AccessStatus* response) override;

 private:
  Work& work_;
  const AccessFile& file_;
};

}  // namespace bulkhead::controlplane
