// gRPC without a listener of its own: it gets connections that somebody else has accepted. Its
// credentials are exchanged without ending a connection.
#pragma once

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/service_type.h>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "controlplane/access/appliance_credentials.h"
#include "controlplane/access/gate.h"

namespace bulkhead::controlplane {

using Services = std::vector<std::unique_ptr<grpc::Service>>;

// A server with one set of credentials.
class GrpcServer {
 public:
  // The gate outlives it.
  GrpcServer(const ApplianceCredentials& credentials, Gate& gate, Services services);

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

  const Services services_;
  std::unique_ptr<Acceptor> remote_;
  std::unique_ptr<Acceptor> local_;
  std::unique_ptr<grpc::Server> server_;
};

// gRPC 1.51 reads credentials once: each set has a server of its own. New connections go to the
// newest; those of the earlier ones go on until they end by themselves.
class GrpcServers {
 public:
  // Makes the services anew: each server has its own. The gate outlives this.
  using MakeServices = std::function<Services()>;
  GrpcServers(Gate& gate, MakeServices make_services)
      : gate_(gate), make_services_(std::move(make_services)) {}

  // Thread-safe, all of them. False if gRPC refuses the credentials: nothing has changed then.
  // Where only the list of revoked certificates is another one, there is no new server. At
  // kServersMax the oldest server is ended, with its connections: clients connect anew, and a call
  // that just begins may be cancelled.
  bool use(const ApplianceCredentials& credentials);
  void hand_over(int descriptor) { newest()->hand_over(descriptor); }
  void hand_over_local(int descriptor) { newest()->hand_over_local(descriptor); }
  void shut_down();

 private:
  static constexpr std::size_t kServersMax = 16;
  std::shared_ptr<GrpcServer> newest();

  Gate& gate_;
  const MakeServices make_services_;
  std::mutex mutex_;
  std::deque<std::shared_ptr<GrpcServer>> servers_;
  std::string in_use_;  // the newest's certificate and authority
};

}  // namespace bulkhead::controlplane
