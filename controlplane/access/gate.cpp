// gRPC has verified the certificate against the authority; what it is for, whose it is and what its
// holder may do is decided here.
#include "controlplane/access/gate.h"

#include <vector>

#include "controlplane/access/certificate.h"
#include "controlplane/access/identity.h"

namespace bulkhead::controlplane {

namespace {

std::string_view property_of(const grpc::AuthContext& context, const char* name) {
  const auto values = context.FindPropertyValues(name);
  if (values.size() != 1) return {};
  return {values[0].data(), values[0].size()};
}

// Only the local socket's connections, whose peer is root, come to gRPC without TLS.
bool is_local(const grpc::ServerContextBase& context) {
  return context.peer().starts_with("unix:") &&
         property_of(*context.auth_context(), "transport_security_type") == "insecure";
}

}  // namespace

Gate::Pass::~Pass() {
  {
    const std::lock_guard guard(gate_.live_mutex_);
    gate_.live_.erase(this);
  }
  gate_.leave(kind_, caller_.identity);
}

grpc::Status Gate::identify(const grpc::ServerContextBase& context, Caller& caller) {
  if (is_local(context)) {
    caller = {std::string(kLocalRoot), {}, Roles::all(), 0, true};
    return grpc::Status::OK;
  }
  const auto auth = context.auth_context();
  const Certificate certificate =
      read_certificate(std::string(property_of(*auth, "x509_pem_cert")));
  return identify_by_certificate(
      certificate.get(), [&auth] { return std::string(property_of(*auth, "x509_pem_cert_chain")); },
      caller);
}

grpc::Status Gate::identify_by_certificate(X509* certificate,
                                           const std::function<std::string()>& chain_pem,
                                           Caller& caller) {
  if (certificate == nullptr) {
    return {grpc::StatusCode::UNAUTHENTICATED, "there is no certificate"};
  }
  caller.certificate_sha256 = sha256_of(certificate);
  caller.valid_until = valid_until(certificate);
  const auto identity = identity_of(certificate);
  if (!identity) return {grpc::StatusCode::UNAUTHENTICATED, identity.error().text};
  caller.identity = identity.value();
  const TrustPointer trust = trusts_();
  if (trust != nullptr) {
    const std::string problem =
        verified_.problem_with(trust, caller.certificate_sha256, certificate, chain_pem);
    if (!problem.empty()) return {grpc::StatusCode::UNAUTHENTICATED, problem};
  }
  if (const AccessPointer rules = access_()) caller.roles = rules->roles_of(caller.identity);
  return grpc::Status::OK;
}

grpc::Status Gate::has_no_role(const Caller& caller) const {
  if (access_() == nullptr) return {grpc::StatusCode::PERMISSION_DENIED, without_rules_};
  return {grpc::StatusCode::PERMISSION_DENIED,
          caller.identity +
              " has no role in this appliance's access.yaml; an administrator gives "
              "it one there"};
}

grpc::Status Gate::judge(const Caller& caller, const Method& method) const {
  if (caller.roles.meets(method.roles)) return grpc::Status::OK;
  if (caller.roles.empty()) return has_no_role(caller);
  return {grpc::StatusCode::PERMISSION_DENIED,
          caller.identity + " (" + caller.roles.text() + ") may not " + std::string(method.act) +
              ": the roles that may are " + method.roles.text()};
}

void Gate::look(std::string_view method, grpc::ServerContextBase& context) {
  if (methods::find(method) != nullptr) return;
  if (method.starts_with(methods::kOurs)) return context.TryCancel();
  Caller caller;
  if (!identify(context, caller).ok() || caller.roles.empty()) return context.TryCancel();
  on_call_(context.peer(), caller.identity);
}

Result<Gate::PassPointer, grpc::Status> Gate::enter(const grpc::ServerContextBase& context,
                                                    const Method& method) {
  Caller caller;
  grpc::Status status = identify(context, caller);
  if (status.ok() && !caller.roles.empty()) on_call_(context.peer(), caller.identity);
  auto pass = admit(std::move(caller), std::move(status), context.peer(), method);
  if (!pass) return pass;
  const std::lock_guard guard(live_mutex_);
  pass.value()->context_ = &context;
  pass.value()->method_ = &method;
  live_.insert(pass.value().get());
  return pass;
}

Result<Gate::PassPointer, grpc::Status> Gate::enter(const Presented& presented,
                                                    const Method& method) {
  Caller caller;
  grpc::Status status = identify_by_certificate(
      presented.certificate, [&presented] { return presented.chain_pem; }, caller);
  return admit(std::move(caller), std::move(status), presented.peer, method);
}

Result<Gate::PassPointer, grpc::Status> Gate::admit(Caller caller, grpc::Status identified,
                                                    const std::string& peer, const Method& method) {
  const grpc::Status status = identified.ok() ? judge(caller, method) : identified;
  const auto report = [&](bool accepted, const std::string& reason) {
    if (on_judged_) on_judged_({caller, peer, method.name, accepted, reason});
  };
  if (!status.ok()) {
    report(false, status.error_message());
    return status;
  }
  if (on_certificate_ && caller.valid_until != 0) {
    on_certificate_(caller.identity, caller.valid_until);
  }
  auto pass = count(caller, method.kind);
  report(pass.ok(), pass ? std::string() : pass.error().error_message());
  return pass;
}

Result<Gate::PassPointer, grpc::Status> Gate::count(Caller caller, const limits::Calls& kind) {
  const std::lock_guard guard(mutex_);
  const std::string& name = caller.identity;
  std::map<std::string, std::size_t>& kinds = under_way_[&kind];
  std::size_t all = 0;
  for (const auto& [other, number] : kinds) all += number;
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
  return std::make_shared<Pass>(*this, kind, std::move(caller));
}

void Gate::reexamine() {
  std::vector<Pass*> all;
  {
    const std::lock_guard guard(live_mutex_);
    all.assign(live_.begin(), live_.end());
  }
  for (Pass* pass : all) {
    const std::lock_guard guard(live_mutex_);
    if (live_.count(pass) == 0) continue;  // it has ended
    Caller now;
    grpc::Status status = identify(*pass->context_, now);
    if (status.ok()) status = judge(now, *pass->method_);
    if (!status.ok()) pass->context_->TryCancel();
  }
}

void Gate::leave(const limits::Calls& kind, const std::string& identity) {
  const std::lock_guard guard(mutex_);
  std::map<std::string, std::size_t>& kinds = under_way_[&kind];
  const auto mine = kinds.find(identity);
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
