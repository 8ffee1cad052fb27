// What an appliance proves itself with, and whom it trusts: the files of its folder of keys,
// checked together.
#pragma once

#include <ctime>
#include <memory>
#include <string>

#include "controlplane/access/trust.h"
#include "dataplane/base/result.h"
#include "dataplane/base/secret.h"

namespace bulkhead::controlplane {

inline constexpr char kAuthorityFile[] = "ca.crt";
inline constexpr char kCertificateFile[] = "server.crt";
inline constexpr char kKeyFile[] = "server.key";
inline constexpr char kRevokedFile[] = "ca.crl";  // may be missing: then nothing is revoked

struct ApplianceCredentials {
  ApplianceCredentials() = default;
  ~ApplianceCredentials() { wipe(key_pem); }
  ApplianceCredentials(const ApplianceCredentials&) = delete;
  ApplianceCredentials& operator=(const ApplianceCredentials&) = delete;

  std::string authority_pem;
  std::string certificate_pem;
  std::string key_pem;
  std::string list_pem;  // of revoked certificates; may be empty
  std::string name;      // the certificate's
  std::time_t certificate_until = 0;
  TrustPointer trust;
};
using CredentialsPointer = std::shared_ptr<const ApplianceCredentials>;

// Reads and checks a folder. The error names the file, what is wrong and what would be right. A
// certificate that has expired is used all the same: expiry ends neither enforcement nor the pair.
Result<CredentialsPointer, std::string> read_credentials(const std::string& folder);

// Why an appliance with this key could not use the certificate; empty if it can.
std::string misfit(const std::string& certificate_pem, const std::string& authority_pem,
                   const std::string& key_pem, Expiry expiry);

}  // namespace bulkhead::controlplane
