// Which answer answers which request, and how many may wait.
#include "dataplane/protocols/modbus/pairing.h"

#include "tests/support/modbus_messages.h"

namespace bulkhead::modbus {
namespace {

using protocols::Direction;
using protocols::Fault;
using protocols::kAwaitedMs;
using protocols::kOutstandingAgeMs;
using protocols::kOutstandingMax;
using protocols::kReplaceableAgeMs;

class Pairing : public ::testing::Test {
 protected:
  Fault request(Bytes pdu, std::uint16_t transaction = 1, std::uint8_t unit = 1) {
    return pair(adu(pdu, transaction, unit), Direction::request);
  }
  Fault response(Bytes pdu, std::uint16_t transaction = 1, std::uint8_t unit = 1) {
    return pair(adu(pdu, transaction, unit), Direction::response);
  }
  Fault pair(const Bytes& message, Direction direction) {
    return support::accept(module(), block_, message, direction, now_ms_);
  }

  alignas(8) std::array<std::byte, Session::bytes_for(kOutstandingMax)> block_{};
  std::uint32_t now_ms_ = 0xffffff00U;  // near its wrap: ages are differences
};

TEST_F(Pairing, AResponseNeedsItsRequest) {
  EXPECT_EQ(response({3, 2, 0, 0}), Fault::unrequested_response);
  EXPECT_EQ(request({3, 0, 0, 0, 1}), Fault::none);
  EXPECT_EQ(response({3, 2, 0, 0}, 2), Fault::unrequested_response);
  EXPECT_EQ(response({3, 2, 0, 0}, 1, 9), Fault::mismatched_response);
  EXPECT_EQ(response({4, 2, 0, 0}), Fault::mismatched_response);
  EXPECT_EQ(response({3, 4, 0, 0, 0, 0}), Fault::mismatched_response);
  EXPECT_EQ(response({3, 2, 0, 0}), Fault::none);
  EXPECT_EQ(response({3, 2, 0, 0}), Fault::unrequested_response);
}

TEST_F(Pairing, EchoesRepeatWhatWasWritten) {
  EXPECT_EQ(request({6, 0, 1, 0, 3}), Fault::none);
  EXPECT_EQ(response({6, 0, 1, 0, 4}), Fault::mismatched_response);
  EXPECT_EQ(response({6, 0, 1, 0, 3}), Fault::none);
  EXPECT_EQ(request({22, 0, 4, 0, 0xf2, 0, 0x25}), Fault::none);
  EXPECT_EQ(response({22, 0, 4, 0, 0xf2, 0, 0x26}), Fault::mismatched_response);
  EXPECT_EQ(response({22, 0, 4, 0, 0xf2, 0, 0x25}), Fault::none);
}

TEST_F(Pairing, AnExceptionAnswersItsFunctionOnly) {
  EXPECT_EQ(request({3, 0, 0, 0, 1}), Fault::none);
  EXPECT_EQ(response({0x84, 2}), Fault::mismatched_response);
  EXPECT_EQ(response({0x83, 2}), Fault::none);
}

TEST_F(Pairing, HoldsManyRequestsAndRefusesOneTooMany) {
  for (std::size_t i = 0; i < kOutstandingMax; ++i) {
    EXPECT_EQ(request({3, 0, 0, 0, 1}, static_cast<std::uint16_t>(i)), Fault::none);
  }
  EXPECT_EQ(request({3, 0, 0, 0, 1}, 999), Fault::too_many_outstanding);
  EXPECT_EQ(response({3, 2, 0, 0}, 255), Fault::none);  // answers may come in any order
  EXPECT_EQ(request({3, 0, 0, 0, 1}, 999), Fault::none);
  now_ms_ += kReplaceableAgeMs + 1;  // what a server never answers makes room
  EXPECT_EQ(request({3, 0, 0, 0, 1}, 1000), Fault::none);
}

TEST_F(Pairing, ASmallBlockAsksForALargerOneAndForgetsNothing) {
  const std::span<std::byte> small(block_.data(), module().state_layout().bytes);
  const auto ask = [&](std::span<std::byte> block, std::uint16_t transaction, std::uint8_t unit) {
    return support::accept(module(), block, adu({3, 0, 0, 0, 1}, transaction, unit),
                           Direction::request, now_ms_);
  };
  for (std::uint16_t i = 0; i < kOutstandingUsual; ++i) EXPECT_EQ(ask(small, i, 1), Fault::none);
  now_ms_ += kReplaceableAgeMs + 1;
  EXPECT_EQ(ask(small, 100, 1), Fault::too_many_outstanding);
  EXPECT_EQ(ask(block_, 100, 1), Fault::none);
  for (std::uint16_t i = 0; i < kOutstandingUsual; ++i) {
    EXPECT_EQ(response({3, 2, 0, 0}, i), Fault::none) << i;
  }
  EXPECT_EQ(response({3, 2, 0, 0}, 100), Fault::none);
}

TEST_F(Pairing, RequestsAge) {
  EXPECT_EQ(request({3, 0, 0, 0, 1}), Fault::none);
  now_ms_ += kOutstandingAgeMs;
  EXPECT_EQ(request({3, 0, 0, 0, 1}, 2), Fault::none);
  now_ms_ += 1;
  EXPECT_EQ(response({3, 2, 0, 0}, 1), Fault::unrequested_response);
  EXPECT_EQ(response({3, 2, 0, 0}, 2), Fault::none);
}

// An answer may come late, but nobody waits for one for long.
TEST_F(Pairing, WhatWasAskedLongAgoIsNotAwaited) {
  EXPECT_EQ(request({3, 0, 0, 0, 1}), Fault::none);
  EXPECT_EQ(request({6, 0, 1, 0, 3}, 2, 0), Fault::none);
  EXPECT_EQ(module().outstanding(block_, now_ms_ + kAwaitedMs), 1U);
  EXPECT_EQ(module().outstanding(block_, now_ms_ + kAwaitedMs + 1), 0U);
  now_ms_ += kAwaitedMs + 1;
  EXPECT_EQ(response({3, 2, 0, 0}, 1), Fault::none);
}

TEST_F(Pairing, BroadcastsNeverFillTheTable) {
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(request({6, 0, 1, 0, 3}, static_cast<std::uint16_t>(i), 0), Fault::none);
  }
}

TEST(Answers, ThoseOfEachFunctionPass) {
  const std::vector<std::pair<Bytes, Bytes>> exchanges = {
      {{1, 0, 0, 0, 10}, {1, 2, 0xff, 3}},
      {{2, 0, 0, 0, 8}, {2, 1, 0xff}},
      {{3, 0, 0, 0, 1}, {3, 2, 1, 2}},
      {{4, 0, 0, 0, 1}, {4, 2, 1, 2}},
      {{5, 0, 7, 0xff, 0}, {5, 0, 7, 0xff, 0}},
      {{6, 0, 7, 1, 2}, {6, 0, 7, 1, 2}},
      {{7}, {7, 0x6d}},
      {{8, 0, 0, 1, 2}, {8, 0, 0, 1, 2}},
      {{8, 0, 1, 0, 0}, {8, 0, 1, 0, 0}},
      {{8, 0, 2, 0, 0}, {8, 0, 2, 1, 2}},
      {{8, 0, 20, 0, 0}, {8, 0, 20, 0, 0}},
      {{11}, {11, 0xff, 0xff, 1, 8}},
      {{12}, {12, 8, 0, 0, 1, 8, 1, 0x21, 0x20, 0}},
      {{15, 0, 0, 0, 3, 1, 5}, {15, 0, 0, 0, 3}},
      {{16, 0, 0, 0, 1, 2, 1, 2}, {16, 0, 0, 0, 1}},
      {{17}, {17, 2, 1, 0xff}},
      {{20, 7, 6, 0, 4, 0, 1, 0, 1}, {20, 4, 3, 6, 1, 2}},
      {{21, 9, 6, 0, 4, 0, 7, 0, 1, 1, 2}, {21, 9, 6, 0, 4, 0, 7, 0, 1, 1, 2}},
      {{22, 0, 4, 0, 0xf2, 0, 0x25}, {22, 0, 4, 0, 0xf2, 0, 0x25}},
      {{23, 0, 3, 0, 1, 0, 14, 0, 1, 2, 0, 255}, {23, 2, 0, 7}},
      {{24, 4, 0xde}, {24, 0, 4, 0, 1, 1, 0xb8}},
      {{43, 13, 0, 1}, {43, 13, 0, 1}},
      {{43, 14, 1, 0}, {43, 14, 1, 0x81, 0xff, 2, 1, 0, 2, 'A', 'B'}},
      {{100, 1, 2}, {100, 3}},
      {{3, 0, 0, 0, 1}, {0x83, 0x80}}};
  for (const auto& [request, answer] : exchanges) {
    support::PairedSession session(module());
    EXPECT_EQ(session.ask(adu(request)), Fault::none) << int{request[0]};
    EXPECT_EQ(session.answer(adu(answer)), Fault::none) << int{request[0]};
  }
  for (std::uint8_t counter = 11; counter <= 18; ++counter) {
    support::PairedSession session(module());
    EXPECT_EQ(session.ask(adu({8, 0, counter, 0, 0})), Fault::none);
    EXPECT_EQ(session.answer(adu({8, 0, counter, 1, 2})), Fault::none);
  }
}

// Messaging guide, 4.4.1: what does not answer is discarded, and people are told by which number.
TEST_F(Pairing, AnAnswerThatIsNoneSaysWhichNumberDiffers) {
  const auto differs = [&](Bytes pdu, std::uint16_t transaction, std::uint8_t unit) {
    const protocols::Difference found =
        support::difference(module(), block_, adu(pdu, transaction, unit));
    return std::string(found.what) + " " + std::to_string(found.asked) + " " +
           std::to_string(found.answered);
  };
  EXPECT_EQ(differs({3, 2, 0, 0}, 7, 1), " 0 0") << "nothing was asked";
  EXPECT_EQ(request({3, 0, 0, 0, 1}, 6, 1), Fault::none);
  EXPECT_EQ(request({3, 0, 0, 0, 1}, 7, 1), Fault::none);
  EXPECT_EQ(differs({3, 2, 0, 0}, 9, 1), "transaction 7 9");
  EXPECT_EQ(differs({3, 2, 0, 0}, 7, 255), "unit 1 255");
  EXPECT_EQ(differs({0x84, 2}, 7, 1), "function 3 4");
  EXPECT_EQ(differs({3, 4, 0, 0, 0, 0}, 7, 1), " 0 0") << "no number, but its length";
}

// AP 6.1: what stands behind the last coil is padding, and zero.
TEST_F(Pairing, CoilsArePaddedWithZeros) {
  for (const std::uint8_t code : {kReadCoils, kReadDiscreteInputs}) {
    EXPECT_EQ(request({code, 0, 0, 0, 10}), Fault::none);
    EXPECT_EQ(response({code, 2, 0xff, 0x07}), Fault::mismatched_response);
    EXPECT_EQ(response({code, 2, 0xff, 0x03}), Fault::none);
    EXPECT_EQ(request({code, 0, 0, 0, 8}), Fault::none);
    EXPECT_EQ(response({code, 1, 0xff}), Fault::none);
  }
}

// AP 6.8, 6.15 and 6.21: what is repeated is repeated in full.
TEST_F(Pairing, WhatIsRepeatedIsRepeatedInFull) {
  EXPECT_EQ(request({8, 0, 0, 0xa5, 0x37}), Fault::none);
  EXPECT_EQ(response({8, 0, 0, 0xa5, 0x38}), Fault::mismatched_response);
  EXPECT_EQ(response({8, 0, 0, 0xa5, 0x37, 0, 0}), Fault::mismatched_response);
  EXPECT_EQ(response({8, 0, 0, 0xa5, 0x37}), Fault::none);
  EXPECT_EQ(request({8, 0, 11, 0, 0}), Fault::none);
  EXPECT_EQ(response({8, 0, 12, 0, 7}), Fault::mismatched_response);
  EXPECT_EQ(response({8, 0, 11, 0, 7}), Fault::none) << "a counter is no repetition";
  EXPECT_EQ(request({21, 9, 6, 0, 4, 0, 7, 0, 1, 1, 2}), Fault::none);
  EXPECT_EQ(response({21, 9, 6, 0, 4, 0, 7, 0, 1, 1, 3}), Fault::mismatched_response);
  EXPECT_EQ(response({21, 9, 6, 0, 4, 0, 7, 0, 1, 1, 2}), Fault::none);
  EXPECT_EQ(request({43, 14, 1, 0}), Fault::none);
  EXPECT_EQ(response({43, 14, 2, 1, 0, 0, 0}), Fault::mismatched_response);
  EXPECT_EQ(response({43, 14, 1, 1, 0, 0, 0}), Fault::none);
}

// AP 6.8: a server that only listens answers nothing.
TEST_F(Pairing, TheOrderToListenIsNotAnswered) {
  EXPECT_EQ(request({8, 0, 4, 0, 0}), Fault::none);
  EXPECT_EQ(module().outstanding(block_, now_ms_), 0U);
}

// AP 7 defines some codes; inverters and gateways give others.
TEST_F(Pairing, AnExceptionOfAnyCodeAnswers) {
  for (const std::uint8_t code : Bytes{0, 9, 12, 0x80, 0xe1, 0xff}) {
    EXPECT_EQ(request({3, 0, 0, 0, 1}), Fault::none);
    EXPECT_EQ(response({0x83, code}), Fault::none) << int{code};
  }
}

}  // namespace
}  // namespace bulkhead::modbus
