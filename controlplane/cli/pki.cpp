// Builds certificates with OpenSSL.
#include "controlplane/cli/pki.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <memory>
#include <stdexcept>

#include "controlplane/access/certificate.h"
#include "controlplane/access/openssl_handles.h"

namespace bulkhead::controlplane {

namespace {

using PublicRequest = std::unique_ptr<X509_REQ, Freer<X509_REQ_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>>;

void expect(bool good, const char* what) {
  if (good) return;
  char text[256];
  ERR_error_string_n(ERR_get_error(), text, sizeof(text));
  throw std::runtime_error(std::string(what) + ": " + text);
}

std::string drain(const Memory& memory) {
  char* data = nullptr;
  const long length = BIO_get_mem_data(memory.get(), &data);
  return {data, static_cast<std::size_t>(length)};
}

struct Subject {
  std::string name;
  int days = 0;
  std::vector<std::pair<int, std::string>> extensions;
};

void describe(X509* certificate, const Subject& subject, EVP_PKEY* key) {
  unsigned char serial[16];
  expect(RAND_bytes(serial, sizeof(serial)) == 1, "random numbers");
  serial[0] &= 0x7f;  // a serial number is positive (RFC 5280, 4.1.2.2)
  BIGNUM* number = BN_bin2bn(serial, sizeof(serial), nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
  BN_free(number);
  constexpr long kClockSlackSeconds = 3600;
  X509_set_version(certificate, X509_VERSION_3);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -kClockSlackSeconds);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 86400L * subject.days);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  const auto* text = reinterpret_cast<const unsigned char*>(subject.name.c_str());
  expect(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text, -1, -1, 0) == 1, "name");
}

std::string write_key(EVP_PKEY* key) {
  const Memory memory(BIO_new(BIO_s_mem()));
  expect(
      PEM_write_bio_PKCS8PrivateKey(memory.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1,
      "key");
  return drain(memory);
}

// The certificate of a key; by itself if there is no issuer.
std::string certify(const Subject& subject, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key) {
  const Certificate certificate(X509_new());
  describe(certificate.get(), subject, key);
  X509* by = issuer != nullptr ? issuer : certificate.get();
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(by));
  X509V3_CTX context;
  X509V3_set_ctx(&context, by, certificate.get(), nullptr, nullptr, 0);
  for (const auto& [nid, value] : subject.extensions) {
    const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
    expect(extension != nullptr, value.c_str());
    expect(X509_add_ext(certificate.get(), extension.get(), -1) == 1, value.c_str());
  }
  EVP_PKEY* signing = issuer_key != nullptr ? issuer_key : key;
  expect(X509_sign(certificate.get(), signing, EVP_sha256()) > 0, "signature");
  const Memory memory(BIO_new(BIO_s_mem()));
  expect(PEM_write_bio_X509(memory.get(), certificate.get()) == 1, "certificate");
  return drain(memory);
}

std::string certify_with(const Issued& authority, Subject subject, EVP_PKEY* subject_key) {
  // Strict verifiers insist on both (RFC 5280, 4.2.1.1 and 4.2.1.2).
  subject.extensions.emplace_back(NID_subject_key_identifier, "hash");
  subject.extensions.emplace_back(NID_authority_key_identifier, "keyid:always");
  const Key key = read_key(authority.key_pem);
  const Certificate issuer = read_certificate(authority.certificate_pem);
  expect(key != nullptr && issuer != nullptr, "the authority's key or certificate is damaged");
  return certify(subject, subject_key, issuer.get(), key.get());
}

Key new_key() {
  Key key(EVP_EC_gen("P-256"));
  expect(key != nullptr, "key");
  return key;
}

Issued sign_with(const Issued& authority, const Subject& subject) {
  const Key key = new_key();
  return {write_key(key.get()), certify_with(authority, subject, key.get())};
}

