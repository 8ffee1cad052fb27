// The layout, in network order: magic, version, path, length; then the fields; the code is last.
#include "controlplane/failover/wire.h"

#include <algorithm>

namespace bulkhead::failover {

namespace {

constexpr std::uint32_t kMagic = 0x42554c4b;  // "BULK"
using replication::kTagBytes;

constexpr std::size_t kHeadBytes = 8;
constexpr std::size_t kLeaseAt = kHeartbeatBytesOldest - kTagBytes;
constexpr std::size_t kAnswerAt = kLeaseAt + 8;
constexpr std::size_t kSentAt = kAnswerAt + 16;
constexpr std::size_t kTrialAt = kSentAt + 8;

enum Flag : std::uint8_t { kEligible = 1, kReady = 2, kWants = 4, kHandsOver = 8 };

}  // namespace

std::array<std::uint8_t, kHeartbeatBytes> encode(const Heartbeat& heartbeat, std::size_t path,
                                                 const Key& key) {
  std::array<std::uint8_t, kHeartbeatBytes> bytes{};
  store_be32(bytes.data(), kMagic);
  bytes[4] = kWireVersion;
  bytes[5] = static_cast<std::uint8_t>(path);
  store_be16(bytes.data() + 6, kHeartbeatBytes);
  std::uint8_t* at = bytes.data() + kHeadBytes;
  for (const std::uint64_t field :
       {heartbeat.from, heartbeat.incarnation, heartbeat.sequence, heartbeat.echo_incarnation,
        heartbeat.echo_sequence, heartbeat.term, heartbeat.active_term, heartbeat.grant,
        heartbeat.policy.epoch, heartbeat.policy.digest}) {
    store_be64(at, field);
    at += 8;
  }
  at[0] = static_cast<std::uint8_t>(heartbeat.role);
  at[1] = static_cast<std::uint8_t>(
      (heartbeat.eligible ? kEligible : 0) | (heartbeat.ready ? kReady : 0) |
      (heartbeat.wants ? kWants : 0) | (heartbeat.hands_over ? kHandsOver : 0));
  at[2] = heartbeat.priority;
  store_be64(bytes.data() + kLeaseAt, heartbeat.lease_ns);
  store_be64(bytes.data() + kAnswerAt, heartbeat.answer_incarnation);
  store_be64(bytes.data() + kAnswerAt + 8, heartbeat.answer_sequence);
  store_be64(bytes.data() + kSentAt, heartbeat.sent_ns);
  store_be64(bytes.data() + kTrialAt, heartbeat.trial_ns);
  const ByteView covered = ByteView(bytes).first(kHeartbeatBytes - kTagBytes);
  const replication::Tag tag = replication::authenticate(covered, key);
  std::copy(tag.begin(), tag.end(), bytes.end() - kTagBytes);
  return bytes;
}

std::optional<Heartbeat> decode(ByteView bytes, std::size_t path, const Key& key) {
  ByteReader head(bytes);
  const std::uint32_t magic = head.u32();
  const std::uint8_t version = head.u8();
  const std::size_t said_path = head.u8();
  const std::size_t length = head.u16();
  if (!head.ok() || magic != kMagic || version < kWireVersionOldest || said_path != path ||
      length < kHeartbeatBytesOldest || length > kHeartbeatBytesMax || length > bytes.size()) {
    return std::nullopt;
  }
  const ByteView covered = bytes.first(length - kTagBytes);
  if (!replication::is_authentic(covered, bytes.subspan(covered.size(), kTagBytes), key)) {
    return std::nullopt;
  }
  ByteReader reader(covered.subspan(kHeadBytes));
  Heartbeat heartbeat;
  for (std::uint64_t* field :
       {&heartbeat.from, &heartbeat.incarnation, &heartbeat.sequence, &heartbeat.echo_incarnation,
        &heartbeat.echo_sequence, &heartbeat.term, &heartbeat.active_term, &heartbeat.grant,
        &heartbeat.policy.epoch, &heartbeat.policy.digest}) {
    *field = reader.u64();
  }
  const std::uint8_t role = reader.u8();
  const std::uint8_t flags = reader.u8();
  heartbeat.priority = reader.u8();
  if (role > static_cast<std::uint8_t>(Role::active) || heartbeat.from == 0) return std::nullopt;
  heartbeat.role = static_cast<Role>(role);
  ByteReader lease(covered.subspan(kLeaseAt));
  heartbeat.lease_ns = covered.size() > kLeaseAt ? lease.u64() : kLeaseOldestNs;
  if (!lease.ok() || heartbeat.lease_ns > kLeaseMaxNs) return std::nullopt;
  if (covered.size() > kAnswerAt) {
    ByteReader answer(covered.subspan(kAnswerAt));
    heartbeat.answer_incarnation = answer.u64();
    heartbeat.answer_sequence = answer.u64();
    if (!answer.ok()) return std::nullopt;
  }
  if (covered.size() > kSentAt) {
    ByteReader sent(covered.subspan(kSentAt));
    heartbeat.sent_ns = sent.u64();
    if (!sent.ok()) return std::nullopt;
  }
  heartbeat.knows_trials = covered.size() > kTrialAt;
  if (heartbeat.knows_trials) {
    ByteReader trial(covered.subspan(kTrialAt));
    heartbeat.trial_ns = trial.u64();
    if (!trial.ok()) return std::nullopt;
  }
  heartbeat.eligible = (flags & kEligible) != 0;
  heartbeat.ready = (flags & kReady) != 0;
  heartbeat.wants = (flags & kWants) != 0;
  heartbeat.hands_over = (flags & kHandsOver) != 0;
  return heartbeat;
}

}  // namespace bulkhead::failover
