// Heartbeats as bytes: the same on the pair link and in-band. They are authenticated; the machine
// refuses replayed ones by their sequence. A reader of a later version reads the fields that it
// knows; versions too old to be read do not decode.
#pragma once

#include <array>
#include <optional>
#include <span>

#include "controlplane/failover/heartbeat.h"
#include "dataplane/base/release.h"
#include "dataplane/replication/authentication.h"

namespace bulkhead::failover {

using replication::Key;

// Incremented when a field is appended.
constexpr std::uint8_t kWireVersion = 5 + kReleaseAhead;
constexpr std::uint8_t kWireVersionOldest = 1;

constexpr std::size_t kHeartbeatBytesOldest = 112;
// Since version 2 the sender's lease, since version 3 its answer, since version 4 its time, since
// version 5 how long its policy still awaits confirmation.
constexpr std::size_t kHeartbeatBytesKnown = 152;
constexpr std::size_t kHeartbeatBytes = kHeartbeatBytesKnown + kBytesAhead;
constexpr std::size_t kHeartbeatBytesMax = 512;         // of any later version
constexpr TimeNs kLeaseOldestNs = 70 * kMillisecondNs;  // who does not say it has this one
constexpr TimeNs kLeaseMaxNs = 10 * kSecondNs;

// A heartbeat that was sent into another path, or back to its sender, is none.
std::array<std::uint8_t, kHeartbeatBytes> encode(const Heartbeat& heartbeat, std::size_t path,
                                                 const Key& key);

// Nothing if it is not a heartbeat, not authentic, or of a version that cannot be read.
std::optional<Heartbeat> decode(ByteView bytes, std::size_t path, const Key& key);

}  // namespace bulkhead::failover
