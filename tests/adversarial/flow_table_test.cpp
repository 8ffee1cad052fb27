// The table of sessions against a map: found one by one and many at once, while others come and go.
#include "dataplane/flow/flow_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include "tests/support/plant.h"

namespace bulkhead::flow {
namespace {

constexpr std::uint32_t kFlows = 512;

FlowKey key_of(std::uint32_t number) {
  FlowKey key;
  write_key_v4(key, 0x0a000001 + number / 64, static_cast<std::uint16_t>(1024 + number % 64),
               0x0a010001, 502, 6, {});
  return key;
}

std::unique_ptr<FlowTable> make_table(const std::string& name) {
  support::start_eal_for_tests();
  auto table = FlowTable::make(name, kFlows, {128, 4096, 4, 4});
  return table ? std::move(table).value() : nullptr;
}

// By next_in_use(), in pieces of an odd length.
std::vector<std::uint32_t> slots_in_use(const FlowTable& table) {
  constexpr std::uint32_t kPiece = 77;
  std::vector<std::uint32_t> slots;
  for (std::uint32_t first = 0; first < table.capacity(); first += kPiece) {
    const std::uint32_t end = std::min(first + kPiece, table.capacity());
    for (std::uint32_t i = first; (i = table.next_in_use(i, end)) < end; ++i) slots.push_back(i);
  }
  return slots;
}

std::vector<std::uint32_t> slots_of(const std::map<std::uint32_t, Flow*>& known,
                                    const FlowTable& table) {
  std::vector<std::uint32_t> slots;
  for (const auto& [number, flow] : known) slots.push_back(table.index_of(*flow));
  std::sort(slots.begin(), slots.end());
  return slots;
}

TEST(FlowTable, FindsWhatAMapFinds) {
  const auto table = make_table("against_a_map");
  ASSERT_NE(table, nullptr);
  std::map<std::uint32_t, Flow*> known;
  std::mt19937 random(3);
  const std::uint32_t keys = 2 * kFlows;  // so that places of those that went are taken by others
  for (int round = 0; round < 20000; ++round) {
    const std::uint32_t number = random() % keys;
    if (known.count(number) == 0) {
      Flow* flow = table->insert(key_of(number));
      ASSERT_EQ(flow != nullptr, known.size() < kFlows);
      if (flow != nullptr) known[number] = flow;
    } else if (random() % 2 == 0) {
      table->erase(*known[number]);
      known.erase(number);
    }
    ASSERT_EQ(table->size(), known.size());
    if (round % 64 == 0) {
      ASSERT_EQ(slots_in_use(*table), slots_of(known, *table));
    }
    std::vector<std::uint32_t> numbers(1 + random() % FlowTable::kFindMax);
    std::vector<FlowKey> wanted;
    for (std::uint32_t& one : numbers) {
      one = random() % keys;
      wanted.push_back(key_of(one));
    }
    std::vector<const FlowKey*> asked;
    for (const FlowKey& key : wanted) asked.push_back(&key);
    std::vector<Flow*> found(asked.size());
    table->find(asked, found.data());
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      const auto expected = known.find(numbers[i]);
      Flow* flow = expected == known.end() ? nullptr : expected->second;
      ASSERT_EQ(found[i], flow) << "round " << round << ", " << i << " of " << numbers.size();
      ASSERT_EQ(table->find(wanted[i]), flow);
    }
  }
  EXPECT_GT(known.size(), kFlows / 2);
}

// --- what some sessions have: of each a host ends at a third

TEST(FlowTable, BlocksAndCarriesHaveShares) {
  constexpr std::uint32_t kBlocks = 256;
  support::start_eal_for_tests();
  auto made = FlowTable::make("shares", kFlows, {128, 4096, kBlocks, kBlocks});
  ASSERT_TRUE(made);
  FlowTable& table = *made.value();
  const auto flow_of = [&](std::uint32_t number, std::uint16_t host) -> Flow& {
    Flow& flow = *table.insert(key_of(number));
    flow.shares = {host, 0};
    return flow;
  };
  std::uint32_t deep = 0;
  std::uint32_t carried = 0;
  for (std::uint32_t i = 0; i < kBlocks; ++i) {
    Flow& flow = flow_of(i, 1);
    deep += table.deepen_session(flow) ? 1 : 0;
    carried += table.lend_splice(flow) ? 1 : 0;
    EXPECT_EQ(table.can_lend_splice(flow), flow.splice != nullptr);
  }
  EXPECT_GE(deep, kBlocks / 4);
  EXPECT_LE(deep, kBlocks / 3 + 1);
  EXPECT_EQ(carried, deep);
  for (std::uint32_t i = 0; i < 64; ++i) {
    Flow& other = flow_of(kBlocks + i, static_cast<std::uint16_t>(2 + i));
    EXPECT_TRUE(table.deepen_session(other));
    EXPECT_TRUE(table.lend_splice(other));
  }
  // What is given back is the host's to take again, whatever the flow says of its host then.
  for (std::uint32_t i = 0; i < kBlocks; ++i) {
    Flow& flow = *table.find(key_of(i));
    flow.shares = {9, 9};
    table.erase(flow);
  }
  EXPECT_EQ(table.deep_sessions(), 64U);
  std::uint32_t again = 0;
  for (std::uint32_t i = 0; i < kBlocks; ++i) again += table.deepen_session(flow_of(i, 1)) ? 1 : 0;
  EXPECT_GE(again, kBlocks / 6);
}

TEST(FlowTable, WhatAPeerToldOfHasNoShareHere) {
  const auto table = make_table("told");
  ASSERT_NE(table, nullptr);
  for (std::uint32_t i = 0; i < 4; ++i) {
    Flow& flow = *table->insert(key_of(i));
    EXPECT_TRUE(table->lend_splice(flow));
    EXPECT_TRUE(table->deepen_session(flow));
  }
}

// A key that is written in one step is the one that is made of addresses.
TEST(FlowTable, KeysOfIpv4AreAlikeHoweverTheyAreMade) {
  std::mt19937 random(4);
  for (int round = 0; round < 1000; ++round) {
    std::uint8_t addresses[8];
    for (std::uint8_t& byte : addresses) byte = static_cast<std::uint8_t>(random() % 3);
    const auto source_port = static_cast<std::uint16_t>(random() % 3);
    const auto destination_port = static_cast<std::uint16_t>(random() % 3);
    const wire::VlanIds vlan{static_cast<std::uint16_t>(random() % 2), 0};
    const OrderedKey made =
        make_key(wire::IpAddress::from_v4(addresses), source_port,
                 wire::IpAddress::from_v4(addresses + 4), destination_port, 6, vlan);
    FlowKey written;
    const bool source_is_low = write_key_v4(written, load_be32(addresses), source_port,
                                            load_be32(addresses + 4), destination_port, 6, vlan);
    ASSERT_EQ(written, made.key);
    ASSERT_EQ(source_is_low, made.source_is_low);
  }
}

}  // namespace
}  // namespace bulkhead::flow
