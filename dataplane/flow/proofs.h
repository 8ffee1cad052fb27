// Hosts that have proved that packets to their IP and MAC address reach them: they finished opening
// a session, or answered a challenge. A bounded cache with a part for each zone port; a host that
// is forgotten has to prove it again.
#pragma once

#include <cstdint>
#include <memory>

#include "dataplane/base/clock.h"
#include "dataplane/flow/keyed_hash.h"
#include "dataplane/wire/address.h"

namespace bulkhead::flow {

// A host's IP address, MAC address and zone port.
struct HostAt {
  wire::IpAddress address;
  wire::Mac mac;
  std::uint16_t port = 0;

  std::uint64_t hash(const HashKey& key) const;
};

class Proofs {
 public:
  static constexpr std::uint32_t kPerPort = 1024;
  static constexpr TimeNs kAgeNs = 3600 * kSecondNs;

  Proofs();

  // `hash`: HostAt::hash(); `port`: the host's zone port.
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
