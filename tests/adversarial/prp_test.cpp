// PRP (IEC 62439-3:2016): trailers stay on frames that leave as they came, and a zone that has it
// gets nothing that was cut, held, put in or acknowledged here.
#include <gtest/gtest.h>

#include "tests/support/ber_elements.h"
#include "tests/support/plant.h"

namespace bulkhead {
namespace {

using support::Bytes;
using support::Host;
using support::kHmi;
using support::kPlc;
using support::Plant;
using support::Sent;
using support::TcpSpec;
using wire::kTcpAck;
using wire::kTcpFin;
using wire::kTcpPsh;
using wire::kTcpSyn;

constexpr std::uint16_t kReadHolding = 2;
constexpr std::size_t kShortest = 60;  // IEEE 802.3, without its check sequence

const Bytes kRead = support::modbus_adu({3, 0, 0, 0, 10});
const Bytes kAnswer =
    support::modbus_adu({3, 20, 0, 0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8, 0, 9});
const Bytes kReadOutside = support::modbus_adu({3, 0, 95, 0, 10});

// 4.1.7: padding, if the frame is short; then sequence number, LAN and size, and the suffix. The
// size counts from behind the EtherType.
Bytes with_trailer(Bytes frame, std::uint16_t sequence, std::uint8_t lan = 0xa,
                   std::size_t header = 14) {
  if (frame.size() < kShortest) frame.resize(kShortest);
  const std::size_t lsdu = frame.size() + 6 - header;
  for (const std::size_t value :
       {std::size_t{sequence}, std::size_t{lan} << 12 | lsdu, std::size_t{0x88fb}}) {
    frame.push_back(static_cast<std::uint8_t>(value >> 8));
    frame.push_back(static_cast<std::uint8_t>(value));
  }
  return frame;
}

policy::Tables plant_policy(bool prp, policy::OnDeny on_deny = policy::OnDeny::reset) {
  policy::Tables tables =
      support::modbus_tables(on_deny, support::modbus_rule({kReadHolding}, {{0, 99}}));
  for (policy::Zone& zone : tables.zones) zone.prp = prp;
  return tables;
}

// A session of HMI and PLC, each frame with a trailer.
class Redundant {
 public:
  Redundant(Plant& plant, bool trailers = true) : plant_(plant), trailers_(trailers) {
    client(kTcpSyn, {});
    server(kTcpSyn | kTcpAck, {});
    client(kTcpAck, {});
    plant.clear();
  }

  Bytes client_frame(std::uint32_t sequence, std::uint8_t flags, const Bytes& payload) {
    TcpSpec spec;
    spec.sequence = sequence;
    spec.acknowledgement = (flags & kTcpAck) != 0 ? client_acked : 0;
    spec.flags = flags;
    spec.payload = payload;
    return dress(support::tcp_frame(kHmi, kPlc, spec));
  }
  Bytes server_frame(std::uint32_t sequence, std::uint8_t flags, const Bytes& payload) {
    TcpSpec spec;
    spec.source_port = 502;
    spec.destination_port = 40000;
    spec.sequence = sequence;
    spec.acknowledgement = server_acked;
    spec.flags = flags;
    spec.payload = payload;
    return dress(support::tcp_frame(kPlc, kHmi, spec));
  }
  // Each is sent at the next number, and taken for received.
  Bytes client(std::uint8_t flags, const Bytes& payload) {
    const Bytes frame = client_frame(client_next, flags, payload);
    plant_.arrive(kHmi, frame);
    client_next += count(flags, payload);
    server_acked = client_next;
    return frame;
  }
  Bytes server(std::uint8_t flags, const Bytes& payload) {
    const Bytes frame = server_frame(server_next, flags, payload);
    plant_.arrive(kPlc, frame);
    server_next += count(flags, payload);
    client_acked = server_next;
    return frame;
  }

  std::uint32_t client_next = 1000;
  std::uint32_t server_next = 900000;
  std::uint32_t client_acked = 0;
  std::uint32_t server_acked = 0;

