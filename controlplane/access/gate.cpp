// gRPC has verified the certificate against the authority; what it is for is read here.
#include "controlplane/access/gate.h"

#include "controlplane/access/certificate.h"

namespace bulkhead::controlplane {

Result<std::string, grpc::Status> Gate::name_of(const grpc::ServerContextBase& context) {
  const auto pem = context.auth_context()->FindPropertyValues("x509_pem_cert");
  if (pem.size() != 1) {
    return grpc::Status(grpc::StatusCode::UNAUTHENTICATED, "there is no certificate");
  }
  const auto name = name_for(std::string(pem[0].data(), pem[0].size()), Purpose::client);
  if (name) return name.value();
  return grpc::Status(grpc::StatusCode::UNAUTHENTICATED, name.error().text);
}

void Gate::look(std::string_view method, grpc::ServerContextBase& context) {
  if (methods::find(method) != nullptr) return;
  if (method.starts_with(methods::kOurs)) return context.TryCancel();
  const auto name = name_of(context);
  name ? on_call_(context.peer(), name.value()) : context.TryCancel();
}

Result<Gate::PassPointer, grpc::Status> Gate::enter(const grpc::ServerContextBase& context,
                                                    const Method& method) {
  const auto name = name_of(context);
  if (!name) return name.error();
  on_call_(context.peer(), name.value());
  return enter(name.value(), method.kind);
}

Result<Gate::PassPointer, grpc::Status> Gate::enter(const std::string& name,
                                                    const limits::Calls& kind) {
  const std::lock_guard guard(mutex_);
  std::map<std::string, std::size_t>& kinds = under_way_[&kind];
  std::size_t all = 0;
  for (const auto& [other, count] : kinds) all += count;
  const auto mine = kinds.find(name);
  const bool too_many = mine != kinds.end() && mine->second >= kind.of_one;
  if (too_many || all >= kind.in_all) {
    return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED,
                        too_many ? name + " has " + std::to_string(kind.of_one) + " " + kind.name +
                                       " already; end one, or try again"
                                 : "the appliance has " + std::to_string(kind.in_all) + " " +
                                       kind.name + " already; try again");
  }
  ++kinds[name];
  return std::make_shared<Pass>(*this, kind, name);
}

void Gate::leave(const limits::Calls& kind, const std::string& name) {
  const std::lock_guard guard(mutex_);
  std::map<std::string, std::size_t>& kinds = under_way_[&kind];
  const auto mine = kinds.find(name);
  if (mine != kinds.end() && --mine->second == 0) kinds.erase(mine);
}

namespace {

class Look final : public grpc::experimental::Interceptor {
 public:
  Look(Gate& gate, grpc::experimental::ServerRpcInfo& info) : gate_(gate), info_(info) {}
  void Intercept(grpc::experimental::InterceptorBatchMethods* batch) override {
    using Point = grpc::experimental::InterceptionHookPoints;
    if (batch->QueryInterceptionHookPoint(Point::POST_RECV_INITIAL_METADATA)) {
      gate_.look(info_.method(), *info_.server_context());
    }
    batch->Proceed();
  }

 private:
  Gate& gate_;
  grpc::experimental::ServerRpcInfo& info_;
};

}  // namespace

grpc::experimental::Interceptor* GateKeeper::CreateServerInterceptor(
    grpc::experimental::ServerRpcInfo* info) {
  return new Look(gate_, *info);
}

}  // namespace bulkhead::controlplane
