// What a worker remembers beside its sessions: verdicts, and what it counted.
#include <gtest/gtest.h>

#include <map>

#include "dataplane/pipeline/counters.h"
#include "dataplane/pipeline/verdict_cache.h"

namespace bulkhead::pipeline {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Question = VerdictCache::Question;

constexpr std::uint8_t kProtocol = 0;

policy::Standing under(std::uint16_t conduit, policy::RuleCell cell) {
  return {7, conduit, policy::kNoRule, cell};
}

TEST(VerdictCache, AnAnswerIsGoodForItsQuestionOnly) {
  VerdictCache cache(64);
  const policy::Standing standing = under(3, {1, 2, 3});
  const Bytes request = {0, 0, 0, 6, 1, 3, 0, 0, 0, 10};
  EXPECT_EQ(cache.find({standing, kProtocol, request}), nullptr);
  cache.remember({standing, kProtocol, request}, {5, 2});
  ASSERT_NE(cache.find({standing, kProtocol, request}), nullptr);
  EXPECT_EQ(cache.find({standing, kProtocol, request})->rule, 5);
  EXPECT_EQ(cache.find({standing, kProtocol, request})->function, 2);

  // Each thing that a verdict depends on, changed alone.
  for (std::size_t i = 0; i < request.size(); ++i) {
    Bytes other = request;
    other[i] ^= 1;
    EXPECT_EQ(cache.find({standing, kProtocol, other}), nullptr) << i;
  }
  Bytes longer = request;
  longer.push_back(0);
  EXPECT_EQ(cache.find({standing, kProtocol, longer}), nullptr);
  EXPECT_EQ(cache.find({standing, kProtocol, ByteView(request).first(9)}), nullptr);
  EXPECT_EQ(cache.find({standing, kProtocol + 1, request}), nullptr);
  for (int change = 0; change < 5; ++change) {
    policy::Standing other = standing;
    if (change == 0) ++other.generation;
    if (change == 1) ++other.conduit;
    if (change == 2) ++other.cell.clients;
    if (change == 3) ++other.cell.servers;
    if (change == 4) ++other.cell.service;
    EXPECT_EQ(cache.find({other, kProtocol, request}), nullptr) << change;
  }
}

// Bytes are taken by words, and what is left over in one more: each of them must count.
TEST(VerdictCache, EveryByteOfEveryLengthCounts) {
  const policy::Standing standing = under(3, {1, 2, 3});
  for (std::size_t length = 1; length <= VerdictCache::kBytesMax; ++length) {
    // Behind other bytes, as a message lies behind its headers.
    Bytes frame(8 + length + 8, 0xa5);
    const ByteView request = ByteView(frame).subspan(8, length);
    VerdictCache cache(64);
    cache.remember({standing, kProtocol, request}, {5, 2});
    ASSERT_NE(cache.find({standing, kProtocol, request}), nullptr) << length;
    for (std::size_t at = 0; at < frame.size(); ++at) {
      const bool counts = at >= 8 && at < 8 + length;
      frame[at] ^= 0x10;
      EXPECT_EQ(cache.find({standing, kProtocol, request}) == nullptr, counts)
          << length << " at " << at;
      frame[at] ^= 0x10;
    }
  }
}

TEST(VerdictCache, InOnePlaceTheNewestTwoStay) {
  VerdictCache cache(1);  // the least: one place
  const policy::Standing standing = under(0, {});
  for (std::uint8_t i = 0; i < 200; ++i) {
    const Bytes request = {1, i};
    cache.remember({standing, kProtocol, request}, {i, i});
    for (std::uint8_t j = 0; j <= i; ++j) {
      const Bytes asked = {1, j};
      const VerdictCache::Known* known = cache.find({standing, kProtocol, asked});
      ASSERT_EQ(known != nullptr, j + 2 > i) << int{i} << ' ' << int{j};
      if (known != nullptr) {
        EXPECT_EQ(known->rule, j);
      }
    }
  }
}

TEST(VerdictCache, TheLongestMessageIsComparedToItsLastByte) {
  VerdictCache cache(16);
  const policy::Standing standing = under(0, {});
  Bytes request(VerdictCache::kBytesMax, 9);
  cache.remember({standing, kProtocol, request}, {1, 1});
  EXPECT_NE(cache.find({standing, kProtocol, request}), nullptr);
  request.back() ^= 1;
  EXPECT_EQ(cache.find({standing, kProtocol, request}), nullptr);
}

TEST(Counters, KeepEachKeyAndItsSumsApart) {
  Counters counters(4096);
  std::map<std::tuple<int, int, int>, std::uint64_t> expected;
  std::uint32_t place = 0;
  for (std::uint32_t i = 0; i < 30'000; ++i) {
    const auto conduit = static_cast<std::uint16_t>(i % 7 == 0 ? policy::kNoConduit : i % 7);
    const auto rule = static_cast<std::uint16_t>(i % 11 == 0 ? policy::kRulesMax : i % 11);
    const auto function = static_cast<std::uint16_t>(i % 5 == 0 ? kNoFunction : i % 5 * 60);
    counters.add({conduit, rule, function, 0, Reason::granted, protocols::Fault::none}, i, place);
    expected[{conduit, rule, function}] += i;
  }
  std::size_t seen = 0;
  counters.each([&](const CounterKey& key, std::uint64_t, std::uint64_t bytes) {
    EXPECT_EQ((expected[{key.conduit, key.rule, key.function}]), bytes);
    ++seen;
  });
  EXPECT_EQ(seen, expected.size());
  EXPECT_EQ(counters.overflow(), 0U);
}

TEST(Counters, WhatFindsNoCellIsCountedAllTheSame) {
  Counters counters(16);
  std::uint64_t counted = 0;
  for (std::uint16_t rule = 0; rule < 100; ++rule) {
    std::uint32_t place = 0xffffffff;
    counters.add({1, rule, 1, 0, Reason::granted, protocols::Fault::none}, 1, place);
  }
  counters.each(
      [&](const CounterKey&, std::uint64_t messages, std::uint64_t) { counted += messages; });
  EXPECT_EQ(counted, 16U);
  EXPECT_EQ(counters.overflow(), 84U);
}

}  // namespace
}  // namespace bulkhead::pipeline
