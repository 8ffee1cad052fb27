// The heartbeat that each appliance of a pair sends to the other, over the pair link and in-band
// through every zone, several dozen times a second. wire.h encodes and authenticates it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/base/clock.h"

namespace bulkhead::failover {

using NodeId = std::uint64_t;  // never zero

// Path 0 is the pair link; path 1 + z goes in-band through zone port z, one of 32 at most.
constexpr std::size_t kPathsMax = 33;
constexpr std::size_t kPairLink = 0;

enum class Role : std::uint8_t { standby, active };

// An epoch of policy and the beginning of its artefact's digest; epoch 0: none.
struct Policy {
  std::uint64_t epoch = 0;
  std::uint64_t digest = 0;

  bool operator==(const Policy&) const = default;
};

// Of a policy that awaits confirmation after a restart of the machine: when it returns is not
// known.
constexpr TimeNs kTrialNotKnown = ~TimeNs{0};

struct Heartbeat {
  NodeId from = 0;
  // Of the sender's agent: greater each time that it starts as long as it has its state, and drawn
  // anew in its lower half. Never zero.
  std::uint64_t incarnation = 0;
  std::uint64_t sequence = 0;  // the same on all paths, greater each time
  // The peer's newest heartbeat that has come on any path; incarnation 0: none has.
  std::uint64_t echo_incarnation = 0;
  std::uint64_t echo_sequence = 0;
  // A heartbeat received from an incarnation that the sender does not believe yet: it shows that
  // one that the sender hears it now. Keeps no lease alive. Incarnation 0: none.
  std::uint64_t answer_incarnation = 0;
  std::uint64_t answer_sequence = 0;

  Role role = Role::standby;
  std::uint64_t term = 0;         // highest that the sender knows of; an active's own
  std::uint64_t active_term = 0;  // under which the sender is or last was active; 0: never
  std::uint64_t grant = 0;        // the peer may be active under this term; 0: it may not
  bool hands_over = false;        // `grant` is given though the sender could be active itself
  std::uint8_t priority = 0;
  bool eligible = false;  // could be active now
  bool ready = false;     // policy and all flows are proven equal to the peer's
  bool wants = false;     // asks an active of lower priority to hand over
  Policy policy;
  TimeNs lease_ns = 0;  // of the sender's own times: see Timing
  // By the sender's clock, from its start; 0: a release that does not say it.
  TimeNs sent_ns = 0;
  bool knows_trials = false;  // the sender's release has commits that await confirmation
  TimeNs trial_ns = 0;        // until `policy` returns, see trial_left()
};

}  // namespace bulkhead::failover
