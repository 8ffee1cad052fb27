// The certificates that `bulkheadctl pki` makes, as a strict verifier reads them.
#include "controlplane/cli/pki.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "controlplane/access/appliance_credentials.h"
#include "controlplane/access/certificate.h"
#include "controlplane/access/identity.h"

namespace bulkhead::controlplane {
namespace {

struct Freer {
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
  void operator()(X509_STORE_CTX* context) const { X509_STORE_CTX_free(context); }
  void operator()(BIO* memory) const { BIO_free(memory); }
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

std::string refusal(const std::function<void()>& act) {
  try {
    act();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return {};
}

TEST(Pki, ARequestIsSignedForItsOwnKey) {
  const Issued authority = make_authority("test", 1);
  const std::string key = make_key();
  const std::string request =
      make_request(key, "alpha", {"192.0.2.10", "2001:DB8::0:1", "a.example"});
  const Request asked = read_request(request);
  EXPECT_EQ(asked.name, "alpha");
  EXPECT_EQ(asked.hosts, (std::vector<std::string>{"192.0.2.10", "2001:db8::1", "a.example"}));
  EXPECT_EQ(asked.key_sha256, key_sha256(key));
  EXPECT_EQ(asked.key_sha256.size(), 64U);
  const std::string certificate = issue_requested(authority, request, 1);
  EXPECT_EQ(misfit(certificate, authority.certificate_pem, key, Expiry::refused), "");
  EXPECT_EQ(verify(authority, {"", certificate}, X509_PURPOSE_SSL_SERVER), "ok");
  const Certificate read_back = read({"", certificate});
  EXPECT_EQ(X509_check_ip_asc(read_back.get(), "192.0.2.10", 0), 1);
  EXPECT_EQ(X509_check_host(read_back.get(), "a.example", 0, 0, nullptr), 1);
}

TEST(Pki, WhatDoesNotFitTheApplianceIsNamed) {
  const Issued authority = make_authority("test", 1);
  const std::string key = make_key();
  const std::string certificate = issue_requested(authority, make_request(key, "a", {"b"}), 1);
  const std::string ca = authority.certificate_pem;
  EXPECT_NE(
      misfit(certificate, ca, make_key(), Expiry::refused).find("not for this appliance's key"),
      std::string::npos);
  EXPECT_NE(misfit(certificate, make_authority("test", 1).certificate_pem, key, Expiry::refused)
                .find("not valid under the authority's"),
            std::string::npos);
  const Issued client = issue_client(authority, "alice", 1);
  EXPECT_NE(misfit(client.certificate_pem, ca, client.key_pem, Expiry::refused), "")
      << "an operator's";
  EXPECT_NE(misfit("x", ca, key, Expiry::refused), "");
  EXPECT_NE(misfit(certificate, "x", key, Expiry::refused), "");
  EXPECT_NE(misfit(certificate, ca, "x", Expiry::refused), "");
}

TEST(Pki, DamagedRequestsAreRefused) {
  const std::string request = make_request(make_key(), "alpha", {"192.0.2.10"});
  EXPECT_NE(refusal([] { read_request("-----BEGIN"); }), "");
  EXPECT_NE(refusal([] { make_request(make_key(), "a", {"b,IP:10.0.0.1"}); }), "")
      << "a name that OpenSSL would take for two";
  // Each bit of the signed part changes what was signed, or what is read at all.
  const Owned<BIO> memory(BIO_new_mem_buf(request.data(), -1));
  X509_REQ* parsed = PEM_read_bio_X509_REQ(memory.get(), nullptr, nullptr, nullptr);
  unsigned char* der = nullptr;
  const int length = i2d_X509_REQ(parsed, &der);
  X509_REQ_free(parsed);
  ASSERT_GT(length, 100);
  for (int i = 4; i < length; ++i) {
    std::vector<unsigned char> changed(der, der + length);
    changed[static_cast<std::size_t>(i)] ^= 1U;
    const unsigned char* at = changed.data();
    X509_REQ* other = d2i_X509_REQ(nullptr, &at, length);
    if (other == nullptr) continue;
    const Owned<BIO> out(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509_REQ(out.get(), other);
    X509_REQ_free(other);
    char* text = nullptr;
    const long bytes = BIO_get_mem_data(out.get(), &text);
    const std::string pem(text, static_cast<std::size_t>(bytes));
    EXPECT_NE(refusal([&] { read_request(pem); }), "") << "byte " << i;
  }
  OPENSSL_free(der);
}

TEST(Pki, AnOperatorsRequestBecomesACertificateForItsName) {
  const Issued authority = make_authority("test", 1);
  const std::string key = make_key();
  const std::string request = make_client_request(key, "alice", "urn:operators:alice");
  const Request asked = read_request(request);
  EXPECT_EQ(asked.identity, "urn:operators:alice");
  EXPECT_TRUE(asked.hosts.empty());
  EXPECT_EQ(asked.key_sha256, key_sha256(key));
  const std::string certificate = issue_requested(authority, request, 1);
  EXPECT_EQ(identity_of(certificate).value(), "urn:operators:alice");
  EXPECT_FALSE(appliance_in(certificate)) << "never both";
  EXPECT_THROW(make_client_request(key, "alice", "Alice"), std::runtime_error);
  const Request appliance = read_request(make_request(key, "alpha", {"alpha.example"}));
  EXPECT_EQ(appliance.identity, "");
  EXPECT_FALSE(identity_of(issue_requested(authority, make_request(key, "a", {"b"}), 1)));
}

TEST(Pki, ARenewedCertificateHasTheSameNamesAndKeyAndAnotherNumber) {
  const Issued authority = make_authority("test", 1);
  const Issued client = issue_client(authority, "alice", {"urn:alice"}, 1);
  const Issued server = issue_server(authority, "alpha", {"alpha.example", "192.0.2.1"}, 1);
  const std::string of_client = issue_again(authority, client.certificate_pem, 30);
  EXPECT_EQ(identity_of(of_client).value(), "urn:alice");
  EXPECT_NE(of_client, client.certificate_pem);
  const std::string of_server = issue_again(authority, server.certificate_pem, 30);
  EXPECT_EQ(misfit(of_server, authority.certificate_pem, server.key_pem, Expiry::refused), "");
  EXPECT_EQ(X509_check_ip_asc(read_certificate(of_server).get(), "192.0.2.1", 0), 1);
  const Certificate former = read_certificate(server.certificate_pem);
  const Certificate renewed = read_certificate(of_server);
  EXPECT_NE(
      ASN1_INTEGER_cmp(X509_get_serialNumber(former.get()), X509_get_serialNumber(renewed.get())),
      0)
      << "so that either can be revoked alone";
  for (const std::string& wrong :
       {issue_client(make_authority("test", 1), "alice", 1).certificate_pem,
        authority.certificate_pem, std::string("nonsense")}) {
    EXPECT_THROW(issue_again(authority, wrong, 30), std::runtime_error);
  }
}

}  // namespace
}  // namespace bulkhead::controlplane
