// Headers cut at every length, and each field at its edges.
#include <gtest/gtest.h>

#include <vector>

#include "dataplane/base/range.h"
#include "dataplane/wire/arp.h"
#include "dataplane/wire/checksum.h"
#include "dataplane/wire/ethernet.h"
#include "dataplane/wire/igmp.h"
#include "dataplane/wire/ip.h"
#include "dataplane/wire/text.h"
#include "dataplane/wire/transport.h"

namespace bulkhead::wire {
namespace {

using Bytes = std::vector<std::uint8_t>;

// RFC 1071, 3: the example's sum is 0xddf2.
TEST(Checksum, TheExampleOfTheRfc) {
  const Bytes bytes = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(checksum_add(0, bytes), 0xddf2U);
  EXPECT_EQ(checksum_finish(0xddf2), 0x220d);
  const Bytes odd = {0x00, 0x01, 0xf2};
  EXPECT_EQ(checksum_add(0, odd), 0xf201U);
}

// Word by word, as the RFC puts it, for every length and both parities of the address.
TEST(Checksum, AgreesWithSumsOfSixteenBits) {
  Bytes bytes(300);
  std::uint32_t state = 1;
  for (std::uint8_t& byte : bytes) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<std::uint8_t>(state % 5 == 0 ? 0xff : state >> 24);
  }
  for (std::size_t from = 0; from < 9; ++from) {
    for (std::size_t length = 0; length + from <= bytes.size(); ++length) {
      std::uint32_t sum = 0x1234;
      for (std::size_t i = 0; i < length; ++i) {
        sum += static_cast<std::uint32_t>(bytes[from + i]) << (i % 2 == 0 ? 8 : 0);
      }
      while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
      const ByteView view = ByteView(bytes).subspan(from, length);
      ASSERT_EQ(checksum_finish(checksum_add(0x1234, view)), static_cast<std::uint16_t>(~sum))
          << from << ' ' << length;
    }
  }
}

const Bytes kTagged = {2, 0,    0,    0,    0,   1,    2, 0, 0,  0, 0,
                       2, 0x88, 0xa8, 0x20, 100, 0x81, 0, 0, 10, 8, 0};

TEST(Ethernet, TagsAreReadOutermostFirst) {
  EthernetHeader header;
  ASSERT_TRUE(parse_ethernet(kTagged, header));
  EXPECT_EQ(header.vlan, (VlanIds{100, 10}));
  EXPECT_EQ(header.ethertype, kEtherTypeIpv4);
  EXPECT_EQ(header.payload_offset, 22);
  for (std::size_t cut = 0; cut < kTagged.size(); ++cut) {
    EXPECT_FALSE(parse_ethernet(ByteView{kTagged}.first(cut), header)) << cut;
  }
}

// A frame with these tags before an IPv4 header.
Bytes tagged_with(const std::vector<std::pair<std::uint16_t, std::uint16_t>>& tags) {
  Bytes frame = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
  for (const auto& [tpid, tci] : tags) {
    for (const std::uint16_t half : {tpid, tci}) {
      frame.push_back(static_cast<std::uint8_t>(half >> 8));
      frame.push_back(static_cast<std::uint8_t>(half));
    }
  }
  frame.insert(frame.end(), {8, 0});
  return frame;
}

TEST(Ethernet, APriorityTagIsNoVlan) {
  EthernetHeader header;
  ASSERT_TRUE(parse_ethernet(tagged_with({{0x8100, 0xe000}}), header));
  EXPECT_EQ(header.vlan, VlanIds{});
  EXPECT_EQ(header.payload_offset, 18);
  ASSERT_TRUE(parse_ethernet(tagged_with({{0x8100, 0xf00a}}), header));  // priority and DEI
  EXPECT_EQ(header.vlan, (VlanIds{10, 0}));
}

// What a customer bridge, a provider bridge and a switch that stacks 8100 tags would each forward
// to another VLAN (IEEE 802.1Q, 9.5 and 6.9).
TEST(Ethernet, TagsThatSwitchesReadDifferentlyAreRefused) {
  EthernetHeader header;
  for (const auto& tags : std::vector<std::vector<std::pair<std::uint16_t, std::uint16_t>>>{
           {{0x8100, 0}, {0x8100, 10}},
           {{0x8100, 10}, {0x8100, 0}},
           {{0x8100, 0}, {0x8100, 0}},
           {{0x8100, 100}, {0x8100, 10}},
           {{0x8100, 100}, {0x88a8, 10}},
           {{0x88a8, 10}},
           {{0x88a8, 0}},
           {{0x88a8, 0}, {0x8100, 10}},
           {{0x88a8, 100}, {0x8100, 0}},
           {{0x88a8, 100}, {0x88a8, 10}},
           {{0x8100, 0xfff}},
           {{0x88a8, 0xfff}, {0x8100, 10}},
           {{0x88a8, 100}, {0x8100, 0xfff}},
           {{0x88a8, 100}, {0x8100, 10}, {0x8100, 10}},
           {{0x88a8, 100}, {0x8100, 10}, {0x88a8, 10}}}) {
    EXPECT_FALSE(parse_ethernet(tagged_with(tags), header))
        << std::hex << tags[0].first << '/' << tags[0].second;
  }
}

const Bytes kIpv4 = {0x45, 0, 0, 24, 0,  0, 0x40, 0, 64, 17, 0, 0,
                     10,   0, 0, 1,  10, 0, 0,    2, 1,  2,  3, 4};

IpStatus ipv4(Bytes packet) {
  IpHeader header;
  return parse_ipv4(packet, false, header);
}

TEST(Ipv4, LengthsAndOptions) {
  EXPECT_EQ(ipv4(kIpv4), IpStatus::ok);
  for (std::size_t cut = 0; cut < kIpv4.size(); ++cut) {
    EXPECT_EQ(ipv4(Bytes(kIpv4.begin(), kIpv4.begin() + static_cast<std::ptrdiff_t>(cut))),
              IpStatus::malformed);
  }
  const auto changed = [](std::size_t at, std::uint8_t value) {
    Bytes packet = kIpv4;
    packet[at] = value;
    return ipv4(packet);
  };
  EXPECT_EQ(changed(0, 0x44), IpStatus::malformed);
  EXPECT_EQ(changed(0, 0x46), IpStatus::options);
  EXPECT_EQ(changed(0, 0x47), IpStatus::malformed);
  EXPECT_EQ(changed(3, 19), IpStatus::malformed);
  EXPECT_EQ(changed(3, 25), IpStatus::malformed);
  EXPECT_EQ(changed(6, 0x20), IpStatus::fragment);
  EXPECT_EQ(changed(7, 1), IpStatus::fragment);
  EXPECT_EQ(changed(6, 0xc0), IpStatus::malformed);  // RFC 791, 3.1: the first flag is zero
  EXPECT_EQ(changed(12, 224), IpStatus::malformed);
  IpHeader header;
  EXPECT_EQ(parse_ipv4(kIpv4, true, header), IpStatus::bad_checksum);
}

TEST(Ipv6, ExtensionsAndMappedAddressesAreRefused) {
  Bytes packet(44);
  packet[0] = 0x60;
  packet[5] = 4;
  packet[6] = 6;
  packet[8] = 0x20;
  packet[24] = 0x20;
  IpHeader header;
  EXPECT_EQ(parse_ipv6(packet, header), IpStatus::ok);
  EXPECT_EQ(header.payload_length, 4);
  packet[5] = 5;
  EXPECT_EQ(parse_ipv6(packet, header), IpStatus::malformed);
  packet[5] = 4;
  packet[6] = 44;
  EXPECT_EQ(parse_ipv6(packet, header), IpStatus::fragment);
  packet[6] = 0;
  EXPECT_EQ(parse_ipv6(packet, header), IpStatus::options);
  packet[6] = 6;
  packet[8] = 0;
  packet[18] = packet[19] = 0xff;
  EXPECT_EQ(parse_ipv6(packet, header), IpStatus::malformed);
}

TEST(Tcp, OffsetsAndOptions) {
  Bytes segment(24);
  segment[1] = 1;
  segment[3] = 2;
  segment[12] = 0x60;
  segment[20] = 3;
  segment[21] = 3;
  segment[22] = 20;
  TcpHeader header;
  ASSERT_TRUE(parse_tcp(segment, header));
  EXPECT_TRUE(header.has_window_scale);
  EXPECT_EQ(header.window_scale, 14);  // RFC 7323, 2.3: more is read as the most
  for (const int offset : {0x00, 0x40, 0x70, 0xf0}) {
    segment[12] = static_cast<std::uint8_t>(offset);
    EXPECT_FALSE(parse_tcp(segment, header)) << offset;
  }
  segment[12] = 0x60;
  for (const int length : {0, 1, 5}) {
    segment[21] = static_cast<std::uint8_t>(length);
    EXPECT_FALSE(parse_tcp(segment, header)) << length;
  }
  segment[21] = 3;
  segment[1] = 0;
  EXPECT_FALSE(parse_tcp(segment, header)) << "port 0";
}

TEST(Tcp, FlagsThatNoStackSends) {
  int possible = 0;
  for (int flags = 0; flags < 64; ++flags) {
    possible += tcp_flags_possible(static_cast<std::uint8_t>(flags)) ? 1 : 0;
  }
  EXPECT_EQ(possible, 6 * 4);  // six combinations, each with and without PSH and URG
}

TEST(Udp, TheLengthIsThatOfTheDatagram) {
  Bytes datagram = {0, 1, 0, 2, 0, 10, 0, 0, 7, 7};
  UdpHeader header;
  EXPECT_TRUE(parse_udp(datagram, header));
  EXPECT_EQ(header.payload_length, 2);
  for (const int length : {7, 9, 11}) {
    datagram[5] = static_cast<std::uint8_t>(length);
    EXPECT_FALSE(parse_udp(datagram, header));
  }
}

TEST(Igmp, AReportIsAsTheStandardSays) {
  const std::uint8_t numbers[] = {239, 192, 1, 32};
  const IpAddress group = IpAddress::from_v4(numbers);
  std::array<std::uint8_t, kIgmpReportBytesMax> frame;
  const Mac sender = Mac::from_integer(0x020000000007);
  Bytes expected = {1, 0,  0x5e, 0x40, 1, 0x20, 2,    0, 0, 0, 0,   7,   8, 0, 0x46, 0xc0,
                    0, 32, 0,    0,    0, 0,    1,    2, 0, 0, 0,   0,   0, 0, 239,  192,
                    1, 32, 0x94, 4,    0, 0,    0x16, 0, 0, 0, 239, 192, 1, 32};
  // RFC 1071: the sums of the header's words, and of the report's.
  store_be16(expected.data() + 24, 0x3338);
  store_be16(expected.data() + 40, 0xf91e);
  expected.resize(60);
  ASSERT_EQ(write_igmp_report(sender, {}, group, frame), 60U);
  EXPECT_EQ(Bytes(frame.begin(), frame.begin() + 60), expected);
  ASSERT_EQ(write_igmp_report(sender, {7, 9}, group, frame), 60U);
  EthernetHeader header;
  ASSERT_TRUE(parse_ethernet(ByteView{frame.data(), 60}, header));
  EXPECT_EQ(header.vlan, (VlanIds{7, 9}));
  EXPECT_EQ(header.ethertype, kEtherTypeIpv4);
  ASSERT_EQ(write_igmp_report(sender, {7, 0}, group, frame), 60U);
  ASSERT_TRUE(parse_ethernet(ByteView{frame.data(), 60}, header));
  EXPECT_EQ(header.vlan, (VlanIds{7, 0}));
  ByteView packet{frame.data() + 18, 32};
  EXPECT_FALSE(is_igmp_query(packet));
  std::uint8_t* message = frame.data() + 18 + 24;
  message[0] = 0x11;
  store_be16(message + 2, 0xfe1e);
  EXPECT_TRUE(is_igmp_query(packet));
  for (std::size_t length = 0; length < packet.size(); ++length) {
    EXPECT_FALSE(is_igmp_query(packet.first(length)));
  }
  message[3] ^= 1;
  EXPECT_FALSE(is_igmp_query(packet)) << "a wrong checksum";
  const auto reported = [](std::uint8_t a, std::uint8_t c) {
    const std::uint8_t address[] = {a, 0, c, 1};
    return is_reported(IpAddress::from_v4(address));
  };
  EXPECT_TRUE(reported(239, 0));
  EXPECT_TRUE(reported(224, 1));
  EXPECT_FALSE(reported(224, 0)) << "it never leaves its link";
  EXPECT_FALSE(reported(10, 1));
}

TEST(Prefix, CoversByBits) {
  const std::uint8_t network[] = {10, 20, 32, 0};
  const Prefix prefix{IpAddress::from_v4(network), 96 + 19};
  const auto covered = [&](std::uint8_t third) {
    const std::uint8_t address[] = {10, 20, third, 9};
    return prefix.contains(IpAddress::from_v4(address));
  };
  EXPECT_FALSE(covered(31));
  EXPECT_TRUE(covered(32));
  EXPECT_TRUE(covered(63));
  EXPECT_FALSE(covered(64));
  EXPECT_EQ(to_text(prefix.address, 502), "10.20.32.0:502");
}

TEST(Float32Order, SortsAsTheNumbersDo) {
  const float values[] = {-3e38F, -1.5F, -1e-40F, 0.0F, 1e-40F, 0.1F, 1.0F, 3e38F};
  std::int64_t last = INT64_MIN;
  for (const float value : values) {
    const auto order = float32_order(std::bit_cast<std::uint32_t>(value));
    ASSERT_TRUE(order);
    EXPECT_GT(*order, last);
    EXPECT_EQ(float32_from_order(*order), value);
    last = *order;
  }
  EXPECT_EQ(float32_order(0x80000000U), float32_order(0));
  EXPECT_FALSE(float32_order(0x7f800001U));
}

TEST(Text, AddressesAreReadAsTheyAreWritten) {
  for (const char* text : {"10.20.0.10", "2001:db8::20"}) {
    const auto address = read_ip(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(to_text(*address), text);
  }
  for (const char* text :
       {"", "10.20.0", "::ffff:10.20.0.10", "02:00:00:00:00:20", "10.20.0.10 "}) {
    EXPECT_FALSE(read_ip(text)) << text;
  }
  const auto mac = read_mac("02:0A:0b-00:00-20");
  ASSERT_TRUE(mac);
  EXPECT_EQ(to_text(*mac), "02:0a:0b:00:00:20");
  for (const char* text : {"", "02:00:00:00:00:2", "02:00:00:00:00:2g",
                           "02:00:00:00:00:20:", "02.00.00.00.00.20", "-2:00:00:00:00:20"}) {
    EXPECT_FALSE(read_mac(text)) << text;
  }
}

}  // namespace
}  // namespace bulkhead::wire
