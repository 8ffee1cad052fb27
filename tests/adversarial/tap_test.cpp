// What a tap port hears: a switch's mirror port, with both directions, copies and gaps. What is
// foretold is what enforcing would refuse, and nothing is ever sent.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/support/plant.h"

namespace bulkhead {
namespace {

using support::Bytes;
using support::Host;
using support::kHmi;
using support::kPlc;
using support::kRogue;
using support::Plant;
using support::Refusal;
using wire::kTcpAck;
using wire::kTcpFin;
using wire::kTcpPsh;
using wire::kTcpSyn;

constexpr std::uint16_t kReadHolding = 2;

const Bytes kWrite = support::modbus_adu({6, 0, 7, 0, 1}, 2);
const Bytes kWritten = support::modbus_adu({6, 0, 7, 0, 1}, 2);

Bytes read_request(std::uint16_t transaction, std::uint8_t address = 0) {
  return support::modbus_adu({3, 0, address, 0, 1}, transaction);
}

Bytes read_answer(std::uint16_t transaction) {
  return support::modbus_adu({3, 2, 0, 5}, transaction);
}

policy::Tables plant_policy() {
  return support::modbus_tables(policy::OnDeny::reject,
                                support::modbus_rule({kReadHolding}, {{0, 99}}));
}

pipeline::PipelineOptions with_tap() {
  pipeline::PipelineOptions options;
  options.taps = true;
  return options;
}

// All of what a tap hears is observed.
std::vector<Refusal> foretold(const Plant& plant) {
  for (const pipeline::Event& event : plant.verdicts) EXPECT_TRUE(event.observed);
  return support::refusals(plant);
}

// A session's frames, as they cross the switch.
class Talk {
 public:
  Talk() {
    add(kHmi, kTcpSyn, {});
    add(kPlc, kTcpSyn | kTcpAck, {});
    add(kHmi, kTcpAck, {});
  }
  void ask(const Bytes& request, const Bytes& answer) {
    add(kHmi, kTcpAck | kTcpPsh, request);
    add(kPlc, kTcpAck | kTcpPsh, answer);
    add(kHmi, kTcpAck, {});
  }
  void end() {
    add(kHmi, kTcpAck | kTcpFin, {});
    add(kPlc, kTcpAck | kTcpFin, {});
    add(kHmi, kTcpAck, {});
  }

  std::vector<Bytes> frames;

 private:
  void add(const Host& from, std::uint8_t flags, const Bytes& payload) {
    const bool client = from.address == kHmi.address;
    std::uint32_t& own = client ? client_ : server_;
    const std::uint32_t other = client ? server_ : client_;
    frames.push_back(
        support::tcp_frame(from, client ? kPlc : kHmi,
                           {.source_port = static_cast<std::uint16_t>(client ? 40000 : 502),
                            .destination_port = static_cast<std::uint16_t>(client ? 502 : 40000),
                            .sequence = own,
                            .acknowledgement = (flags & kTcpAck) != 0 ? other : 0,
                            .flags = flags,
                            .options = {},
                            .payload = payload}));
    own +=
        static_cast<std::uint32_t>(payload.size()) + ((flags & (kTcpSyn | kTcpFin)) != 0 ? 1U : 0U);
  }

  std::uint32_t client_ = 1000;
  std::uint32_t server_ = 900000;
};

// Reads, a write that no rule grants, reads outside of what one grants.
Talk usual_talk() {
  Talk talk;
  talk.ask(read_request(1), read_answer(1));
  talk.ask(kWrite, kWritten);
  talk.ask(read_request(3), read_answer(3));
  talk.ask(read_request(4, 120), read_answer(4));
  talk.ask(read_request(5), read_answer(5));
  talk.end();
  return talk;
}

const std::vector<Refusal> kUsualRefusals = {{Reason::function_not_granted, protocols::Fault::none},
                                             {Reason::values_not_granted, protocols::Fault::none}};

class Tap : public ::testing::Test {
 protected:
  void hear(const Bytes& frame) {
    plant_.arrive(0, frame);
    plant_.be_at(plant_.now_ns() + kMillisecondNs);
  }
  void TearDown() override { EXPECT_TRUE(plant_.sent.empty()) << "nothing is ever sent"; }

