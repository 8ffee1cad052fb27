// Limits of connections and calls, and one acceptor for each kind of credentials.
#include "controlplane/api/grpc_server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>

#include <chrono>
#include <utility>

#include "controlplane/access/limits.h"

namespace bulkhead::controlplane {

GrpcServer::GrpcServer(const std::shared_ptr<grpc::ServerCredentials>& tls, Gate& gate,
                       const std::vector<grpc::Service*>& services) {
  constexpr auto kFromDescriptor =
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD;
  constexpr std::chrono::milliseconds kHandshakeFor = limits::kHandshakeFor;
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  remote_ = builder.experimental().AddExternalConnectionAcceptor(kFromDescriptor, tls);
  local_ = builder.experimental().AddExternalConnectionAcceptor(kFromDescriptor,
                                                                grpc::InsecureServerCredentials());
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
                             static_cast<int>(kHandshakeFor.count()));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, limits::kCallsOfConnectionMax);
  builder.SetMaxReceiveMessageSize(limits::kMessageBytesMax);
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> keepers;
  keepers.push_back(std::make_unique<GateKeeper>(gate));
  builder.experimental().SetInterceptorCreators(std::move(keepers));
  for (grpc::Service* service : services) builder.RegisterService(service);
  server_ = builder.BuildAndStart();
}

void GrpcServer::hand_over(Acceptor& acceptor, int descriptor) {
  Acceptor::NewConnectionParameters connection;
  connection.fd = descriptor;
  acceptor.HandleNewConnection(&connection);
}

void GrpcServer::shut_down() {
  server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(2));
}

}  // namespace bulkhead::controlplane
