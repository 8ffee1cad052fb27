// Floods of SYNs: whoever has not shown that answers reach it does so first, and takes neither
// memory here nor a place in the server's queue until then.
#include "dataplane/flow/openings.h"

#include <gtest/gtest.h>

#include "tests/support/plant.h"

namespace bulkhead {
namespace {

using support::Bytes;
using support::Host;
using support::ip4;
using support::kControl;
using support::kHmi;
using support::kPlc;
using support::kSupervision;
using support::Plant;
using support::PlantSize;
using support::SentTcp;
using support::TcpSession;
using support::TcpSpec;
using wire::kTcpAck;
using wire::kTcpRst;
using wire::kTcpSyn;

constexpr std::uint16_t kReadHolding = 2;

// All of supervision may read from all of control, and the other way.
policy::Tables open_tables() {
  policy::Rule modbus = support::modbus_rule({kReadHolding}, {{0, 99}});
  policy::Tables tables = support::modbus_tables(policy::OnDeny::drop, modbus);
  for (policy::Zone& zone : tables.zones) zone.networks[0].length = 112;
  modbus.clients = tables.zones[0].networks;
  modbus.servers = tables.zones[1].networks;
  tables.conduits[0].rules[0] = modbus;
  tables.zones.push_back({"third", 2, {}, {{ip4(10, 30, 0, 0), 112}}});
  policy::Rule third = support::modbus_rule({kReadHolding}, {{0, 99}});
  third.clients = tables.zones[0].networks;
  third.servers = tables.zones[2].networks;
  policy::Conduit& beside = tables.conduits.emplace_back();
  beside.name = "beside";
  beside.to = 2;
  beside.rules = {third};
  std::swap(modbus.clients, modbus.servers);
  policy::Conduit& back = tables.conduits.emplace_back();
  back.name = "back";
  back.from = 1;
  back.to = 0;
  back.rules = {modbus};
  tables.bindings.clear();
  return tables;
}

Host spoofed(std::uint32_t number) {
  return {ip4(10, 20, static_cast<std::uint8_t>(1 + number / 250 % 250),
              static_cast<std::uint8_t>(1 + number % 250)),
          wire::Mac::from_integer(0x020000500000 + number), kSupervision};
}
Host server(std::uint32_t number) {
  return {ip4(10, 10, static_cast<std::uint8_t>(1 + number / 250),
              static_cast<std::uint8_t>(1 + number % 250)),
          support::mac(0x30), kControl};
}

class Openings : public ::testing::Test {
 protected:
  Reason syn(const Host& from, const Host& to, std::uint16_t port, std::uint32_t isn = 1000) {
    return arrives(from, to, port, isn, kTcpSyn);
  }
  Reason reset(const Host& from, const Host& to, std::uint16_t port, std::uint32_t sequence,
               std::uint8_t flags = kTcpRst) {
    return arrives(from, to, port, sequence, flags);
  }
  Reason arrives(const Host& from, const Host& to, std::uint16_t port, std::uint32_t sequence,
                 std::uint8_t flags) {
    plant_.clear();
    TcpSpec spec;
    spec.source_port = port;
    spec.sequence = sequence;
    spec.flags = flags;
    plant_.arrive(from, support::tcp_frame(from, to, spec));
    return plant_.last();
  }
  std::uint32_t opening() { return plant_.pipeline().half_open(); }
  void flood(const Host& to, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      syn(spoofed(i), to, static_cast<std::uint16_t>(2000 + i % 60000), i);
    }
  }
  // The number that was acknowledged to the SYN, which must be a challenge to its sender.
  std::uint32_t challenge(const Host& from, const Host& to, std::uint16_t port,
                          std::uint32_t isn = 1000) {
    EXPECT_EQ(syn(from, to, port, isn), Reason::source_unproven);
    EXPECT_EQ(plant_.sent.size(), 1U);
    if (plant_.sent.empty()) return 0;
    EXPECT_EQ(plant_.sent[0].port, from.port);
    EXPECT_EQ(wire::Mac::from(plant_.sent[0].frame.data()), from.mac);
    const auto tcp = support::parse_sent(plant_.sent[0].frame);
    EXPECT_TRUE(tcp && tcp->header.flags == kTcpAck && tcp->payload.empty());
    EXPECT_TRUE(tcp && tcp->header.source_port == 502 && tcp->header.destination_port == port);
    const std::uint32_t number = tcp ? tcp->header.acknowledgement : 0;
    EXPECT_NE(number, isn + 1) << "it would be taken for an answer";
    return number;
  }

