// When it is full, all are forgotten: each costs one verification.
#include "controlplane/access/verified_certificates.h"

namespace bulkhead::controlplane {

std::string VerifiedCertificates::problem_with(const TrustPointer& trust, const std::string& sha256,
                                               X509* certificate,
                                               const std::function<std::string()>& chain_pem) {
  const auto now = Clock::now();
  {
    const std::lock_guard guard(mutex_);
    const auto known = verified_.find(sha256);
    const bool fresh = known != verified_.end() && known->second.trust == trust &&
                       now - known->second.when < kKeptFor;
    if (fresh) return known->second.problem;
  }
  std::string problem =
      trust->problem_with(certificate, read_chain(chain_pem()).get(), Expiry::refused);
  const std::lock_guard guard(mutex_);
  if (verified_.size() >= kKeptMax) verified_.clear();
  verified_[sha256] = {trust, now, problem};
  return problem;
}

}  // namespace bulkhead::controlplane
