// Ports that are alike on both sides: who spoke first says nothing, what each may ask follows from
// the conduits and rules of both directions.
//
//   station (supervision) :47808 ---- pipeline ---- :47808 device (control)
#include <gtest/gtest.h>

#include "tests/support/plant.h"

namespace bulkhead {
namespace {

using support::Bytes;
using support::Host;
using support::kHmi;
using support::kPlc;
using support::Plant;

constexpr std::uint16_t kBacnet = 47808;
constexpr std::uint16_t kNtp = 123;

// Original-Unicast-NPDU, version 1 (135, J.2.11; 6.2): an I-Am, a ReadProperty of analog input 5's
// present value with invoke identifier 1, and its answer.
const Bytes kIAm = {0x81, 0x0a, 0,   20,   1, 0,    0x10, 0, 0xc4, 2,
                    0,    0,    100, 0x22, 1, 0xe0, 0x91, 0, 0x21, 0x0f};
const Bytes kReadProperty = {0x81, 0x0a, 0, 17, 1, 4, 0, 5, 1, 0x0c, 0x0c, 0, 0, 0, 5, 0x19, 0x55};
const Bytes kAnswer = {0x81, 0x0a, 0,    23,   1,    0,    0x30, 1,    0x0c, 0x0c, 0,   0,
                       0,    5,    0x19, 0x55, 0x3e, 0x44, 0x41, 0xa0, 0,    0,    0x3f};

policy::Rule rule_for(const Host& client, const Host& server,
                      std::initializer_list<std::string_view> functions) {
  policy::Rule rule;
  rule.clients = {{client.address, 128}};
  rule.servers = {{server.address, 128}};
  rule.transport = policy::Transport::udp;
  rule.ports = {{kBacnet, kBacnet}};
  rule.protocol = *protocols::find_protocol("bacnet");
  const auto known = protocols::registry()[rule.protocol]->catalogue().functions;
  for (const std::string_view name : functions) {
    for (std::size_t i = 0; i < known.size(); ++i) {
      if (known[i].name == name) rule.functions.set(i);
    }
  }
  return rule;
}

// The station polls the device; the device announces itself, if there is a conduit for that.
policy::Tables poll(bool announces) {
  policy::Tables tables = support::two_zones(policy::OnDeny::drop);
  tables.conduits[0].rules = {};
  tables.conduits[0].rules.push_back(rule_for(kHmi, kPlc, {"read_property"}));
  if (announces) {
    policy::Conduit& back = tables.conduits.emplace_back();
    back.name = "announcements";
    back.from = 1;
    back.to = 0;
    back.rules.push_back(rule_for(kPlc, kHmi, {"i_am"}));
  }
  policy::finish(tables);
  return tables;
}

class Roles : public ::testing::Test {
 protected:
  bool passes(Plant& plant, const Host& from, const Host& to, const Bytes& payload,
              std::uint16_t port = kBacnet) {
    plant.clear();
    plant.arrive(from, support::udp_frame(from, to, port, port, payload));
    return plant.sent.size() == 1;
  }
};

TEST_F(Roles, ADeviceThatAnnouncesItselfCanBePolled) {
  Plant plant(poll(true));
  EXPECT_TRUE(passes(plant, kPlc, kHmi, kIAm));
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(passes(plant, kHmi, kPlc, kReadProperty));
    EXPECT_EQ(plant.verdicts.front().reason, Reason::granted);
    EXPECT_TRUE(passes(plant, kPlc, kHmi, kAnswer));
    EXPECT_EQ(plant.verdicts.front().reason, Reason::answers_request);
    EXPECT_TRUE(passes(plant, kPlc, kHmi, kIAm));
  }
}

// What is refused in the one role is no request that waits for an answer: it was granted in the
// other.
TEST_F(Roles, AnObservedDeviceThatAnnouncesItselfIsJudgedAsOneThatIsEnforced) {
  policy::Tables tables = poll(true);
  for (policy::Conduit& conduit : tables.conduits) conduit.observe_until_s = UINT32_MAX;
  Plant observed(std::move(tables));
  EXPECT_TRUE(passes(observed, kPlc, kHmi, kIAm));
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(passes(observed, kHmi, kPlc, kReadProperty));
    EXPECT_EQ(observed.verdicts.front().reason, Reason::granted) << i;
    EXPECT_TRUE(passes(observed, kPlc, kHmi, kAnswer));
    EXPECT_EQ(observed.verdicts.front().reason, Reason::answers_request) << i;
  }
  EXPECT_TRUE(passes(observed, kPlc, kHmi, kAnswer)) << "answered already";
  EXPECT_EQ(observed.last(), Reason::function_not_granted) << "as a request of the device";
}

