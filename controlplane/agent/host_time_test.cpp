// Answers that chronyd 4.3 gave, and what is none.
#include "controlplane/agent/host_time.h"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

namespace bulkhead::controlplane {
namespace {

constexpr std::uint32_t kSequence = 0x11223344;

std::vector<std::uint8_t> bytes_of(std::string_view digits) {
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(
        static_cast<std::uint8_t>(std::stoul(std::string(digits.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

// `chronyc -c tracking` a moment later: 7F000001,127.0.0.1,4,...,-0.000001337,...,0.000003654,
// 0.000000624,0.3,Normal
const std::vector<std::uint8_t> kFollows = bytes_of(
    "060200000021000500000000000000001122334400000000000000007f0000017f00000100000000000000000000"
    "00000001000000040000000000006b0c7948047bd5cadd4db26ecf5c6390d0f7abedf4e81205ef7ef84bfc9aef5e"
    "def00c64dc9bc3bc00f97903");
// 7F7F0101,,5,...,Normal
const std::vector<std::uint8_t> kLocal = bytes_of(
    "060200000021000500000000000000001122334400000000000000007f7f01010000000000000000000000000000"
    "00000000000000050000000000006b0c79351552e53d000000000000000000000000000000000000000000000000"
    "000000000000000000000000");
// 00000000,,0,...,Not synchronised
const std::vector<std::uint8_t> kAlone = bytes_of(
    "06020000002100050000000000000000112233440000000000000000000000000000000000000000000000000000"
    "00000000000000000003000000000000000000000000000000000000000000000000000000000000000000000000"
    "048000000480000000000000");

TEST(HostTime, IsWhatChronydSays) {
  const auto follows = read_tracking(kFollows, kSequence);
  ASSERT_TRUE(follows);
  EXPECT_EQ(follows->state(), "synchronised");
  EXPECT_EQ(follows->source(), "127.0.0.1");
  EXPECT_EQ(follows->stratum(), 4U);
  EXPECT_NEAR(static_cast<double>(follows->offset_ns()), -1328, 1);
  EXPECT_NEAR(static_cast<double>(follows->error_max_ns()), 1161 + 3577 / 2, 2);
  const auto local = read_tracking(kLocal, kSequence);
  ASSERT_TRUE(local);
  EXPECT_EQ(local->source(), "its own clock");
  const auto alone = read_tracking(kAlone, kSequence);
  ASSERT_TRUE(alone);
  EXPECT_EQ(alone->state(), "not_synchronised");
  EXPECT_EQ(alone->source(), "");
  EXPECT_EQ(alone->error_max_ns(), 0U);
}

TEST(HostTime, WhatIsNoAnswerIsNone) {
  EXPECT_FALSE(read_tracking(kFollows, kSequence + 1)) << "to another question";
  for (std::size_t length = 0; length < kFollows.size(); ++length) {
    EXPECT_FALSE(read_tracking(ByteView(kFollows.data(), length), kSequence)) << length;
  }
  auto longer = kFollows;
  longer.push_back(0);
  EXPECT_FALSE(read_tracking(longer, kSequence));
  // Version, kind, command, reply, status.
  for (const std::size_t at : {0U, 1U, 5U, 7U, 9U}) {
    auto changed = kFollows;
    changed[at] ^= 1U;
    EXPECT_FALSE(read_tracking(changed, kSequence)) << at;
  }
}

TEST(HostTime, TheQuestionIsAsLongAsTheAnswer) {
  const auto question = tracking_question(kSequence);
  EXPECT_EQ(question.size(), kFollows.size()) << "chronyd refuses a shorter one";
  EXPECT_EQ(std::vector<std::uint8_t>(question.begin(), question.begin() + 20),
            bytes_of("0601000000210000112233440000000000000000"));
}

}  // namespace
}  // namespace bulkhead::controlplane
