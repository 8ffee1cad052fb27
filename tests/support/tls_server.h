// A gRPC server on loopback that asks for clients' certificates, and channels to it.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <initializer_list>
#include <memory>
#include <string>

#include "tests/support/authority.h"

namespace bulkhead::controlplane {

class TlsServer {
 public:
  explicit TlsServer(const Issued& authority) : authority_(authority) {}

  // The services outlive it.
  void serve(std::initializer_list<grpc::Service*> services) {
    const Issued server = issue_server(authority_, "alpha", {"127.0.0.1"}, 1);
    grpc::SslServerCredentialsOptions tls(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    tls.pem_root_certs = authority_.certificate_pem;
    tls.pem_key_cert_pairs.push_back({server.key_pem, server.certificate_pem});
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(tls), &port_);
    for (grpc::Service* service : services) builder.RegisterService(service);
    server_ = builder.BuildAndStart();
  }
  bool runs() const { return server_ != nullptr; }
  void stop() {
    if (server_) server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  }

  std::shared_ptr<grpc::Channel> channel(const Issued& client) const {
    return grpc::CreateChannel(
        "127.0.0.1:" + std::to_string(port_),
        grpc::SslCredentials({authority_.certificate_pem, client.key_pem, client.certificate_pem}));
  }

 private:
  const Issued& authority_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace bulkhead::controlplane
