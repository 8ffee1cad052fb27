// Who calls: the one URI or DNS name in the subjectAltName of a client's certificate.
#pragma once

#include <string>
#include <string_view>

#include "controlplane/access/certificate.h"
#include "dataplane/base/result.h"

namespace bulkhead::controlplane {

inline constexpr std::size_t kIdentityBytesMax = 128;
// The identity of root on the appliance's local socket: neither a DNS name nor a URI.
inline constexpr std::string_view kLocalRoot = "root@local";

// A DNS name of letters, digits and hyphens (RFC 1123, 2.1).
bool is_dns_name(std::string_view host);
// A URI with a scheme (RFC 3986), without a comma.
bool is_uri(std::string_view text);
// What access.yaml may name: a DNS name in lower case, or a URI.
bool is_identity(std::string_view text);

// The caller's identity: DNS names in lower case, URIs as they stand. A certificate whose extended
// key usage lacks clientAuth, or that has none or several such names, is nobody's.
Result<std::string, CertificateProblem> identity_of(X509* certificate);
Result<std::string, CertificateProblem> identity_of(const std::string& pem);

}  // namespace bulkhead::controlplane
