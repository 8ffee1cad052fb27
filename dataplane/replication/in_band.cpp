// The layout, in network order: Ethernet II header; version, port, flags, zero; the beacon's
// numbers; the heartbeat's length and bytes; the code over all of it after the addresses, which a
// switch does not change either. Then follow, if a flag is set, echo and answer of the peer's
// frames and a code over both: releases that do not know it take it for padding.
#include "dataplane/replication/in_band.h"

#include <algorithm>

namespace bulkhead::replication {

namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kBeaconBytes = 4 + 4 * 8 + 2;
static_assert(wire::kEthernetHeaderBytes + kBeaconBytes + kHeartbeatBytesMax + kTagBytes <=
              kInBandBytesMax);

enum Flag : std::uint8_t { kForwards = 1, kAgent = 2, kEcho = 4 };

// `echo` begins with the code of what stands before it.
bool read_echo(ByteView echo, Beacon& beacon, const Key& key) {
  constexpr std::size_t kNumbersBytes = kEchoBytes - kTagBytes;
  if (echo.size() < kTagBytes + kEchoBytes) return false;
  const ByteView covered = echo.first(kTagBytes + kNumbersBytes);
  if (!is_authentic(covered, echo.subspan(covered.size(), kTagBytes), key)) return false;
  ByteReader reader(covered.subspan(kTagBytes));
  for (std::uint64_t* number : {&beacon.echo_incarnation, &beacon.echo_counter,
                                &beacon.answer_incarnation, &beacon.answer_counter}) {
    *number = reader.u64();
  }
  return reader.ok();
}

}  // namespace

std::size_t encode(const Beacon& beacon, ByteView heartbeat,
                   std::span<const std::uint8_t, 6> source, std::uint16_t port, const Key& key,
                   std::span<std::uint8_t> frame) {
  std::copy(kInBandGroup.begin(), kInBandGroup.end(), frame.begin());
  std::copy(source.begin(), source.end(), frame.begin() + 6);
  store_be16(frame.data() + 12, wire::kEtherTypePair);
  std::uint8_t* at = frame.data() + wire::kEthernetHeaderBytes;
  at[0] = kVersion;
  at[1] = static_cast<std::uint8_t>(port);
  at[2] = static_cast<std::uint8_t>((beacon.forwards ? kForwards : 0) |
                                    (beacon.agent ? kAgent : 0) | kEcho);
  at[3] = 0;
  at += 4;
  for (const std::uint64_t number :
       {beacon.node, beacon.incarnation, beacon.counter, beacon.term}) {
    store_be64(at, number);
    at += 8;
  }
  store_be16(at, static_cast<std::uint16_t>(heartbeat.size()));
  at = std::copy(heartbeat.begin(), heartbeat.end(), at + 2);
  const ByteView covered(frame.data() + wire::kEthernetHeaderBytes, at);
  const Tag tag = authenticate(covered, key);
  std::uint8_t* const echo = at;
  at = std::copy(tag.begin(), tag.end(), at);
  for (const std::uint64_t number : {beacon.echo_incarnation, beacon.echo_counter,
                                     beacon.answer_incarnation, beacon.answer_counter}) {
    store_be64(at, number);
    at += 8;
  }
  const Tag echo_tag = authenticate(ByteView(echo, at), key);
  at = std::copy(echo_tag.begin(), echo_tag.end(), at);
  return static_cast<std::size_t>(at - frame.data());
}

std::optional<InBand> decode(ByteView frame, std::uint16_t port, const Key& key) {
  if (frame.size() < wire::kEthernetHeaderBytes + kBeaconBytes + kTagBytes) return std::nullopt;
  ByteReader reader(frame.subspan(12));
  const std::uint16_t ethertype = reader.u16();
  const std::uint8_t version = reader.u8();
  const std::uint8_t said_port = reader.u8();
  const std::uint8_t flags = reader.u8();
  reader.u8();
  if (ethertype != wire::kEtherTypePair || version != kVersion || said_port != port) {
    return std::nullopt;
  }
  InBand in_band;
  Beacon& beacon = in_band.beacon;
  for (std::uint64_t* number : {&beacon.node, &beacon.incarnation, &beacon.counter, &beacon.term}) {
    *number = reader.u64();
  }
  const std::size_t length = reader.u16();
  if (length > kHeartbeatBytesMax) return std::nullopt;
  in_band.heartbeat = reader.take(length);
  const ByteView tag = reader.take(kTagBytes);  // padding of a short frame may follow
  if (!reader.ok() || beacon.node == 0) return std::nullopt;
  const ByteView covered = frame.subspan(wire::kEthernetHeaderBytes, kBeaconBytes + length);
  if (!is_authentic(covered, tag, key)) return std::nullopt;
  const ByteView behind = frame.subspan(wire::kEthernetHeaderBytes + covered.size());
  if ((flags & kEcho) != 0 && !read_echo(behind, beacon, key)) return std::nullopt;
  beacon.forwards = (flags & kForwards) != 0;
  beacon.agent = (flags & kAgent) != 0;
  return in_band;
}

}  // namespace bulkhead::replication