 private:
  static std::uint32_t count(std::uint8_t flags, const Bytes& payload) {
    return static_cast<std::uint32_t>(payload.size()) + ((flags & (kTcpSyn | kTcpFin)) != 0);
  }
  Bytes dress(Bytes frame) {
    return trailers_ ? with_trailer(std::move(frame), sequence_++) : frame;
  }

  Plant& plant_;
  bool trailers_;
  std::uint16_t sequence_ = 65530;  // and wraps
};

class Prp : public ::testing::TestWithParam<bool> {
 protected:
  void expect_as_it_came(const Bytes& frame, std::uint16_t port) {
    ASSERT_EQ(plant_.sent.size(), 1U);
    EXPECT_EQ(plant_.sent[0].port, port);
    EXPECT_EQ(plant_.sent[0].frame, frame);
    plant_.clear();
  }

  Plant plant_{plant_policy(GetParam())};
};

INSTANTIATE_TEST_SUITE_P(WithAndWithout, Prp, ::testing::Bool());

TEST_P(Prp, TrailersStayOnWhatLeavesAsItCame) {
  Redundant session(plant_);
  for (int i = 0; i < 10; ++i) {
    expect_as_it_came(session.client(kTcpAck | kTcpPsh, kRead), support::kControl);
    expect_as_it_came(session.server(kTcpAck | kTcpPsh, kAnswer), support::kSupervision);
    expect_as_it_came(session.client(kTcpAck, {}), support::kControl);
  }
  const Bytes datagram = with_trailer(support::udp_frame(kHmi, kPlc, 40000, 502, kRead), 7, 0xb);
  plant_.arrive(kHmi, datagram);
  expect_as_it_came(datagram, support::kControl);
  const Bytes arp = with_trailer(
      support::arp_frame(kHmi, wire::Mac{{255, 255, 255, 255, 255, 255}}, 1, kPlc.address), 8);
  plant_.arrive(kHmi, arp);
  expect_as_it_came(arp, support::kControl);
  const Bytes ping = with_trailer(
      support::ip_frame(kHmi, kPlc, 1, support::icmp_message(8, 0, 1, Bytes(100, 0x55))), 9);
  plant_.arrive(kHmi, ping);
  expect_as_it_came(ping, support::kControl);
}

// A long frame's buffer is kept for a retransmission too: what is sent has the trailer, and what
// is sent again has not.
TEST(PrpCopies, HaveNoTrailer) {
  Plant plant(plant_policy(false));
  Redundant session(plant);
  Bytes answer = support::modbus_adu(Bytes(2 + 250));
  answer[7] = 3;
  answer[8] = 250;
  const Bytes asked = support::modbus_adu({3, 0, 0, 0, 125});
  plant.change_policy([] {
    policy::Tables tables = plant_policy(false);
    tables.conduits[0].rules[0] = support::modbus_rule({kReadHolding}, {{0, 999}});
    return tables;
  }());
  session.client(kTcpAck | kTcpPsh, asked);
  plant.clear();
  const Bytes frame = session.server(kTcpAck | kTcpPsh, answer);
  ASSERT_EQ(plant.sent.size(), 1U);
  EXPECT_EQ(plant.sent[0].frame, frame);
  plant.clear();
  session.client_acked -= static_cast<std::uint32_t>(answer.size());
  plant.arrive(kPlc,
               session.server_frame(session.server_next - static_cast<std::uint32_t>(answer.size()),
                                    kTcpAck | kTcpPsh, answer));
  ASSERT_EQ(plant.sent.size(), 1U);
  EXPECT_EQ(plant.sent[0].frame.size(), frame.size() - 6);
  EXPECT_TRUE(support::parse_sent(plant.sent[0].frame));
}

TEST_P(Prp, OneTagDoesNotCountAndPaddingIsZeroed) {
  Bytes frame = support::with_vlan(support::udp_frame(kHmi, kPlc, 40000, 502, kRead), 0);
  const std::size_t end = frame.size();
  frame = with_trailer(frame, 1, 0xa, 18);
  ASSERT_GT(frame.size(), end + 6);
  Bytes padded = frame;
  padded[end] = 0x5a;
  plant_.arrive(kHmi, padded);
  expect_as_it_came(frame, support::kControl);
}

// IEC 61850-8-1, annex C and A: where the message ends its own length says.
TEST_P(Prp, TrailersStayOnGoose) {
  using support::element;
  const support::Message apdu = element(0x61, support::join({element(0x80, "BAY1/LLN0$GO$trip"),
                                                             element(0x81, {7, 0xd0}),
                                                             element(0x82, "BAY1/LLN0$events"),
                                                             element(0x83, "trip"),
                                                             element(0x84, support::Message(8, 0)),
                                                             element(0x85, {1}),
                                                             element(0x86, support::Message{0}),
                                                             element(0x88, {7}),
                                                             {0x89, 1, 0},
                                                             element(0x8a, {1}),
                                                             element(0xab, {0x83, 1, 1})}));
  const auto length = static_cast<std::uint8_t>(8 + apdu.size());
  const wire::Mac group{{0x01, 0x0c, 0xcd, 0x01, 0x00, 0x05}};
  Bytes frame(group.bytes.begin(), group.bytes.end());
  frame.insert(frame.end(), kHmi.mac.bytes.begin(), kHmi.mac.bytes.end());
  for (const int byte : {0x88, 0xb8, 0x10, 0x01, 0x00, int{length}, 0, 0, 0, 0}) {
    frame.push_back(static_cast<std::uint8_t>(byte));
  }
  frame.insert(frame.end(), apdu.begin(), apdu.end());
  policy::Tables tables = plant_policy(GetParam());
  const wire::IpAddress publisher = wire::IpAddress::from_mac(kHmi.mac);
  const wire::IpAddress subscribers = wire::IpAddress::from_mac(group);
  tables.zones[0].networks.push_back({publisher, 128});
  tables.zones[1].groups = {subscribers};
  policy::Rule rule;
  rule.clients = {{publisher, 128}};
  rule.servers = {{subscribers, 128}};
  rule.transport = policy::Transport::ethernet;
  rule.ports = {{0x88b8, 0x88b8}};
  rule.protocol = *protocols::find_protocol("goose");
  rule.functions.set(0);  // it has but one
  tables.conduits[0].rules.push_back(std::move(rule));
  Plant plant(std::move(tables));
  const Bytes with = with_trailer(frame, 4, 0xb);
  plant.arrive(kHmi, with);
  ASSERT_EQ(plant.sent.size(), 1U) << describe(plant.last()).name;
  EXPECT_EQ(plant.sent[0].frame, with);
}

// Its receivers take it for padding; what it is for them stays as it came.
TEST_P(Prp, AnUntrueSizeStaysUntrue) {
  Bytes frame = with_trailer(support::udp_frame(kHmi, kPlc, 40000, 502, kRead), 1);
  --frame[frame.size() - 3];
  plant_.arrive(kHmi, frame);
  expect_as_it_came(frame, support::kControl);
}

TEST_P(Prp, WhatNamesNoLanIsPadding) {
  const Bytes datagram = support::udp_frame(kHmi, kPlc, 40000, 502, kRead);
  const Bytes right = with_trailer(datagram, 1);
  for (const int lan : {0x00, 0x90, 0xc0, 0xf0}) {
    Bytes frame = right;
    frame[frame.size() - 4] = static_cast<std::uint8_t>(lan | (frame[frame.size() - 4] & 0x0f));
    plant_.clear();
    plant_.arrive(kHmi, frame);
    if (GetParam()) {
      EXPECT_EQ(plant_.last(), Reason::prp_trailer);
      EXPECT_TRUE(plant_.sent.empty());
    } else {
      expect_as_it_came(datagram, support::kControl);
    }
  }
}

TEST_P(Prp, HsrIsRefusedByName) {
  Bytes frame = support::udp_frame(kHmi, kPlc, 40000, 502, kRead);
  const Bytes tag = {0x89, 0x2f, 0x00, 0x34, 0x00, 0x01};
  frame.insert(frame.begin() + 12, tag.begin(), tag.end());
  plant_.arrive(kHmi, frame);
  EXPECT_EQ(plant_.last(), Reason::hsr);
  EXPECT_TRUE(plant_.sent.empty());
}

class PrpZone : public ::testing::TestWithParam<policy::OnDeny> {
 protected:
  Plant plant_{plant_policy(true, GetParam())};
  Redundant session_{plant_};
};

INSTANTIATE_TEST_SUITE_P(EachOnDeny, PrpZone,
                         ::testing::Values(policy::OnDeny::drop, policy::OnDeny::reset,
                                           policy::OnDeny::reject));

TEST_P(PrpZone, AMessageInTwoFramesIsRefused) {
  session_.client(kTcpAck | kTcpPsh, Bytes(kRead.begin(), kRead.begin() + 5));
  EXPECT_EQ(plant_.last(), Reason::prp_not_whole);
  for (const Sent& sent : plant_.sent) {  // nothing but resets
    const auto tcp = support::parse_sent(sent.frame);
    ASSERT_TRUE(tcp);
    EXPECT_NE(tcp->header.flags & wire::kTcpRst, 0);
  }
  EXPECT_EQ(plant_.sent.empty(), GetParam() == policy::OnDeny::drop);
}

// Neither is answered nor taken out, in whichever place of the frame it stands.
TEST_P(PrpZone, ARefusedMessageTakesItsFrameWithItAndEndsTheSession) {
  Bytes both = kRead;
  both.insert(both.end(), kReadOutside.begin(), kReadOutside.end());
  session_.client(kTcpAck | kTcpPsh, both);
  EXPECT_EQ(plant_.last(), Reason::values_not_granted);
  for (const Sent& sent : plant_.sent) {
    const auto tcp = support::parse_sent(sent.frame);
    ASSERT_TRUE(tcp);
    EXPECT_TRUE(tcp->payload.empty());
    EXPECT_NE(tcp->header.flags & wire::kTcpRst, 0);
  }
  plant_.clear();
  session_.client(kTcpAck | kTcpPsh, kRead);
  EXPECT_EQ(plant_.last(), Reason::flow_refused);
}

TEST_P(PrpZone, SeveralWholeMessagesLeaveInTheirFrame) {
  Bytes both = kRead;
  both.insert(both.end(), kRead.begin(), kRead.end());
  both[kRead.size() + 1] = 2;  // another transaction
  const Bytes frame = session_.client(kTcpAck | kTcpPsh, both);
  ASSERT_EQ(plant_.sent.size(), 1U);
  EXPECT_EQ(plant_.sent[0].frame, frame);
}

TEST_P(PrpZone, NothingIsAcknowledgedOrHeld) {
  plant_.arrive(kHmi, session_.client_frame(session_.client_next + 12, kTcpAck | kTcpPsh, kRead));
  EXPECT_EQ(plant_.last(), Reason::prp_gap);
  EXPECT_TRUE(plant_.sent.empty());
  plant_.pass_time(2 * kSecondNs);
  EXPECT_TRUE(plant_.sent.empty());
  const std::uint32_t before = plant_.buffers_in_use();
  session_.client(kTcpAck | kTcpPsh, kRead);
  EXPECT_EQ(plant_.sent.size(), 1U);
  EXPECT_LE(plant_.buffers_in_use(), before + 1);
}

// The sender's own repetition leaves with the trailer that it has now: with the one of before, the
// receiver would take it for the copy of the other LAN.
TEST_P(PrpZone, ARepetitionLeavesAsItCame) {
  const std::uint32_t number = session_.client_next;
  session_.client(kTcpAck | kTcpPsh, kRead);
  plant_.clear();
  const Bytes again = session_.client_frame(number, kTcpAck | kTcpPsh, kRead);
  plant_.arrive(kHmi, again);
  ASSERT_EQ(plant_.sent.size(), 1U);
  EXPECT_EQ(plant_.sent[0].frame, again);
  plant_.clear();
  // Neither cut nor joined in another place.
  plant_.arrive(kHmi,
                session_.client_frame(number, kTcpAck, Bytes(kRead.begin(), kRead.end() - 1)));
  EXPECT_EQ(plant_.last(), Reason::prp_not_whole);
  EXPECT_TRUE(plant_.sent.empty());
  plant_.clear();
  Bytes other = kRead;
  other[9] = 1;
  plant_.arrive(kHmi, session_.client_frame(number, kTcpAck | kTcpPsh, other));
  EXPECT_EQ(plant_.last(), Reason::tcp_inconsistent_retransmission);
  plant_.clear();
  // Joined with what comes next, as senders do (RFC 9293, 3.8.1).
  Bytes both = kRead;
  both.insert(both.end(), kRead.begin(), kRead.end());
  both[kRead.size() + 1] = 2;
  const Bytes joined = session_.client_frame(number, kTcpAck | kTcpPsh, both);
  plant_.arrive(kHmi, joined);
  ASSERT_EQ(plant_.sent.size(), 1U);
  EXPECT_EQ(plant_.sent[0].frame, joined);
}

TEST_P(PrpZone, WhatCameOverTheOtherLanIsNotMissedHere) {
  const std::uint32_t server_number = session_.server_next;
  // The request went over the other LAN alone; its answer comes here as well.
  session_.client_next += static_cast<std::uint32_t>(kRead.size());
  session_.server_acked = session_.client_next;
  const Bytes answer = session_.server(kTcpAck | kTcpPsh, kAnswer);
  ASSERT_EQ(plant_.sent.size(), 1U);
  EXPECT_EQ(plant_.sent[0].frame, answer);
  EXPECT_EQ(session_.server_next, server_number + kAnswer.size());
  plant_.clear();
  const Bytes next = session_.client(kTcpAck | kTcpPsh, kRead);
  ASSERT_EQ(plant_.sent.size(), 1U);
  EXPECT_EQ(plant_.sent[0].frame, next);
  plant_.clear();
  // The answer went over the other LAN alone.
  session_.server_next += static_cast<std::uint32_t>(kAnswer.size());
  session_.client_acked = session_.server_next;
  const Bytes third = session_.client(kTcpAck | kTcpPsh, kRead);
  ASSERT_EQ(plant_.sent.size(), 1U);
  EXPECT_EQ(plant_.sent[0].frame, third);
}

TEST_P(PrpZone, NobodyHasMoreThanItsWindow) {
  session_.client_next += 1U << 20;
  session_.server_acked = session_.client_next;
  plant_.arrive(kPlc, session_.server_frame(session_.server_next, kTcpAck, {}));
  EXPECT_EQ(plant_.last(), Reason::tcp_bad_acknowledgement);
}

TEST_P(PrpZone, ASessionClosesWithItsTrailers) {
  session_.client(kTcpAck | kTcpPsh, kRead);
  session_.server(kTcpAck | kTcpPsh, kAnswer);
  plant_.clear();
  const Bytes first = session_.client(kTcpAck | kTcpFin, {});
  const Bytes second = session_.server(kTcpAck | kTcpFin, {});
  const Bytes last = session_.client(kTcpAck, {});
  ASSERT_EQ(plant_.sent.size(), 3U);
  EXPECT_EQ(plant_.sent[0].frame, first);
  EXPECT_EQ(plant_.sent[1].frame, second);
  EXPECT_EQ(plant_.sent[2].frame, last);
}

TEST(PrpDatagrams, ARefusalIsNotPutIn) {
  Plant plant(plant_policy(true, policy::OnDeny::reject));
  plant.arrive(kHmi, with_trailer(support::udp_frame(kHmi, kPlc, 40000, 502, kReadOutside), 1));
  EXPECT_EQ(plant.last(), Reason::values_not_granted);
  EXPECT_TRUE(plant.sent.empty());
}

// 4.2.7.4.1: path and version, the sender's count, then TLVs: 20 (discards duplicates) with the
// node's address, 30 with that of its RedBox, 0 at the end.
Bytes supervision(const wire::Mac& from, const Bytes& tlvs, std::uint16_t version = 1) {
  Bytes frame = {0x01, 0x15, 0x4e, 0x00, 0x01, 0x00};
  frame.insert(frame.end(), from.bytes.begin(), from.bytes.end());
  for (const std::uint16_t value : {std::uint16_t{0x88fb}, version, std::uint16_t{77}}) {
    frame.push_back(static_cast<std::uint8_t>(value >> 8));
    frame.push_back(static_cast<std::uint8_t>(value));
  }
  frame.insert(frame.end(), tlvs.begin(), tlvs.end());
  return with_trailer(frame, 3);
}

TEST_P(Prp, SupervisionCrossesBetweenZonesOfOneLan) {
  const Bytes node = {20, 6, 2, 0, 0, 0, 0, 10, 0, 0};
  const Bytes red_box = {20, 6, 2, 0, 0, 0, 0, 10, 30, 6, 2, 0, 0, 0, 0, 12, 0, 0};
  for (const Bytes& tlvs : {node, red_box}) {
    const Bytes frame = supervision(kHmi.mac, tlvs);
    plant_.arrive(kHmi, frame);
    if (GetParam()) {
      expect_as_it_came(frame, support::kControl);
    } else {
      EXPECT_EQ(plant_.last(), Reason::ethertype_not_granted);
      EXPECT_TRUE(plant_.sent.empty());
    }
  }
}

TEST(PrpSupervision, HasOneFormAndComesFromWhereItsNodeStands) {
  const Bytes node = {20, 6, 2, 0, 0, 0, 0, 10, 0, 0};
  const auto refused = [&](const Bytes& frame) {
    Plant plant(plant_policy(true));
    plant.arrive(kPlc, support::udp_frame(kPlc, kHmi, 502, 40000, kAnswer));
    Redundant session(plant);  // both stations are seen where they stand
    plant.arrive(kHmi, frame);
    EXPECT_TRUE(plant.sent.empty());
    return plant.last();
  };
  for (const Bytes& tlvs : {Bytes{20, 6, 2, 0, 0, 0, 0, 10, 30, 0}, Bytes{23, 6, 2, 0, 0, 0, 0, 10},
                            Bytes{20, 12, 2, 0, 0, 0, 0, 10}, Bytes{20, 6, 3, 0, 0, 0, 0, 10},
                            Bytes{20, 6, 2, 0, 0, 0, 0, 10, 0, 1}, Bytes{}}) {
    EXPECT_EQ(refused(supervision(kHmi.mac, tlvs)), Reason::malformed_ethernet);
  }
  EXPECT_EQ(refused(supervision(kHmi.mac, node, 0xf000)), Reason::malformed_ethernet);
  Bytes of_plc = {20, 6};
  of_plc.insert(of_plc.end(), kPlc.mac.bytes.begin(), kPlc.mac.bytes.end());
  EXPECT_EQ(refused(supervision(kHmi.mac, of_plc)), Reason::spoofed_source);
}

// A node says every two seconds that it is there (4.2.7.2, LifeCheckInterval).
TEST(PrpSupervision, IsLimitedByStation) {
  const Bytes node = {20, 6, 2, 0, 0, 0, 0, 10, 0, 0};
  Plant plant(plant_policy(true));
  std::uint32_t passed = 0;
  for (int i = 0; i < 1000; ++i) {
    plant.clear();
    plant.arrive(kHmi, supervision(kHmi.mac, node));
    passed += static_cast<std::uint32_t>(plant.sent.size());
  }
  EXPECT_EQ(passed, flow::Resolutions::kAtOnce);
  EXPECT_EQ(plant.last(), Reason::resolution_share);
}

// Frames of full length with two tags and a trailer are not taken apart for their length.
TEST(PrpLength, TheTrailerIsNoPartOfThePacket) {
  policy::Tables tables = plant_policy(true);
  for (policy::Zone& zone : tables.zones) zone.vlan = {100, 10};
  Plant plant(std::move(tables));
  Bytes ping =
      support::ip_frame(kHmi, kPlc, 1, support::icmp_message(8, 0, 1, Bytes(1500 - 20 - 8, 0x55)));
  ping = support::with_vlan(support::with_vlan(ping, 10), 100, 0x88a8);
  const Bytes frame = with_trailer(ping, 1, 0xb, 22);
  plant.arrive(kHmi, frame);
  ASSERT_EQ(plant.sent.size(), 1U);
  EXPECT_EQ(plant.sent[0].frame, frame);
}

}  // namespace
}  // namespace bulkhead
