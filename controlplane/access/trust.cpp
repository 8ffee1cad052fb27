// OpenSSL builds the chain. A list that is out of date still revokes: to go without it would be
// worse.
#include "controlplane/access/trust.h"

#include <openssl/err.h>

#include <algorithm>

namespace bulkhead::controlplane {

namespace {

constexpr std::size_t kCertificatesMax = 16;

std::time_t time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  return timegm(&parts);
}

int tolerate_expiry(int good, X509_STORE_CTX* verification) {
  return X509_STORE_CTX_get_error(verification) == X509_V_ERR_CERT_HAS_EXPIRED ? 1 : good;
}

}  // namespace

Chain read_chain(const std::string& pem) {
  Chain chain(sk_X509_new_null());
  const Memory memory = memory_of(pem);
  for (std::size_t i = 0; i < kCertificatesMax; ++i) {
    X509* certificate = PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr);
    if (certificate == nullptr) break;
    sk_X509_push(chain.get(), certificate);
  }
  ERR_clear_error();
  return chain;
}

std::time_t valid_until(X509* certificate) { return time_of(X509_get0_notAfter(certificate)); }

std::string expiry_text(std::time_t until, std::time_t now) {
  constexpr std::time_t kDay = 24 * 3600;
  constexpr std::time_t kNoticeDays = 30;
  const std::time_t days = (until - now) / kDay;
  if (until == 0 || until - now > kNoticeDays * kDay) return {};
  if (until <= now) return "has expired";
  return "expires in " + std::to_string(days) + (days == 1 ? " day" : " days");
}

Result<std::shared_ptr<const Trust>, std::string> Trust::read(const std::string& authority_pem,
                                                              const std::string& list_pem) {
  const std::shared_ptr<Trust> trust(new Trust());
  const std::string problem = trust->read_authority(authority_pem);
  if (problem.empty() && !list_pem.empty()) trust->list_problem_ = trust->read_list(list_pem);
  if (!trust->list_problem_.empty()) trust->list_.reset();
  ERR_clear_error();
  if (!problem.empty()) return problem;
  return std::shared_ptr<const Trust>(trust);
}

std::string Trust::read_authority(const std::string& pem) {
  store_.reset(X509_STORE_new());
  const Memory memory = memory_of(pem);
  for (;;) {
    Certificate certificate(PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr));
    if (certificate == nullptr) break;
    if (authorities_.size() == kCertificatesMax) return "it has more than 16 certificates";
    if (X509_check_ca(certificate.get()) == 0) return "a certificate in it is no authority's";
    X509_STORE_add_cert(store_.get(), certificate.get());
    const std::time_t until = valid_until(certificate.get());
    authority_until_ = authorities_.empty() ? until : std::min(authority_until_, until);
    authorities_.push_back(std::move(certificate));
  }
  return authorities_.empty() ? "there is no certificate in it" : "";
}

std::string Trust::read_list(const std::string& pem) {
  const Memory memory = memory_of(pem);
  list_.reset(PEM_read_bio_X509_CRL(memory.get(), nullptr, nullptr, nullptr));
  if (list_ == nullptr) return "the list of revoked certificates is none in PEM";
  const bool is_ours =
      std::any_of(authorities_.begin(), authorities_.end(), [this](const Certificate& each) {
        return X509_NAME_cmp(X509_get_subject_name(each.get()), X509_CRL_get_issuer(list_.get())) ==
                   0 &&
               X509_CRL_verify(list_.get(), X509_get0_pubkey(each.get())) == 1;
      });
  if (!is_ours) return "the list of revoked certificates is not signed by the authority";
  ASN1_INTEGER* number = static_cast<ASN1_INTEGER*>(
      X509_CRL_get_ext_d2i(list_.get(), NID_crl_number, nullptr, nullptr));
  if (number != nullptr && ASN1_INTEGER_get_uint64(&list_number_, number) != 1) list_number_ = 0;
  ASN1_INTEGER_free(number);
  list_until_ = time_of(X509_CRL_get0_nextUpdate(list_.get()));
  return {};
}

bool Trust::is_revoked(X509* certificate) const {
  if (list_ == nullptr) return false;
  X509_REVOKED* entry = nullptr;
  return X509_NAME_cmp(X509_get_issuer_name(certificate), X509_CRL_get_issuer(list_.get())) == 0 &&
         X509_CRL_get0_by_serial(list_.get(), &entry, X509_get_serialNumber(certificate)) != 0;
}

std::string Trust::problem_with(X509* certificate, STACK_OF(X509) * chain, Expiry expiry) const {
  if (expiry == Expiry::refused && !list_problem_.empty()) return list_problem_;
  if (is_revoked(certificate)) return "the certificate has been revoked";
  const Verification verification(X509_STORE_CTX_new());
  X509_STORE_CTX_init(verification.get(), store_.get(), certificate, chain);
  if (expiry == Expiry::tolerated) {
    X509_STORE_CTX_set_verify_cb(verification.get(), tolerate_expiry);
  }
  const bool good = X509_verify_cert(verification.get()) == 1;
  const int error = X509_STORE_CTX_get_error(verification.get());
  ERR_clear_error();
  if (good) return {};
  return std::string("the certificate is not valid under the authority's: ") +
         X509_verify_cert_error_string(error);
}

}  // namespace bulkhead::controlplane
