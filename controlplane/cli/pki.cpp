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

namespace bulkhead::controlplane {

namespace {

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Memory = std::unique_ptr<BIO, Freer<BIO_free>>;
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

Issued sign(const Subject& subject, X509* issuer, EVP_PKEY* issuer_key) {
  const Key key(EVP_EC_gen("P-256"));
  expect(key != nullptr, "key");
  const Certificate certificate(X509_new());
  describe(certificate.get(), subject, key.get());
  X509* by = issuer != nullptr ? issuer : certificate.get();
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(by));
  X509V3_CTX context;
  X509V3_set_ctx(&context, by, certificate.get(), nullptr, nullptr, 0);
  for (const auto& [nid, value] : subject.extensions) {
    const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
    expect(extension != nullptr, value.c_str());
    expect(X509_add_ext(certificate.get(), extension.get(), -1) == 1, value.c_str());
  }
  EVP_PKEY* signing = issuer_key != nullptr ? issuer_key : key.get();
  expect(X509_sign(certificate.get(), signing, EVP_sha256()) > 0, "signature");
  const Memory key_pem(BIO_new(BIO_s_mem()));
  const Memory certificate_pem(BIO_new(BIO_s_mem()));
  expect(PEM_write_bio_PKCS8PrivateKey(key_pem.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                       nullptr) == 1,
         "key");
  expect(PEM_write_bio_X509(certificate_pem.get(), certificate.get()) == 1, "certificate");
  return {drain(key_pem), drain(certificate_pem)};
}

Issued sign_with(const Issued& authority, Subject subject) {
  // Strict verifiers insist on both (RFC 5280, 4.2.1.1 and 4.2.1.2).
  subject.extensions.emplace_back(NID_subject_key_identifier, "hash");
  subject.extensions.emplace_back(NID_authority_key_identifier, "keyid:always");
  const Memory key_pem(BIO_new_mem_buf(authority.key_pem.data(), -1));
  const Key key(PEM_read_bio_PrivateKey(key_pem.get(), nullptr, nullptr, nullptr));
  const Certificate issuer = read_certificate(authority.certificate_pem);
  expect(key != nullptr && issuer != nullptr, "the authority's key or certificate is damaged");
  return sign(subject, issuer.get(), key.get());
}

}  // namespace

bool is_ip_address(const std::string& host) {
  unsigned char bytes[16];
  return host.find('\0') == std::string::npos && (inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
                                                  inet_pton(AF_INET6, host.c_str(), bytes) == 1);
}

bool is_dns_name(const std::string& host) {
  constexpr std::size_t kNameMax = 253;
  constexpr std::size_t kLabelMax = 63;
  std::size_t label = 0;
  char before = '.';
  for (const char c : host + ".") {
    const bool alphanumeric =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (c == '.') {
      if (label == 0 || label > kLabelMax || before == '-') return false;
      label = 0;
    } else if (alphanumeric || (c == '-' && label > 0)) {
      ++label;
    } else {
      return false;
    }
    before = c;
  }
  return host.size() <= kNameMax;
}

Issued make_authority(const std::string& name, int days) {
  return sign({name,
               days,
               {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                {NID_key_usage, "critical,keyCertSign,cRLSign"},
                {NID_subject_key_identifier, "hash"}}},
              nullptr, nullptr);
}

Issued issue_server(const Issued& authority, const std::string& name,
                    const std::vector<std::string>& hosts, int days) {
  std::string names;
  for (const std::string& host : hosts) {
    names += (names.empty() ? "" : ",") + std::string(is_ip_address(host) ? "IP:" : "DNS:") + host;
  }
  return sign_with(authority, {name,
                               days,
                               {{NID_basic_constraints, "critical,CA:FALSE"},
                                {NID_key_usage, "critical,digitalSignature"},
                                {NID_ext_key_usage, "serverAuth"},
                                {NID_subject_alt_name, names}}});
}

Issued issue_client(const Issued& authority, const std::string& name, int days) {
  return sign_with(authority, {name,
                               days,
                               {{NID_basic_constraints, "critical,CA:FALSE"},
                                {NID_key_usage, "critical,digitalSignature"},
                                {NID_ext_key_usage, "clientAuth"}}});
}

}  // namespace bulkhead::controlplane
