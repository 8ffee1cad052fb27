// Headers of the frames that an end of a TCP session sends, made from what is known of the session:
// a pattern for new frames where no frame of it is kept.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/flow/segments.h"
#include "dataplane/wire/ip.h"

namespace bulkhead::flow {

class SessionHeaders {
 public:
  // Precondition: the addresses of `flow.links[end]` are known.
  SessionHeaders(const Flow& flow, std::size_t end);

  // Valid as long as this. `buffers`: where new frames come from.
  Pattern pattern(rte_mempool* buffers) const {
    return {bytes_.data(), buffers, transport_offset_};
  }

 private:
  static constexpr std::size_t kPortsBytes = 4;

  std::array<std::uint8_t, wire::kEthernetHeaderBytes + 2 * wire::kVlanTagBytes +
                               wire::kIpv6HeaderBytes + kPortsBytes>
      bytes_{};
  std::uint16_t transport_offset_ = 0;
};

}  // namespace bulkhead::flow