std::string names_of(const std::vector<std::string>& hosts) {
  std::string names;
  for (const std::string& host : hosts) {
    if (!is_ip_address(host) && !is_dns_name(host)) {
      throw std::runtime_error("\"" + host + "\" is neither a DNS name nor an IP address");
    }
    names += (names.empty() ? "" : ",") + std::string(is_ip_address(host) ? "IP:" : "DNS:") + host;
  }
  return names;
}

Subject server_of(const std::string& name, const std::vector<std::string>& hosts, int days) {
  return {name,
          days,
          {{NID_basic_constraints, "critical,CA:FALSE"},
           {NID_key_usage, "critical,digitalSignature"},
           {NID_ext_key_usage, "serverAuth"},
           {NID_subject_alt_name, names_of(hosts)}}};
}

std::string identities_of(const std::vector<std::string>& identities) {
  std::string names;
  for (const std::string& each : identities) {
    if (!is_identity(each)) {
      throw std::runtime_error("\"" + each + "\" is neither a DNS name in lower case nor a URI");
    }
    names += (names.empty() ? "" : ",") + std::string(is_uri(each) ? "URI:" : "DNS:") + each;
  }
  return names;
}

Subject client_of(const std::string& name, const std::vector<std::string>& identities, int days) {
  Subject subject{name,
                  days,
                  {{NID_basic_constraints, "critical,CA:FALSE"},
                   {NID_key_usage, "critical,digitalSignature"},
                   {NID_ext_key_usage, "clientAuth"}}};
  const std::string names = identities_of(identities);
  if (!names.empty()) subject.extensions.emplace_back(NID_subject_alt_name, names);
  return subject;
}

std::string digest_of(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int length = i2d_PUBKEY(key, &der);
  expect(length > 0, "public key");
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int bytes = 0;
  const int good =
      EVP_Digest(der, static_cast<std::size_t>(length), digest, &bytes, EVP_sha256(), nullptr);
  OPENSSL_free(der);
  expect(good == 1, "digest");
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (unsigned int i = 0; i < bytes; ++i) {
    text += kDigits[digest[i] >> 4];
    text += kDigits[digest[i] & 15];
  }
  return text;
}

std::string common_name(const X509_NAME* subject) {
  if (X509_NAME_entry_count(subject) != 1) {
    throw std::runtime_error("its subject is more than one common name");
  }
  const X509_NAME_ENTRY* entry = X509_NAME_get_entry(subject, 0);
  if (OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)) != NID_commonName) {
    throw std::runtime_error("its subject is no common name");
  }
  const ASN1_STRING* text = X509_NAME_ENTRY_get_data(entry);
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::string host_in(const GENERAL_NAME* name) {
  if (name->type == GEN_DNS) {
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
            static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName))};
  }
  char text[INET6_ADDRSTRLEN] = "";
  const ASN1_OCTET_STRING* bytes = name->type == GEN_IPADD ? name->d.iPAddress : nullptr;
  const int length = bytes == nullptr ? 0 : ASN1_STRING_length(bytes);
  if (length == 4 || length == 16) {
    inet_ntop(length == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(bytes), text, sizeof(text));
  }
  return text;
}

std::vector<std::string> hosts_in(const GENERAL_NAMES* names) {
  constexpr int kHostsMax = 32;
  std::vector<std::string> hosts;
  const int count = names == nullptr ? 0 : sk_GENERAL_NAME_num(names);
  if (count < 1 || count > kHostsMax) {
    throw std::runtime_error("it names no host, or more than 32");
  }
  for (int i = 0; i < count; ++i) hosts.push_back(host_in(sk_GENERAL_NAME_value(names, i)));
  names_of(hosts);
  return hosts;
}

