// Mistakes that tests/adversarial can plant in the stream engine.
#pragma once

#include <cstdint>

#include "dataplane/base/planted.h"

namespace bulkhead::pipeline {

enum class Mistake : std::uint8_t {
  none,
  release_early,  // held bytes leave before their message is whole
  forget_delta,   // acknowledgements are not translated after a splice
  drop_resend,    // owned bytes are never sent again
  never_acknowledge_on_hold,
  judge_first_only,       // later messages of a segment pass with the first one's verdict
  cut_as_sent,            // a message leaves in the pieces in which it came
  repeat_as_sent,         // retransmissions leave as their sender cut them
  keep_timestamps,        // a receiver may find them old
  keep_addresses,         // frames keep their sender's MAC addresses
  reopen_anywhere,        // a SYN of any number begins a session, with any answer
  resume_below_released,  // a stream resumes at its receiver's acknowledgement, whatever left
  believe_any_path,       // of any MTU that an ICMP error quotes
  forward_strays,         // a stray answer passes
  forget_drop,            // its bytes stay in its receiver's numbers
  share_stations,         // anybody may announce a bound MAC address
};

}  // namespace bulkhead::pipeline
