// What the gate decided by, for who asks.
#include "controlplane/api/access_service.h"

namespace bulkhead::controlplane {

grpc::ServerUnaryReactor* AccessServiceImpl::GetAccess(Context* context,
                                                       const v1::GetAccessRequest* /*request*/,
                                                       v1::AccessStatus* response) {
  return answer_caller(work_, work_.questions, methods::kGetAccess, context,
                       [this, response](const Caller& caller) -> grpc::Status {
                         const AccessFile::State state = file_.state();
                         response->set_identity(caller.identity);
                         for (const Role role : kRoles) {
                           if (caller.roles.has(role)) {
                             response->add_roles(std::string(name_of(role)));
                           }
                         }
                         response->set_in_force(state.in_force);
                         response->set_path(state.path);
                         response->set_sha256(state.sha256);
                         response->set_problem(state.problem);
                         return grpc::Status::OK;
                       });
}

}  // namespace bulkhead::controlplane
