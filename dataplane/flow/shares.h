// Shares of a worker's pools: what each host and conduit uses, and how much more it may take. The
// limit depends on what is free, so that no host can exhaust a pool: a host ends at a third of it,
// a conduit at three quarters, and hosts that use little may use the rest. Fixed counters, indexed
// by a keyed hash of port, MAC address and IP address.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/flow/proofs.h"

namespace bulkhead::flow {

// Indices of a session's counters.
struct ShareIds {
  std::uint16_t host = 0;  // 0: nobody's yet
  std::uint16_t conduit = 0;

  bool operator==(const ShareIds&) const = default;
};

class Shares {
 public:
  static constexpr std::uint32_t kLittle = 16;  // a host that uses less counts as small
  static constexpr std::uint32_t kHosts = 4096;
  static constexpr std::uint32_t kConduits = 1024;

  // `hash`: HostAt::hash().
  static std::uint16_t host_id(std::uint64_t hash) {
    return static_cast<std::uint16_t>(1 + (hash >> 16) % (kHosts - 1));
  }
  static std::uint16_t conduit_id(std::uint16_t conduit) {
    return static_cast<std::uint16_t>(conduit % kConduits);
  }

  void charge(ShareIds ids, std::uint32_t more) {
    hosts_[ids.host] += more;  // modulo 2^32, so that it may be less as well
    conduits_[ids.conduit] += more;
  }
  std::uint32_t host(ShareIds ids) const { return hosts_[ids.host]; }
  std::uint32_t conduit(ShareIds ids) const { return conduits_[ids.conduit]; }

  // Whether the host may take one more of a pool.
  bool may_take(ShareIds ids, std::uint32_t free, std::uint32_t capacity) const {
    if (host(ids) < kLittle) return free > capacity / 8 || conduit(ids) <= capacity / 64;
    return host(ids) <= free / 2 && conduit_may_take(ids, free);
  }
  bool conduit_may_take(ShareIds ids, std::uint32_t free) const {
    return conduit(ids) <= std::uint64_t{3} * free;
  }
  void clear() {
    hosts_.fill(0);
    conduits_.fill(0);
  }

 private:
  std::array<std::uint32_t, kHosts> hosts_{};
  std::array<std::uint32_t, kConduits> conduits_{};
};

}  // namespace bulkhead::flow
