// Hosts that have shown that what is sent to their address and station reaches them: they finished
// opening a session, or answered a challenge. A bounded cache with a part of its own for each zone
// port; whom it forgets has to show it again.
#pragma once

#include <cstdint>
#include <memory>

#include "dataplane/base/clock.h"
#include "dataplane/flow/keyed_hash.h"
#include "dataplane/wire/address.h"

namespace bulkhead::flow {

// A host as its frames name it.
struct HostAt {
  wire::IpAddress address;
  wire::Mac station;
  std::uint16_t port = 0;

  std::uint64_t hash(const HashKey& key) const;
};

class Proofs {
 public:
  static constexpr std::uint32_t kPerPort = 1024;
  static constexpr TimeNs kAgeNs = 3600 * kSecondNs;

  Proofs();

  // `hash` is the host's, and `port` the one that it stands behind.
  bool holds(std::uint64_t hash, std::uint16_t port, TimeNs now_ns) const;
  void note(std::uint64_t hash, std::uint16_t port, TimeNs now_ns);

 private:
  static constexpr std::uint32_t kWays = 4;
  struct Entry {
    std::uint32_t tag = 0;  // 0: free
    std::uint32_t seen_s = 0;
  };

  Entry* set_of(std::uint64_t hash, std::uint16_t port) const;

  std::unique_ptr<Entry[]> entries_;
};

}  // namespace bulkhead::flow
