// Ports that show no carrier because another has none (`link: follow`). Ports that conduits join,
// directly or through others, are one group: while one of them has no carrier, all others are held
// down. Pure: carriers and time are parameters.
//
// Whether a port that is held down would have carrier cannot be seen, so it is never the reason to
// hold another: when the last port that lost its own carrier has it back, all come up; a port that
// then has none holds the others down in turn.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "dataplane/base/clock.h"
#include "dataplane/policy/tables.h"

namespace bulkhead::ports {

class LinkFollow {
 public:
  // How long a released port may take to find its carrier (IEEE 802.3, 28.3.2 and 40.4:
  // auto-negotiation ends within two to four seconds).
  static constexpr TimeNs kSettleNs = 5 * kSecondNs;

  // Sets the groups of a policy.
  void follow(const policy::Tables& tables);
  // `up`: ports that have carrier, a bit each. Returns the ports to hold down. Call it often.
  std::uint32_t step(std::uint32_t up, TimeNs now_ns);

  std::uint32_t held() const { return held_; }
  std::uint32_t followed() const;  // ports of any group
  // The ports because of which the port is held down.
  std::uint32_t causes_of(std::uint16_t port) const;

 private:
  static_assert(policy::kPortsMax <= 32);

  std::vector<std::uint32_t> groups_;
  std::uint32_t held_ = 0;
  std::uint32_t causes_ = 0;
  std::array<TimeNs, policy::kPortsMax> settles_until_ns_{};
};

}  // namespace bulkhead::ports
