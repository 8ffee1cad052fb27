// The table of sessions under floods of granted packets: what nobody answers gives way, what was
// answered stays, and the last quarter is never one host's.
#include "dataplane/flow/places.h"

#include <gtest/gtest.h>

#include "tests/support/plant.h"

namespace bulkhead {
namespace {

using support::Bytes;
using support::fragment_of;
using support::Host;
using support::ip4;
using support::kControl;
using support::kHmi;
using support::kPlc;
using support::kSupervision;
using support::Plant;
using support::PlantSize;
using support::TcpSession;
using support::TcpSpec;

constexpr std::uint16_t kReadHolding = 2;
constexpr std::uint32_t kFlood = 100000;

Bytes read() { return support::modbus_adu({3, 0, 0, 0, 10}); }
Bytes answer() {
  Bytes pdu = {3, 20};
  pdu.resize(22, 1);
  return support::modbus_adu(pdu);
}

// All of supervision may read from the PLC and ping it. Supervision's datagrams come whole; those
// of control need not.
policy::Tables open_tables(bool resume = false) {
  policy::Tables tables = support::modbus_tables(policy::OnDeny::reset,
                                                 support::modbus_rule({kReadHolding}, {{0, 99}}));
  tables.zones[0].networks[0].length = 112;
  for (policy::Rule& rule : tables.conduits[0].rules) rule.clients = tables.zones[0].networks;
  tables.conduits[0].resume = resume;
  policy::Conduit& back = tables.conduits.emplace_back();
  back.name = "back";
  back.from = 1;
  back.to = 0;
  back.reassemble = true;
  return tables;
}

// One station with as many addresses as it likes, or as many stations.
enum class From : std::uint8_t { one_mac, many };

class Places : public ::testing::TestWithParam<From> {
 protected:
  Host spoofed(std::uint32_t number) const {
    Host host{ip4(10, 20, static_cast<std::uint8_t>(1 + number / 250 % 250),
                  static_cast<std::uint8_t>(1 + number % 250)),
              support::mac(0x66), kSupervision};
    if (GetParam() == From::many) host.mac = wire::Mac::from_integer(0x020000500000 + number);
    return host;
  }
  Reason arrive(const Host& from, const Bytes& frame) {
    plant_.clear();
    plant_.arrive(from, frame);
    return plant_.last();
  }
  Reason ask(const Host& from, std::uint16_t port) {
    return arrive(from, support::udp_frame(from, kPlc, port, 502, read()));
  }
  Reason hear(const Host& to, std::uint16_t port) {
    return arrive(kPlc, support::udp_frame(kPlc, to, 502, port, answer()));
  }
  Reason ping(const Host& from, std::uint16_t identifier) {
    const Bytes message = support::icmp_message(8, 0, identifier);
    return arrive(from, support::ip_frame(from, kPlc, 1, message));
  }
  std::uint32_t size() { return plant_.pipeline().flows().size(); }

