// Which zone ports are to show no carrier because another has none (`link: follow`). Ports that
// conduits join so, directly or through others, are one group: where one of them has no carrier,
// all others that have it are held down. Pure: carriers and time are parameters.
//
// Whether a port that is held down would have carrier cannot be seen, so that it is never the
// reason why another is: when the last port that lost its carrier itself has it back, all come up,
// and one that has none then has the others held down for it in turn.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "dataplane/base/clock.h"
#include "dataplane/policy/tables.h"

namespace bulkhead::ports {

class LinkFollow {
 public:
  // How long a port that was let go of may take to find its carrier (IEEE 802.3, 28.3.2 and 40.4:
  // auto-negotiation ends within two to four seconds).
  static constexpr TimeNs kSettleNs = 5 * kSecondNs;

  // A policy joins these ports from now on.
  void follow(const policy::Tables& tables);
  // `up`: ports that have carrier, a bit each. Returns those to hold down. To be called often.
  std::uint32_t step(std::uint32_t up, TimeNs now_ns);

  std::uint32_t held() const { return held_; }
  std::uint32_t followed() const;  // ports of any group
  // The ports for whose sake the port is held down.
  std::uint32_t causes_of(std::uint16_t port) const;

 private:
  static_assert(policy::kPortsMax <= 32);

  std::vector<std::uint32_t> groups_;
  std::uint32_t held_ = 0;
  std::uint32_t causes_ = 0;
  std::array<TimeNs, policy::kPortsMax> settles_until_ns_{};
};

}  // namespace bulkhead::ports
