// gRPC without a listener of its own: it gets connections that somebody else has accepted.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <vector>

#include "controlplane/access/gate.h"

namespace bulkhead::controlplane {

class GrpcServer {
 public:
  // The gate and the services outlive it.
  GrpcServer(const std::shared_ptr<grpc::ServerCredentials>& tls, Gate& gate,
             const std::vector<grpc::Service*>& services);

  // False if gRPC refuses the credentials.
  bool runs() const { return server_ != nullptr; }
  // Each takes over a connected descriptor: of a client that has to prove itself by TLS, and of
  // root on the local socket.
  void hand_over(int descriptor) const { hand_over(*remote_, descriptor); }
  void hand_over_local(int descriptor) const { hand_over(*local_, descriptor); }
  // Ends calls; those that are under way have two seconds.
  void shut_down();

 private:
  using Acceptor = grpc::experimental::ExternalConnectionAcceptor;
  static void hand_over(Acceptor& acceptor, int descriptor);

  std::unique_ptr<Acceptor> remote_;
  std::unique_ptr<Acceptor> local_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace bulkhead::controlplane
