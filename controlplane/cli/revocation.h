// Lists of revoked certificates (RFC 5280, 5), made by the authority.
#pragma once

#include <cstdint>
#include <string>

#include "controlplane/cli/pki.h"

namespace bulkhead::controlplane {

struct Revocation {
  std::string list_pem;
  std::string serial;  // of the certificate, hexadecimal
  std::uint64_t number = 0;
  int revoked = 0;  // in all
};

// The list with one more certificate, which is the authority's. `list_pem` is the authority's
// former list, or empty; the new one should be replaced within `days`. Throws std::runtime_error
// with a text for people.
Revocation revoke(const Issued& authority, const std::string& list_pem,
                  const std::string& certificate_pem, int days);

}  // namespace bulkhead::controlplane
