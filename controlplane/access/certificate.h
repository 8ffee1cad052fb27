// Checks of a certificate beyond its signature: one common name, and an extended key usage that
// permits its purpose.
#pragma once

#include <openssl/x509.h>

#include <string>

#include "dataplane/base/result.h"

namespace bulkhead::controlplane {

enum class Purpose { client, server };
struct CertificateProblem {
  std::string text;
};

// The certificate's only common name, plain (see is_plain_name), if its extended key usage includes
// the purpose; or the problem.
Result<std::string, CertificateProblem> name_for(X509* certificate, Purpose purpose);
// The same for the first certificate of a PEM text.
Result<std::string, CertificateProblem> name_for(const std::string& pem, Purpose purpose);

}  // namespace bulkhead::controlplane
