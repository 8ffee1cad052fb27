// The gate before every call: identifies the caller by its certificate, checks that it may be a
// client, and bounds its concurrent calls.
#pragma once

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/server_interceptor.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "controlplane/access/methods.h"
#include "dataplane/base/result.h"

namespace bulkhead::controlplane {

class Gate {
 public:
  // Called for each call that is let in: the peer, as gRPC names it, and its certificate's name.
  using OnCall = std::function<void(const std::string& peer, const std::string& name)>;

  explicit Gate(OnCall on_call) : on_call_(std::move(on_call)) {}

  // A call that was let in, until it is destroyed. The gate outlives it.
  class Pass {
   public:
    Pass(Gate& gate, const limits::Calls& kind, std::string name)
        : gate_(gate), kind_(kind), name_(std::move(name)) {}
    ~Pass() { gate_.leave(kind_, name_); }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
    const std::string& name() const { return name_; }

   private:
    Gate& gate_;
    const limits::Calls& kind_;
    std::string name_;
  };
  using PassPointer = std::shared_ptr<Pass>;

  // Admits a call, or returns why not: no valid client, or too many calls. From any thread.
  Result<PassPointer, grpc::Status> enter(const grpc::ServerContextBase& context,
                                          const Method& method);
  // The same for a caller that is already identified.
  Result<PassPointer, grpc::Status> enter(const std::string& name, const limits::Calls& kind);

  // Before the method: one of ours that has no row is ended; of a service that is not ours (health,
  // reflection) the certificate counts too. The others enter().
  void look(std::string_view method, grpc::ServerContextBase& context);

 private:
  static Result<std::string, grpc::Status> name_of(const grpc::ServerContextBase& context);
  void leave(const limits::Calls& kind, const std::string& name);

  OnCall on_call_;
  std::mutex mutex_;
  std::map<const limits::Calls*, std::map<std::string, std::size_t>> under_way_;
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
