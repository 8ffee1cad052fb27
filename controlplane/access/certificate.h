// Checks of a certificate beyond its signature: one common name, and an extended key usage that
// permits its purpose.
#pragma once

#include <openssl/x509.h>

#include <memory>
#include <string>

#include "dataplane/base/result.h"

namespace bulkhead::controlplane {

enum class Purpose { client, server };
struct CertificateProblem {
  std::string text;
};

struct CertificateFreer {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using Certificate = std::unique_ptr<X509, CertificateFreer>;

// The first certificate of a PEM text; nullptr if there is none.
Certificate read_certificate(const std::string& pem);

// The certificate's only common name, plain (see is_plain_name), if its extended key usage includes
// the purpose; or the problem.
Result<std::string, CertificateProblem> name_for(X509* certificate, Purpose purpose);
// The same for the first certificate of a PEM text.
Result<std::string, CertificateProblem> name_for(const std::string& pem, Purpose purpose);

}  // namespace bulkhead::controlplane