// A request that is granted from memory is not parsed; where its session has no room for it, its
// refusal is the same.
TEST_F(Roles, ARequestFromMemoryIsRefusedAsOneThatIsParsed) {
  // 135, 20.1.7: an Error of class security, code access denied.
  const Bytes refusal = {0x81, 0x0a, 0, 13, 1, 0, 0x50, 1, 0x0c, 0x91, 4, 0x91, 85};
  std::size_t asked_before = 0;
  for (const bool remembers : {false, true}) {
    policy::Tables tables = poll(false);
    tables.conduits[0].on_deny = policy::OnDeny::reject;
    pipeline::PipelineOptions options;
    options.remember_verdicts = remembers;
    Plant plant(std::move(tables), options);
    constexpr std::size_t kMany = 1000;
    std::size_t asked = 0;
    while (asked < kMany && passes(plant, kHmi, kPlc, kReadProperty) &&
           plant.sent.front().port == support::kControl) {
      ++asked;
    }
    ASSERT_LT(asked, kMany);
    EXPECT_TRUE(!remembers || asked == asked_before);
    asked_before = asked;
    EXPECT_EQ(plant.last(), Reason::protocol_fault);
    ASSERT_EQ(plant.sent.size(), 1U);
    EXPECT_EQ(plant.sent.front().port, support::kSupervision);
    const Bytes& frame = plant.sent.front().frame;
    EXPECT_EQ(Bytes(frame.end() - static_cast<std::ptrdiff_t>(refusal.size()), frame.end()),
              refusal);
  }
}

TEST_F(Roles, SoCanOneThatAnnouncesItselfLater) {
  Plant plant(poll(true));
  EXPECT_TRUE(passes(plant, kHmi, kPlc, kReadProperty));
  EXPECT_TRUE(passes(plant, kPlc, kHmi, kIAm));
  EXPECT_TRUE(passes(plant, kPlc, kHmi, kAnswer));
}

TEST_F(Roles, NobodyMayAskMoreThanTheRulesOfEitherWayGrant) {
  Plant plant(poll(true));
  EXPECT_TRUE(passes(plant, kPlc, kHmi, kIAm));
  EXPECT_FALSE(passes(plant, kPlc, kHmi, kReadProperty));
  EXPECT_EQ(plant.last(), Reason::function_not_granted);
  EXPECT_FALSE(passes(plant, kPlc, kHmi, kAnswer)) << "nothing was asked";
  EXPECT_TRUE(passes(plant, kHmi, kPlc, kReadProperty));
  EXPECT_FALSE(passes(plant, kHmi, kPlc, kAnswer)) << "the wrong way";
  EXPECT_TRUE(passes(plant, kPlc, kHmi, kAnswer));
  EXPECT_FALSE(passes(plant, kPlc, kHmi, kAnswer)) << "answered already";
}

// The entry is that of the announcement, in which the device is the client.
TEST_F(Roles, APolicyThatGrantsOnlyThePollingLosesNoPoll) {
  Plant plant(poll(true));
  EXPECT_TRUE(passes(plant, kPlc, kHmi, kIAm));
  plant.change_policy(poll(false));
  EXPECT_TRUE(passes(plant, kHmi, kPlc, kReadProperty)) << describe(plant.last()).name;
  EXPECT_TRUE(passes(plant, kPlc, kHmi, kAnswer));
  EXPECT_FALSE(passes(plant, kPlc, kHmi, kIAm));
}

TEST_F(Roles, AnAnnouncementThatNobodyGrantsDoesNotStopThePolling) {
  Plant plant(poll(false));
  EXPECT_FALSE(passes(plant, kPlc, kHmi, kIAm));
  EXPECT_FALSE(passes(plant, kPlc, kHmi, kAnswer));
  EXPECT_TRUE(passes(plant, kHmi, kPlc, kReadProperty));
  EXPECT_TRUE(passes(plant, kPlc, kHmi, kAnswer));
}

