// Every bound on memory and time of one worker, in one place. At a bound new work is refused and
// counted by its reason; what exists goes on.
#pragma once

#include <cstdint>

#include "dataplane/base/clock.h"

namespace bulkhead::flow {

struct Limits {
  // Memory of the worker.
  std::uint32_t flows = 16384;     // sessions
  std::uint32_t half_open = 4096;  // of those, sessions whose opening is not complete
  std::uint32_t segments = 16384;  // packets held or retained, all sessions together
  std::uint32_t datagrams = 256;   // fragmented packets that are being put together

  // Memory of one session.
  std::uint32_t held_bytes = 64 * 1024;    // a side: the hold limit, and what is delivered later
  std::uint32_t held_segments = 512;       // a side
  std::uint32_t retained_segments = 1024;  // a side
  std::uint32_t pending_refusals = 256;    // that wait for the answers to earlier requests

  // Time.
  TimeNs acknowledge_held_ns = kMillisecondNs;    // design 6; 0: held bytes are never acknowledged
  TimeNs message_ns = 60 * kSecondNs;             // from a message's first byte to its last
  TimeNs refusal_wait_ns = 300 * kMillisecondNs;  // of a refusal for earlier answers
  TimeNs deliver_ns = 100 * kSecondNs;        // RFC 9293, 3.8.3: R2, without a sign of the receiver
  TimeNs closed_window_ns = 600 * kSecondNs;  // with signs, but without taking a byte
  TimeNs fragments_ns = 5 * kSecondNs;        // from the first fragment to the last
  TimeNs opening_ns = 10 * kSecondNs;
  TimeNs established_ns = 2 * 3600 * kSecondNs + 300 * kSecondNs;  // RFC 5382, 5
  TimeNs closing_ns = 60 * kSecondNs;
  TimeNs closed_ns = 10 * kSecondNs;
  TimeNs datagram_ns = 120 * kSecondNs;  // RFC 4787, 4.3: not less than two minutes
  TimeNs echo_ns = 10 * kSecondNs;
};

}  // namespace bulkhead::flow
