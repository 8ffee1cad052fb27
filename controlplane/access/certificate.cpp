// OpenSSL reads; a certificate without the extension is good for everything, and so for nothing
// here.
#include "controlplane/access/certificate.h"

#include "dataplane/artefact/digest.h"
#include "dataplane/base/printable.h"

namespace bulkhead::controlplane {

namespace {

CertificateProblem problem(const char* text) {
  CertificateProblem made;
  made.text = text;
  return made;
}

}  // namespace

bool is_for(X509* certificate, Purpose purpose) {
  const bool named = (X509_get_extension_flags(certificate) & EXFLAG_XKUSAGE) != 0;
  const auto usage = purpose == Purpose::client ? XKU_SSL_CLIENT : XKU_SSL_SERVER;
  return named && (X509_get_extended_key_usage(certificate) & static_cast<unsigned>(usage)) != 0;
}

Certificate read_certificate(const std::string& pem) {
  return Certificate(PEM_read_bio_X509(memory_of(pem).get(), nullptr, nullptr, nullptr));
}

Result<std::string, CertificateProblem> appliance_in(X509* certificate) {
  if (!is_for(certificate, Purpose::server)) {
    return problem("the certificate's extended key usage does not name serverAuth");
  }
  X509_NAME* subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  const bool one = at >= 0 && X509_NAME_get_index_by_NID(subject, NID_commonName, at) < 0;
  unsigned char* utf8 = nullptr;
  const int length =
      one ? ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)))
          : -1;
  std::string name;
  if (length > 0)
    name.assign(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(length));
  OPENSSL_free(utf8);
  if (is_plain_name(name)) return name;
  return problem(
      "the certificate needs exactly one common name, of letters, digits and -_.@, up to 64");
}

Result<std::string, CertificateProblem> appliance_in(const std::string& pem) {
  const Certificate certificate = read_certificate(pem);
  if (certificate == nullptr) return problem("the certificate cannot be read");
  return appliance_in(certificate.get());
}

std::string sha256_of(X509* certificate) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int bytes = 0;
  if (X509_digest(certificate, EVP_sha256(), digest, &bytes) != 1) return {};
  return artefact::to_hex({reinterpret_cast<const char*>(digest), bytes});
}

}  // namespace bulkhead::controlplane
