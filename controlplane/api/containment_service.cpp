// What is contained, who says so, and the end of it.
#include "controlplane/api/containment_service.h"

#include <algorithm>

namespace bulkhead::controlplane {

namespace {

std::string target_text(const v1::ContainmentTarget& target) {
  constexpr std::size_t kShown = 64;
  if (target.has_zone()) return "zone " + target.zone().substr(0, kShown);
  return target.has_conduit() ? "conduit " + target.conduit().substr(0, kShown) : "all";
}

audit::Details details_of(const v1::SetContainmentRequest& request) {
  constexpr std::size_t kShown = 200;
  return {{"target", target_text(request.target())},
          {"level", v1::ContainmentLevel_Name(request.level())},
          {"for_ms", std::to_string(request.for_ms())},
          {"reason", request.reason().substr(0, kShown)}};
}

grpc::Status give(Containing::Changed changed, v1::ContainmentChanged& response,
                  audit::Details& details) {
  if (!changed) return to_status(changed.error());
  response = std::move(changed).value();
  for (const std::string& warning : response.warnings()) details.push_back({"warning", warning});
  return grpc::Status::OK;
}

}  // namespace

grpc::ServerUnaryReactor* ContainmentServiceImpl::SetContainment(
    Context* context, const v1::SetContainmentRequest* request, v1::ContainmentChanged* response) {
  return answer(
      work_, work_.questions, methods::kSetContainment, context,
      [this, request, response](const std::string& name, audit::Details& details) {
        return give(containing_.contain(*request, name), *response, details);
      },
      details_of(*request));
}

grpc::ServerUnaryReactor* ContainmentServiceImpl::ReleaseContainment(
    Context* context, const v1::ReleaseContainmentRequest* request,
    v1::ContainmentChanged* response) {
  return answer_caller(work_, work_.questions, methods::kReleaseContainment, context,
                       [this, request, response](const Caller& caller, audit::Details& details) {
                         return give(containing_.release(*request, caller.roles, caller.identity),
                                     *response, details);
                       },
                       {{"target", target_text(request->target())},
                        {"level", v1::ContainmentLevel_Name(request->level())}});
}

grpc::ServerUnaryReactor* ContainmentServiceImpl::ListContainment(
    Context* context, const v1::ListContainmentRequest* /*request*/,
    v1::ListContainmentResponse* response) {
  return answer(work_, work_.questions, methods::kListContainment, context,
                [this, response](const std::string&) -> grpc::Status {
                  *response = containing_.list();
                  return grpc::Status::OK;
                });
}

}  // namespace bulkhead::controlplane
