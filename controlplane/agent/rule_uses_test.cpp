// When rules were last used: by what they grant and not by number, across restarts of either
// process, on disk and at the peer.
#include "controlplane/agent/rule_uses.h"

#include <gtest/gtest.h>

#include <fstream>

#include "dataplane/artefact/digest.h"
#include "tests/support/temporary_folder.h"

namespace bulkhead::controlplane {
namespace {

constexpr TimeNs kDayNs = TimeNs{24} * 3600 * kSecondNs;
constexpr TimeNs kStart = 20'000 * kDayNs;

struct TestRule {
  const char* protocol;
  std::uint32_t number;
  std::uint32_t burst = 0;
};

v1::CompiledPolicy policy_of(const std::vector<TestRule>& rules, const char* conduit = "scada") {
  v1::CompiledPolicy policy;
  v1::Conduit& added = *policy.add_conduits();
  added.set_name(conduit);
  for (const TestRule& rule : rules) {
    v1::Rule& each = *added.add_rules();
    each.set_protocol(rule.protocol);
    each.set_number(rule.number);
    each.set_rate_burst(rule.burst);
  }
  return policy;
}

v1::Counters page(const std::vector<std::pair<std::uint32_t, std::uint64_t>>& rules,
                  const std::string& reason = "granted") {
  v1::Counters counters;
  for (const auto& [rule, messages] : rules) {
    v1::Counter& row = *counters.add_rows();
    row.set_conduit("scada");
    row.set_rule(rule);
    row.set_reason(reason);
    row.set_messages(messages);
  }
  return counters;
}

RuleCounts counts(const std::vector<std::pair<std::uint32_t, std::uint64_t>>& rules) {
  RuleCounts counts;
  counts.add(page(rules));
  return counts;
}

// Days from the start on, by rule; -1: never.
std::vector<int> used(const RuleBook& book) {
  std::vector<int> days;
  for (const v1::RuleUse& use : book.in_force()) {
    const TimeNs at_ns = use.last_used_wall_time_ns();
    days.push_back(at_ns == 0 ? -1 : static_cast<int>((at_ns - kStart) / kDayNs));
  }
  return days;
}

std::vector<int> since(const RuleBook& book) {
  std::vector<int> days;
  for (const v1::RuleUse& use : book.in_force()) {
    days.push_back(static_cast<int>((use.counted_since_wall_time_ns() - kStart) / kDayNs));
  }
  return days;
}

TEST(RuleCounts, AreWhatRulesLetPass) {
  RuleCounts counts;
  counts.add(page({{1, 5}, {0, 9}}));
  counts.add(page({{1, 2}}, "service_granted"));
  counts.add(page({{1, 100}, {2, 100}}, "session_control"));
  counts.add(page({{1, 100}, {2, 100}}, "values_not_granted"));
  EXPECT_EQ(counts.messages(), (std::map<RuleCounts::Rule, std::uint64_t>{{{"scada", 1}, 7}}));
  v1::Counters anew = page({{3, 1}});
  anew.set_anew(true);
  counts.add(anew);
  EXPECT_EQ(counts.messages(), (std::map<RuleCounts::Rule, std::uint64_t>{{{"scada", 3}, 1}}));
}

TEST(RuleBook, GrowthIsAUse) {
  RuleBook book;
  book.set_policy("a", policy_of({{"modbus", 1}, {"dnp3", 2}}), kStart);
  EXPECT_EQ(used(book), (std::vector<int>{-1, -1}));
  book.note(counts({{1, 50}}), kStart);
  EXPECT_EQ(used(book), (std::vector<int>{-1, -1})) << "counted before: nobody knows when";
  book.note(counts({{1, 50}}), kStart + kDayNs);
  EXPECT_EQ(used(book), (std::vector<int>{-1, -1}));
  book.note(counts({{1, 51}}), kStart + 2 * kDayNs);
  EXPECT_EQ(used(book), (std::vector<int>{2, -1}));
  book.note(counts({{1, 51}, {2, 1}}), kStart + 3 * kDayNs);
  EXPECT_EQ(used(book), (std::vector<int>{2, 3}));
  EXPECT_EQ(since(book), (std::vector<int>{0, 0}));
}

// The data plane's counts begin anew with its process.
TEST(RuleBook, ARestartOfTheDataPlaneIsNoUse) {
  RuleBook book;
  book.set_policy("a", policy_of({{"modbus", 1}}), kStart);
  book.note(counts({{1, 50}}), kStart);
  book.note(counts({}), kStart + kDayNs);
  EXPECT_EQ(used(book), (std::vector<int>{-1}));
  book.note(counts({{1, 3}}), kStart + 2 * kDayNs);
  EXPECT_EQ(used(book), (std::vector<int>{2}));
}

TEST(RuleBook, ARuleIsWhatItGrantsAndNotItsNumber) {
  RuleBook book;
  book.set_policy("a", policy_of({{"modbus", 1}, {"dnp3", 2}}), kStart);
  book.note(counts({}), kStart);
  book.note(counts({{1, 1}, {2, 1}}), kStart + kDayNs);
  // A rule before them, and one of them with another rate.
  book.set_policy("b", policy_of({{"opcua", 1}, {"modbus", 2}, {"dnp3", 3, 5}}),
                  kStart + 2 * kDayNs);
  EXPECT_EQ(used(book), (std::vector<int>{-1, 1, -1}));
  EXPECT_EQ(since(book), (std::vector<int>{2, 0, 2}));
  // What was counted under the former policy is of other rules.
  book.note(counts({{1, 9}, {2, 9}}), kStart + 3 * kDayNs);
  EXPECT_EQ(used(book), (std::vector<int>{-1, 1, -1}));
  // Back again: the rules are known.
  book.set_policy("a", policy_of({{"modbus", 1}, {"dnp3", 2}}), kStart + 4 * kDayNs);
  EXPECT_EQ(used(book), (std::vector<int>{1, 1}));
  EXPECT_EQ(since(book), (std::vector<int>{0, 0}));
  book.set_policy("c", policy_of({{"modbus", 1}}, "other"), kStart + 5 * kDayNs);
  EXPECT_EQ(used(book), (std::vector<int>{-1})) << "a conduit of another name";
}

// One of the author's rules may be several, one for each route: they are one.
TEST(RuleBook, PartsOfARuleAreOne) {
  RuleBook book;
  book.set_policy("a", policy_of({{"modbus", 1}, {"modbus", 1, 2}, {"dnp3", 2}}), kStart);
  EXPECT_EQ(book.in_force().size(), 2U);
}

TEST(RuleBook, RulesThatWereLongGoneAreForgotten) {
  RuleBook book;
  book.set_policy("a", policy_of({{"modbus", 1}}), kStart);
  book.set_policy("b", policy_of({{"dnp3", 1}}), kStart + 400 * kDayNs);
  EXPECT_EQ(book.entries("", 10).size(), 2U);
  book.set_policy("b", policy_of({{"dnp3", 1}}), kStart + 401 * kDayNs);
  EXPECT_EQ(book.entries("", 10).size(), 1U);
}

TEST(RuleBook, OfTwoAppliancesTheLaterUseCounts) {
  const auto policy = policy_of({{"modbus", 1}, {"dnp3", 2}});
  RuleBook one;
  one.set_policy("a", policy, kStart + kDayNs);
  one.note(counts({}), kStart + kDayNs);
  one.note(counts({{1, 1}}), kStart + 5 * kDayNs);
  RuleBook other;
  other.set_policy("a", policy, kStart);
  other.note(counts({}), kStart);
  other.note(counts({{1, 1}, {2, 1}}), kStart + 3 * kDayNs);
  EXPECT_TRUE(other.join(one.entries("", 10)));
  EXPECT_FALSE(other.join(one.entries("", 10))) << "the second time it is no news";
  EXPECT_TRUE(one.join(other.entries("", 10)));
  for (const RuleBook* book : {&one, &other}) {
    EXPECT_EQ(used(*book), (std::vector<int>{5, 3}));
    EXPECT_EQ(since(*book), (std::vector<int>{0, 0}));
  }
  v1::KeptRuleUse foreign;
  foreign.set_identity("short");
  EXPECT_FALSE(one.join({foreign}));
}

// --- on disk -----------------------------------------------------------------------------------

class NoSink final : public Sink {
 public:
  void on_event(const v1::Event& event) override { texts.push_back(event.text()); }
  void on_counters(const v1::Counters& /*page*/) override {}
  void on_status(const v1::GetStatusResponse& /*status*/) override {}

