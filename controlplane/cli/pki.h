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

// What a request asks for: an appliance's certificate, which names its hosts, or an operator's,
// which names its holder.
struct Request {
  std::string name;
  std::vector<std::string> hosts;  // addresses as inet_ntop() writes them; of an appliance
  std::string identity;            // of an operator
  std::string key_sha256;          // of the public key, hexadecimal
};

std::string make_key();
std::string make_request(const std::string& key_pem, const std::string& name,
                         const std::vector<std::string>& hosts);
std::string make_client_request(const std::string& key_pem, const std::string& name,
                                const std::string& identity);
// Throws if it is damaged, or not signed with its key, or asks for what no appliance needs.
Request read_request(const std::string& request_pem);
std::string key_sha256(const std::string& key_pem);
// The certificate that the request asks for, in PEM.
std::string issue_requested(const Issued& authority, const std::string& request_pem, int days);
// The same certificate for another time: kind, names and key are those of the one given, which is
// the authority's.
std::string issue_again(const Issued& authority, const std::string& certificate_pem, int days);

// Throws unless the authority has signed the certificate.
void expect_issued_by(const Issued& authority, X509* certificate);

}  // namespace bulkhead::controlplane
