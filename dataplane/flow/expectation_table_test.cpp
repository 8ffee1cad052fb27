// The table of relations against a plain list, how messages are policed, and which worker others
// find.
#include "dataplane/flow/expectation_table.h"

#include <gtest/gtest.h>

#include <list>
#include <random>
#include <set>

namespace bulkhead::flow {
namespace {

using protocols::Fault;

ShareIds host(std::uint16_t number) { return {number, 1}; }

RelationId id_of(std::uint32_t number) {
  RelationId id;
  id.client.bytes[15] = 1;
  store_be32(id.name.bytes.data(), number);
  return id;
}

Expectation expected(std::uint8_t to, std::uint32_t identifier) {
  Expectation expectation;
  expectation.key.to.bytes[15] = to;
  expectation.key.port = 2222;
  expectation.key.identifier = identifier;
  return expectation;
}

std::uint32_t count_of(ExpectationTable& table, const ExpectationKey& key) {
  std::uint32_t count = 0;
  table.visit(key, [&](Relation& relation, Expectation& expectation) {
    EXPECT_TRUE(relation.in_use && relation.is_open);
    EXPECT_EQ(expectation.key, key);
    ++count;
    return false;
  });
  return count;
}

TEST(ExpectationTable, AgreesWithAPlainList) {
  std::mt19937 random(7);
  ExpectationOwners owners(2, 64);
  ExpectationTable table(64, &owners, 1);
  struct Open {
    std::uint32_t number;
    std::vector<Expectation> expectations;
  };
  std::list<Open> open;
  for (int step = 0; step < 2000; ++step) {
    if (random() % 2 == 0 || open.empty()) {
      const std::uint32_t number = static_cast<std::uint32_t>(random());
      Relation* relation = table.add(id_of(number), {});
      ASSERT_EQ(relation == nullptr, open.size() == 64);
      if (relation == nullptr) continue;
      Open next{number, {}};
      std::set<std::pair<int, int>> used;
      for (std::uint32_t i = random() % 4; i > 0; --i) {
        const auto to = static_cast<std::uint8_t>(random() % 3);
        const std::uint32_t identifier = static_cast<std::uint32_t>(random() % 4);
        if (used.insert({to, identifier}).second) {
          next.expectations.push_back(expected(to, identifier));
        }
      }
      ASSERT_TRUE(table.open(*relation, next.expectations));
      open.push_back(next);
    } else {
      auto victim = open.begin();
      std::advance(victim, random() % open.size());
      Relation* relation = table.find(id_of(victim->number), true);
      ASSERT_NE(relation, nullptr);
      table.remove(*relation);
      EXPECT_EQ(table.find(id_of(victim->number), true), nullptr);
      open.erase(victim);
    }
    const ExpectationKey key =
        expected(static_cast<std::uint8_t>(random() % 3), static_cast<std::uint32_t>(random() % 4))
            .key;
    std::uint32_t same = 0;
    std::uint32_t beside = 0;
    for (const Open& each : open) {
      bool any = false;
      for (const Expectation& expectation : each.expectations) {
        same += expectation.key == key ? 1 : 0;
        any = any || expectation.key.to == key.to;
      }
      beside += any ? 1 : 0;
    }
    EXPECT_EQ(count_of(table, key), same);
    std::set<const Relation*> seen;
    table.visit_beside(key, [&](Relation& relation, Expectation&) {
      seen.insert(&relation);
      return false;
    });
    EXPECT_EQ(seen.size(), beside);
    EXPECT_EQ(table.owner_of(key), same > 0 ? std::optional<std::uint32_t>(1) : std::nullopt);
    EXPECT_EQ(table.size(), open.size());
  }
}

TEST(ExpectationTable, AVisitMayRemoveItsRelation) {
  ExpectationTable table(16);
  for (std::uint32_t i = 0; i < 8; ++i) {
    ASSERT_TRUE(table.open(*table.add(id_of(i), {}), std::vector{expected(1, 1), expected(1, 2)}));
  }
  int visits = 0;
  table.visit_beside(expected(1, 9).key, [&](Relation& relation, Expectation&) {
    table.remove(relation);
    ++visits;
    return false;
  });
  EXPECT_EQ(visits, 8);
  EXPECT_EQ(table.size(), 0U);
}

TEST(ExpectationTable, AlikeExpectationsOfOneRelationDoNotOpen) {
  ExpectationTable table(16);
  Relation& relation = *table.add(id_of(1), {});
  EXPECT_FALSE(table.open(relation, std::vector{expected(1, 1), expected(1, 2), expected(1, 1)}));
  EXPECT_FALSE(relation.is_open);
  EXPECT_EQ(count_of(table, expected(1, 1).key), 0U);
}

TEST(ExpectationTable, AHostHasAThirdAndLeavesOthersTheRest) {
  ExpectationTable table(96);
  std::uint32_t taken = 0;
  while (table.add(id_of(taken), host(1)) != nullptr) ++taken;
  EXPECT_NEAR(taken, 33U, 1U);
  std::uint32_t others = 0;
  while (table.add(id_of(1000 + others), host(2)) != nullptr) ++others;
  EXPECT_GT(others, 15U);
  Relation* one = table.find(id_of(0), false);
  ASSERT_NE(one, nullptr);
  table.remove(*one);
  EXPECT_NE(table.add(id_of(5000), {}), nullptr) << "what a peer brings is nobody's yet";
}

TEST(Expectation, MessagesHaveTheirSizeAndInterval) {
  Expectation expectation;
  expectation.bytes_max = 100;
  expectation.interval_ns = 10 * kMillisecondNs;
  TimeNs now_ns = 1000 * kSecondNs;
  EXPECT_EQ(admit(expectation, 101, now_ns), Fault::bad_length);
  const auto burst = [&](int messages) {
    int passed = 0;
    for (int i = 0; i < messages; ++i) {
      passed += admit(expectation, 100, now_ns) == Fault::none ? 1 : 0;
    }
    return passed;
  };
  EXPECT_EQ(burst(20), 6) << "four intervals and 10 ms ahead";
  now_ns += 10 * kMillisecondNs;
  EXPECT_EQ(burst(20), 1);
  int passed = 0;
  for (int i = 0; i < 100; ++i) {
    now_ns += 5 * kMillisecondNs;
    passed += burst(1);
  }
  EXPECT_EQ(passed, 50) << "twice as often as was granted";
  now_ns += kSecondNs;
  EXPECT_EQ(burst(20), 6) << "what was not sent is not saved up";
  expectation.interval_ns = 0;
  EXPECT_EQ(burst(1000), 1000);
}

TEST(Expectation, ARelationEndsWhenOneOfItIsSilent) {
  Relation relation;
  relation.asked_ns = 1000;
  relation.wait_ns = 50;
  EXPECT_FALSE(relation.has_ended(1050, 0));
  EXPECT_TRUE(relation.has_ended(1051, 0)) << "its answer is awaited no longer";
  relation.is_open = true;
  relation.count = 3;
  relation.expectations[0].heard_ns = relation.expectations[1].heard_ns = 2000;
  relation.expectations[0].silence_ns = 100;
  relation.expectations[1].silence_ns = 300;
  EXPECT_FALSE(relation.has_ended(2100, 0)) << "the third has no limit";
  EXPECT_TRUE(relation.has_ended(2101, 0));
  EXPECT_FALSE(relation.has_ended(2101, 2001)) << "nobody here could hear it before";
  relation.expectations[0].heard_ns = 2300;
  EXPECT_TRUE(relation.has_ended(2301, 0));
}

TEST(ExpectationOwners, EachWorkerPublishesItsOwn) {
  ExpectationOwners owners(3, 8);
  EXPECT_EQ(owners.find(5), std::nullopt);
  EXPECT_TRUE(owners.add(2, 5));
  EXPECT_TRUE(owners.add(1, 5));
  EXPECT_EQ(owners.find(5), 1U);
  owners.remove(1, 5);
  EXPECT_EQ(owners.find(5), 2U);
  owners.remove(2, 5);
  EXPECT_EQ(owners.find(5), std::nullopt);
  // Eight hashes of the same last bits find places.
  for (std::uint64_t i = 1; i <= 8; ++i) EXPECT_TRUE(owners.add(0, i << 32));
  EXPECT_FALSE(owners.add(0, std::uint64_t{9} << 32));
  EXPECT_EQ(owners.find(std::uint64_t{8} << 32), 0U);
}

}  // namespace
}  // namespace bulkhead::flow
