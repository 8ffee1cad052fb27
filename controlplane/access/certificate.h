// Checks of a certificate beyond its signature: what it is for, and an appliance's name. The name
// of a caller is in identity.h.
#pragma once

#include <string>

#include "controlplane/access/openssl_handles.h"
#include "dataplane/base/result.h"

namespace bulkhead::controlplane {

enum class Purpose { client, server };
struct CertificateProblem {
  std::string text;
};

// The first certificate of a PEM text; nullptr if there is none.
Certificate read_certificate(const std::string& pem);

// True if its extended key usage names the purpose; without that extension it is for nothing.
bool is_for(X509* certificate, Purpose purpose);

// An appliance's name: its certificate's only common name, plain (see is_plain_name), if its
// extended key usage names serverAuth; or the problem.
Result<std::string, CertificateProblem> appliance_in(X509* certificate);
// The same for the first certificate of a PEM text.
Result<std::string, CertificateProblem> appliance_in(const std::string& pem);

// SHA-256 of the certificate (DER), in hexadecimal digits.
std::string sha256_of(X509* certificate);

}  // namespace bulkhead::controlplane
