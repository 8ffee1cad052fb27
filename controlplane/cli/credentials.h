// What an operator's tool proves of itself, and asks of the appliance that it reaches.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

namespace bulkhead::controlplane {

struct KeyAndCertificates {
  std::string authority_pem;
  std::string certificate_pem;
  std::string key_pem;
};

// Beyond the chain, the appliance's certificate must name the host that was called, say by itself
// that it is a server's (see name_for), and have exactly one common name.
std::shared_ptr<grpc::ChannelCredentials> credentials_for(const KeyAndCertificates& own);

}  // namespace bulkhead::controlplane
