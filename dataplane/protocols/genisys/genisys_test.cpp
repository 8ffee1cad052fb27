// Messages built from the manual's clauses: what each asks for, every truncated prefix, each limit
// at its edges, and the one form of each.
#include <gtest/gtest.h>

#include <algorithm>

#include "dataplane/protocols/genisys/pairing.h"
#include "tests/support/field_mutation.h"
#include "tests/support/genisys_messages.h"

namespace bulkhead::genisys {
namespace {

using protocols::Direction;
using protocols::Fault;
using support::genisys;
using support::genisys_framed;
using support::Message;
using support::Row;

constexpr auto kAsk = Direction::request;
constexpr auto kBack = Direction::response;

const protocols::Protocol& module() { return support::module_of("genisys"); }

// A session's block behind what was said in it.
class Block {
 public:
  Block(std::initializer_list<std::pair<Direction, Message>> said) {
    const auto block = std::as_writable_bytes(std::span(words_)).first(kStateLayout.bytes_max);
    for (const auto& [direction, message] : said) {
      EXPECT_EQ(support::accept(module(), block, message, direction, 0), Fault::none);
    }
  }
  std::span<const std::byte> view() const {
    return std::as_bytes(std::span(words_)).first(kStateLayout.bytes_max);
  }

 private:
  std::array<std::uint64_t, (kStateLayout.bytes_max + 7) / 8> words_{};
};

const std::vector<Row>& rows() {
  static const Block kDelivered = {{kAsk, genisys({0xfc, 5, 2, 0x81, 3, 0xf6})}};
  static const Block kMode = {{kAsk, genisys({0xfc, 5, 0xe0, 3})}};
  static const Block kTold = {{kAsk, genisys_framed({0xfb, 5})}, {kBack, genisys({0xf2, 5, 0, 1})}};
  constexpr auto kTcp = protocols::Carrier::tcp;
  static const std::vector<Row> kRows = {
      // 5.1.2.3
      {"a poll", kAsk, {0xfb, 1, 0xf6}, "poll station=1 secure=0"},
      {"a secure poll", kAsk, genisys({0xfb, 3}), "poll station=3 secure=1"},
      {"one from ones", kAsk, genisys({0xfb, 5}, support::kFromOnes), "poll station=5 secure=1"},
      {"of the last station", kAsk, {0xfb, 0xf0, 0x0f, 0xf6}, "poll station=255 secure=0"},
      // 5.1.2.2
      {"data is acknowledged", kAsk, genisys({0xfa, 5}), "acknowledge_and_poll station=5", kTcp,
       kTold.view()},
      {"data that it was not told", kAsk, genisys({0xfa, 6}),
       "acknowledge_unseen_and_poll station=6", kTcp, kTold.view()},
      {"a known one",
       kAsk,
       {0xfa, 0x52, 0xc3, 0x5d, 0xf6},
       "acknowledge_unseen_and_poll station=82"},
      // 5.1.2.4, 5.1.6
      {"a control", kAsk, genisys({0xfc, 5, 0, 0x10}), "control_data station=5 address=0 value=16"},
      {"its last byte, escaped", kAsk, genisys({0xfc, 0xf6, 0xdf, 0xff}),
       "control_data station=246 address=223 value=255"},
      {"controls and mode", kAsk, genisys({0xfc, 5, 1, 2, 0, 4, 0xe0, 0x0f}),
       "control_data station=5 address=1 value=2\ncontrol_data station=5 address=0 value=4\n"
       "control_mode station=5 mode=15"},
      // 5.1.2.5
      {"a recall", kAsk, genisys({0xfd, 5}), "indication_recall station=5"},
      // 5.1.2.6
      {"what was delivered", kAsk, genisys({0xfe, 5}),
       "control_execute station=5 address=2 value=129\n"
       "control_execute station=5 address=3 value=246",
       kTcp, kDelivered.view()},
      {"a mode that was delivered", kAsk, genisys({0xfe, 5}),
       "control_execute_mode station=5 mode=3", kTcp, kMode.view()},
      {"what another station has", kAsk, genisys({0xfe, 6}), "fault not_selected", kTcp,
       kDelivered.view()},
      {"what nobody delivered", kAsk, genisys({0xfe, 5}), "fault not_selected"},
      // 5.1.2.1
      {"to all", kAsk, genisys({0xf9, 0, 7, 1}), "common_control address=7 value=1 broadcast=0"},
      {"their mode", kAsk, genisys({0xf9, 0, 0xe0, 0}), "common_control_mode mode=0 broadcast=0"},
      // 5.1.3
      {"nothing new", kBack, {0xf1, 5, 0xf6}, "acknowledge station=5"},
      {"indications", kBack, genisys({0xf2, 5, 9, 1, 0xe0, 1}),
       "indication_data station=5 address=9 value=1\nindication_data station=5 mode=1"},
      {"a station without any", kBack, genisys({0xf2, 5}), "indication_data station=5"},
      {"a control again", kBack, genisys({0xf3, 5, 2, 0x81}),
       "control_checkback station=5 address=2 value=129"},
  };
  return kRows;
}

TEST(Parse, RowsAreReadAndNoOthers) {
  support::expect_rows(module(), rows());
  support::expect_all_functions(module(), rows());
}

TEST(Parse, EveryFieldDecides) { support::expect_fields_decide(module(), rows()); }

TEST(Parse, WhatIsNotSo) {
  support::expect_rows(
      module(),
      {
          {"a poll of all", kAsk, {0xfb, 0, 0xf6}, "fault bad_value"},
          {"a control of all", kAsk, genisys({0xfc, 0, 1, 1}), "fault bad_value"},
          {"common control of one", kAsk, genisys({0xf9, 1, 1, 1}), "fault bad_value"},
          {"an answer of all", kBack, {0xf1, 0, 0xf6}, "fault bad_value"},
          {"a poll without station", kAsk, {0xfb, 0xf6}, "fault truncated"},
          {"half a checksum", kAsk, {0xfb, 1, 2, 0xf6}, "fault truncated"},
          {"a recall without checksum", kAsk, {0xfd, 1, 0xf6}, "fault truncated"},
          {"an answer with checksum", kBack, genisys({0xf1, 1}), "fault trailing_bytes"},
          {"a poll with data", kAsk, genisys({0xfb, 1, 0, 0}), "fault trailing_bytes"},
          {"a recall with data", kAsk, genisys({0xfd, 1, 0, 0}), "fault trailing_bytes"},
          {"no controls", kAsk, genisys({0xfc, 1}), "fault bad_quantity"},
          {"none for all", kAsk, genisys({0xf9, 0}), "fault bad_quantity"},
          {"none again", kBack, genisys({0xf3, 1}), "fault bad_quantity"},
          {"half a pair", kAsk, genisys({0xfc, 1, 0, 1, 2}), "fault truncated"},
          {"a control twice", kAsk, genisys({0xfc, 1, 0, 1, 0, 1}), "fault bad_value"},
          {"the mode twice", kAsk, genisys({0xfc, 1, 0xe0, 1, 0xe0, 1}), "fault bad_value"},
          {"a reserved address", kAsk, genisys({0xfc, 1, 0xe1, 1}), "fault bad_value"},
          {"a reserved bit of the mode", kAsk, genisys({0xfc, 1, 0xe0, 0x10}), "fault bad_value"},
          {"and where it is told", kBack, genisys({0xf2, 1, 0xe0, 0x80}), "fault bad_value"},
          {"a request from a station", kBack, genisys({0xfc, 1, 0, 1}), "fault wrong_direction"},
          {"an answer to a station", kAsk, {0xf1, 1, 0xf6}, "fault wrong_direction"},
          {"a header of no message", kAsk, genisys({0xf8, 1}), "fault unknown_function"},
          {"nothing", kAsk, {}, "fault truncated"},
      });
}

// 5.1.1.1: whatever follows an escape is added to it, so that 0xf0 0x15 would be 5 once more.
TEST(Canonical, OnlyWhatMustBeEscapedIs) {
  const auto control = [](const Message& value) {
    // The checksum of a control of value 5, however it is written.
    const std::uint16_t sum = support::genisys_checksum({0xfc, 1, 0, 5}, 0);
    return support::join(
        {{0xfc, 1, 0},
         value,
         {static_cast<std::uint8_t>(sum), static_cast<std::uint8_t>(sum >> 8), 0xf6}});
  };
  const auto decoded = [](const Message& message) {
    return support::decoded_text(module(), message, kAsk);
  };
  EXPECT_EQ(decoded(control({5})), "control_data station=1 address=0 value=5");
  EXPECT_EQ(decoded(control({0xf0, 0x15})), "fault bad_value");
  EXPECT_EQ(module().frame(Message{0xfc, 1, 0, 0xf0, 0x15, 0, 0}, kAsk).fault, Fault::bad_value);
  for (const std::uint8_t octet : Message{0xf1, 0xf7, 0xff}) {
    EXPECT_EQ(decoded({0xfb, octet, 0xf6}), "fault bad_value") << int{octet};
    EXPECT_EQ(module().frame(Message{0xfb, octet, 1, 2}, kAsk).fault, Fault::bad_value);
    EXPECT_EQ(module().frame(Message{0xfb, 0xf0, octet, 1}, kAsk).fault, Fault::bad_value);
  }
  EXPECT_EQ(decoded({0xfb, 0xf0, 0x0f, 0xf6}), "poll station=255 secure=0");
  EXPECT_EQ(decoded({0xfb, 0xf0, 0x10, 0xf6}), "fault bad_value");
  EXPECT_EQ(decoded({0xfb, 0xf0, 0xf6}), "fault truncated");
  EXPECT_EQ(decoded({0xfb, 0xf0, 0xf0, 0xf6}), "fault bad_value");
}

TEST(Canonical, EveryBitOfAMessageIsUnderItsChecksum) {
  // The check values of both sums for these nine digits.
  EXPECT_EQ(support::genisys_checksum(support::bytes_of("123456789"), 0), 0xbb3d);
  EXPECT_EQ(support::genisys_checksum(support::bytes_of("123456789"), 0xffff), 0x4b37);
  for (const std::uint16_t start : {support::kFromZeros, support::kFromOnes}) {
    const Message good = genisys({0xfc, 1, 2, 3}, start);
    EXPECT_EQ(support::decoded_text(module(), good, kAsk),
              "control_data station=1 address=2 value=3");
    for (std::size_t bit = 8; bit < 8 * (good.size() - 1); ++bit) {
      Message flipped = good;
      flipped[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
      EXPECT_EQ(support::decoded_text(module(), flipped, kAsk).substr(0, 5), "fault") << bit;
    }
  }
}

TEST(Canonical, AChecksumIsEscapedToo) {
  std::size_t escaped = 0;
  for (unsigned value = 0; value < 256; ++value) {
    const Message message = genisys({0xfc, 1, 0, static_cast<std::uint8_t>(value)});
    escaped += message.size() > (value < 0xf0 ? 7U : 8U) ? 1 : 0;
    EXPECT_EQ(support::decoded_text(module(), message, kAsk),
              "control_data station=1 address=0 value=" + std::to_string(value));
  }
  EXPECT_GT(escaped, 0U);
}

// What is known to be sent: a checksum whose bytes are not escaped. 0xf6 in it cannot be told from
// the end, and 0xf0 before the end would escape that.
TEST(Canonical, AChecksumMayBeBare) {
  std::size_t bare = 0;
  for (unsigned value = 0; value < 0xf0; ++value) {
    for (unsigned address = 0; address < 0xe0; ++address) {
      const Message opened = {0xfc, 1, static_cast<std::uint8_t>(address),
                              static_cast<std::uint8_t>(value)};
      const std::uint16_t sum = support::genisys_checksum(opened, support::kFromOnes);
      const auto low = static_cast<std::uint8_t>(sum);
      const auto high = static_cast<std::uint8_t>(sum >> 8);
      if (low < 0xf0 && high < 0xf0) continue;
      const Message message = support::join({opened, {low, high, 0xf6}});
      const protocols::Frame frame = module().frame(message, kAsk);
      const std::string text = support::decoded_text(module(), message, kAsk);
      if (low == 0xf6 || high == 0xf6) {
        EXPECT_NE(frame.length, message.size());
        EXPECT_EQ(text.substr(0, 5), "fault");
        continue;
      }
      if (high == 0xf0) {
        EXPECT_EQ(text.substr(0, 5), "fault");
        continue;
      }
      ++bare;
      EXPECT_EQ(frame.length, message.size()) << address << "=" << value;
      EXPECT_EQ(text, "control_data station=1 address=" + std::to_string(address) +
                          " value=" + std::to_string(value));
    }
  }
  EXPECT_GT(bare, 1000U);
}

TEST(Limits, EveryAddressOnce) {
  Message opened = {0xfc, 0xff};
  for (unsigned address = 0; address < kModeAddress; ++address) {
    opened.push_back(static_cast<std::uint8_t>(address));
    opened.push_back(0xff);
  }
  opened.push_back(kModeAddress);
  opened.push_back(1);
  const Message message = genisys(opened);
  EXPECT_LE(message.size(), kMessageMax);
  const std::string text = support::decoded_text(module(), message, kAsk);
  EXPECT_EQ(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')), kPairsMax - 1);
  EXPECT_EQ(text.substr(text.rfind('\n')), "\ncontrol_mode station=255 mode=1");
  opened.push_back(0);
  opened.push_back(0);
  EXPECT_EQ(support::decoded_text(module(), genisys(opened), kAsk), "fault bad_length");
}

TEST(Frame, EndsAtTheTerminatorAndHasALimit) {
  const auto frame = [](const Message& bytes) { return module().frame(bytes, kAsk); };
  for (const std::uint8_t header : Message{0x00, 0x68, 0xf0, 0xf6, 0xff}) {
    EXPECT_EQ(frame({header}).fault, Fault::not_this_protocol) << int{header};
  }
  EXPECT_EQ(frame({}).needed, kMessageMin);
  EXPECT_EQ(frame({0xfb, 1}).needed, 3U);
  EXPECT_EQ(frame({0xfb, 1, 0xf0, 0x06}).needed, 5U);
  EXPECT_EQ(frame({0xfb, 1, 0xf6, 0xfb, 2, 0xf6}).length, 3U);
  Message longest(kMessageMax, 0);
  longest[0] = 0xfc;
  EXPECT_EQ(frame(longest).fault, Fault::bad_length);
  longest.back() = 0xf6;
  EXPECT_EQ(frame(longest).length, kMessageMax);
  longest.back() = 0;
  longest.pop_back();
  EXPECT_EQ(frame(longest).fault, Fault::none);
  EXPECT_EQ(frame(longest).needed, kMessageMax);
  longest.push_back(0);
  longest.push_back(0xf6);
  EXPECT_EQ(frame(longest).fault, Fault::bad_length);
}

TEST(Reports, CodesAndDirections) {
  EXPECT_EQ(module().claimed_code(Message{0xf8, 0xf6}), 0xf8);
  EXPECT_EQ(module().claimed_code(Message{}), std::nullopt);
  EXPECT_EQ(module().encoded_direction(Message{0xf3}), kBack);
  EXPECT_EQ(module().encoded_direction(Message{0xf9}), kAsk);
  EXPECT_EQ(module().encoded_direction(Message{0xf8}), std::nullopt);
}

// A master takes an acknowledgement for the control's delivery: there is nothing that says no.
TEST(Refuse, ThereIsNoRefusal) {
  std::uint8_t reply[protocols::kRefusalBytesMax];
  EXPECT_EQ(
      support::refuse(module(), genisys({0xfc, 1, 0, 1}), protocols::DeniedPart::value, reply), 0U);
}

}  // namespace
}  // namespace bulkhead::genisys