  flow::Limits defaults_;
  Plant plant_{open_tables(), {}, PlantSize::as_configured};
};

INSTANTIATE_TEST_SUITE_P(Sources, Places, testing::Values(From::one_mac, From::many));

TEST_P(Places, GrantedDatagramsThatNobodyAnswersTakeNoneFromAnybody) {
  TcpSession standing(plant_, 40000);
  ASSERT_EQ(ask(kHmi, 50000), Reason::session_control);
  ASSERT_EQ(hear(kHmi, 50000), Reason::session_control);
  ASSERT_EQ(ask(kHmi, 50001), Reason::session_control);
  const flow::FlowKey key =
      flow::make_key(kHmi.address, 50001, kPlc.address, 502, wire::kProtocolUdp, {}).key;
  const auto created = [&] {
    const flow::Flow* flow = plant_.pipeline().flows().find(key);
    return flow == nullptr ? TimeNs{0} : flow->created_ns;
  };
  const TimeNs first = created();
  for (std::uint32_t i = 0; i < kFlood; ++i) {
    const auto port = static_cast<std::uint16_t>(1024 + i / 200);
    const Reason reason = i % 5 == 0 ? ping(spoofed(i), port) : ask(spoofed(i), port);
    ASSERT_TRUE(is_allowed(reason)) << i;
    if (i % 1000 != 0) continue;
    plant_.be_at(plant_.now_ns() + 10 * kMillisecondNs);
    ASSERT_EQ(ask(kHmi, 50001), Reason::session_control);
    ASSERT_EQ(created(), first) << "one that is used stays";
    const auto fresh = static_cast<std::uint16_t>(51000 + i / 1000);
    TcpSession opened(plant_, fresh);
    ASSERT_EQ(plant_.last(), Reason::session_control);
    ASSERT_EQ(ask(kHmi, fresh), Reason::session_control);
    ASSERT_EQ(hear(kHmi, fresh), Reason::session_control);
  }
  EXPECT_LE(size(), defaults_.flows / 4 * 3 + 200) << "what others opened meanwhile";
  EXPECT_EQ(hear(kHmi, 50001), Reason::session_control);
  EXPECT_EQ(hear(kHmi, 50000), Reason::protocol_fault)
      << "an answer that was not asked for, in a session that stands";
}

// A server without such a service says so (RFC 1122, 4.1.3.1): that is no answer.
TEST_P(Places, AnErrorIsNoAnswer) {
  for (std::uint32_t i = 0; i < 2 * defaults_.flows; ++i) {
    const Host host = spoofed(i);
    const auto port = static_cast<std::uint16_t>(1024 + i / 200);
    const Bytes asked = support::udp_frame(host, kPlc, port, 502, read());
    ASSERT_TRUE(is_allowed(arrive(host, asked))) << i;
    const Bytes error =
        support::icmp_message(3, 3, 0, Bytes(asked.begin() + 14, asked.begin() + 14 + 28));
    ASSERT_EQ(arrive(kPlc, support::ip_frame(kPlc, host, 1, error)), Reason::icmp_for_session);
  }
  EXPECT_LE(size(), defaults_.flows / 4 * 3 + 1);
}

TEST_P(Places, WhatResumesAndIsNotAnsweredGivesWay) {
  plant_.change_policy(open_tables(true));
  for (std::uint32_t i = 0; i < kFlood; ++i) {
    TcpSpec spec;
    spec.source_port = static_cast<std::uint16_t>(1024 + i / 200);
    spec.sequence = i;
    spec.acknowledgement = 77;
    const Host host = spoofed(i);
    arrive(host, support::tcp_frame(host, kPlc, spec));
  }
  EXPECT_LE(size(), defaults_.flows / 4 * 3 + 1);
  TcpSession opened(plant_, 40000);
  EXPECT_EQ(plant_.last(), Reason::session_control);
}

TEST_P(Places, RefusedFragmentsTakeNone) {
  for (std::uint16_t i = 0; i < 1000; ++i) {
    const Host host = spoofed(i);
    const Bytes whole = support::udp_frame(host, kPlc, 5000, 502, read());
    arrive(host, fragment_of(whole, {0, 8, true}, i));
    ASSERT_EQ(arrive(host, fragment_of(whole, {8, 12, false}, i)), Reason::fragment);
  }
  EXPECT_EQ(size(), 0U);
  // They end none either.
  ASSERT_EQ(ask(kHmi, 5000), Reason::session_control);
  const Bytes whole = support::udp_frame(kHmi, kPlc, 5000, 502, read());
  arrive(kHmi, fragment_of(whole, {0, 8, true}, 1));
  ASSERT_EQ(arrive(kHmi, fragment_of(whole, {8, 12, false}, 1)), Reason::fragment);
  EXPECT_EQ(hear(kHmi, 5000), Reason::session_control);
}

TEST_P(Places, ASynInFragmentsForgetsNoEndedSession) {
  TcpSession session(plant_, 40000);
  session.from_client({}, wire::kTcpRst | wire::kTcpAck);
  TcpSpec spec;
  spec.source_port = 40000;
  spec.sequence = session.client_next + 1000;
  spec.flags = wire::kTcpSyn;
  spec.options = {2, 4, 5, 0xb4, 1, 1, 1, 1};
  const Bytes whole = support::tcp_frame(kHmi, kPlc, spec);
  arrive(kHmi, fragment_of(whole, {0, 24, true}, 1));
  ASSERT_EQ(arrive(kHmi, fragment_of(whole, {24, 4, false}, 1)), Reason::fragment);
  spec.sequence = session.client_next - 500;
  EXPECT_EQ(arrive(kHmi, support::tcp_frame(kHmi, kPlc, spec)), Reason::tcp_unexpected_syn);
}

// --- the lists alone

flow::PlaceOwner owner(std::uint16_t port, std::uint16_t mac_id) {
  return {{static_cast<std::uint16_t>(1 + mac_id + 100 * port), port}, port, mac_id, true};
}

TEST(PlaceLists, GiveUpTheFullestPortsFullestStationsOldest) {
  flow::Places places(64);
  for (std::uint32_t i = 0; i < 6; ++i) places.add(i, owner(0, i < 4 ? 1 : 2), 100);
  for (std::uint32_t i = 10; i < 15; ++i) places.add(i, owner(1, 1), 100);
  using Seen = flow::Places::Seen;
  const auto idle = [](std::uint32_t, TimeNs) { return Seen::idle; };
  EXPECT_EQ(places.find_victim(200, idle), 0U);
  places.remove(0);
  places.remove(1);
  EXPECT_EQ(places.find_victim(200, idle), 10U) << "port 1 has more now";
  const auto first_is = [](Seen seen) {
    return [seen](std::uint32_t slot, TimeNs) { return slot == 10 ? seen : Seen::idle; };
  };
  EXPECT_EQ(places.find_victim(200, first_is(Seen::used)), 11U);
  EXPECT_EQ(places.find_victim(200, idle), 11U) << "10 is the last now";
  for (const std::uint32_t slot : {11, 12, 13, 14}) places.remove(slot);
  for (const std::uint32_t slot : {2, 3, 4, 5}) places.remove(slot);
  EXPECT_EQ(places.find_victim(200, first_is(Seen::kept)), flow::Places::kNone);
  EXPECT_EQ(places.find_victim(200, first_is(Seen::used)), 10U) << "there is no other";
  EXPECT_EQ(places.find_victim(200, first_is(Seen::answered)), flow::Places::kNone);
  EXPECT_EQ(places.find_victim(200, idle), flow::Places::kNone) << "it stays for good";
}

TEST(PlaceLists, APortLeavesAnEighthToOthersAndAHostTheLastQuarter) {
  constexpr std::uint32_t kAll = 1024;
  flow::Places places(kAll);
  std::uint32_t taken = 0;
  const auto take = [&](const flow::PlaceOwner& who) {
    const bool may = places.may_take(who, kAll - taken, kAll);
    if (may) places.add(taken++, who, 0);
    return may;
  };
  while (take(owner(0, 1))) {
  }
  EXPECT_EQ(taken, kAll / 4 * 3);
  for (std::uint16_t mac_id = 2; mac_id < 32; ++mac_id) {
    while (take(owner(0, mac_id))) {
    }
  }
  EXPECT_LE(taken, kAll / 8 * 7 + 1);
  for (int i = 0; i < 16; ++i) EXPECT_TRUE(take(owner(1, 1)));
}

}  // namespace
}  // namespace bulkhead
