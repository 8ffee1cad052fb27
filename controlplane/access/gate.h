// The gate before every call: identifies the caller, checks that one of its roles may make the
// call, and bounds its concurrent calls.
#pragma once

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/server_interceptor.h>

#include <ctime>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "controlplane/access/access_rules.h"
#include "controlplane/access/methods.h"
#include "controlplane/access/verified_certificates.h"
#include "dataplane/base/result.h"

namespace bulkhead::controlplane {

// Who makes a call. Of root on the local socket: no certificate, and all roles.
struct Caller {
  std::string identity;
  std::string certificate_sha256;  // of its DER, hexadecimal; empty without a certificate
  Roles roles;                     // that it holds now
  std::time_t valid_until = 0;     // the certificate; 0: there is none
  bool is_local = false;
};

// What the gate decided about a call. Views live until the callback returns.
struct Judged {
  const Caller& caller;   // its identity is empty if its certificate names nobody
  std::string_view peer;  // as gRPC names it
  std::string_view method;
  bool accepted = false;
  std::string reason;  // why not; empty if accepted
};

// What a caller that does not come over gRPC has shown in its TLS handshake.
struct Presented {
  X509* certificate = nullptr;  // nullptr: none
  std::string chain_pem;        // certificates that came with it
  std::string peer;             // as gRPC would name it
};

class Gate {
 public:
  // The rules in force now; nullptr: only root on the local socket may act. From any thread.
  using Access = std::function<AccessPointer()>;
  // Whom the appliance trusts now; nullptr: what TLS has verified counts as it is. From any thread.
  using Trusts = std::function<TrustPointer()>;
  // Called for each call of a caller that has a role: the peer, as gRPC names it, and its identity.
  using OnCall = std::function<void(const std::string& peer, const std::string& identity)>;
  // Called for each call of an RPC of ours, accepted or refused, before it is answered and on the
  // call's thread.
  using OnJudged = std::function<void(const Judged& judged)>;
  // Called for each call that a certificate's holder may make: who, and until when it is valid.
  using OnCertificate = std::function<void(const std::string& identity, std::time_t until)>;

  Gate(Access access, OnCall on_call) : access_(std::move(access)), on_call_(std::move(on_call)) {}

  // Call these before the first call is served. `without_rules` is what a caller reads while no
  // access file is in force: what to do about it.
  void on_judged(OnJudged on_judged) { on_judged_ = std::move(on_judged); }
  void on_certificate(OnCertificate on_certificate) { on_certificate_ = std::move(on_certificate); }
  void trust(Trusts trusts) { trusts_ = std::move(trusts); }
  void explain_without_rules(std::string text) { without_rules_ = std::move(text); }

  // A call that was let in, until it is destroyed. The gate outlives it.
  class Pass {
   public:
    Pass(Gate& gate, const limits::Calls& kind, Caller caller)
        : gate_(gate), kind_(kind), caller_(std::move(caller)) {}
    ~Pass();
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
    const Caller& caller() const { return caller_; }
    const std::string& name() const { return caller_.identity; }

   private:
    friend class Gate;
    Gate& gate_;
    const limits::Calls& kind_;
    Caller caller_;
    // Of a call over gRPC, until the pass is destroyed:
    const grpc::ServerContextBase* context_ = nullptr;
    const Method* method_ = nullptr;
  };
  using PassPointer = std::shared_ptr<Pass>;

  // Admits a call, or returns why not: no valid caller, no role that may, or too many calls. From
  // any thread.
  Result<PassPointer, grpc::Status> enter(const grpc::ServerContextBase& context,
                                          const Method& method);
  // The same for a call that does not come over gRPC. It lasts a moment: reexamine() leaves it.
  Result<PassPointer, grpc::Status> enter(const Presented& presented, const Method& method);
  // Counts a call of a caller that has been judged.
  Result<PassPointer, grpc::Status> count(Caller caller, const limits::Calls& kind);

  // Ends each call that is under way and that the gate would refuse now: its caller's certificate
  // has been revoked or has expired, or its role is gone. From any thread but a call's; about every
  // second.
  void reexamine();

  // Before the method: one of ours that has no row is ended; a service that is not ours (health,
  // reflection) is for callers with any role. The others enter().
  void look(std::string_view method, grpc::ServerContextBase& context);

 private:
  // Fills in what is known of the caller; a status that is not OK says why it is nobody.
  grpc::Status identify(const grpc::ServerContextBase& context, Caller& caller);
  grpc::Status identify_by_certificate(X509* certificate,
                                       const std::function<std::string()>& chain_pem,
                                       Caller& caller);
  Result<PassPointer, grpc::Status> admit(Caller caller, grpc::Status identified,
                                          const std::string& peer, const Method& method);
  grpc::Status judge(const Caller& caller, const Method& method) const;
  grpc::Status has_no_role(const Caller& caller) const;
  void leave(const limits::Calls& kind, const std::string& identity);

  Access access_;
  OnCall on_call_;
  OnJudged on_judged_;
  OnCertificate on_certificate_;
  Trusts trusts_ = [] { return TrustPointer(); };
  VerifiedCertificates verified_;
  std::string without_rules_ = "no access file is in force: only root on the appliance may act";
  std::mutex mutex_;
  std::map<const limits::Calls*, std::map<std::string, std::size_t>> under_way_;
  // Recursive: ending a call may destroy its pass on the same thread.
  std::recursive_mutex live_mutex_;
  std::set<Pass*> live_;
};

// Passes each call of any service to the gate. The gate outlives the server.
class GateKeeper final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit GateKeeper(Gate& gate) : gate_(gate) {}
  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override;

 private:
  Gate& gate_;
};

}  // namespace bulkhead::controlplane
