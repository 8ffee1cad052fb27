// Frames that a tap port heard: a switch's mirror port, which has both directions, frames twice and
// gaps. Finds where an appliance that stood between the zones would have received each. See
// README.md.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>

#include "dataplane/base/bytes.h"
#include "dataplane/base/clock.h"
#include "dataplane/flow/keyed_hash.h"
#include "dataplane/flow/mac_table.h"
#include "dataplane/pipeline/verdict.h"
#include "dataplane/policy/observed.h"

namespace bulkhead::pipeline {

enum class Heard : std::uint8_t {
  between,  // two zones, or for many: to be judged
  copy,     // of a frame that was heard a moment ago
  within,   // one zone: nothing between zones would see it
  unknown,  // whence
};

class MirroredFrames {
 public:
  // How far apart copies may be.
  static constexpr TimeNs kCopyNs = 20 * kMillisecondNs;

  // Of what is to be judged the frame is put into its zone's VLAN, and mbuf.port is the zone's
  // port. `macs` learns, and says, where stations without a known address are.
  Heard place(const policy::Tables& tables, rte_mbuf& mbuf, flow::MacTable& macs, TimeNs now_ns);

 private:
  static constexpr std::size_t kSets = 4096;
  static constexpr std::size_t kWays = 2;

  struct Frame {
    std::uint64_t hash = 0;
    TimeNs heard_ns = 0;
  };

  bool is_copy(ByteView frame, TimeNs now_ns);

  // So that nobody makes a frame that passes for a copy of another.
  flow::HashKey hash_key_ = flow::HashKey::make();
  std::array<std::array<Frame, kWays>, kSets> recent_{};
};

// Whether a frame that was not heard could be the reason of the refusal: then enforcing, which
// would have seen that frame, might not have refused. Of what a tap port heard.
bool may_be_a_gap(const Verdict& verdict, const flow::Packet& packet);

}  // namespace bulkhead::pipeline
