// Groups are the connected parts of what conduits join.
#include "dataplane/ports/link_follow.h"

#include <bit>

namespace bulkhead::ports {

void LinkFollow::follow(const policy::Tables& tables) {
  groups_.clear();
  for (const policy::Conduit& conduit : tables.conduits) {
    if (!conduit.link_follow) continue;
    std::uint32_t group =
        1U << tables.zones[conduit.from].port | 1U << tables.zones[conduit.to].port;
    std::vector<std::uint32_t> apart;
    for (const std::uint32_t other : groups_) {
      if ((other & group) != 0) {
        group |= other;
      } else {
        apart.push_back(other);
      }
    }
    apart.push_back(group);
    groups_ = std::move(apart);
  }
}

std::uint32_t LinkFollow::step(std::uint32_t up, TimeNs now_ns) {
  std::uint32_t settling = 0;
  for (std::size_t port = 0; port < settles_until_ns_.size(); ++port) {
    if (now_ns < settles_until_ns_[port]) settling |= 1U << port;
  }
  causes_ = ~up & ~held_ & ~settling & followed();
  std::uint32_t hold = 0;
  for (const std::uint32_t group : groups_) {
    if ((group & causes_) != 0) hold |= group & ~causes_;
  }
  for (std::uint32_t freed = held_ & ~hold; freed != 0; freed &= freed - 1) {
    settles_until_ns_[static_cast<std::size_t>(std::countr_zero(freed))] = now_ns + kSettleNs;
  }
  held_ = hold;
  return held_;
}

std::uint32_t LinkFollow::followed() const {
  std::uint32_t ports = 0;
  for (const std::uint32_t group : groups_) ports |= group;
  return ports;
}

std::uint32_t LinkFollow::causes_of(std::uint16_t port) const {
  for (const std::uint32_t group : groups_) {
    if ((group >> port & 1) != 0) return group & causes_;
  }
  return 0;
}

}  // namespace bulkhead::ports
