// Sees each frame that leaves, and says what is wrong with it: for those who listen, for the host
// that it goes to, and for where it begins and ends.
#pragma once

#include "tests/adversarial/model/plan.h"
#include "tests/adversarial/model/receivers.h"

namespace bulkhead::adversary {

class Oracle {
 public:
  explicit Oracle(const Plan& plan) : plan_(plan) {}

  // A frame that left towards an end.
  std::optional<std::string> see(std::size_t end, const Bytes& frame);
  const Receivers& receivers(std::size_t end) const { return receivers_[end]; }
  // Whether all segments began and ended where messages do, or where a long one has to be cut.
  std::optional<std::string> check_segments() const;

 private:
  std::optional<std::string> check_headers(std::size_t end, const Bytes& frame,
                                           const support::SentTcp& tcp);
  std::optional<std::string> check_ends(std::size_t end, const Bytes& stream) const;

  const Plan& plan_;
  Receivers receivers_[2];
  std::uint32_t newest_stamp_[2] = {};  // towards an end
  bool has_stamp_[2] = {};
};

}  // namespace bulkhead::adversary
