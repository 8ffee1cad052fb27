// The audit log over gRPC.
#pragma once

#include <grpcpp/grpcpp.h>

#include "bulkhead/v1/audit.grpc.pb.h"
#include "controlplane/api/work.h"

namespace bulkhead::controlplane {

class AuditServiceImpl final : public v1::AuditService::CallbackService {
 public:
  using Context = grpc::CallbackServerContext;
  // `work` has a trail.
  explicit AuditServiceImpl(Work& work) : work_(work) {}

  grpc::ServerWriteReactor<v1::AuditPiece>* ListAudit(Context* context,
                                                      const v1::ListAuditRequest* request) override;
  grpc::ServerWriteReactor<v1::AuditPiece>* ExportAudit(
      Context* context, const v1::ExportAuditRequest* request) override;
  grpc::ServerUnaryReactor* VerifyAudit(Context* context, const v1::VerifyAuditRequest* request,
                                        v1::VerifyAuditResponse* response) override;

 private:
  Work& work_;
};

// The state of the log, if there is one.
void describe_audit(const Work& work, v1::AuditStatus& status);

}  // namespace bulkhead::controlplane
