// A small certificate authority: ECDSA P-256, SHA-256, X.509 v3. An appliance makes its own key and
// a request (PKCS #10), which the authority signs elsewhere.
#pragma once

#include <string>
#include <vector>

#include "controlplane/access/identity.h"

namespace bulkhead::controlplane {

bool is_ip_address(const std::string& host);

struct Issued {
  std::string key_pem;
  std::string certificate_pem;
};

// Throws std::runtime_error with OpenSSL's words if it fails.
Issued make_authority(const std::string& name, int days);
// `hosts` are DNS names or IP addresses for the subject alternative name.
Issued issue_server(const Issued& authority, const std::string& name,
                    const std::vector<std::string>& hosts, int days);
// `identities` are DNS names or URIs for the subject alternative name: one, for a caller that an
// appliance admits (see identity_of).
Issued issue_client(const Issued& authority, const std::string& name,
                    const std::vector<std::string>& identities, int days);
// Its name is its identity too.
Issued issue_client(const Issued& authority, const std::string& name, int days);

// What a request asks for.
struct Request {
  std::string name;
  std::vector<std::string> hosts;  // addresses as inet_ntop() writes them
  std::string key_sha256;          // of the public key, hexadecimal
};

std::string make_key();
std::string make_request(const std::string& key_pem, const std::string& name,
                         const std::vector<std::string>& hosts);
// Throws if it is damaged, or not signed with its key, or asks for what no appliance needs.
Request read_request(const std::string& request_pem);
std::string key_sha256(const std::string& key_pem);
// A server's certificate for the key of the request; in PEM.
std::string issue_requested(const Issued& authority, const std::string& request_pem, int days);

}  // namespace bulkhead::controlplane
