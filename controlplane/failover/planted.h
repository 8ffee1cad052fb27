// Mistakes that tests/simulation can plant in the pair's state machine.
#pragma once

#include <cstdint>

#include "dataplane/base/planted.h"

namespace bulkhead::failover {

enum class Mistake : std::uint8_t {
  none,
  skip_readiness_gate,  // takes over by order while flows or policy are not proven equal
  ignore_in_band,       // heartbeats of the zones do not count
  lease_without_echo,   // forwards on although its heartbeats do not arrive
  count_own_stalls,     // time that it did not run counts as silence of the peer
  ignore_better_active,
  forget_prepared,    // takes over without the epoch that it had prepared
  hurry_a_slow_peer,  // goes by its own times though the peer's are longer
  believe_replays,    // an incarnation is believed though it answers nothing of this one
  believe_late,       // a heartbeat counts however long ago it was sent
  ignore_lost_state,  // a peer that counts its starts anew is none
  trust_dead_agent,   // a data plane may go on under the lease of an agent that is gone
  trial_never_ends,   // a deadline is armed, and nothing looks at it
  lose_trial,         // what was prepared comes into force without its deadline
  trust_old_boot,     // a deadline by the clock of another start of the machine is believed
  restart_trial,      // a restarted agent counts the whole time anew
  confirm_at_once,    // a confirmation is answered before the peer has it
  return_in_doubt,    // returns though the peer may have confirmed
  answer_late,        // confirms though the deadline has passed
};

}  // namespace bulkhead::failover
