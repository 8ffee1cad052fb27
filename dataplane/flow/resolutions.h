// Rate limits of ARP, neighbour discovery and PRP supervision that cross between zones: such a
// frame may reach every host of a zone. Fixed clocks by keyed hash; one set for each worker.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/base/clock.h"

namespace bulkhead::flow {

class Resolutions {
 public:
  // A host asks for one address once a second (RFC 1122, 2.3.2.1): enough for one that looks for
  // all of a /24 network, after a restart all at once.
  static constexpr std::uint32_t kPerSecond = 256;
  static constexpr std::uint32_t kAtOnce = 256;
  // MAC addresses that may be invented share 1,024 a second on a port, by IP address.
  static constexpr std::uint32_t kUnknownShares = 32;
  static constexpr std::uint32_t kUnknownPerSecond = 32;

  // `mac_hash`: hash of its MAC address and port.
  bool take(std::uint64_t mac_hash, TimeNs now_ns) {
    return take(macs_[mac_hash % kMacIds], kSecondNs / kPerSecond, now_ns);
  }
  // `host`: hash of its address and port.
  bool take_unknown(std::uint64_t host, std::uint16_t port, TimeNs now_ns) {
    return take(unknown_[port % kPorts][host % kUnknownShares], kSecondNs / kUnknownPerSecond,
                now_ns);
  }

 private:
  static constexpr std::uint32_t kMacIds = 4096;
  static constexpr std::uint32_t kPorts = 32;

  // A generic cell rate algorithm: the clock says until when what was sent is paid for.
  static bool take(TimeNs& paid_until_ns, TimeNs interval_ns, TimeNs now_ns) {
    if (paid_until_ns < now_ns) paid_until_ns = now_ns;
    if (paid_until_ns + interval_ns > now_ns + kAtOnce * interval_ns) return false;
    paid_until_ns += interval_ns;
    return true;
  }

  std::array<TimeNs, kMacIds> macs_{};
  std::array<std::array<TimeNs, kUnknownShares>, kPorts> unknown_{};
};

}  // namespace bulkhead::flow