  flow::Limits defaults_;
  Plant plant_{open_tables(), {}, PlantSize::as_configured};
};

TEST_F(Openings, AServerGetsFewFromWhoHasShownNothing) {
  flood(kPlc, 4096);
  EXPECT_EQ(opening(), flow::Shares::kLittle);
  EXPECT_EQ(plant_.pipeline().flows().size(), flow::Shares::kLittle);
  EXPECT_EQ(syn(spoofed(5000), server(1), 3000), Reason::session_control) << "another server";
}

TEST_F(Openings, ManyServersGetHalfOfAllFromThem) {
  for (std::uint32_t i = 0; i < 20000; ++i) syn(spoofed(i), server(i % 2000), 3000, i);
  EXPECT_EQ(opening(), defaults_.half_open / 2);
}

// RFC 9293, 3.10.7.3: a RST of the number, and the SYN once more.
TEST_F(Openings, WhoAnswersTheChallengeIsServed) {
  flood(kPlc, 100);
  const Host host = spoofed(7000);
  const std::uint32_t number = challenge(host, kPlc, 4000);
  EXPECT_EQ(reset(host, kPlc, 4000, number), Reason::session_control);
  EXPECT_TRUE(plant_.sent.empty()) << "it is for the firewall alone";
  EXPECT_EQ(syn(host, kPlc, 4000), Reason::session_control);
  ASSERT_EQ(plant_.sent.size(), 1U);
  EXPECT_EQ(plant_.sent[0].port, kControl);
  EXPECT_EQ(syn(host, kPlc, 4001), Reason::session_control) << "it need not answer twice";
}

// lwIP's RST has an acknowledgement.
TEST_F(Openings, TheAnswerMayAcknowledge) {
  flood(kPlc, 100);
  const Host host = spoofed(7000);
  const std::uint32_t number = challenge(host, kPlc, 4000);
  EXPECT_EQ(reset(host, kPlc, 4000, number, kTcpRst | kTcpAck), Reason::session_control);
  EXPECT_EQ(syn(host, kPlc, 4000), Reason::session_control);
}

TEST_F(Openings, NobodyAnswersForAnother) {
  flood(kPlc, 100);
  const Host host = spoofed(7000);
  const std::uint32_t number = challenge(host, kPlc, 4000);
  Host other_mac = host;
  other_mac.mac = support::mac(0x99);
  Host other_address = host;
  other_address.address = spoofed(7001).address;
  EXPECT_EQ(reset(other_mac, kPlc, 4000, number), Reason::tcp_not_a_session_start);
  EXPECT_EQ(reset(other_address, kPlc, 4000, number), Reason::tcp_not_a_session_start);
  EXPECT_EQ(reset(host, kPlc, 4001, number), Reason::tcp_not_a_session_start);
  EXPECT_EQ(reset(host, server(1), 4000, number), Reason::tcp_not_a_session_start);
  EXPECT_EQ(reset(host, kPlc, 4000, number - 1), Reason::tcp_not_a_session_start);
  plant_.be_at(plant_.now_ns() + 20 * kSecondNs);
  EXPECT_EQ(reset(host, kPlc, 4000, number), Reason::tcp_not_a_session_start) << "too late";
  flood(kPlc, 100);
  EXPECT_EQ(syn(host, kPlc, 4000), Reason::source_unproven);
}

// A number that would be the right one is not used.
TEST_F(Openings, AChallengeIsNeverAnAnswer) {
  flood(kPlc, 100);
  const Host host = spoofed(7000);
  const std::uint32_t number = challenge(host, kPlc, 4000);
  const std::uint32_t other = challenge(host, kPlc, 4000, number - 1);
  EXPECT_NE(other, number);
  EXPECT_EQ(reset(host, kPlc, 4000, other), Reason::session_control);
  EXPECT_EQ(syn(host, kPlc, 4000, number - 1), Reason::session_control);
}

TEST_F(Openings, WhoHasHadASessionIsServedAtOnce) {
  TcpSession before(plant_, 40000);
  for (std::uint32_t i = 0; i < 40000; ++i) syn(spoofed(i), server(i % 2000), 3000, i);
  flood(kPlc, 1000);
  for (std::uint16_t i = 0; i < 1000; ++i) {
    ASSERT_EQ(syn(kHmi, kPlc, static_cast<std::uint16_t>(50000 + i)), Reason::session_control);
    const std::size_t before_reset = plant_.pipeline().flows().size();
    ASSERT_EQ(reset(kHmi, kPlc, static_cast<std::uint16_t>(50000 + i), 1001),
              Reason::session_control);
    ASSERT_EQ(plant_.pipeline().flows().size(), before_reset);
  }
}

TEST_F(Openings, OneHostEndsAtAQuarter) {
  TcpSession before(plant_, 40000);
  std::uint32_t served = 0;
  for (std::uint32_t i = 0; i < 40000; ++i) {
    const auto port = static_cast<std::uint16_t>(2000 + i / 1000);
    served += syn(kHmi, server(i % 1000), port) == Reason::session_control ? 1 : 0;
  }
  EXPECT_EQ(plant_.last(), Reason::half_open_limit);
  EXPECT_LE(opening(), defaults_.half_open / 4);
  EXPECT_GE(opening(), defaults_.half_open / 5) << "the bound was reached";
  EXPECT_EQ(served, opening());
}

// As many hosts as it can invent, each of which answers: those behind another port have their part.
TEST_F(Openings, OnePortLeavesAQuarterToOthers) {
  TcpSession hmi(plant_, 40000);
  const Host back = server(3);
  std::uint32_t served = 0;
  std::uint32_t refused = 0;
  for (std::uint32_t i = 0; i < 20000; ++i) {
    const Host host = spoofed(i);
    Host to = server(i % 2000);
    if (i % 2 == 0) to.address.bytes[13] = 30;  // another zone, in another conduit
    if (syn(host, to, 3000, i) != Reason::source_unproven || plant_.sent.empty()) continue;
    const auto tcp = support::parse_sent(plant_.sent[0].frame);
    ASSERT_TRUE(tcp);
    ASSERT_EQ(reset(host, to, 3000, tcp->header.acknowledgement), Reason::session_control);
    (syn(host, to, 3000, i) == Reason::session_control ? served : refused) += 1;
  }
  // Some share a counter with the host whose turn it is to give way.
  EXPECT_GT(served, 10000U);
  EXPECT_LT(refused, served / 100);
  EXPECT_LE(opening(), defaults_.half_open * 3 / 4 + 1);
  const std::uint32_t number = challenge(back, kHmi, 5000);
  ASSERT_EQ(reset(back, kHmi, 5000, number), Reason::session_control);
  for (std::uint16_t i = 0; i < 16; ++i) {
    EXPECT_EQ(syn(back, kHmi, static_cast<std::uint16_t>(5000 + i)), Reason::session_control);
  }
  EXPECT_EQ(syn(kHmi, kPlc, 40001), Reason::session_control) << "the oldest gives way";
}

// What ended is not forgotten for a SYN that goes no further.
TEST_F(Openings, AChallengeForgetsNoEndedSession) {
  const Host host = spoofed(7000);
  TcpSession session(plant_, 40000, 1000, 900000, 502, host);
  session.from_client({}, kTcpRst | kTcpAck);
  plant_.be_at(plant_.now_ns() + 5 * kSecondNs);
  flood(kPlc, 100);
  Host elsewhere = host;
  elsewhere.mac = support::mac(0x98);
  EXPECT_EQ(syn(elsewhere, kPlc, 40000, 5000), Reason::source_unproven);
  EXPECT_EQ(syn(host, kPlc, 40000, 900), Reason::tcp_unexpected_syn)
      << "below what the session before it had";
}

TEST(OpeningLists, GiveUpWhatIsUnprovenFirst) {
  flow::Openings openings(16);
  EXPECT_EQ(openings.oldest(0), flow::Openings::kNone);
  openings.add(1, {{1, 0}, 7, 0, true, true});
  openings.add(2, {{2, 0}, 7, 0, false, true});
  openings.add(3, {{3, 0}, 7, 0, false, true});
  openings.add(4, {{4, 0}, 7, 0, false, false});
  openings.add(5, {{5, 0}, 8, 1, false, true});
  EXPECT_EQ(openings.oldest(0), 2U);
  EXPECT_EQ(openings.of_server(7), 4U);
  EXPECT_EQ(openings.of_port(1), 1U);
  openings.remove(2);
  EXPECT_EQ(openings.oldest(0), 3U);
  openings.remove(3);
  EXPECT_EQ(openings.oldest(0), 1U);
  openings.remove(1);
  EXPECT_EQ(openings.oldest(0), flow::Openings::kNone) << "4 stays";
  EXPECT_EQ(openings.oldest(1), 5U);
  EXPECT_EQ(openings.count(), 2U);
  openings.clear();
  EXPECT_EQ(openings.count(), 0U);
  EXPECT_EQ(openings.of_server(7), 0U);
}

}  // namespace
}  // namespace bulkhead
