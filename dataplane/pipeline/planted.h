// Mistakes that tests/adversarial can plant in the stream engine.
#pragma once

#include <cstdint>

#include "dataplane/base/planted.h"

namespace bulkhead::pipeline {

enum class Mistake : std::uint8_t {
  none,
  release_early,       // held bytes leave before their message is whole
  overlaps_unchecked,  // a retransmission may differ from what was released
  forget_delta,        // acknowledgements are not translated behind a splice
  drop_resend,         // owned bytes are never sent again
  never_acknowledge_on_hold,
  judge_first_only,  // later messages of a segment pass with the first one's verdict
};

}  // namespace bulkhead::pipeline
