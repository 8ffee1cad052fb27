// Limits of connections and calls, and one acceptor for each kind of credentials.
#include "controlplane/api/grpc_server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>

#include <chrono>
#include <utility>

#include "controlplane/access/limits.h"

namespace bulkhead::controlplane {

namespace {

std::shared_ptr<grpc::ServerCredentials> tls_of(const ApplianceCredentials& credentials) {
  grpc::SslServerCredentialsOptions tls(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  tls.pem_root_certs = credentials.authority_pem;
  tls.pem_key_cert_pairs.push_back({credentials.key_pem, credentials.certificate_pem});
  auto made = grpc::SslServerCredentials(tls);
  wipe(tls.pem_key_cert_pairs.front().private_key);  // gRPC has its own copy
  return made;
}

}  // namespace

GrpcServer::GrpcServer(const ApplianceCredentials& credentials, Gate& gate, Services services)
    : services_(std::move(services)) {
  constexpr auto kFromDescriptor =
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD;
  constexpr std::chrono::milliseconds kHandshakeFor = limits::kHandshakeFor;
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  remote_ =
      builder.experimental().AddExternalConnectionAcceptor(kFromDescriptor, tls_of(credentials));
  local_ = builder.experimental().AddExternalConnectionAcceptor(kFromDescriptor,
                                                                grpc::InsecureServerCredentials());
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
                             static_cast<int>(kHandshakeFor.count()));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, limits::kCallsOfConnectionMax);
  builder.SetMaxReceiveMessageSize(limits::kMessageBytesMax);
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> keepers;
  keepers.push_back(std::make_unique<GateKeeper>(gate));
  builder.experimental().SetInterceptorCreators(std::move(keepers));
  for (const auto& service : services_) builder.RegisterService(service.get());
  server_ = builder.BuildAndStart();
}

void GrpcServer::hand_over(Acceptor& acceptor, int descriptor) {
  Acceptor::NewConnectionParameters connection;
  connection.fd = descriptor;
  acceptor.HandleNewConnection(&connection);
}

bool GrpcServers::use(const ApplianceCredentials& credentials) {
  const std::string wanted = credentials.certificate_pem + credentials.authority_pem;
  {
    const std::lock_guard guard(mutex_);
    if (in_use_ == wanted) return true;
  }
  const auto made = std::make_shared<GrpcServer>(credentials, gate_, make_services_());
  if (!made->runs()) return false;
  std::shared_ptr<GrpcServer> oldest;
  {
    const std::lock_guard guard(mutex_);
    in_use_ = wanted;
    servers_.push_back(made);
    if (servers_.size() > kServersMax) {
      oldest = servers_.front();
      servers_.pop_front();
    }
  }
  if (oldest) oldest->shut_down();
  return true;
}

std::shared_ptr<GrpcServer> GrpcServers::newest() {
  const std::lock_guard guard(mutex_);
  return servers_.back();
}

void GrpcServers::shut_down() {
  const std::lock_guard guard(mutex_);
  for (const auto& server : servers_) server->shut_down();
}

void GrpcServer::shut_down() {
  server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(2));
}

}  // namespace bulkhead::controlplane
