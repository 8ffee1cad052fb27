// Mistakes that tests/adversarial can plant in the stream engine.
#pragma once

#include <cstdint>

#include "dataplane/base/planted.h"

namespace bulkhead::pipeline {

enum class Mistake : std::uint8_t {
  none,
  release_early,  // held bytes leave before their message is whole
  forget_delta,   // acknowledgements are not translated behind a splice
  drop_resend,    // owned bytes are never sent again
  never_acknowledge_on_hold,
  judge_first_only,       // later messages of a segment pass with the first one's verdict
  cut_as_sent,            // a message leaves in the pieces in which it came
  repeat_as_sent,         // what is said again goes as its sender cuts it now
  keep_timestamps,        // a receiver may find them old
  keep_addresses,         // frames go where their sender says, from where it says
  reopen_anywhere,        // a SYN begins a session wherever it stands, whoever answers it
  resume_below_released,  // a stream goes on behind its receiver's acknowledgement, whatever left
  believe_any_path,       // however narrow an ICMP error says that it is
  forward_strays,         // an answer that does not fit passes
  forget_drop,            // its bytes stay in its receiver's numbers
  share_stations,         // whoever likes announces a bound MAC address
};

}  // namespace bulkhead::pipeline
