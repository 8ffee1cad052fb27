// What this product asks of a certificate beyond its signature: one name, and what it may be used
// for, said by itself.
#pragma once

#include <openssl/x509.h>

#include <string>

#include "dataplane/base/result.h"

namespace bulkhead::controlplane {

enum class Purpose { client, server };
struct CertificateProblem {
  std::string text;
};

// The certificate's one common name, plain (see is_plain_name), if its extended key usage names the
// purpose; or what is wrong with it.
Result<std::string, CertificateProblem> name_for(X509* certificate, Purpose purpose);
// The same of the first certificate in a text in PEM.
Result<std::string, CertificateProblem> name_for(const std::string& pem, Purpose purpose);

}  // namespace bulkhead::controlplane
