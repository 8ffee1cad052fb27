// The certificates that `bulkheadctl pki` makes, as a strict verifier reads them.
#include "controlplane/cli/pki.h"

#include <gtest/gtest.h>
#include <openssl/x509v3.h>

#include <memory>

#include "controlplane/access/certificate.h"

namespace bulkhead::controlplane {
namespace {

struct Freer {
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
  void operator()(X509_STORE_CTX* context) const { X509_STORE_CTX_free(context); }
};
template <typename T>
using Owned = std::unique_ptr<T, Freer>;

Certificate read(const Issued& issued) { return read_certificate(issued.certificate_pem); }

// OpenSSL's words on a chain of two, with every rule of RFC 5280 that it knows.
std::string verify(const Issued& authority, const Issued& issued, int purpose) {
  const Certificate trusted = read(authority);
  const Certificate certificate = read(issued);
  const Owned<X509_STORE> store(X509_STORE_new());
  X509_STORE_add_cert(store.get(), trusted.get());
  X509_STORE_set_flags(store.get(), X509_V_FLAG_X509_STRICT);
  const Owned<X509_STORE_CTX> context(X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), store.get(), certificate.get(), nullptr);
  X509_STORE_CTX_set_purpose(context.get(), purpose);
  X509_verify_cert(context.get());
  return X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
}

TEST(Pki, StrictVerifiersTakeItsCertificates) {
  const Issued authority = make_authority("test", 1);
  EXPECT_EQ(verify(authority, issue_server(authority, "alpha", {"alpha.example"}, 1),
                   X509_PURPOSE_SSL_SERVER),
            "ok");
  EXPECT_EQ(verify(authority, issue_client(authority, "alice", 1), X509_PURPOSE_SSL_CLIENT), "ok");
  const Issued other = make_authority("test", 1);
  EXPECT_NE(verify(other, issue_client(authority, "alice", 1), X509_PURPOSE_SSL_CLIENT), "ok");
}

TEST(Pki, CertificatesNameTheirKeyAndTheAuthoritys) {
  const Issued authority = make_authority("test", 1);
  const Certificate trusted = read(authority);
  const ASN1_OCTET_STRING* authoritys = X509_get0_subject_key_id(trusted.get());
  ASSERT_NE(authoritys, nullptr);
  for (const Issued& issued : {issue_server(authority, "alpha", {"alpha.example"}, 1),
                               issue_client(authority, "alice", 1)}) {
    const Certificate certificate = read(issued);
    const ASN1_OCTET_STRING* signer = X509_get0_authority_key_id(certificate.get());
    const ASN1_OCTET_STRING* own = X509_get0_subject_key_id(certificate.get());
    ASSERT_TRUE(signer != nullptr && own != nullptr);
    EXPECT_EQ(ASN1_OCTET_STRING_cmp(signer, authoritys), 0);
    EXPECT_NE(ASN1_OCTET_STRING_cmp(own, authoritys), 0);
  }
}

}  // namespace
}  // namespace bulkhead::controlplane
