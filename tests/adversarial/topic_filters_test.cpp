// Patterns of a protocol's own (protocols::NamePatterns), from the policy's text to the packets,
// with the topic filters of tests/support/topic_filter.h: what a rule contains is what the protocol
// says, of topics, of filters that messages ask for, and of other rules.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "controlplane/revisions/preview.h"
#include "dataplane/artefact/artefact.h"
#include "tests/support/alias_module.h"
#include "tests/support/policy_text.h"

namespace bulkhead {
namespace {

using protocols::Fault;
using support::AliasModule;
using support::Bytes;
using support::kControl;
using support::kHmi;
using support::kPlc;
using support::Plant;
using support::publish;
using support::subscribe;

// --- containment, against what the standard says of single topics

using Text = std::vector<std::string>;

Text levels_of(const std::string& text) {
  Text levels(1);
  for (const char c : text) {
    if (c == '/') {
      levels.emplace_back();
    } else {
      levels.back() += c;
    }
  }
  return levels;
}

// MQTT 5.0, 4.7.1: level by level.
bool is_like(const Text& filter, const Text& topic, std::size_t at) {
  if (at < filter.size() && filter[at] == "#") return true;
  if (at == filter.size() || at == topic.size()) {
    const bool above = at + 1 == filter.size() && filter[at] == "#";
    return at == topic.size() && (at == filter.size() || above);
  }
  return (filter[at] == "+" || filter[at] == topic[at]) && is_like(filter, topic, at + 1);
}

bool matches(const std::string& filter, const std::string& topic) {
  const bool hidden = topic[0] == '$' && (filter[0] == '+' || filter[0] == '#');  // 4.7.2
  return !hidden && is_like(levels_of(filter), levels_of(topic), 0);
}

// All of one to `most` levels of these; `last` stands at the end alone.
Text all_of(const Text& levels, std::size_t most, const Text& last = {}) {
  Text all;
  Text longer = {""};
  for (std::size_t count = 1; count <= most; ++count) {
    const Text shorter = std::exchange(longer, {});
    for (const std::string& before : shorter) {
      const std::string head = count == 1 ? "" : before + "/";
      for (const std::string& level : levels) longer.push_back(head + level);
      for (const std::string& level : last) all.push_back(head + level);
    }
    all.insert(all.end(), longer.begin(), longer.end());
  }
  std::erase(all, "");  // 4.7.3: at least one character
  return all;
}

TEST(TopicFilters, ContainWhatTheirTopicsSay) {
  const Text filters = all_of({"a", "+", "$s", ""}, 3, {"#"});
  const Text topics = all_of({"a", "b", "$s", ""}, 4);
  std::vector<std::vector<bool>> matched;
  for (const std::string& filter : filters) {
    ASSERT_TRUE(support::check_topic_filter(filter).is_none()) << filter;
    std::vector<bool>& row = matched.emplace_back();
    for (const std::string& topic : topics) {
      row.push_back(matches(filter, topic));
      ASSERT_EQ(support::contains_topics(filter, topic), row.back()) << filter << " " << topic;
    }
  }
  for (std::size_t outer = 0; outer < filters.size(); ++outer) {
    for (std::size_t inner = 0; inner < filters.size(); ++inner) {
      bool all = true;
      for (std::size_t t = 0; t < topics.size(); ++t) {
        all = all && (matched[outer][t] || !matched[inner][t]);
      }
      const bool contains = support::contains_topics(filters[outer], filters[inner]);
      // The level above `/#` is empty, and so no topic: that is not made use of.
      if (contains || filters[inner] != "/#") {
        ASSERT_EQ(contains, all) << filters[outer] << " " << filters[inner];
      }
    }
  }
}

TEST(TopicFilters, HaveOneForm) {
  const auto fault_at = [](std::string_view filter) -> std::optional<std::size_t> {
    const protocols::PatternFault fault = support::check_topic_filter(filter);
    return fault.is_none() ? std::nullopt : std::optional(fault.at);
  };
  for (const char* good : {"a", "/", "a/b", "+", "#", "a/+/b", "a/#", "+/+/#", "$SYS/#"}) {
    EXPECT_EQ(fault_at(good), std::nullopt) << good;
  }
  EXPECT_EQ(fault_at(""), 0U);
  EXPECT_EQ(fault_at("a/#/b"), 2U);
  EXPECT_EQ(fault_at("a+/b"), 1U);
  EXPECT_EQ(fault_at("a/b#"), 3U);
  EXPECT_EQ(fault_at(std::string_view("a\0b", 3)), 1U);
}

// --- policy

const std::string kRules =
    "      - {protocol: aliases, client: hmi, server: plc1, functions: [publish],\n"
    "         where: {topic: [\"plant/+/state\", \"area/#\"]}}\n"
    "      - {protocol: aliases, client: hmi, server: plc1, functions: [subscribe],\n"
    "         where: {topic: \"plant/#\"}}\n";

class TopicPolicy : public testing::Test {
 protected:
  TopicPolicy() { AliasModule::index(); }

