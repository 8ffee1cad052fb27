// The parser of usual packets says yes only to what the parsers of the single headers take, and
// finds in it what they find.
#include "dataplane/wire/usual.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace bulkhead::wire {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kTimestampBytes = 12;

struct Shape {
  bool tagged = false;
  bool timestamps = false;
  std::uint8_t flags = kTcpAck;
  std::size_t payload = 0;
  std::size_t padding = 0;

  std::size_t ip() const { return kEthernetHeaderBytes + (tagged ? kVlanTagBytes : 0); }
  std::size_t tcp() const { return ip() + kIpv4HeaderBytes; }
  std::size_t end() const {
    return tcp() + kTcpHeaderBytes + (timestamps ? kTimestampBytes : 0) + payload;
  }
};

// Both checksums, of whatever stands where the shape has its headers.
void seal(Bytes& frame, const Shape& shape) {
  std::uint8_t* ip = frame.data() + shape.ip();
  std::uint8_t* tcp = frame.data() + shape.tcp();
  const ByteView segment{tcp, shape.end() - shape.tcp()};
  store_be16(ip + 10, 0);
  store_be16(ip + 10, checksum_finish(checksum_add(0, {ip, kIpv4HeaderBytes})));
  store_be16(tcp + 16, 0);
  const std::uint32_t pseudo =
      pseudo_header_sum(IpAddress::from_v4(ip + 12), IpAddress::from_v4(ip + 16), kProtocolTcp,
                        static_cast<std::uint32_t>(segment.size()));
  store_be16(tcp + 16, checksum_finish(checksum_add(pseudo, segment)));
}

Bytes make_frame(const Shape& shape) {
  Bytes frame(shape.end() + shape.padding);
  for (std::size_t i = 0; i < frame.size(); ++i) frame[i] = static_cast<std::uint8_t>(i * 7 + 2);
  frame[0] = 0x02;
  frame[6] = 0x04;
  if (shape.tagged) {
    store_be16(frame.data() + 12, kEtherTypeVlan);
    store_be16(frame.data() + 14, 0x6064);  // priority 3, VLAN 100
  }
  std::uint8_t* ip = frame.data() + shape.ip();
  store_be16(ip - 2, kEtherTypeIpv4);
  ip[0] = 0x45;
  store_be16(ip + 2, static_cast<std::uint16_t>(shape.end() - shape.ip()));
  store_be16(ip + 6, 0x4000);
  ip[9] = kProtocolTcp;
  ip[12] = 10;
  std::uint8_t* tcp = frame.data() + shape.tcp();
  const std::size_t header = kTcpHeaderBytes + (shape.timestamps ? kTimestampBytes : 0);
  tcp[12] = static_cast<std::uint8_t>(header / 4 << 4);
  tcp[13] = shape.flags;
  store_be16(tcp + 18, 0);
  if (shape.timestamps) store_be32(tcp + kTcpHeaderBytes, 0x0101080a);
  seal(frame, shape);
  return frame;
}

struct Parsed {
  EthernetHeader ethernet;
  IpHeader ip;
  TcpHeader tcp;
};

bool parse_in_one(const Bytes& frame, Parsed& parsed) {
  return parse_usual(frame, {}, {parsed.ethernet, parsed.ip, parsed.tcp});
}

// What the pipeline asks of a packet of TCP, header by header.
bool parse_step_by_step(ByteView frame, Parsed& parsed) {
  if (!parse_ethernet(frame, parsed.ethernet)) return false;
  if (parsed.ethernet.ethertype != kEtherTypeIpv4 || parsed.ethernet.destination.is_group()) {
    return false;
  }
  const ByteView packet = frame.subspan(parsed.ethernet.payload_offset);
  if (parse_ipv4(packet, true, parsed.ip) != IpStatus::ok) return false;
  const ByteView segment = packet.subspan(parsed.ip.payload_offset, parsed.ip.payload_length);
  return parsed.ip.protocol == kProtocolTcp && parse_tcp(segment, parsed.tcp) &&
         tcp_flags_possible(parsed.tcp.flags) && (parsed.tcp.flags & kTcpUrg) == 0 &&
         parsed.tcp.urgent == 0 &&
         transport_checksum_ok(parsed.ip.source, parsed.ip.destination, kProtocolTcp, segment);
}