// The only name of an operator.
std::string identity_in(const GENERAL_NAMES* names) {
  const int count = names == nullptr ? 0 : sk_GENERAL_NAME_num(names);
  const GENERAL_NAME* name = count == 1 ? sk_GENERAL_NAME_value(names, 0) : nullptr;
  std::string identity;
  if (name != nullptr && (name->type == GEN_DNS || name->type == GEN_URI)) {
    const ASN1_IA5STRING* text =
        name->type == GEN_DNS ? name->d.dNSName : name->d.uniformResourceIdentifier;
    identity.assign(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                    static_cast<std::size_t>(ASN1_STRING_length(text)));
  }
  if (is_identity(identity)) return identity;
  throw std::runtime_error("it has not exactly one URI or DNS name of an operator");
}

// Names and use of the certificate that a request asks for.
struct Asked {
  Names names;
  bool is_client = false;
};

Asked asked_in(X509_REQ* request) {
  STACK_OF(X509_EXTENSION)* extensions = X509_REQ_get_extensions(request);
  Asked asked{Names(static_cast<GENERAL_NAMES*>(
                  X509V3_get_d2i(extensions, NID_subject_alt_name, nullptr, nullptr))),
              false};
  auto* usage = static_cast<EXTENDED_KEY_USAGE*>(
      X509V3_get_d2i(extensions, NID_ext_key_usage, nullptr, nullptr));
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  const int uses = usage == nullptr ? 0 : sk_ASN1_OBJECT_num(usage);
  const int use = uses == 1 ? OBJ_obj2nid(sk_ASN1_OBJECT_value(usage, 0)) : NID_undef;
  EXTENDED_KEY_USAGE_free(usage);
  asked.is_client = use == NID_client_auth;
  const bool is_server = uses == 0 || use == NID_server_auth;
  if (asked.is_client || is_server) return asked;
  throw std::runtime_error("the request is for another use than clientAuth or serverAuth");
}

// With its key; `extensions` as OpenSSL's configuration has them.
std::string request_for(const std::string& key_pem, const std::string& name,
                        const std::vector<std::pair<int, std::string>>& extensions) {
  const Key key = read_key(key_pem);
  expect(key != nullptr, "the key is damaged");
  const PublicRequest request(X509_REQ_new());
  X509_REQ_set_version(request.get(), X509_REQ_VERSION_1);
  const auto* text = reinterpret_cast<const unsigned char*>(name.c_str());
  expect(X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request.get()), "CN", MBSTRING_UTF8,
                                    text, -1, -1, 0) == 1,
         "name");
  expect(X509_REQ_set_pubkey(request.get(), key.get()) == 1, "key");
  X509V3_CTX context;
  X509V3_set_ctx(&context, nullptr, nullptr, request.get(), nullptr, 0);
  STACK_OF(X509_EXTENSION)* stack = sk_X509_EXTENSION_new_null();
  for (const auto& [nid, value] : extensions) {
    sk_X509_EXTENSION_push(stack, X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  }
  const int added = X509_REQ_add_extensions(request.get(), stack);
  sk_X509_EXTENSION_pop_free(stack, X509_EXTENSION_free);
  expect(added == 1, "names");
  expect(X509_REQ_sign(request.get(), key.get(), EVP_sha256()) > 0, "signature");
  const Memory memory(BIO_new(BIO_s_mem()));
  expect(PEM_write_bio_X509_REQ(memory.get(), request.get()) == 1, "request");
  return drain(memory);
}

PublicRequest parse_request(const std::string& pem) {
  const Memory memory = memory_of(pem);
  PublicRequest request(PEM_read_bio_X509_REQ(memory.get(), nullptr, nullptr, nullptr));
  expect(request != nullptr, "no request for a certificate (PEM)");
  EVP_PKEY* key = X509_REQ_get0_pubkey(request.get());
  expect(key != nullptr && X509_REQ_verify(request.get(), key) == 1,
         "the request is not signed with its own key");
  constexpr int kSecurityBits = 112;  // of a P-256 or RSA 2048 key, at least
  if (EVP_PKEY_get_security_bits(key) < kSecurityBits) {
    throw std::runtime_error("the request's key is too weak");
  }
  return request;
}

}  // namespace