  static policy::Tables compiled(const std::string& rules) {
    const controlplane::Compilation result = controlplane::compile_policy(
        controlplane::with_rules(rules, "    on_deny: reject\n"), "p.yaml");
    EXPECT_TRUE(result.tables);
    if (!result.tables) return {};
    auto loaded = artefact::decode(artefact::encode(*result.tables));
    EXPECT_TRUE(loaded.ok());
    return std::move(loaded).value();
  }
};

TEST_F(TopicPolicy, APatternIsCheckedWhereItStands) {
  EXPECT_EQ(controlplane::first(controlplane::with_rules(kRules)), "");
  const std::string before =
      "      - {protocol: aliases, client: hmi, server: plc1, functions: [publish],\n"
      "         where: {topic: [a, ";
  EXPECT_EQ(controlplane::first(controlplane::with_rules(before + "\"a/#/b\"]}}\n")),
            "p.yaml:15:29: error: topic: `a/#/b` is not a topic filter: `#` is the last level (at "
            "character 3)");
  EXPECT_EQ(controlplane::first(controlplane::with_rules(before + "\"Rec*\"]}}\n")), "")
      << "a star is a character as any other";
}

TEST_F(TopicPolicy, TheDataPlaneTrustsNoPattern) {
  controlplane::Compilation result =
      controlplane::compile_policy(controlplane::with_rules(kRules), "p.yaml");
  ASSERT_TRUE(result.tables);
  policy::Tables& tables = *result.tables;
  tables.conduits[0].rules[0].constraints[0].patterns[1] = "area/#/x";
  const auto loaded = artefact::decode(artefact::encode(tables));
  ASSERT_FALSE(loaded.ok());
  EXPECT_NE(loaded.error().find("a pattern is not a topic filter"), std::string::npos)
      << loaded.error();
}

TEST_F(TopicPolicy, ARuleContainsAnotherByTheProtocol) {
  const auto rule = [](const char* topic) {
    return compiled(std::string("      - {protocol: aliases, client: hmi, server: plc1, "
                                "functions: [publish], where: {topic: \"") +
                    topic + "\"}}\n");
  };
  using controlplane::Coverage;
  const controlplane::PassedKey passed{"scada", 1, "aliases", "publish"};
  EXPECT_EQ(coverage_of(rule("plant/+"), passed, rule("plant/#")), Coverage::whole);
  EXPECT_EQ(coverage_of(rule("plant/a"), passed, rule("+/a")), Coverage::whole);
  EXPECT_EQ(coverage_of(rule("plant/#"), passed, rule("plant/+")), Coverage::part);
  EXPECT_EQ(coverage_of(rule("$SYS/a"), passed, rule("#")), Coverage::part);
  EXPECT_EQ(coverage_of(rule("plant/a"), passed, rule("*")), Coverage::part);
}

// --- packets

class TopicPackets : public TopicPolicy {
 protected:
  bool passes(const Bytes& message) {
    plant_.clear();
    session_.from_client(message);
    session_.server_acked = session_.client_next;
    for (const support::SentTcp& sent : take(plant_, kControl)) {
      if (!sent.payload.empty()) return true;
    }
    return false;
  }
  bool passes_over_udp(Plant& plant, const Bytes& message) {
    plant.clear();
    plant.arrive(kHmi, udp_frame(kHmi, kPlc, 40000, AliasModule::kPort, message));
    return std::any_of(plant.sent.begin(), plant.sent.end(),
                       [](const support::Sent& sent) { return sent.port == kControl; });
  }

  Plant plant_{compiled(kRules)};
  support::TcpSession session_{plant_, 40000, 1000, 900000, AliasModule::kPort};
};

TEST_F(TopicPackets, WhatIsPublishedMatchesAFilter) {
  EXPECT_TRUE(passes(publish(0, "plant/pump1/state")));
  EXPECT_TRUE(passes(publish(0, "area/1/2/3")));
  EXPECT_TRUE(passes(publish(0, "area"))) << "4.7.1.2: the level above";
  EXPECT_TRUE(passes(publish(0, "plant/pump1/state"))) << "which is remembered";
}

TEST_F(TopicPackets, WhatNoFilterContainsIsRefused) {
  EXPECT_FALSE(passes(publish(0, "plant/pump1/state/2")));
  EXPECT_EQ(plant_.verdicts.front().reason, Reason::values_not_granted);
}

TEST_F(TopicPackets, AnAliasIsTheTopicThatItStandsFor) {
  EXPECT_TRUE(passes(publish(1, "plant/pump1/state")));
  EXPECT_TRUE(passes(publish(1, "")));
}

// Of UDP a refusal costs a datagram alone, so that many can be asked in one test.
TEST_F(TopicPackets, WhatASubscriptionMayBringLiesInTheRule) {
  std::string rules = kRules;
  for (std::size_t at = 0; (at = rules.find("server: plc1", at)) != std::string::npos; at += 30) {
    rules.replace(at, 12, "server: plc1, transport: udp");
  }
  Plant plant{compiled(rules)};
  for (const char* inside : {"plant/#", "plant", "plant/+", "plant/+/state", "plant/pump1/#"}) {
    EXPECT_TRUE(passes_over_udp(plant, subscribe(inside))) << inside;
  }
  for (const char* outside : {"#", "+", "+/a", "plant+", "area/#", "$SYS/#", "plants/#"}) {
    EXPECT_FALSE(passes_over_udp(plant, subscribe(outside))) << outside;
  }
  EXPECT_TRUE(passes_over_udp(plant, publish(0, "area/x")));
  EXPECT_FALSE(passes_over_udp(plant, publish(0, "area/+"))) << "3.3.2.1: no filter is published";
  EXPECT_EQ(plant.verdicts.front().fault, Fault::bad_value);
}

}  // namespace
}  // namespace bulkhead