  std::vector<std::string> texts;
};

class RuleUsesTest : public ::testing::Test {
 protected:
  // The digest of a revision with these rules.
  std::string add(const v1::CompiledPolicy& policy) {
    v1::GetPolicyResponse stored;
    const std::string bytes = policy.SerializeAsString();
    stored.mutable_artefact()->set_policy(bytes);
    stored.mutable_artefact()->set_sha256(artefact::sha256(bytes));
    const std::string digest = artefact::to_hex(artefact::sha256(bytes));
    stored.mutable_revision()->set_sha256(digest);
    EXPECT_TRUE(store_->add(stored));
    return digest;
  }
  std::unique_ptr<RuleUses> open() { return std::make_unique<RuleUses>(*store_, sink_); }
  static int last_day(const RuleUses& uses) {
    const auto rules = uses.in_force().rules;
    if (rules.empty() || rules[0].last_used_wall_time_ns() == 0) return -1;
    return static_cast<int>((rules[0].last_used_wall_time_ns() - kStart) / kDayNs);
  }

  support::TemporaryFolder folder_;
  NoSink sink_;
  std::unique_ptr<RevisionStore> store_ = RevisionStore::open(folder_.path()).value();
};

TEST_F(RuleUsesTest, ARestartOfTheAgentForgetsNothing) {
  const std::string digest = add(policy_of({{"modbus", 1}}));
  auto uses = open();
  uses->note(digest, counts({{1, 5}}), kStart);
  uses->note(digest, counts({{1, 6}}), kStart + kDayNs);
  EXPECT_EQ(last_day(*uses), 1);
  uses->stop();
  uses = open();
  EXPECT_TRUE(uses->in_force().rules.empty()) << "it does not know yet what is enforced";
  uses->note(digest, counts({{1, 6}}), kStart + 2 * kDayNs);
  EXPECT_EQ(last_day(*uses), 1);
  EXPECT_EQ(uses->in_force().rules[0].counted_since_wall_time_ns(), kStart);
  // What passed while the agent was away is a use too.
  uses->stop();
  uses = open();
  uses->note(digest, counts({{1, 7}}), kStart + 4 * kDayNs);
  EXPECT_EQ(last_day(*uses), 4);
}

// A crash of the agent costs half an hour, and nothing of a rule's first use.
TEST_F(RuleUsesTest, WhatIsNewIsOnDiskSoon) {
  const std::string digest = add(policy_of({{"modbus", 1}}));
  auto uses = open();
  TimeNs now_ns = TimeNs{1000} * kSecondNs;
  uses->note(digest, counts({}), kStart);
  uses->note(digest, counts({{1, 1}}), kStart + kDayNs);
  uses->turn(now_ns);
  auto crashed = open();
  crashed->note(digest, counts({{1, 1}}), kStart + 2 * kDayNs);
  EXPECT_EQ(last_day(*crashed), 1);
  uses->note(digest, counts({{1, 2}}), kStart + 3 * kDayNs);
  uses->turn(now_ns + RuleUses::kLateNs - 1);
  crashed = open();
  crashed->note(digest, counts({{1, 1}}), kStart + 3 * kDayNs);
  EXPECT_EQ(last_day(*crashed), 1) << "not yet: a rule that is used all the time is no write each";
  uses->turn(now_ns + RuleUses::kLateNs);
  crashed = open();
  crashed->note(digest, counts({{1, 2}}), kStart + 9 * kDayNs);
  EXPECT_EQ(last_day(*crashed), 3);
}

TEST_F(RuleUsesTest, ADamagedFileIsSetAside) {
  std::ofstream(folder_.path() + "/rule-use") << "\xff\xff no such file";
  auto uses = open();
  ASSERT_EQ(sink_.texts.size(), 1U);
  EXPECT_NE(sink_.texts[0].find("rule-use.damaged"), std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(folder_.path() + "/rule-use.damaged"));
  const std::string digest = add(policy_of({{"modbus", 1}}));
  uses->note(digest, counts({}), kStart);
  EXPECT_EQ(uses->in_force().rules.size(), 1U);
}

TEST_F(RuleUsesTest, APolicyThatIsNotStoredHasNoRules) {
  auto uses = open();
  uses->note("0123", counts({{1, 1}}), kStart);
  EXPECT_TRUE(uses->in_force().rules.empty());
}

// In parts, once the link is up, and again when something has changed.
TEST_F(RuleUsesTest, ThePeerGetsAll) {
  std::vector<TestRule> rules;
  for (std::uint32_t i = 1; i <= RuleUses::kEntriesOfMessage + 1; ++i) {
    rules.push_back({"modbus", i, i});
  }
  const std::string digest = add(policy_of(rules));
  auto uses = open();
  uses->note(digest, counts({}), kStart);
  uses->note(digest, counts({{501, 1}}), kStart + kDayNs);
  auto peer = open();
  std::vector<int> sizes;
  uses->join_pair([&](const v1::PairRuleUse& message) {
    sizes.push_back(message.uses_size());
    peer->on_peer(message);
  });
  TimeNs now_ns = TimeNs{1000} * kSecondNs;
  uses->turn(now_ns);
  EXPECT_TRUE(sizes.empty()) << "the link is down";
  uses->on_link(true);
  for (int i = 0; i < 5; ++i) uses->turn(now_ns += kSecondNs);
  EXPECT_EQ(sizes, (std::vector<int>{500, 1})) << "nothing has changed since";
  peer->note(digest, counts({}), kStart + 2 * kDayNs);
  const auto at_peer = peer->in_force().rules;
  ASSERT_EQ(at_peer.size(), 501U);
  EXPECT_EQ(at_peer[500].last_used_wall_time_ns(), kStart + kDayNs);
  EXPECT_EQ(at_peer[0].last_used_wall_time_ns(), 0U);
  EXPECT_EQ(at_peer[0].counted_since_wall_time_ns(), kStart);
  uses->note(digest, counts({{501, 2}}), kStart + 3 * kDayNs);
  for (int i = 0; i < 50; ++i) uses->turn(now_ns += kSecondNs);
  EXPECT_EQ(sizes.size(), 2U);
  for (int i = 0; i < 10; ++i) uses->turn(now_ns += kSecondNs);
  EXPECT_EQ(sizes.size(), 4U);
}

}  // namespace
}  // namespace bulkhead::controlplane
