// A list is made anew from the former one: its number grows, nothing leaves it.
#include "controlplane/cli/revocation.h"

#include <openssl/err.h>

#include <ctime>
#include <memory>
#include <stdexcept>

#include "controlplane/access/certificate.h"
#include "controlplane/access/openssl_handles.h"

namespace bulkhead::controlplane {

namespace {

using Integer = std::unique_ptr<ASN1_INTEGER, Freer<ASN1_INTEGER_free>>;
using Time = std::unique_ptr<ASN1_TIME, Freer<ASN1_TIME_free>>;
using Number = std::unique_ptr<BIGNUM, Freer<BN_free>>;

void require(bool good, const char* what) {
  ERR_clear_error();
  if (!good) throw std::runtime_error(what);
}

RevocationList read_list(const std::string& pem, X509* issuer) {
  RevocationList list(PEM_read_bio_X509_CRL(memory_of(pem).get(), nullptr, nullptr, nullptr));
  require(list && X509_CRL_verify(list.get(), X509_get0_pubkey(issuer)) == 1,
          "the former list is not this authority's: move it away, or restore it");
  return list;
}

std::uint64_t number_of(X509_CRL* list) {
  const Integer number(
      static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(list, NID_crl_number, nullptr, nullptr)));
  std::uint64_t value = 0;
  if (number != nullptr) ASN1_INTEGER_get_uint64(&value, number.get());
  return value;
}

void copy_entries(X509_CRL* from, X509_CRL* to) {
  STACK_OF(X509_REVOKED)* entries = X509_CRL_get_REVOKED(from);
  for (int i = 0; i < sk_X509_REVOKED_num(entries); ++i) {
    X509_CRL_add0_revoked(to, X509_REVOKED_dup(sk_X509_REVOKED_value(entries, i)));
  }
}

void add(X509_CRL* list, X509* certificate) {
  X509_REVOKED* known = nullptr;
  if (X509_CRL_get0_by_serial(list, &known, X509_get_serialNumber(certificate)) == 1) return;
  X509_REVOKED* entry = X509_REVOKED_new();
  const Time now(X509_gmtime_adj(nullptr, 0));
  X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(certificate));
  X509_REVOKED_set_revocationDate(entry, now.get());
  X509_CRL_add0_revoked(list, entry);
}

std::string serial_text(X509* certificate) {
  const Number number(ASN1_INTEGER_to_BN(X509_get_serialNumber(certificate), nullptr));
  char* digits = BN_bn2hex(number.get());
  std::string text = digits == nullptr ? "" : digits;
  OPENSSL_free(digits);
  return text;
}

void finish(X509_CRL* list, X509* issuer, EVP_PKEY* key, std::uint64_t number, int days) {
  X509_CRL_set_version(list, X509_CRL_VERSION_2);
  X509_CRL_set_issuer_name(list, X509_get_subject_name(issuer));
  const Time now(X509_gmtime_adj(nullptr, 0));
  const Time until(X509_gmtime_adj(nullptr, 86400L * days));
  X509_CRL_set1_lastUpdate(list, now.get());
  X509_CRL_set1_nextUpdate(list, until.get());
  const Integer count(ASN1_INTEGER_new());
  ASN1_INTEGER_set_uint64(count.get(), number);
  require(X509_CRL_add1_ext_i2d(list, NID_crl_number, count.get(), 0, X509V3_ADD_DEFAULT) == 1,
          "the list's number cannot be written");
  X509_CRL_sort(list);
  require(X509_CRL_sign(list, key, EVP_sha256()) > 0, "the list cannot be signed");
}

std::string text_of(X509_CRL* list) {
  const Memory memory(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_X509_CRL(memory.get(), list) == 1, "the list cannot be written");
  char* data = nullptr;
  const long length = BIO_get_mem_data(memory.get(), &data);
  return {data, static_cast<std::size_t>(length)};
}

}  // namespace

Revocation revoke(const Issued& authority, const std::string& list_pem,
                  const std::string& certificate_pem, int days) {
  const Certificate issuer = read_certificate(authority.certificate_pem);
  const Key key = read_key(authority.key_pem);
  require(issuer && key, "the authority's key or certificate is damaged");
  const Certificate certificate = read_certificate(certificate_pem);
  require(certificate != nullptr, "it is no certificate in PEM");
  expect_issued_by(authority, certificate.get());
  const RevocationList list(X509_CRL_new());
  Revocation made;
  if (!list_pem.empty()) {
    const RevocationList former = read_list(list_pem, issuer.get());
    made.number = number_of(former.get());
    copy_entries(former.get(), list.get());
  }
  ++made.number;
  add(list.get(), certificate.get());
  finish(list.get(), issuer.get(), key.get(), made.number, days);
  made.list_pem = text_of(list.get());
  made.serial = serial_text(certificate.get());
  made.revoked = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(list.get()));
  return made;
}

}  // namespace bulkhead::controlplane
