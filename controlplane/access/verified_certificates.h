// Certificates that have been verified a moment ago, so that each call of a busy client does not
// cost a signature's verification.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "controlplane/access/trust.h"

namespace bulkhead::controlplane {

class VerifiedCertificates {
 public:
  // Why the certificate does not count, empty if it does: verified anew once a second, and when
  // `trust` is another one. `chain_pem` gives what its holder sent with it. Thread-safe.
  std::string problem_with(const TrustPointer& trust, const std::string& sha256, X509* certificate,
                           const std::function<std::string()>& chain_pem);

 private:
  static constexpr std::size_t kKeptMax = 1024;
  static constexpr auto kKeptFor = std::chrono::seconds(1);
  using Clock = std::chrono::steady_clock;
  struct Verified {
    TrustPointer trust;
    Clock::time_point when;
    std::string problem;
  };

  std::mutex mutex_;
  std::map<std::string, Verified> verified_;
};

}  // namespace bulkhead::controlplane
