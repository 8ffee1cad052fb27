// Each attack is a known way of making an inspector and a host see different streams.
#include "tests/adversarial/model/attacker.h"

#include <algorithm>

#include "dataplane/wire/checksum.h"
#include "tests/adversarial/model/edit.h"

namespace bulkhead::adversary {

namespace {

using wire::kTcpAck;
using wire::kTcpFin;
using wire::kTcpPsh;
using wire::kTcpRst;
using wire::kTcpSyn;
using wire::kTcpUrg;

Bytes random_payload(Random& random) {
  const auto transaction = static_cast<std::uint16_t>(1 + below(random, 60));
  switch (below(random, 4)) {
    case 0:
      return random_request(random, transaction, true).bytes;
    case 1:
      return random_request(random, transaction, false).bytes;
    case 2: {
      Bytes bytes = random_request(random, transaction, true).bytes;
      bytes.resize(1 + below(random, static_cast<std::uint32_t>(bytes.size())));
      return bytes;
    }
    default: {
      Bytes bytes(1 + below(random, 300));
      for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
      return bytes;
    }
  }
}

// Near the numbers in use, where windows end, or anywhere.
std::uint32_t random_sequence(const TcpModel& end, Random& random) {
  const std::uint32_t next = end.next_sequence();
  switch (below(random, 6)) {
    case 0:
      return next;
    case 1:
      return next - 1 - below(random, 400);
    case 2:
      return next + 1 + below(random, 400);
    case 3:
      return next + end.config().window - below(random, 3);
    case 4:
      return next - below(random, 70000);
    default:
      return static_cast<std::uint32_t>(random());
  }
}

void spoil(Bytes& frame, Random& random) {
  constexpr std::size_t kTcp = 14 + 20;
  switch (below(random, 5)) {
    case 0:  // the checksum
      frame[kTcp + 16] ^= 0x55;
      return;
    case 1:  // the data offset
      frame[kTcp + 12] = static_cast<std::uint8_t>(below(random, 16) << 4);
      return;
    case 2:  // the urgent pointer
      frame[kTcp + 13] |= kTcpUrg;
      frame[kTcp + 19] = static_cast<std::uint8_t>(below(random, 20));
      return;
    case 3:  // the length of the IP packet
      frame[14 + 3] = static_cast<std::uint8_t>(random());
      return;
    default:
      frame[kTcp + below(random, static_cast<std::uint32_t>(frame.size() - kTcp))] ^= 0xff;
      return;
  }
}

// Two segments, each cut in two at the same places, sent so that their pieces overlap. What is left
// of either must be judged whole or not at all.
std::vector<Bytes> overlapping_fragments(const Bytes& one, const Bytes& other, Random& random) {
  constexpr std::size_t kPayload = kIpPayloadAt;
  const auto identification = static_cast<std::uint16_t>(random());
  std::vector<Bytes> pieces;
  for (const Bytes* whole : {&one, &other}) {
    const std::size_t length = whole->size() - kPayload;
    const std::size_t cut = 8 * (1 + below(random, static_cast<std::uint32_t>((length - 1) / 8)));
    const std::size_t from = below(random, 2) == 0 ? cut : cut - 8 * below(random, 2);
    for (const bool first : {true, false}) {
      const std::size_t begin = first ? 0 : from;
      const std::size_t end = first ? std::min(cut, length) : length;
      Bytes piece(kPayload + end - begin);
      std::copy_n(whole->begin(), kPayload, piece.begin());
      std::copy_n(whole->begin() + static_cast<std::ptrdiff_t>(kPayload + begin), end - begin,
                  piece.begin() + kPayload);
      std::uint8_t* ip = piece.data() + kIpAt;
      store_be16(ip + 2, static_cast<std::uint16_t>(20 + end - begin));
      store_be16(ip + 4, identification);
      store_be16(ip + 6, static_cast<std::uint16_t>((begin / 8) | (first ? 0x2000U : 0U)));
      seal_ip(piece);
      pieces.push_back(std::move(piece));
    }
  }
  std::shuffle(pieces.begin(), pieces.end(), random);
  pieces.resize(2 + below(random, 3));
  return pieces;
}

// To another station, or as if from one.
Bytes displaced(Bytes frame, Random& random) {
  frame[(below(random, 2) == 0 ? 0 : 6) + 5] ^= 0x40;
  return frame;
}

// So that a router on the way ends it, or may take it apart.
Bytes short_lived(Bytes frame, Random& random) {
  frame[14 + 8] = static_cast<std::uint8_t>(1 + below(random, 70));
  if (below(random, 2) == 0) frame[14 + 6] = 0;
  seal_segment(frame);
  return frame;
}

// With a time stamp, if any, of long ago.
Bytes outdated(Bytes frame) {
  constexpr std::size_t kOptions = 14 + 20 + 20;
  const std::size_t end = 14 + 20 + (frame[14 + 20 + 12] >> 4) * std::size_t{4};
  for (std::size_t at = kOptions; at + 12 <= end; ++at) {
    if (load_be32(frame.data() + at) != 0x0101080a) continue;
    store_be32(frame.data() + at + 4, load_be32(frame.data() + at + 4) - 100000);
    break;
  }
  seal_segment(frame);
  return frame;
}

// What it said last once more, but cut elsewhere, and the second piece first.
std::vector<Bytes> recut(TcpModel& end, Random& random, TimeNs now_ns) {
  const Bytes bytes = end.tail(2 + below(random, 60));
  if (bytes.size() < 2) return {};
  const std::size_t cut = 1 + below(random, static_cast<std::uint32_t>(bytes.size() - 1));
  const std::uint32_t first = end.next_sequence() - static_cast<std::uint32_t>(bytes.size());
  const auto middle = bytes.begin() + static_cast<std::ptrdiff_t>(cut);
  return {end.frame(first + static_cast<std::uint32_t>(cut), {middle, bytes.end()},
                    kTcpAck | kTcpPsh, now_ns),
          end.frame(first, {bytes.begin(), middle}, kTcpAck | kTcpPsh, now_ns)};
}

// About a segment of the other end's: the path to this one is narrow.
Bytes path_error(const TcpModel& end, Random& random) {
  constexpr std::uint16_t kPaths[] = {0, 68, 296, 575, 1500};
  const TcpConfig& config = end.config();
  support::TcpSpec spec;
  spec.source_port = config.peer_port;
  spec.destination_port = config.self_port;
  spec.sequence = end.next_expected() + 5 - below(random, 30);
  const Bytes quoted = support::tcp_frame(config.peer, config.self, spec);
  Bytes message = support::icmp_message(3, 4, 0, Bytes(quoted.begin() + 14, quoted.begin() + 42));
  store_be16(message.data() + 6, kPaths[below(random, 5)]);
  store_be16(message.data() + 2, 0);
  store_be16(message.data() + 2, wire::checksum_finish(wire::checksum_add(0, message)));
  return support::ip_frame(config.self, config.peer, 1, message);
}

// ARP of its own address with the other end's MAC address.
Bytes claim(const TcpModel& end, Random& random) {
  const TcpConfig& config = end.config();
  const support::Host liar{config.self.address, config.peer.mac, config.self.port};
  const wire::Mac all{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
  const auto operation = static_cast<std::uint16_t>(1 + below(random, 2));
  const bool announces = below(random, 2) == 0;
  return support::arp_frame(liar, all, operation,
                            announces ? config.self.address : config.peer.address);
}

}  // namespace

std::vector<Bytes> random_attack(TcpModel& end, Random& random, TimeNs now_ns) {
  const auto granted_next = [&] {
    const auto transaction = static_cast<std::uint16_t>(1 + below(random, 60));
    return end.frame(end.next_sequence(), random_request(random, transaction, true).bytes,
                     kTcpAck | kTcpPsh, now_ns);
  };
  const std::uint32_t sequence = random_sequence(end, random);
  switch (below(random, 18)) {
    case 9:
      return {displaced(granted_next(), random)};
    case 10:
      return {short_lived(granted_next(), random)};
    case 11:
      return {outdated(granted_next())};
    case 12:  // an end inside of what was said
      return {end.frame(end.next_sequence() - below(random, 40), {}, kTcpAck | kTcpFin, now_ns)};
    case 13:
      return recut(end, random, now_ns);
    case 14:
      return {path_error(end, random), path_error(end, random)};
    case 15:
      return {end.frame(end.config().isn, {}, kTcpSyn, now_ns)};
    case 16:
      return {claim(end, random)};
    case 17:
      return {displaced(end.frame(end.config().isn, {}, kTcpSyn, now_ns), random)};
    case 7:
      return overlapping_fragments(
          end.frame(sequence, random_request(random, 1, true).bytes, kTcpAck | kTcpPsh, now_ns),
          end.frame(sequence, random_request(random, 1, false).bytes, kTcpAck | kTcpPsh, now_ns),
          random);
    case 0: {  // the same numbers twice, with different bytes
      const Bytes first = random_payload(random);
      Bytes second = first;
      second[below(random, static_cast<std::uint32_t>(second.size()))] ^= 0x01;
      return {end.frame(sequence, first, kTcpAck, now_ns),
              end.frame(sequence, second, kTcpAck | kTcpPsh, now_ns)};
    }
    case 1:
      return {end.frame(sequence, random_payload(random), kTcpAck | kTcpPsh, now_ns)};
    case 2:
      return {end.frame(sequence, {}, kTcpRst, now_ns)};
    case 3:
      return {end.frame(sequence, random_payload(random), kTcpAck | kTcpFin, now_ns)};
    case 4:
      return {end.frame(sequence, below(random, 2) == 0 ? Bytes{} : random_payload(random), kTcpSyn,
                        now_ns)};
    case 5: {
      const auto flags = static_cast<std::uint8_t>(below(random, 64));
      return {end.frame(sequence, random_payload(random), flags, now_ns)};
    }
    case 6: {
      Bytes frame = end.frame(sequence, random_payload(random), kTcpAck | kTcpPsh, now_ns);
      spoil(frame, random);
      return {frame};
    }
    default: {  // many pieces out of order, some of them twice and different
      std::vector<Bytes> frames;
      const Bytes whole = random_payload(random);
      for (std::size_t at = whole.size(); at > 0; --at) {
        Bytes piece(1, whole[at - 1]);
        if (below(random, 8) == 0) piece[0] ^= 0xff;
        frames.push_back(end.frame(sequence + static_cast<std::uint32_t>(at - 1), piece,
                                   kTcpAck | kTcpPsh, now_ns));
      }
      return frames;
    }
  }
}

}  // namespace bulkhead::adversary
