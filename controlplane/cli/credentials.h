// Credentials of the operator's tool, and its checks of the appliance's certificate.
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

// Beyond the chain, the appliance's certificate must name the host that was called, have the
// server's extended key usage (see appliance_in), and exactly one common name.
std::shared_ptr<grpc::ChannelCredentials> credentials_for(const KeyAndCertificates& own);

}  // namespace bulkhead::controlplane