// 135, 16.10: a device that is polled, or that spoke first, answers a Who-Is all the same.
TEST_F(Roles, AnAnswerToAQuestionToManyNeedsNoRuleInAnySession) {
  for (const bool announces : {false, true}) {
    const Host all{support::ip4(255, 255, 255, 255), wire::Mac::from_integer(0xffffffffffff), 0};
    policy::Tables tables = poll(announces);
    tables.zones[1].groups = {all.address};
    tables.conduits[0].rules.push_back(rule_for(kHmi, all, {"who_is"}));
    if (announces) tables.conduits[1].rules[0] = rule_for(kPlc, kHmi, {"i_have"});
    policy::finish(tables);
    Plant plant(std::move(tables));
    const Bytes who_is = {0x81, 0x0b, 0, 8, 1, 0, 0x10, 8};
    if (announces) {
      EXPECT_FALSE(passes(plant, kPlc, kHmi, kIAm));
    } else {
      EXPECT_TRUE(passes(plant, kHmi, kPlc, kReadProperty));
    }
    EXPECT_FALSE(passes(plant, kPlc, kHmi, kIAm)) << "nobody asked";
    EXPECT_TRUE(passes(plant, kHmi, all, who_is));
    EXPECT_TRUE(passes(plant, kPlc, kHmi, kIAm)) << announces;
  }
}

// 135, J.4.5: a BBMD passes an Original-Broadcast-NPDU on to its whole network, also one that came
// to it alone. And 5.4: a request that waits for an answer goes to one device.
TEST_F(Roles, WhatAllExecuteIsNotGrantedForOne) {
  const Host all{support::ip4(255, 255, 255, 255), wire::Mac::from_integer(0xffffffffffff), 0};
  Bytes to_all = kReadProperty;
  to_all[1] = 0x0b;
  const Bytes who_is = {0x81, 0x0b, 0, 8, 1, 0, 0x10, 8};
  for (const bool named : {false, true}) {
    policy::Tables tables = poll(false);
    tables.zones[1].groups = {all.address};
    // One rule for both, so that a verdict on the one may be remembered for the other.
    policy::Rule& rule = tables.conduits[0].rules[0];
    rule = rule_for(kHmi, kPlc, {"read_property", "who_is"});
    rule.servers.push_back({all.address, 128});
    constexpr std::uint8_t kBroadcast = 18;
    if (named) {
      policy::Rule& by_name = tables.conduits[0].rules.emplace_back(rule);
      by_name.constraints.push_back({kBroadcast, {{0, 0}}, {}});
    }
    policy::finish(tables);
    Plant plant(std::move(tables));
    EXPECT_TRUE(passes(plant, kHmi, kPlc, kReadProperty));
    EXPECT_TRUE(passes(plant, kHmi, kPlc, kReadProperty));
    EXPECT_EQ(passes(plant, kHmi, kPlc, to_all), named);
    EXPECT_EQ(passes(plant, kHmi, all, kReadProperty), named) << "in a unicast's form";
    EXPECT_EQ(passes(plant, kHmi, kPlc, who_is), named);
    EXPECT_TRUE(passes(plant, kHmi, all, who_is));
    EXPECT_EQ(passes(plant, kHmi, kPlc, who_is), named);
  }
}

TEST_F(Roles, AChangeOfPolicyHoldsForBothRoles) {
  Plant plant(poll(true));
  EXPECT_TRUE(passes(plant, kPlc, kHmi, kIAm));
  EXPECT_TRUE(passes(plant, kHmi, kPlc, kReadProperty));
  plant.change_policy(poll(false));
  EXPECT_FALSE(passes(plant, kPlc, kHmi, kIAm));
  EXPECT_TRUE(passes(plant, kHmi, kPlc, kReadProperty));
  policy::Tables silent = poll(true);
  silent.conduits[0].rules = {};
  policy::finish(silent);
  plant.change_policy(std::move(silent));
  EXPECT_FALSE(passes(plant, kHmi, kPlc, kReadProperty));
  EXPECT_TRUE(passes(plant, kPlc, kHmi, kIAm));
}

// What is not looked into cannot be told from an answer, so its server never speaks first.
TEST_F(Roles, APlainServiceHasOneClient) {
  policy::Tables tables = support::two_zones(policy::OnDeny::drop);
  tables.conduits[0].rules = {};
  policy::Rule rule = rule_for(kHmi, kPlc, {});
  rule.protocol = protocols::kNoProtocol;
  rule.ports = {{kNtp, kNtp}};
  tables.conduits[0].rules.push_back(std::move(rule));
  policy::finish(tables);
  Plant plant(std::move(tables));
  EXPECT_FALSE(passes(plant, kPlc, kHmi, {1}, kNtp));
  EXPECT_EQ(plant.last(), Reason::no_conduit);
  EXPECT_TRUE(passes(plant, kHmi, kPlc, {1}, kNtp));
  EXPECT_TRUE(passes(plant, kPlc, kHmi, {1}, kNtp));
}

}  // namespace
}  // namespace bulkhead
