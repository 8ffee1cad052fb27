// Whoever is behind a zone port, without keys: takes no other host's MAC address, nor its place in
// the tables of stations and of sessions.
#include <gtest/gtest.h>

#include "dataplane/policy/classifier.h"
#include "tests/support/plant.h"

namespace bulkhead {
namespace {

using flow::Evidence;
using flow::MacTable;
using flow::Resolutions;
using support::Bytes;
using support::Host;
using support::ip4;
using support::kControl;
using support::kHmi;
using support::kPlc;
using support::kSupervision;
using support::Plant;
using support::TcpSession;
using support::TcpSpec;

constexpr std::uint16_t kReadHolding = 2;
constexpr std::uint16_t kRequest = 1;
constexpr std::uint16_t kReply = 2;
const wire::Mac kEverybody{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

Bytes read() { return support::modbus_adu({3, 0, 0, 0, 10}); }
Bytes write() { return support::modbus_adu({6, 0, 0, 0, 10}); }
Bytes answer() {
  Bytes pdu = {3, 20};
  pdu.resize(22, 1);
  return support::modbus_adu(pdu);
}

// All hosts of supervision may read from all of control; `bound`: the PLC's MAC address is bound.
policy::Tables open_tables(bool bound) {
  policy::Tables tables = support::modbus_tables(policy::OnDeny::reset,
                                                 support::modbus_rule({kReadHolding}, {{0, 199}}));
  for (policy::Rule& rule : tables.conduits[0].rules) {
    rule.clients = tables.zones[tables.conduits[0].from].networks;
    rule.servers = tables.zones[tables.conduits[0].to].networks;
  }
  if (!bound) tables.bindings.clear();
  policy::finish(tables);
  return tables;
}

TcpSpec syn(std::uint16_t source_port) {
  TcpSpec spec;
  spec.source_port = source_port;
  spec.flags = wire::kTcpSyn;
  return spec;
}

const Host kOther{ip4(10, 20, 0, 77), support::mac(0x77), kSupervision};
// With the PLC's MAC address; a function, since what it is made of stands in another file.
Host stranger_with_it() { return {kOther.address, kPlc.mac, kSupervision}; }

// --- a bound MAC address

TEST(BoundStation, SpeaksFromItsOwnPortAndAddressesAlone) {
  const Host neighbour{ip4(10, 10, 0, 66), kPlc.mac, kControl};
  for (const Host& liar : {stranger_with_it(), neighbour}) {
    const Host& victim = liar.port == kSupervision ? kPlc : kHmi;
    Plant plant(open_tables(true));
    const auto refused = [&](const Bytes& frame) {
      plant.clear();
      plant.arrive(liar, frame);
      EXPECT_EQ(plant.last(), Reason::bound_elsewhere);
      EXPECT_TRUE(plant.sent.empty());
    };
    refused(support::arp_frame(liar, kEverybody, kRequest, victim.address));
    refused(support::arp_frame(liar, victim.mac, kReply, victim.address));
    refused(support::arp_frame(liar, kEverybody, kRequest, liar.address));
    refused(support::arp_frame(liar, kEverybody, kReply, liar.address));
    refused(support::tcp_frame(liar, victim, syn(40000)));
    refused(support::udp_frame(liar, victim, 40000, 502, read()));
    refused(support::ip_frame(liar, victim, 1, support::icmp_message(8, 0, 1)));
  }
}

// RFC 826: sender hardware address and the frame's source are one.
TEST(BoundStation, NobodyAnnouncesItFromAnother) {
  const Host thief = stranger_with_it();
  Plant plant(open_tables(true));
  Bytes frame = support::arp_frame(thief, kEverybody, kRequest, thief.address);
  frame[11] = 0x77;
  plant.arrive(thief, frame);
  EXPECT_EQ(plant.last(), Reason::malformed_arp);
  EXPECT_TRUE(plant.sent.empty());
}

// A router has hosts of other networks behind it, and none of the network that it stands in.
TEST(BoundStation, OfARouterForwards) {
  policy::Tables tables = open_tables(true);
  tables.zones[1].networks.push_back({ip4(10, 30, 0, 0), 120});
  policy::finish(tables);
  const Host behind{ip4(10, 30, 0, 5), kPlc.mac, kControl};
  const Host beside{ip4(10, 10, 0, 5), kPlc.mac, kControl};
  EXPECT_TRUE(policy::mac_may_send_from(tables, kPlc.mac, kControl, {}, behind.address, true));
  EXPECT_FALSE(policy::mac_may_send_from(tables, kPlc.mac, kControl, {}, behind.address, false));
  EXPECT_FALSE(policy::mac_may_send_from(tables, kPlc.mac, kControl, {}, beside.address, true));
  EXPECT_FALSE(policy::mac_may_send_from(tables, kPlc.mac, kSupervision, {}, kPlc.address, true));
  EXPECT_TRUE(policy::mac_may_send_from(tables, kPlc.mac, kControl, {}, kPlc.address, false));
  EXPECT_TRUE(
      policy::mac_may_send_from(tables, support::mac(9), kControl, {}, beside.address, false));
}

// An asset with an address of one family has those of the other that nobody else has.
TEST(BoundStation, OfOneFamilyHasUnboundAddressesOfTheOther) {
  policy::Tables tables = open_tables(true);
  const wire::IpAddress free6 = support::ip6("2001:db8:10::55");
  const auto holds = [&](const wire::Mac& mac, std::uint16_t port, const wire::IpAddress& address) {
    return policy::mac_may_send_from(tables, mac, port, {}, address, false);
  };
  EXPECT_TRUE(holds(kPlc.mac, kControl, free6));
  EXPECT_FALSE(holds(kPlc.mac, kSupervision, free6)) << "behind another port";
  EXPECT_FALSE(holds(kPlc.mac, kControl, support::ip6("2001:db8:20::55"))) << "of another zone";
  EXPECT_FALSE(holds(kPlc.mac, kControl, ip4(10, 10, 0, 66))) << "of the family that it has";
  const wire::IpAddress own_link = support::ip6("fe80::ff:fe00:20");
  EXPECT_TRUE(holds(kPlc.mac, kControl, own_link));
  EXPECT_FALSE(holds(kPlc.mac, kSupervision, own_link));
  EXPECT_TRUE(policy::binding_holds(tables, own_link, kPlc.mac));
  EXPECT_FALSE(policy::binding_holds(tables, own_link, support::mac(0x66)));
  EXPECT_TRUE(policy::binding_holds(tables, support::ip6("fe80::ff:fe00:66"), support::mac(0x66)));
  tables.bindings.push_back({free6, support::mac(0x55)});  // they are sorted
  tables.bindings.push_back({support::ip6("2001:db8:10::56"), support::mac(0x56)});
  policy::finish(tables);
  EXPECT_FALSE(holds(kPlc.mac, kControl, free6)) << "somebody else has it";
  EXPECT_TRUE(holds(kPlc.mac, kControl, support::ip6("2001:db8:10::57")));
  tables.bindings.push_back({support::ip6("2001:db8:10::60"), kPlc.mac});
  policy::finish(tables);
  EXPECT_FALSE(holds(kPlc.mac, kControl, support::ip6("2001:db8:10::57")));
  EXPECT_TRUE(holds(kPlc.mac, kControl, own_link));
}

// --- where frames go

class Direction : public ::testing::TestWithParam<bool> {
 protected:
  Direction() : plant_(open_tables(GetParam())) {
    if (GetParam()) return;
    const Host& plc = kPlc;
    plant_.arrive(plc, support::arp_frame(plc, kEverybody, kRequest, plc.address));
  }
  // The MAC address that the frame leaves for.
  wire::Mac leaves_for(const Bytes& frame) {
    plant_.clear();
    plant_.arrive(kHmi, frame);
    return plant_.sent.empty() ? wire::Mac{} : wire::Mac::from(plant_.sent[0].frame.data());
  }

  Plant plant_;
};

INSTANTIATE_TEST_SUITE_P(BoundOrAnnounced, Direction, testing::Bool());

TEST_P(Direction, IsTheHostsOwnStationWhateverTheSenderWrote) {
  Host elsewhere = kPlc;
  elsewhere.mac = support::mac(0x99);
  EXPECT_EQ(leaves_for(support::udp_frame(kHmi, elsewhere, 40000, 502, read())), kPlc.mac);
  const Bytes ping = support::icmp_message(8, 0, 1);
  EXPECT_EQ(leaves_for(support::ip_frame(kHmi, elsewhere, 1, ping)), kPlc.mac);
  EXPECT_EQ(leaves_for(support::tcp_frame(kHmi, elsewhere, syn(40000))), kPlc.mac);
}

// A switch that does not know where a station is sends a frame for it everywhere.
TEST_P(Direction, IsNotTurnedToAnotherZone) {
  const Host gateway{ip4(10, 20, 0, 1), support::mac(0x21), kSupervision};
  TcpSession of_gateway(plant_, 41000, 1000, 900000, 502, gateway);
  Host through = kPlc;
  through.mac = gateway.mac;
  EXPECT_EQ(leaves_for(support::udp_frame(kHmi, through, 40000, 502, read())), wire::Mac{});
  EXPECT_EQ(plant_.last(), Reason::not_for_another_zone);
  EXPECT_EQ(leaves_for(support::tcp_frame(kHmi, through, syn(40000))), wire::Mac{});
  EXPECT_EQ(plant_.last(), Reason::not_for_another_zone);
}

// --- one that no asset has

class Station : public ::testing::Test {
 protected:
  Station() {
    session_.from_client(read());
    session_.server_acked = session_.client_next;
    session_.from_server(answer());
    session_.client_acked = session_.server_next;
    plant_.clear();
  }
  Reason arrive(const Host& from, const Bytes& frame) {
    plant_.clear();
    plant_.arrive(from, frame);
    return plant_.last();
  }
  // Whether a host that had no session opens one with the PLC.
  bool opens(std::uint16_t port) {
    return arrive(kOther, support::tcp_frame(kOther, kPlc, syn(port))) == Reason::session_control &&
           !plant_.sent.empty() && plant_.sent[0].port == kControl;
  }

  Plant plant_{open_tables(false)};
  TcpSession session_{plant_, 40000};
};

TEST_F(Station, ThatSpeaksIsMovedByNoFrameOfAnotherPort) {
  const Host thief = stranger_with_it();
  const std::vector<Bytes> claims = {
      support::arp_frame(thief, kEverybody, kRequest, kPlc.address),
      support::arp_frame(thief, kEverybody, kRequest, thief.address),
      support::arp_frame(thief, kEverybody, kReply, thief.address),
      support::arp_frame(thief, support::mac(0x99), kReply, ip4(10, 10, 0, 99)),
      support::tcp_frame(thief, {ip4(10, 10, 0, 99), support::mac(0x99), kControl}, syn(41000)),
      support::udp_frame(thief, kPlc, 41000, 502, read()),
      support::ip_frame(thief, kPlc, 1, support::icmp_message(8, 0, 1)),
  };
  std::uint16_t port = 42000;
  for (const Bytes& claim : claims) {
    EXPECT_EQ(arrive(thief, claim), Reason::station_elsewhere);
    EXPECT_TRUE(plant_.sent.empty());
    EXPECT_TRUE(opens(port++));
  }
  plant_.clear();
  session_.from_client(read());
  EXPECT_FALSE(plant_.sent.empty());
}

// It is free for whoever comes once it has been silent for as long as switches remember it.
TEST_F(Station, ThatIsSilentMayBePluggedInElsewhere) {
  const Host thief = stranger_with_it();
  plant_.be_at(plant_.now_ns() + MacTable::kAgeNs + 2 * kSecondNs);
  EXPECT_EQ(arrive(thief, support::arp_frame(thief, kEverybody, kRequest, kPlc.address)),
            Reason::address_resolution);
  EXPECT_TRUE(opens(42000)) << "two claim it, and neither has spoken";
}

// A device is replaced: another MAC address behind the same port has its address.
TEST_F(Station, OfADeviceThatIsReplacedIsTheNewOne) {
  const Host spare{kPlc.address, support::mac(0x31), kControl};
  EXPECT_EQ(arrive(spare, support::arp_frame(spare, kEverybody, kRequest, spare.address)),
            Reason::address_resolution);
  EXPECT_EQ(arrive(kOther, support::tcp_frame(kOther, spare, syn(42000))), Reason::session_control);
  ASSERT_FALSE(plant_.sent.empty());
  EXPECT_EQ(wire::Mac::from(plant_.sent[0].frame.data()), spare.mac);
}

// --- how often

// RFC 826 frames in granted addresses, of one host as fast as its wire takes them.
class Asking : public ::testing::Test {
 protected:
  static Bytes ask(const Host& host) {
    return support::arp_frame(host, kEverybody, kRequest, kPlc.address);
  }
  static Host invented(std::uint32_t number) {
    return {ip4(10, 20, 0, static_cast<std::uint8_t>(number)),
            wire::Mac::from_integer(0x020000100000 + number), kSupervision};
  }
  std::uint32_t sent_of(const Host& host, std::uint32_t frames) {
    std::uint32_t passed = 0;
    for (std::uint32_t i = 0; i < frames; ++i) {
      plant_.clear();
      plant_.arrive(host, ask(host));
      passed += static_cast<std::uint32_t>(plant_.sent.size());
    }
    return passed;
  }
  void wait(TimeNs by_ns) { plant_.be_at(plant_.now_ns() + by_ns); }

  Plant plant_{open_tables(false)};
};

TEST_F(Asking, FloodsNoOtherZone) {
  EXPECT_EQ(sent_of(kOther, 1000), Resolutions::kAtOnce);
  EXPECT_EQ(plant_.last(), Reason::resolution_share);
  std::uint32_t others = 0;  // each of 16 hosts is in one of 32 shares, by a random key
  for (std::uint32_t i = 0; i < 16; ++i) others += sent_of(invented(i), 10);
  EXPECT_GE(others, 100U) << "others have their own";
  wait(kSecondNs);
  EXPECT_EQ(sent_of(kOther, 1000), Resolutions::kUnknownPerSecond) << "it has not spoken";
}

TEST_F(Asking, OfAHostThatHasSpokenIsEnoughForALargeNetwork) {
  TcpSession session(plant_, 40000);
  session.from_client(read());
  session.from_server(answer());
  session.from_client(read());
  EXPECT_EQ(sent_of(kHmi, 1000), Resolutions::kAtOnce);
  wait(kSecondNs);
  EXPECT_EQ(sent_of(kHmi, 1000), Resolutions::kPerSecond);
}

TEST_F(Asking, InventedStationsShareTheirPort) {
  constexpr std::uint32_t kPort = Resolutions::kUnknownShares * Resolutions::kUnknownPerSecond;
  TcpSession session(plant_, 40000);
  session.from_client(read());
  session.from_server(answer());
  session.from_client(read());
  // Enough that a share which the random key gave to one of the 256 addresses is used up as well.
  constexpr std::uint32_t kFlood = 256 * (Resolutions::kAtOnce + 1);
  std::uint32_t passed = 0;
  for (std::uint32_t i = 0; i < kFlood; ++i) passed += sent_of(invented(i), 1);
  EXPECT_LE(passed, Resolutions::kUnknownShares * Resolutions::kAtOnce);
  wait(kSecondNs);
  passed = 0;
  for (std::uint32_t i = 0; i < 20'000; ++i) passed += sent_of(invented(kFlood + i), 1);
  EXPECT_LE(passed, kPort);
  EXPECT_GT(passed, kPort / 2);
  EXPECT_EQ(sent_of(kHmi, 10), 10U) << "it has spoken";
  const Host other_side{ip4(10, 10, 0, 99), support::mac(0x99), kControl};
  plant_.clear();
  plant_.arrive(other_side, support::arp_frame(other_side, kEverybody, kRequest, kHmi.address));
  EXPECT_EQ(plant_.last(), Reason::address_resolution) << "another port";
}

// RFC 5227, 3: goes to every zone.
TEST_F(Asking, TellsItsAddressNoOftener) {
  std::uint32_t passed = 0;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    plant_.clear();
    plant_.arrive(kOther, support::arp_frame(kOther, kEverybody, kRequest, kOther.address));
    passed += static_cast<std::uint32_t>(plant_.sent.size());
  }
  EXPECT_EQ(passed, Resolutions::kAtOnce);
}

// RFC 4861, 7.2.2 and 7.2.6: the same of neighbour discovery, and what it may send is one share
// with what it may send as ARP.
TEST_F(Asking, NeighbourDiscoveryIsLimitedWithArp) {
  const Host asking{support::ip6("2001:db8:20::77"), kOther.mac, kSupervision};
  const Bytes option = {1, 1, 2, 0, 0, 0, 0, 0x77};
  const Bytes own = {2, 1, 2, 0, 0, 0, 0, 0x77};
  const wire::IpAddress plc = support::ip6("2001:db8:10::20");
  const auto passed_of = [&](const wire::IpAddress& group, const Bytes& message) {
    std::uint32_t passed = 0;
    for (std::uint32_t i = 0; i < 1000; ++i) {
      plant_.clear();
      plant_.arrive(asking, support::icmp6_frame(asking, group, message));
      passed += static_cast<std::uint32_t>(plant_.sent.size());
    }
    return passed;
  };
  const Bytes solicitation = support::neighbour_message(135, 0, plc, option);
  EXPECT_EQ(passed_of(support::ip6("ff02::1:ff00:20"), solicitation), Resolutions::kAtOnce);
  EXPECT_EQ(plant_.last(), Reason::resolution_share);
  EXPECT_EQ(sent_of(kOther, 10), 0U) << "it has one MAC address";
  wait(kSecondNs);
  const Bytes advertisement = support::neighbour_message(136, 0x20, asking.address, own);
  EXPECT_EQ(passed_of(support::ip6("ff02::1"), advertisement), Resolutions::kUnknownPerSecond);
  EXPECT_EQ(plant_.last(), Reason::resolution_share);
}

// --- the table of stations

std::uint32_t spoken(const MacTable& macs, TimeNs now_ns) {
  std::uint32_t count = 0;
  macs.each(now_ns, [&](const wire::Mac&, std::uint16_t) { ++count; });
  return count;
}

TEST(StationTable, AFloodBehindOnePortDisplacesNobodyBehindAnother) {
  const TimeNs now = 1000 * kSecondNs;
  for (const Evidence evidence : {Evidence::claimed, Evidence::spoken}) {
    MacTable macs;
    const auto station = [](std::uint64_t number) {
      return wire::Mac::from_integer(0x020000000000 + number);
    };
    const auto flood = [&](std::uint64_t from) {
      for (std::uint64_t i = 0; i < 100000; ++i) {
        macs.learn(station(from + i), kSupervision, now + kSecondNs, evidence);
      }
    };
    flood(1000000);
    for (std::uint64_t i = 0; i < 200; ++i) macs.learn(station(i), kControl, now, evidence);
    flood(2000000);
    std::uint32_t kept = 0;
    for (std::uint64_t i = 0; i < 200; ++i) kept += macs.stands_at(station(i), kControl, now);
    EXPECT_EQ(kept, 200U);
  }
}

TEST(StationTable, ClaimsDisplaceNobodyWhoSpokeAndAreNotAnnounced) {
  const TimeNs now = 1000 * kSecondNs;
  MacTable macs;
  macs.learn(kHmi.mac, kSupervision, now, Evidence::spoken);
  for (std::uint64_t i = 0; i < 100000; ++i) {
    macs.learn(wire::Mac::from_integer(0x020000100000 + i), kSupervision, now + kSecondNs,
               Evidence::claimed);
  }
  macs.learn(kHmi.mac, kControl, now + kSecondNs, Evidence::claimed);
  EXPECT_TRUE(macs.stands_at(kHmi.mac, kSupervision, now));
  EXPECT_TRUE(macs.speaks_elsewhere(kHmi.mac, kControl, now));
  EXPECT_EQ(spoken(macs, now), 1U);
}

// Scattered, as hosts are.
wire::Mac numbered(std::uint64_t number) {
  std::uint64_t scattered = (number ^ (number >> 15)) * 0x2c1b3c6d;
  scattered = ((scattered & 0xffffffff) ^ (scattered >> 13 & 0x7ffff)) * 0x297a2d39;
  return wire::Mac::from_integer(0x020000000000 + (scattered & 0xffffffff));
}

// A set is shared half and half by two ports that both have many.
TEST(StationTable, TwoPortsHaveHalfOfItEach) {
  constexpr std::uint64_t kMany = 20000;
  const TimeNs now = 1000 * kSecondNs;
  MacTable macs;
  for (std::uint64_t i = 0; i < kMany; ++i) {
    macs.learn(numbered(i), kControl, now, Evidence::spoken);
  }
  for (std::uint64_t i = 0; i < 100000; ++i) {
    macs.learn(numbered(1000000 + i), kSupervision, now + kSecondNs, Evidence::spoken);
  }
  std::uint32_t kept = 0;
  for (std::uint64_t i = 0; i < kMany; ++i) kept += macs.stands_at(numbered(i), kControl, now);
  EXPECT_GE(kept, MacTable::kSlots * 9 / 20);
}

TEST(StationTable, AClaimTakesNoPlaceOfWhatSpoke) {
  const TimeNs now = 1000 * kSecondNs;
  MacTable macs;
  for (std::uint64_t i = 0; i < 20000; ++i) {
    macs.learn(numbered(i), kControl, now, Evidence::spoken);
  }
  const std::uint32_t before = spoken(macs, now);
  for (std::uint64_t i = 0; i < 100000; ++i) {
    macs.learn(numbered(1000000 + i), kControl, now + kSecondNs, Evidence::claimed);
  }
  EXPECT_EQ(spoken(macs, now), before);
}

TEST(StationTable, WhatSpeaksTakesAClaimsPlaceFirst) {
  constexpr std::uint64_t kFew = 400;
  const TimeNs now = 1000 * kSecondNs;
  MacTable macs;
  const auto learn = [&](std::uint64_t from, std::uint64_t count, TimeNs when, Evidence evidence) {
    for (std::uint64_t i = from; i < from + count; ++i) {
      macs.learn(numbered(i), kControl, when, evidence);
    }
  };
  learn(0, kFew, now, Evidence::spoken);
  learn(1000000, 100000, now + kSecondNs, Evidence::claimed);
  learn(2000000, kFew, now + 2 * kSecondNs, Evidence::spoken);
  EXPECT_EQ(spoken(macs, now + 3 * kSecondNs), 2 * kFew);
}

// --- the table of sessions

TEST(RefusedDatagrams, TakeNoPlaceFromAnybody) {
  Plant plant(open_tables(true));
  for (std::uint32_t i = 0; i < 4096; ++i) {
    const Host spoofed{ip4(10, 20, 0, static_cast<std::uint8_t>(80 + i % 100)), support::mac(0x66),
                       kSupervision};
    plant.arrive(spoofed, support::udp_frame(spoofed, kPlc, static_cast<std::uint16_t>(2000 + i),
                                             502, write()));
    ASSERT_EQ(plant.last(), Reason::function_not_granted) << i;
    plant.clear();
  }
  EXPECT_EQ(plant.pipeline().flows().size(), 0U);
  TcpSession session(plant, 40000);
  EXPECT_EQ(plant.last(), Reason::session_control);
}

// One that is granted keeps its place, whatever is refused in it.
TEST(RefusedDatagrams, EndNoSessionThatIsGranted) {
  Plant plant(open_tables(true));
  plant.arrive(kHmi, support::udp_frame(kHmi, kPlc, 40000, 502, read()));
  plant.arrive(kHmi, support::udp_frame(kHmi, kPlc, 40000, 502, write()));
  EXPECT_EQ(plant.pipeline().flows().size(), 1U);
  plant.clear();
  plant.arrive(kPlc, support::udp_frame(kPlc, kHmi, 502, 40000, answer()));
  EXPECT_EQ(plant.sent.size(), 1U);
}

}  // namespace
}  // namespace bulkhead
