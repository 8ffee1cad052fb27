// What each host and each conduit uses of a worker's pools, and how much more it may take. A bound
// follows what is free, so that no single host can take the last of a pool: one host ends at a
// third of it, one conduit at three quarters, and hosts that use little are served from what is
// left. Fixed counters, by a keyed hash of the port and the address that policy admitted.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "dataplane/flow/flow_key.h"

namespace bulkhead::flow {

// Places of a session's counters.
struct ShareIds {
  std::uint16_t host = 0;
  std::uint16_t conduit = 0;
};

class Shares {
 public:
  static constexpr std::uint32_t kLittle = 16;  // a host that uses less counts as small
  static constexpr std::uint32_t kHosts = 4096;
  static constexpr std::uint32_t kConduits = 1024;

  // `seed` keys the hash, so that nobody can choose addresses that share a counter with another's.
  static ShareIds ids(std::uint32_t seed, std::uint16_t port, const wire::IpAddress& host,
                      std::uint16_t conduit);

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

// TCP sessions that are opening, by conduit in the order in which they began.
class Openings {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  explicit Openings(std::uint32_t flows) : links_(flows) {
    first_.fill(kNone);
    last_.fill(kNone);
  }

  // `replaceable`: it may be forgotten for a newer one; see oldest().
  void add(std::uint32_t slot, ShareIds ids, bool replaceable);
  void remove(std::uint32_t slot);
  void clear();

  const Shares& shares() const { return shares_; }
  std::uint32_t count() const { return count_; }
  // Of the conduit's, the replaceable one that began first; kNone if there is none.
  std::uint32_t oldest(ShareIds ids) const { return first_[ids.conduit]; }
  std::uint16_t host_of(std::uint32_t slot) const { return links_[slot].ids.host; }

 private:
  struct Link {
    std::uint32_t next = kNone;
    std::uint32_t previous = kNone;
    ShareIds ids;
    bool added = false;
    bool listed = false;
  };

  Shares shares_;
  std::vector<Link> links_;
  std::array<std::uint32_t, Shares::kConduits> first_{};
  std::array<std::uint32_t, Shares::kConduits> last_{};
  std::uint32_t count_ = 0;
};

}  // namespace bulkhead::flow
