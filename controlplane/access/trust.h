// Whom an appliance trusts: its authority's certificates and the list of what the authority has
// revoked, as they are on the disk now. Immutable.
#pragma once

#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "controlplane/access/certificate.h"
#include "dataplane/base/result.h"

namespace bulkhead::controlplane {

// Whether a certificate that has expired is still its holder's. A pair must not end by expiry.
enum class Expiry { refused, tolerated };

class Trust {
 public:
  // From PEM texts; without a list nothing is revoked. The error is a text for people. A list that
  // cannot be used is none: see list_problem().
  static Result<std::shared_ptr<const Trust>, std::string> read(const std::string& authority_pem,
                                                                const std::string& list_pem);

  // Why the certificate does not count now; empty if it does. With a list that cannot be used only
  // those count for which expiry is tolerated: what keeps a pair together. `chain` are certificates
  // that its holder sent with it; it may be nullptr. Thread-safe.
  std::string problem_with(X509* certificate, STACK_OF(X509) * chain, Expiry expiry) const;

  // What is wrong with the list; empty if there is none, or it counts.
  const std::string& list_problem() const { return list_problem_; }
  // The list's number (RFC 5280, 5.2.3); 0 without a list.
  std::uint64_t list_number() const { return list_number_; }
  // When the authority's certificate ends that ends first, and when the list should be replaced; 0
  // if that is not said.
  std::time_t authority_until() const { return authority_until_; }
  std::time_t list_until() const { return list_until_; }

 private:
  Trust() = default;
  std::string read_authority(const std::string& pem);
  std::string read_list(const std::string& pem);
  bool is_revoked(X509* certificate) const;

  Store store_;
  std::vector<Certificate> authorities_;
  RevocationList list_;
  std::string list_problem_;
  std::uint64_t list_number_ = 0;
  std::time_t authority_until_ = 0;
  std::time_t list_until_ = 0;
};
using TrustPointer = std::shared_ptr<const Trust>;

struct ChainFreer {
  void operator()(STACK_OF(X509) * chain) const { sk_X509_pop_free(chain, X509_free); }
};
using Chain = std::unique_ptr<STACK_OF(X509), ChainFreer>;
// All certificates of a PEM text, at most 16.
Chain read_chain(const std::string& pem);

// When a certificate ends; 0 if it does not say.
std::time_t valid_until(X509* certificate);

// "expires in 29 days", "has expired"; empty more than 30 days before, or if `until` is 0.
std::string expiry_text(std::time_t until, std::time_t now);

}  // namespace bulkhead::controlplane