bool is_ip_address(const std::string& host) {
  unsigned char bytes[16];
  return host.find('\0') == std::string::npos && (inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
                                                  inet_pton(AF_INET6, host.c_str(), bytes) == 1);
}

Issued make_authority(const std::string& name, int days) {
  const Key key = new_key();
  const Subject subject{name,
                        days,
                        {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                         {NID_key_usage, "critical,keyCertSign,cRLSign"},
                         {NID_subject_key_identifier, "hash"}}};
  return {write_key(key.get()), certify(subject, key.get(), nullptr, nullptr)};
}

Issued issue_server(const Issued& authority, const std::string& name,
                    const std::vector<std::string>& hosts, int days) {
  return sign_with(authority, server_of(name, hosts, days));
}

Issued issue_client(const Issued& authority, const std::string& name,
                    const std::vector<std::string>& identities, int days) {
  return sign_with(authority, client_of(name, identities, days));
}

Issued issue_client(const Issued& authority, const std::string& name, int days) {
  return issue_client(authority, name, {name}, days);
}

std::string make_key() { return write_key(new_key().get()); }

std::string key_sha256(const std::string& key_pem) {
  const Key key = read_key(key_pem);
  expect(key != nullptr, "the key is damaged");
  return digest_of(key.get());
}

std::string make_request(const std::string& key_pem, const std::string& name,
                         const std::vector<std::string>& hosts) {
  return request_for(key_pem, name, {{NID_subject_alt_name, names_of(hosts)}});
}

std::string make_client_request(const std::string& key_pem, const std::string& name,
                                const std::string& identity) {
  return request_for(
      key_pem, name,
      {{NID_ext_key_usage, "clientAuth"}, {NID_subject_alt_name, identities_of({identity})}});
}

Request read_request(const std::string& request_pem) {
  const PublicRequest request = parse_request(request_pem);
  const Asked asked = asked_in(request.get());
  Request read;
  read.name = common_name(X509_REQ_get_subject_name(request.get()));
  read.key_sha256 = digest_of(X509_REQ_get0_pubkey(request.get()));
  if (asked.is_client) {
    read.identity = identity_in(asked.names.get());
  } else {
    read.hosts = hosts_in(asked.names.get());
  }
  return read;
}

std::string issue_requested(const Issued& authority, const std::string& request_pem, int days) {
  const Request asked = read_request(request_pem);
  const PublicRequest request = parse_request(request_pem);
  return certify_with(authority,
                      asked.identity.empty() ? server_of(asked.name, asked.hosts, days)
                                             : client_of(asked.name, {asked.identity}, days),
                      X509_REQ_get0_pubkey(request.get()));
}

std::string issue_again(const Issued& authority, const std::string& certificate_pem, int days) {
  const Certificate former = read_certificate(certificate_pem);
  if (former == nullptr) throw std::runtime_error("it is no certificate in PEM");
  expect_issued_by(authority, former.get());
  const std::string name = common_name(X509_get_subject_name(former.get()));
  const Names names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(former.get(), NID_subject_alt_name, nullptr, nullptr)));
  const bool is_client = is_for(former.get(), Purpose::client);
  if (is_client == is_for(former.get(), Purpose::server)) {
    throw std::runtime_error("it is neither an appliance's certificate nor an operator's");
  }
  return certify_with(authority,
                      is_client ? client_of(name, {identity_in(names.get())}, days)
                                : server_of(name, hosts_in(names.get()), days),
                      X509_get0_pubkey(former.get()));
}

void expect_issued_by(const Issued& authority, X509* certificate) {
  const Certificate issuer = read_certificate(authority.certificate_pem);
  const bool good =
      issuer != nullptr &&
      X509_NAME_cmp(X509_get_subject_name(issuer.get()), X509_get_issuer_name(certificate)) == 0 &&
      X509_verify(certificate, X509_get0_pubkey(issuer.get())) == 1;
  ERR_clear_error();
  if (!good) throw std::runtime_error("the certificate is not this authority's");
}

}  // namespace bulkhead::controlplane
