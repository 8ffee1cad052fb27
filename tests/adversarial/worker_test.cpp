// Whole workers with their ports: who gets which packet, and what happens when a port takes no more
// or no buffers are left. The ports are rings; nothing is lost that is not counted.
#include <gtest/gtest.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include <chrono>
#include <cstring>
#include <set>
#include <thread>

#include "dataplane/flow/steering.h"
#include "dataplane/pair/late_frames.h"
#include "dataplane/wire/checksum.h"
#include "dataplane/wire/text.h"
#include "tests/support/appliance.h"

namespace bulkhead {
namespace {

using support::Bytes;
using support::Host;
using support::ip4;
using support::ip_frame;
using support::tcp_frame;
using support::udp_frame;

constexpr const char* kPolicy = R"(bulkhead: v1
site: workers
zones:
  supervision: {port: 0, networks: [10.20.0.0/24]}
  control: {port: 1, networks: [10.10.0.0/24]}
conduits:
  scada:
    from: supervision
    to: control
    on_deny: reject
    fragments: reassemble
    allow:
      - {protocol: modbus, client: any, server: any, access: [read]}
      - {service: udp/5000, client: any, server: any}
)";

const Host kClient{ip4(10, 20, 0, 10), support::mac(1), 0};
const Host kServer{ip4(10, 10, 0, 20), support::mac(2), 1};

class Appliance : public support::Appliance {
 public:
  Appliance(std::uint32_t workers, unsigned ring_size, bool pair = false,
            const std::string& policy = kPolicy)
      : support::Appliance(workers, ring_size, pair, policy) {}
};

Bytes datagram(std::uint16_t source_port, std::size_t bytes = 20) {
  return udp_frame(kClient, kServer, source_port, 5000, Bytes(bytes, 7));
}

TEST(Workers, WhatAPortDoesNotTakeIsCountedAndGivenBack) {
  Appliance appliance(1, 64);
  constexpr int kSent = 500;
  for (int i = 0; i < kSent; ++i) {
    ASSERT_TRUE(appliance.arrive(datagram(40000), 0));
    appliance.turn(1);
  }
  const std::size_t left = appliance.collect().size();
  EXPECT_EQ(left, 63U);  // what a ring of 64 holds
  EXPECT_EQ(appliance.status().ports(1).transmit_lost(), kSent - left);
  ASSERT_TRUE(appliance.arrive(datagram(40000), 0));
  appliance.turn();
  EXPECT_EQ(appliance.collect().size(), 1U);
}

// A session of two requests, one at a time: a granted one, then one that is refused.
struct ModbusClient {
  Appliance& appliance;
  std::uint16_t port = 40000;
  std::uint32_t next = 1001;

  void send(bool from_client, std::uint8_t flags, const Bytes& payload = {}) {
    support::TcpSpec spec;
    spec.source_port = from_client ? port : std::uint16_t{502};
    spec.destination_port = from_client ? std::uint16_t{502} : port;
    spec.sequence = from_client ? next : 5001;
    spec.acknowledgement = from_client ? 5001 : next;
    if ((flags & wire::kTcpSyn) != 0) --spec.sequence;
    if (flags == wire::kTcpSyn) spec.acknowledgement = 0;
    spec.flags = flags;
    spec.payload = payload;
    EXPECT_TRUE(appliance.arrive(
        from_client ? tcp_frame(kClient, kServer, spec) : tcp_frame(kServer, kClient, spec),
        from_client ? 0 : 1));
    appliance.turn();
    if (from_client) next += static_cast<std::uint32_t>(payload.size());
  }
  void open() {
    send(true, wire::kTcpSyn);
    send(false, wire::kTcpSyn | wire::kTcpAck);
    send(true, wire::kTcpAck);
    appliance.collect();
  }
};

const Bytes kRead = support::modbus_adu({3, 0, 0, 0, 1});
const Bytes kWrite = support::modbus_adu({6, 0, 0, 0, 1});

TEST(Workers, WithoutBuffersARefusalBecomesTheEndOfItsSessionAndNothingElse) {
  Appliance appliance(1, 256);
  ModbusClient unlucky{appliance, 40000};
  ModbusClient other{appliance, 40001};
  unlucky.open();
  other.open();
  appliance.hold_buffers(1);  // for the request itself
  unlucky.send(true, wire::kTcpAck | wire::kTcpPsh, kWrite);
  EXPECT_TRUE(appliance.collect().empty());  // neither the refusal nor a reset could be made
  EXPECT_EQ(appliance.counted("function_not_granted"), 1U);
  appliance.release();
  unlucky.send(true, wire::kTcpAck | wire::kTcpPsh, kRead);
  for (const auto& left : appliance.collect()) {
    const auto sent = support::parse_sent(left.frame);
    EXPECT_TRUE(sent->payload.empty());  // nothing of the refused session reaches the server
  }
  other.send(true, wire::kTcpAck | wire::kTcpPsh, kRead);
  const auto passed = appliance.collect();
  ASSERT_EQ(passed.size(), 1U);
  EXPECT_EQ(support::parse_sent(passed[0].frame)->payload, kRead);
}

// The one that hands over and the one that takes over: the same workers, one after the other.
class HandOver : public testing::TestWithParam<std::uint32_t> {
 protected:
  HandOver() : appliance_(GetParam(), 256, true), late_(appliance_.shared()) {
    late_.begin(monotonic_now_ns());
    may_forward(false);
    for (const Bytes& frame : {datagram(40000), question(), other_service()}) {
      EXPECT_TRUE(appliance_.arrive(frame, 0));
    }
    EXPECT_EQ(leaves(), 0U);
  }

