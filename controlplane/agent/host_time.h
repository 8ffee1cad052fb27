// Whether this machine's clock is right, as its chronyd says on 127.0.0.1:323. The agent may not
// ask the kernel: its unit has nothing to do with clocks (ProtectClock).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "bulkhead/v1/control.pb.h"
#include "dataplane/base/bytes.h"

namespace bulkhead::controlplane {

// chrony's command and monitoring protocol, version 6 (its candm.h): the question for the state of
// tracking is as long as its answer.
inline constexpr std::size_t kTrackingBytes = 104;
std::array<std::uint8_t, kTrackingBytes> tracking_question(std::uint32_t sequence);
// The answer to the question of that number; nothing if it is another message.
std::optional<v1::TimeStatus> read_tracking(ByteView answer, std::uint32_t sequence);

// Asks, and waits a tenth of a second at most. Thread-safe.
v1::TimeStatus ask_host_time();

}  // namespace bulkhead::controlplane
