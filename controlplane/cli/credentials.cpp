// gRPC verifies the chain and proves possession of the key; OpenSSL compares names.
#include "controlplane/cli/credentials.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/x509v3.h>

#include <functional>
#include <vector>

#include "controlplane/access/certificate.h"

namespace bulkhead::controlplane {

namespace tls = grpc::experimental;

namespace {

// Without the port, brackets and zone of what was called.
std::string host_of(const std::string& target) {
  const bool bracketed = target.starts_with('[');
  const bool one_colon = target.find(':') == target.rfind(':');
  std::string host = target;
  if (bracketed) {
    host = target.substr(1, target.find(']') - 1);
  } else if (one_colon) {
    host = target.substr(0, target.find(':'));
  }
  return host.substr(0, host.find('%'));
}

bool is_named(const std::string& pem, const std::string& host) {
  const Certificate certificate = read_certificate(pem);
  if (certificate == nullptr || host.empty()) return false;
  return X509_check_ip_asc(certificate.get(), host.c_str(), 0) == 1 ||
         X509_check_host(certificate.get(), host.data(), host.size(),
                         X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr) == 1;
}

class ApplianceVerifier final : public tls::ExternalCertificateVerifier {
 public:
  bool Verify(tls::TlsCustomVerificationCheckRequest* request,
              std::function<void(grpc::Status)> /*callback*/, grpc::Status* status) override {
    const std::string pem(request->peer_cert().data(), request->peer_cert().size());
    const std::string target(request->target_name().data(), request->target_name().size());
    const auto name = appliance_in(pem);
    if (!name) {
      *status = {grpc::StatusCode::UNAUTHENTICATED, "the appliance's: " + name.error().text};
    } else if (!is_named(pem, host_of(target))) {
      *status = {grpc::StatusCode::UNAUTHENTICATED,
                 "the certificate of " + name.value() + " does not name " + host_of(target)};
    }
    return true;  // it was decided at once
  }
  void Cancel(tls::TlsCustomVerificationCheckRequest* /*request*/) override {}
};

}  // namespace

std::shared_ptr<grpc::ChannelCredentials> credentials_for(const KeyAndCertificates& own) {
  tls::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(std::make_shared<tls::StaticDataCertificateProvider>(
      own.authority_pem,
      std::vector<tls::IdentityKeyCertPair>{{own.key_pem, own.certificate_pem}}));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_certificate_verifier(tls::ExternalCertificateVerifier::Create<ApplianceVerifier>());
  options.set_check_call_host(false);  // the verifier knows the name
  return tls::TlsCredentials(options);
}

}  // namespace bulkhead::controlplane