  Plant plant_{plant_policy(), with_tap()};
};

TEST_F(Tap, ForetellsWhatEnforcingRefuses) {
  for (const Bytes& frame : usual_talk().frames) hear(frame);
  EXPECT_EQ(foretold(plant_), kUsualRefusals);
  EXPECT_EQ(count(plant_, Reason::granted), 3U);
  EXPECT_EQ(count(plant_, Reason::not_judged), 0U);
}

TEST_F(Tap, CopiesDoNotCount) {
  for (const Bytes& frame : usual_talk().frames) {
    hear(frame);
    hear(frame);
  }
  EXPECT_EQ(foretold(plant_), kUsualRefusals);
  EXPECT_EQ(count(plant_, Reason::granted), 3U);
  pipeline::Statistics stats;
  plant_.observation().read_gauges(stats);
  EXPECT_EQ(stats.tapped, 2 * usual_talk().frames.size());
  EXPECT_EQ(stats.tap_copies, usual_talk().frames.size());
}

TEST_F(Tap, ACopyIsOneAtOnce) {
  const Bytes frame = support::udp_frame(kHmi, kPlc, 40000, 502, read_request(1));
  plant_.arrive(0, frame);
  plant_.be_at(plant_.now_ns() + pipeline::MirroredFrames::kCopyNs - 1);
  plant_.arrive(0, frame);
  EXPECT_EQ(count(plant_, Reason::granted), 1U);
  plant_.be_at(plant_.now_ns() + 1);
  plant_.arrive(0, frame);
  EXPECT_EQ(count(plant_, Reason::granted), 2U);
  Bytes other = support::udp_frame(kHmi, kPlc, 40000, 502, read_request(2));
  plant_.arrive(0, other);
  EXPECT_EQ(count(plant_, Reason::granted), 3U);
}

// Every set of up to two frames is missing once: nothing is foretold but what enforcing would
// refuse.
TEST(TapGaps, AlarmNobody) {
  const std::vector<Bytes> frames = usual_talk().frames;
  for (std::size_t first = 0; first < frames.size(); ++first) {
    for (std::size_t second = first; second < frames.size(); ++second) {
      Plant plant(plant_policy(), with_tap());
      for (std::size_t i = 0; i < frames.size(); ++i) {
        if (i == first || i == second) continue;
        plant.arrive(0, frames[i]);
        plant.be_at(plant.now_ns() + kMillisecondNs);
      }
      std::multiset<Refusal> left(kUsualRefusals.begin(), kUsualRefusals.end());
      for (const Refusal& each : foretold(plant)) {
        const auto expected = left.find(each);
        ASSERT_NE(expected, left.end())
            << "without frames " << first << " and " << second << ": " << describe(each.reason).name
            << ", " << protocols::describe(each.fault).name;
        left.erase(expected);
      }
      ASSERT_TRUE(plant.sent.empty());
      // What is behind both gaps is judged.
      ASSERT_GE(count(plant, Reason::granted), second < 15 ? 1U : 0U) << first << ", " << second;
    }
  }
}

TEST_F(Tap, AnAnswerWhoseQuestionIsMissing) {
  hear(support::udp_frame(kHmi, kPlc, 40000, 502, read_request(1)));
  hear(support::udp_frame(kPlc, kHmi, 502, 40000, read_answer(1)));
  hear(support::udp_frame(kPlc, kHmi, 502, 40000, read_answer(2)));
  EXPECT_TRUE(foretold(plant_).empty());
  EXPECT_EQ(count(plant_, Reason::not_judged), 1U);
}

// Of an observed conduit beside no frame is missing, whatever the tap port hears.
TEST(TapBeside, WhatIsObservedInlineIsJudgedAsWithoutATap) {
  policy::Tables tables = plant_policy();
  tables.conduits[0].observe_until_s = UINT32_MAX;
  Plant plant(std::move(tables), with_tap());
  const auto heard = [&plant](const Bytes& frame) {
    plant.clear();
    plant.arrive(0, frame);
    return plant.verdicts.front().reason;
  };
  const auto passed = [&plant](const Host& from, const Bytes& frame) {
    plant.clear();
    plant.arrive_inline(from, frame);
    EXPECT_EQ(plant.sent.size(), 1U);
    return plant.verdicts.front().reason;
  };
  const auto asks = [](std::uint16_t port, std::uint16_t transaction) {
    return support::udp_frame(kHmi, kPlc, port, 502, read_request(transaction));
  };
  const auto answers = [](std::uint16_t port, std::uint16_t transaction) {
    return support::udp_frame(kPlc, kHmi, 502, port, read_answer(transaction));
  };
  constexpr std::uint16_t kHeard = 41000;
  constexpr std::uint16_t kPassed = 40000;
  constexpr std::uint16_t kNotAsked = 42000;
  for (std::uint16_t i = 1; i <= 3; ++i) {
    EXPECT_EQ(heard(asks(kHeard, i)), Reason::granted);
    EXPECT_EQ(passed(kHmi, asks(kPassed, i)), Reason::granted);
    EXPECT_EQ(passed(kPlc, answers(kPassed, i)), Reason::answers_request);
    EXPECT_EQ(heard(answers(kHeard, 100)), Reason::not_judged) << "its question may be missing";
    EXPECT_EQ(passed(kPlc, answers(kPassed, 100)), Reason::protocol_fault);
    EXPECT_EQ(passed(kPlc, answers(kNotAsked, 1)), Reason::no_conduit);
    plant.be_at(plant.now_ns() + kSecondNs);
  }
}

TEST_F(Tap, OfAWholeSessionAStrayAnswerIsForetold) {
  Talk talk;
  talk.ask(read_request(1), read_answer(7));
  for (const Bytes& frame : talk.frames) hear(frame);
  ASSERT_EQ(foretold(plant_).size(), 1U);
  EXPECT_EQ(foretold(plant_)[0].reason, Reason::protocol_fault);
}

TEST_F(Tap, TagsOfTheMirrorDoNotCount) {
  hear(support::with_vlan(support::udp_frame(kHmi, kPlc, 40000, 502, read_request(1)), 100));
  EXPECT_EQ(count(plant_, Reason::granted), 1U);
  // As drivers give back the outer tag that they take out.
  const Bytes inner =
      support::with_vlan(support::udp_frame(kHmi, kPlc, 40000, 502, read_request(2)), 7);
  hear(support::with_vlan(inner, 100));
  EXPECT_EQ(count(plant_, Reason::granted), 2U);
  // Tagged and untagged, it is the same frame.
  hear(support::udp_frame(kHmi, kPlc, 40000, 502, read_request(1)));
  EXPECT_EQ(count(plant_, Reason::granted), 2U);
}

TEST(TapVlan, FramesAreJudgedInTheVlanOfTheirZone) {
  policy::Tables tables = plant_policy();
  for (policy::Zone& zone : tables.zones) zone.vlan = {30, 7};
  Plant plant(std::move(tables), with_tap());
  plant.arrive(0, support::udp_frame(kHmi, kPlc, 40000, 502, read_request(1)));
  plant.arrive(0,
               support::with_vlan(support::udp_frame(kHmi, kPlc, 40000, 502, read_request(2)), 5));
  EXPECT_EQ(count(plant, Reason::granted), 2U);
  EXPECT_TRUE(foretold(plant).empty());
  EXPECT_EQ(plant.buffers_in_use(), 0U);
}

TEST_F(Tap, WhatStaysInAZoneIsNotHeard) {
  hear(support::udp_frame(kHmi, kRogue, 40000, 502, kWrite));
  hear(support::arp_frame(kHmi, support::mac(0xff), 1, kRogue.address));
  EXPECT_TRUE(plant_.verdicts.empty());
  pipeline::Statistics stats;
  plant_.observation().read_gauges(stats);
  EXPECT_EQ(stats.tap_within, 2U);
}

TEST_F(Tap, WhoIsInNoZone) {
  const Host stranger{support::ip4(192, 0, 2, 1), support::mac(0x77), 0};
  hear(support::udp_frame(stranger, kPlc, 40000, 502, read_request(1)));
  EXPECT_EQ(foretold(plant_),
            (std::vector<Refusal>{{Reason::unknown_zone, protocols::Fault::none}}));
}

// LLDP, of a station that is known by its packets.
TEST_F(Tap, AStationIsWhereItsPacketsComeFrom) {
  Bytes lldp = {0x01, 0x80, 0xc2, 0, 0, 0x0e};
  lldp.insert(lldp.end(), kHmi.mac.bytes.begin(), kHmi.mac.bytes.end());
  lldp.insert(lldp.end(), {0x88, 0xcc, 0, 0});
  lldp.resize(60);
  hear(lldp);
  EXPECT_EQ(count(plant_, Reason::unknown_zone), 1U);
  hear(support::udp_frame(kHmi, kPlc, 40000, 502, read_request(1)));
  plant_.be_at(plant_.now_ns() + kSecondNs);
  hear(lldp);
  EXPECT_EQ(count(plant_, Reason::unknown_zone), 1U);
  EXPECT_EQ(count(plant_, Reason::ethertype_not_granted), 1U);
}

TEST_F(Tap, FramesThatAreNone) {
  Bytes whole = support::udp_frame(kHmi, kPlc, 40000, 502, read_request(1));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    plant_.arrive(0, Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)));
  }
  EXPECT_EQ(count(plant_, Reason::granted), 0U);
  EXPECT_EQ(plant_.buffers_in_use(), 0U);
}

TEST(TapOptions, ItNeedsRoomToJudge) {
  support::start_eal_for_tests();
  pipeline::PipelineOptions options = with_tap();
  options.limits.observed_sessions = 0;
  const auto made = pipeline::Observation::make("none", options);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error(), "a tap port judges nothing with observed-sessions 0");
}

}  // namespace
}  // namespace bulkhead