  // What came behind the hand-over, for the peer, which takes it in this one's place.
  v1::LateFrames handed_on() {
    late_.hand_on();
    return late_.take(monotonic_now_ns());
  }

  static Bytes question() {
    return support::arp_frame(kClient, wire::Mac::from_integer(0xffffffffffff), 1, kServer.address);
  }
  static Bytes other_service() { return udp_frame(kClient, kServer, 40000, 5001, Bytes(20, 7)); }
  void may_forward(bool open) {
    appliance_.shared().open_until_ns.store(open ? replication::kForGood : 0);
  }
  std::size_t leaves() {
    appliance_.turn();
    return appliance_.collect().size();
  }

  Appliance appliance_;
  pair::LateFrames late_;
};

TEST_P(HandOver, WhatComesBehindItIsJudgedByThePeer) {
  EXPECT_TRUE(late_.take(monotonic_now_ns()).frames().empty());  // it may still go on itself
  const v1::LateFrames frames = handed_on();
  ASSERT_EQ(frames.frames().size(), 3);
  const Bytes whole = datagram(40000);
  std::size_t found = 0;
  for (const v1::LateFrame& frame : frames.frames()) {
    EXPECT_EQ(frame.port(), 0U);
    found += frame.frame() == std::string(whole.begin(), whole.end()) ? 1 : 0;
  }
  EXPECT_EQ(found, 1U);
  late_.bring(frames, false, monotonic_now_ns());
  EXPECT_TRUE(late_.take(monotonic_now_ns()).frames().empty());
  EXPECT_EQ(leaves(), 0U);
  may_forward(true);
  late_.let_go(monotonic_now_ns());
  EXPECT_EQ(leaves(), 2U);
  EXPECT_EQ(appliance_.counted("no_rule"), 1U);
}

TEST_P(HandOver, WhereItFailsNothingIsLost) {
  EXPECT_TRUE(late_.take(monotonic_now_ns()).frames().empty());
  may_forward(true);
  late_.let_go(monotonic_now_ns());
  EXPECT_EQ(leaves(), 2U);
}

TEST_P(HandOver, WhatIsToManyHasComeToThePeerItself) {
  const v1::LateFrames frames = handed_on();
  may_forward(true);
  late_.bring(frames, true, monotonic_now_ns());
  EXPECT_EQ(leaves(), 1U);
}

TEST_P(HandOver, NothingIsKeptForATakeoverThatDoesNotCome) {
  const TimeNs now_ns = monotonic_now_ns();
  late_.bring(handed_on(), false, now_ns);
  may_forward(true);
  late_.let_go(now_ns + 2 * pair::LateFrames::kWaitNs);
  EXPECT_EQ(leaves(), 0U);
}

TEST_P(HandOver, NothingIsKeptForTheNextTakeover) {
  const v1::LateFrames frames = handed_on();
  may_forward(true);
  late_.bring(frames, true, monotonic_now_ns());
  may_forward(false);  // before the worker's next round
  EXPECT_EQ(leaves(), 0U);
  may_forward(true);
  EXPECT_EQ(leaves(), 0U);
}

TEST_P(HandOver, OnlyAnOrderlyOneLeavesSomethingToBring) {
  late_.let_go(monotonic_now_ns() + 2 * pair::LateFrames::kWaitNs);
  ASSERT_TRUE(appliance_.arrive(datagram(40000), 0));
  EXPECT_EQ(leaves(), 0U);
  EXPECT_TRUE(handed_on().frames().empty());
}

INSTANTIATE_TEST_SUITE_P(Workers, HandOver, testing::Values(1U, 3U));

// RFC 4541: switches send a group to those ports only at which somebody told that he listens.
class Listening : public testing::TestWithParam<std::uint32_t> {
 protected:
  static std::string policy(const std::string& groups) {
    return "bulkhead: v1\nsite: groups\nzones:\n"
           "  supervision: {port: 0, networks: [10.20.0.0/24], vlan: 7}\n"
           "  control: {port: 1, networks: [10.10.0.0/24], vlan: 7}\n"
           "assets:\n  inputs: {zone: supervision, group: [" +
           groups +
           "]}\nconduits:\n  scada:\n    from: supervision\n    to: control\n    allow:\n"
           "      - {service: udp/5000, client: any, server: any}\n";
  }
  // The groups of which the appliance tells.
  std::set<std::string> told() {
    std::set<std::string> groups;
    appliance_.turn();
    for (const auto& left : appliance_.collect()) {
      EXPECT_EQ(left.port, 1U) << "the members know themselves";
      EXPECT_TRUE(left.frame.size() == 60 && left.frame[12] == 0x81 && left.frame[15] == 7);
      groups.insert(wire::to_text(wire::IpAddress::from_v4(&left.frame[34])));
    }
    return groups;
  }

