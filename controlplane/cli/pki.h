// A small certificate authority for development and labs: ECDSA P-256, SHA-256, X.509 v3.
#pragma once

#include <string>
#include <vector>

namespace bulkhead::controlplane {

bool is_ip_address(const std::string& host);
bool is_dns_name(const std::string& host);

struct Issued {
  std::string key_pem;
  std::string certificate_pem;
};

// Throws std::runtime_error with OpenSSL's words if it fails.
Issued make_authority(const std::string& name, int days);
// `hosts` are DNS names or IP addresses for the subject alternative name.
Issued issue_server(const Issued& authority, const std::string& name,
                    const std::vector<std::string>& hosts, int days);
Issued issue_client(const Issued& authority, const std::string& name, int days);

}  // namespace bulkhead::controlplane