void expect_same(const Parsed& one, const Parsed& other) {
  EXPECT_EQ(one.ethernet.destination, other.ethernet.destination);
  EXPECT_EQ(one.ethernet.source, other.ethernet.source);
  EXPECT_EQ(one.ethernet.vlan, other.ethernet.vlan);
  EXPECT_EQ(one.ethernet.ethertype, other.ethernet.ethertype);
  EXPECT_EQ(one.ethernet.payload_offset, other.ethernet.payload_offset);
  EXPECT_EQ(one.ip.source, other.ip.source);
  EXPECT_EQ(one.ip.destination, other.ip.destination);
  EXPECT_EQ(one.ip.version, other.ip.version);
  EXPECT_EQ(one.ip.protocol, other.ip.protocol);
  EXPECT_EQ(one.ip.hop_limit, other.ip.hop_limit);
  EXPECT_EQ(one.ip.payload_offset, other.ip.payload_offset);
  EXPECT_EQ(one.ip.payload_length, other.ip.payload_length);
  EXPECT_EQ(one.tcp.source_port, other.tcp.source_port);
  EXPECT_EQ(one.tcp.destination_port, other.tcp.destination_port);
  EXPECT_EQ(one.tcp.sequence, other.tcp.sequence);
  EXPECT_EQ(one.tcp.acknowledgement, other.tcp.acknowledgement);
  EXPECT_EQ(one.tcp.flags, other.tcp.flags);
  EXPECT_EQ(one.tcp.window, other.tcp.window);
  EXPECT_EQ(one.tcp.urgent, other.tcp.urgent);
  EXPECT_EQ(one.tcp.payload_offset, other.tcp.payload_offset);
  EXPECT_EQ(one.tcp.has_timestamps, other.tcp.has_timestamps);
  if (one.tcp.has_timestamps) {
    EXPECT_EQ(one.tcp.timestamp, other.tcp.timestamp);
  }
  EXPECT_EQ(one.tcp.mss, other.tcp.mss);
  EXPECT_EQ(one.tcp.window_scale, other.tcp.window_scale);
  EXPECT_EQ(one.tcp.has_window_scale, other.tcp.has_window_scale);
  EXPECT_EQ(one.tcp.opening_options, other.tcp.opening_options);
  EXPECT_EQ(one.tcp.unknown_options, other.tcp.unknown_options);
}

std::vector<Shape> usual_shapes() {
  std::vector<Shape> shapes;
  for (const bool tagged : {false, true}) {
    for (const bool timestamps : {false, true}) {
      for (const int flags : {kTcpAck + 0, kTcpAck | kTcpPsh, kTcpAck | kTcpFin}) {
        for (const std::size_t payload : {0, 1, 2, 3, 7, 12, 61, 260, 1448}) {
          for (const std::size_t padding : {0, 6}) {
            shapes.push_back(
                {tagged, timestamps, static_cast<std::uint8_t>(flags), payload, padding});
          }
        }
      }
    }
  }
  return shapes;
}

TEST(UsualPacket, IsTaken) {
  for (const Shape& shape : usual_shapes()) {
    const Bytes frame = make_frame(shape);
    Parsed in_one, stepwise;
    ASSERT_TRUE(parse_in_one(frame, in_one));
    ASSERT_TRUE(parse_step_by_step(frame, stepwise));
    expect_same(in_one, stepwise);
  }
}

TEST(UsualPacket, IsNotOneThatWasCut) {
  for (const Shape& shape : usual_shapes()) {
    const Bytes frame = make_frame(shape);
    for (std::size_t length = 0; length < shape.end(); ++length) {
      const Bytes cut(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(length));
      Parsed parsed;
      EXPECT_FALSE(parse_in_one(cut, parsed)) << length << " of " << shape.end();
    }
  }
}

// Every value of every byte of the headers, with checksums that are right and with the old ones.
TEST(UsualPacket, IsWhatTheOthersTakeWhateverAByteSays) {
  std::size_t taken = 0;
  for (const Shape& shape :
       {Shape{false, false, kTcpAck, 12, 0}, Shape{true, true, kTcpAck, 3, 6}}) {
    const Bytes original = make_frame(shape);
    for (std::size_t at = 0; at < shape.end(); ++at) {
      for (int value = 0; value < 256; ++value) {
        for (const bool sealed : {false, true}) {
          Bytes frame = original;
          frame[at] = static_cast<std::uint8_t>(value);
          if (sealed) seal(frame, shape);
          Parsed in_one, stepwise;
          if (!parse_in_one(frame, in_one)) continue;
          ++taken;
          ASSERT_TRUE(parse_step_by_step(frame, stepwise)) << "byte " << at << " is " << value;
          expect_same(in_one, stepwise);
        }
      }
    }
  }
  EXPECT_GT(taken, 10000U);  // most bytes may be anything
}

TEST(UsualPacket, IsWhatTheOthersTakeWhateverManyBytesSay) {
  const std::vector<Shape> shapes = usual_shapes();
  std::mt19937 random(1);
  std::size_t taken = 0;
  for (int round = 0; round < 200000; ++round) {
    const Shape& shape = shapes[random() % shapes.size()];
    Bytes frame = make_frame(shape);
    const std::size_t headers = std::min<std::size_t>(shape.end(), 70);
    for (std::uint32_t changes = random() % 4; changes > 0; --changes) {
      frame[random() % headers] = static_cast<std::uint8_t>(random());
    }
    seal(frame, shape);
    Parsed in_one, stepwise;
    if (!parse_in_one(frame, in_one)) continue;
    ++taken;
    ASSERT_TRUE(parse_step_by_step(frame, stepwise));
    expect_same(in_one, stepwise);
  }
  EXPECT_GT(taken, 50000U);
}

TEST(UsualPacket, AChecksumThatAPortVerifiedIsNotLookedAt) {
  const Shape shape{false, false, kTcpAck, 12, 0};
  Bytes frame = make_frame(shape);
  Parsed parsed;
  frame[shape.ip() + 10] ^= 1;
  EXPECT_FALSE(parse_in_one(frame, parsed));
  EXPECT_TRUE(parse_usual(frame, {false, true}, {parsed.ethernet, parsed.ip, parsed.tcp}));
  frame[shape.tcp() + 16] ^= 1;
  EXPECT_FALSE(parse_usual(frame, {false, true}, {parsed.ethernet, parsed.ip, parsed.tcp}));
  EXPECT_TRUE(parse_usual(frame, {false, false}, {parsed.ethernet, parsed.ip, parsed.tcp}));
}

}  // namespace
}  // namespace bulkhead::wire