  Appliance appliance_{GetParam(), 256, true,
                       policy("239.192.1.32/31, 255.255.255.255, 224.0.0.9")};
};

TEST_P(Listening, OnceItMayForward) {
  appliance_.shared().open_until_ns.store(0);
  EXPECT_TRUE(told().empty()) << "of a pair only the active one wants it";
  appliance_.shared().open_until_ns.store(replication::kForGood);
  EXPECT_EQ(told(), (std::set<std::string>{"239.192.1.32", "239.192.1.33"}));
  EXPECT_TRUE(told().empty()) << "until a while later";
  appliance_.shared().open_until_ns.store(0);
  EXPECT_TRUE(told().empty());
  appliance_.shared().open_until_ns.store(replication::kForGood);
  EXPECT_EQ(told().size(), 2U) << "the switch may have heard the peer meanwhile";
}

TEST_P(Listening, ToTheGroupsOfThePolicyInForce) {
  appliance_.shared().open_until_ns.store(replication::kForGood);
  EXPECT_EQ(told().size(), 2U);
  appliance_.put_in_force(policy("239.192.1.33, 239.192.2.1"));
  EXPECT_EQ(told(), (std::set<std::string>{"239.192.1.33", "239.192.2.1"}));
  EXPECT_TRUE(told().empty());
}

TEST_P(Listening, WheneverAQuerierAsks) {
  const Bytes general = {0x11, 100, 0xee, 0x9b, 0, 0, 0, 0};
  const wire::IpAddress all = ip4(224, 0, 0, 1);
  const auto asks = [&](const Host& from) {
    const Bytes query = ip_frame(from, {all, wire::group_mac(all), 0}, 2, general);
    EXPECT_TRUE(appliance_.arrive(support::with_vlan(query, 7), from.port));
  };
  appliance_.shared().open_until_ns.store(replication::kForGood);
  EXPECT_EQ(told().size(), 2U);
  std::this_thread::sleep_for(std::chrono::milliseconds(1010));
  EXPECT_TRUE(told().empty());
  asks(kClient);
  EXPECT_TRUE(told().empty()) << "there the members answer themselves";
  std::this_thread::sleep_for(std::chrono::milliseconds(1010));
  asks(kServer);
  EXPECT_EQ(told().size(), 2U);
  asks(kServer);
  EXPECT_TRUE(told().empty()) << "not that often";
  EXPECT_EQ(appliance_.counted("unknown_transport"), 3U) << "it goes no further";
}

INSTANTIATE_TEST_SUITE_P(Workers, Listening, testing::Values(1U, 3U));

TEST(Workers, EachSessionHasOneOwnerWhicheverQueueItsPacketsComeBy) {
  Appliance appliance(3, 256);
  std::set<std::uint32_t> owners;
  for (std::uint16_t port = 40000; port < 40040; ++port) {
    const Bytes there = datagram(port);
    const Bytes back = udp_frame(kServer, kClient, 5000, port, Bytes(20, 8));
    std::set<std::uint32_t> of_session;
    for (std::uint32_t queue = 0; queue < 3; ++queue) {
      ASSERT_TRUE(appliance.arrive(there, 0, queue));
      appliance.turn();
      ASSERT_TRUE(appliance.arrive(back, 1, queue));
      appliance.turn();
    }
    const auto left = appliance.collect();
    EXPECT_EQ(left.size(), 6U);
    for (const auto& each : left) of_session.insert(each.queue);
    EXPECT_EQ(of_session.size(), 1U);
    owners.insert(of_session.begin(), of_session.end());
  }
  EXPECT_EQ(owners.size(), 3U);
}

TEST(Workers, BothDirectionsAndWhatIsSaidOfThemHashAlike) {
  const Host v6_client{support::ip6("2001:db8::1"), support::mac(1), 0};
  const Host v6_server{support::ip6("2001:db8:1::1"), support::mac(2), 1};
  for (const auto& [client, server] : {std::pair{kClient, kServer}, {v6_client, v6_server}}) {
    const Bytes there = udp_frame(client, server, 1234, 5000, Bytes(8, 1));
    const Bytes back = udp_frame(server, client, 5000, 1234, Bytes(8, 1));
    EXPECT_EQ(flow::steering_hash(there), flow::steering_hash(back));
    EXPECT_NE(flow::steering_hash(there),
              flow::steering_hash(udp_frame(client, server, 1235, 5000, Bytes(8, 1))));
    const Bytes tagged = support::with_vlan(there, 7);
    EXPECT_EQ(flow::steering_hash(tagged), flow::steering_hash(support::with_vlan(back, 7)));
    EXPECT_NE(flow::steering_hash(tagged), flow::steering_hash(there));
  }
  // ICMP: port unreachable, with the header of the datagram and its first bytes.
  const Bytes there = datagram(1234);
  Bytes quote(28);
  std::memcpy(quote.data(), there.data() + 14, quote.size());
  const Bytes error = ip_frame(kServer, kClient, 1, support::icmp_message(3, 3, 0, quote));
  EXPECT_EQ(flow::steering_hash(error), flow::steering_hash(there));
}

// --- which refusals are told

TEST(EventBudget, NobodyHidesAnothersRefusals) {
  using ports::EventBudget;
  EventBudget budget;
  TimeNs now = 100 * kSecondNs;
  const auto flood = [&](std::uint16_t port, bool proven, auto host) {
    std::uint32_t told = 0;
    for (std::uint64_t i = 0; i < 100000; ++i) told += budget.spend(host(i), port, proven, now);
    return told;
  };
  const auto one = [](std::uint64_t) { return std::uint64_t{7}; };
  const auto any = [](std::uint64_t i) { return i; };
  EXPECT_EQ(flood(0, false, one), EventBudget::kOfHost);
  flood(0, false, any);
  EXPECT_TRUE(budget.spend(200001, 1, false, now)) << "behind another port";
  EXPECT_EQ(flood(0, true, one), EventBudget::kOfHost);
  std::uint32_t told = 0;
  for (int i = 0; i < 100; ++i) told += budget.spend(3000, 0, true, now) ? 1 : 0;
  EXPECT_EQ(told, 100U) << "who has shown that its address is its own";
  now += kSecondNs;
  EXPECT_EQ(flood(0, false, one), EventBudget::kOfFloodingHost) << "it goes on";
  now += kSecondNs;
  EXPECT_EQ(flood(0, false, one), EventBudget::kOfFloodingHost);
  EXPECT_TRUE(budget.spend(3000, 0, true, now));
  now += 3 * kSecondNs;
  EXPECT_EQ(flood(0, false, one), EventBudget::kOfHost) << "it had stopped";
}

// A refused datagram of another client: no rule grants its port.
Bytes refused_datagram(std::uint32_t client, std::uint16_t source_port = 40000) {
  const auto high = static_cast<std::uint8_t>(client >> 8);
  const auto low = static_cast<std::uint8_t>(client);
  const Host host{ip4(10, 20, high, low), wire::Mac{{2, 1, 0, 0, high, low}}, 0};
  return udp_frame(host, kServer, source_port, 6000, Bytes(20, 7));
}

// Under a flood of one host and of many that are invented, all behind one port.
TEST(Workers, EveryRefusalIsInOneEventAndAFloodHidesNobodys) {
  Appliance appliance(1, 256);
  v1::Events events;
  const auto take = [&] { events.MergeFrom(appliance.take_events()); };
  const auto send = [&](const Bytes& frame) {
    ASSERT_TRUE(appliance.arrive(frame, 0));
    appliance.turn(1);
  };
  const auto begun = std::chrono::steady_clock::now();
  constexpr std::uint32_t kFlooder = 7;
  for (int i = 0; i < 20'000; ++i) {
    send(refused_datagram(kFlooder, static_cast<std::uint16_t>(20'000 + i)));
    send(refused_datagram(1000 + static_cast<std::uint32_t>(i)));
    if (i % 200 != 0) continue;
    ASSERT_TRUE(appliance.arrive(udp_frame(kServer, kClient, 6000, 6000, Bytes(20, 7)), 1));
    appliance.turn(1);
    if (i % 64 == 0) take();
  }
  const auto sum = [&events](auto wanted) {
    std::uint64_t count = 0;
    for (const v1::Event& each : events.events()) count += wanted(each) ? each.count() : 0;
    return count;
  };
  const auto from = [&sum](const std::string& host) {
    return sum([&](const v1::Event& each) { return each.source().starts_with(host + ":"); });
  };
  const auto all = [&sum] { return sum([](const v1::Event&) { return true; }); };
  const std::uint64_t refused = appliance.refused();
  EXPECT_EQ(refused, 40'100U);
  for (int i = 0; i < 4000 && all() < refused; ++i) {
    appliance.turn(1);
    take();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(all(), refused);
  EXPECT_EQ(from("10.20.0.7"), 20'000U);
  EXPECT_EQ(from("10.10.0.20"), 100U);
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - begun)
          .count() +
      1;
  EXPECT_LE(events.events_size(),
            seconds * (ports::EventBudget::kPerSecond + ports::RefusalSums::kRowsMax + 10));
  for (const v1::Event& each : events.events()) {
    if (each.count() == 1) continue;
    EXPECT_GE(each.last_wall_time_ns(), each.wall_time_ns());
    EXPECT_LE(each.last_wall_time_ns() - each.wall_time_ns(), 5 * kSecondNs);
  }
}

// While nobody takes them: no refusal is lost for that.
TEST(Workers, RefusalsThatNobodyTakesAreSummedUp) {
  Appliance appliance(1, 256);
  for (int second = 0; second < 4; ++second) {
    for (std::uint32_t i = 0; i < 8000; ++i) {
      ASSERT_TRUE(appliance.arrive(refused_datagram(i % 4000), 0));
      appliance.turn(1);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(400));
  }
  const std::uint64_t refused = appliance.refused();
  EXPECT_EQ(refused, 32'000U);
  std::uint64_t sum = 0;
  for (int i = 0; i < 4000 && sum < refused; ++i) {
    appliance.turn(1);
    const v1::Events events = appliance.take_events();
    for (const v1::Event& each : events.events()) sum += each.count();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(sum, refused);
}

// The fragments of a datagram: one frame each, `cut` payload bytes in the first.
std::vector<Bytes> fragments_of(const Bytes& frame, std::size_t cut) {
  const auto piece = [&](std::size_t from, std::size_t to, bool more) {
    Bytes part(34 + to - from);
    std::memcpy(part.data(), frame.data(), 34);
    std::memcpy(part.data() + 34, frame.data() + 34 + from, to - from);
    store_be16(part.data() + 16, static_cast<std::uint16_t>(20 + to - from));
    store_be16(part.data() + 18, 77);
    store_be16(part.data() + 20,
               static_cast<std::uint16_t>((more ? 0x2000U : 0U) | static_cast<unsigned>(from / 8)));
    store_be16(part.data() + 24, 0);
    store_be16(part.data() + 24,
               wire::checksum_finish(wire::checksum_add(0, ByteView(part).subspan(14, 20))));
    return part;
  };
  const std::size_t payload = frame.size() - 34;
  return {piece(0, cut, true), piece(cut, payload, false)};
}

TEST(Workers, AFragmentedPacketGoesToTheOwnerOfItsSession) {
  Appliance appliance(3, 256);
  for (std::uint16_t port = 40000; port < 40010; ++port) {
    ASSERT_TRUE(appliance.arrive(datagram(port, 200), 0, 1));
    appliance.turn();
    const auto whole = appliance.collect();
    ASSERT_EQ(whole.size(), 1U);
    for (const Bytes& part : fragments_of(datagram(port, 200), 104)) {
      ASSERT_TRUE(appliance.arrive(part, 0, 2));
      appliance.turn();
    }
    const auto again = appliance.collect();
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again[0].queue, whole[0].queue);
  }
  EXPECT_EQ(appliance.counted("service_granted"), 20U);
}

}  // namespace
}  // namespace bulkhead
