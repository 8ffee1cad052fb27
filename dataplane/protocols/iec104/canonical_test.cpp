// Where stations read octets in more than one way: each form that is not the one which all read
// alike is refused, and what is neither judged nor declared free is refused.
#include <gtest/gtest.h>

#include "dataplane/protocols/iec104/session.h"
#include "tests/support/declared_bytes.h"
#include "tests/support/iec104_frames.h"

namespace bulkhead::iec104 {
namespace {

using protocols::Direction;
using protocols::Fault;
using support::control;
using support::information;
using support::Message;
using support::of_station;
using support::one;

constexpr auto kDown = Direction::request;
constexpr auto kUp = Direction::response;

const protocols::Protocol& module() { return support::module_of("iec104"); }

const Message kTime56 = {1, 2, 3, 4, 5, 6, 7};

TEST(Asdu, WhatIsRefused) {
  support::expect_rows(
      module(),
      {{"type 0", kUp, one(0, 3, {1}), "fault unknown_function"},
       {"type 22", kUp, one(22, 3, {1}), "fault unknown_function"},
       {"private type", kDown, one(200, 6, {1}), "fault unknown_function"},
       {"an object too short", kDown, one(50, 6, {0, 0, 0xc0, 0x3f}), "fault truncated"},
       {"an object too long", kDown, one(45, 6, {1, 0}), "fault trailing_bytes"},
       {"two commands at once", kDown, information({45, 2, 6, 0, 3, 0, 1, 0, 0, 1, 2, 0, 0, 1}),
        "fault bad_quantity"},
       {"a sequence of commands", kDown, information({45, 0x81, 6, 0, 3, 0, 1, 0, 0, 1}),
        "fault bad_quantity"},
       {"no object", kUp, information({1, 0, 3, 0, 3, 0}), "fault bad_quantity"},
       {"half a header", kUp, information({1, 1, 3, 0, 3}), "fault truncated"},
       {"no ASDU", kUp, information({}), "fault truncated"},
       {"addresses behind the last", kUp,
        information({1, 0x82, 3, 0, 3, 0, 0xff, 0xff, 0xff, 1, 1}), "fault address_wrap"},
       {"cause 0", kUp, one(1, 0, {1}), "fault bad_value"},
       {"a command for no such cause", kDown, one(45, 3, {1}), "fault bad_value"},
       {"process data from the controlling station", kDown, one(1, 3, {1}),
        "fault wrong_direction"},
       {"a command from the controlled station", kUp, one(45, 6, {1}), "fault wrong_direction"},
       {"a confirmation from the controlling station", kDown, one(45, 7, {1}),
        "fault wrong_direction"},
       {"start from the controlled station", kUp, control(kStartDtAct), "fault wrong_direction"},
       {"two U functions at once", kDown, control(kStartDtAct | kStopDtAct),
        "fault unknown_function"},
       {"a U frame with more", kDown, {0x68, 5, kTestFrAct, 0, 0, 0, 0}, "fault bad_length"},
       {"a U frame with a number", kDown, {0x68, 4, kTestFrAct, 0, 2, 0}, "fault bad_value"},
       {"a segment that says more than it is", kUp, one(125, 13, {1, 0, 1, 4, 'a', 'b', 'c'}),
        "fault truncated"}});
}

// 101, 7.2.3 and 7.3: each type has its causes.
TEST(Asdu, CausesOfTheirTypes) {
  support::expect_rows(
      module(),
      {{"a clock is not deactivated", kDown, of_station(103, 8, kTime56), "fault bad_value"},
       {"nor a parameter", kDown, one(110, 8, {0, 0x40, 1}), "fault bad_value"},
       {"a read is not activated", kDown, one(102, 6, {}), "fault bad_value"},
       {"data for a confirmation", kUp, one(1, 7, {1}), "fault bad_value"},
       {"data for an unknown object", kUp, one(1, 47, {1}), "fault bad_value"},
       {"authentication for an activation", kDown, information({81, 1, 6, 0, 3, 0, 1}),
        "fault bad_value"},
       {"two of authentication", kDown, information({81, 2, 14, 0, 3, 0, 1}), "fault bad_quantity"},
       {"a request that is negative", kDown, one(45, 0x46, {1}), "fault wrong_direction"}});
}

// 101, 7.2.4: all stations are asked, synchronized and reset, nothing else.
TEST(Asdu, ToAllStations) {
  const auto all = [](std::uint8_t type, const Message& element) {
    return information(support::join({{type, 1, 6, 0, 0xff, 0xff, 0, 0, 0}, element}));
  };
  for (const auto& [type, element] : std::vector<std::pair<std::uint8_t, Message>>{
           {100, {20}}, {101, {5}}, {103, kTime56}, {105, {1}}}) {
    const std::string text = support::decoded_text(module(), all(type, element), kDown);
    EXPECT_NE(text.find(" common_address=65535 "), std::string::npos) << text;
    EXPECT_NE(text.find(" broadcast=1"), std::string::npos) << text;
  }
  EXPECT_EQ(support::decoded_text(module(), all(45, {1}), kDown), "fault bad_value");
  EXPECT_EQ(support::decoded_text(module(), all(102, {}), kDown), "fault bad_value");
  EXPECT_EQ(support::decoded_text(module(), all(113, {1}), kDown), "fault bad_value");
}

// 101, 7.2.6.15 to 7.2.6.27: reserved bits and values of what is commanded.
TEST(Asdu, CommandsHaveNoReservedBits) {
  const auto is_good = [](const Message& message) {
    return support::decoded_text(module(), message, kDown).substr(0, 5) != "fault";
  };
  for (unsigned octet = 0; octet < 256; ++octet) {
    const auto byte = static_cast<std::uint8_t>(octet);
    const unsigned how = octet >> 2 & 0x1f;
    const bool defined = how <= 3 || how >= 16;
    const unsigned value = octet & 3;
    EXPECT_EQ(is_good(one(45, 6, {byte})), defined && value <= 1) << octet;
    EXPECT_EQ(is_good(one(46, 6, {byte})), defined && (value == 1 || value == 2)) << octet;
    EXPECT_EQ(is_good(one(47, 6, {byte})), defined && (value == 1 || value == 2)) << octet;
    const unsigned set = octet & 0x7f;
    EXPECT_EQ(is_good(one(49, 6, {1, 0, byte})), set == 0 || set >= 64) << octet;
    const bool interrogates = (octet >= 20 && octet <= 36) || octet >= 64;
    EXPECT_EQ(is_good(of_station(100, 6, {byte})), interrogates) << octet;
    const unsigned counters = octet & 0x3f;
    EXPECT_EQ(is_good(of_station(101, 6, {byte})),
              (counters >= 1 && counters <= 5) || counters >= 32)
        << octet;
    EXPECT_EQ(is_good(of_station(105, 6, {byte})), octet == 1 || octet == 2 || octet >= 128);
  }
  EXPECT_FALSE(is_good(of_station(104, 6, {0xaa, 0x54}))) << "101, 7.2.6.14: a fixed pattern";
  EXPECT_FALSE(is_good(one(50, 6, {0, 0, 0xc0, 0x7f, 0}))) << "not a number";
}

// 101, 7.2.6.18.
TEST(Asdu, TimesHaveNoReservedBits) {
  constexpr std::array<std::uint8_t, 7> kReserved = {0, 0, 0x40, 0x60, 0, 0xf0, 0x80};
  for (std::size_t at = 0; at < kReserved.size(); ++at) {
    for (unsigned bit = 1; bit < 0x100; bit <<= 1) {
      Message time = kTime56;
      time[at] = static_cast<std::uint8_t>(time[at] ^ bit);
      const bool reserved = (kReserved[at] & bit) != 0;
      for (const Message& message :
           {of_station(103, 6, time), one(58, 6, support::join({{1}, time}))}) {
        EXPECT_EQ(support::decoded_text(module(), message, kDown) == "fault bad_value", reserved)
            << at << " bit " << bit;
      }
    }
  }
}

TEST(Asdu, WhereOneAddressStandsForMany) {
  support::expect_rows(
      module(),
      {{"what has a time has an address each", kUp,
        information(support::join({{30, 0x82, 3, 0, 3, 0, 9, 0, 0, 1}, kTime56, {1}, kTime56})),
        "fault bad_quantity"},
       {"segments of a file", kUp,
        information({125, 2, 13, 0, 3, 0, 1, 0, 0, 1, 0, 1, 0, 2, 0, 0, 1, 0, 1, 0}),
        "fault bad_quantity"},
       {"what is of the station has no other address", kDown, one(100, 6, {20}),
        "fault bad_value"}});
}

void expect_accounted(const Message& message, Direction direction) {
  const std::string what = support::decoded_text(module(), message, direction);
  support::expect_accounted(module(), what.c_str(), message, direction,
                            [](const Message&) { return true; });
}

// What nobody reads, nobody judges: each bit is refused, or means something else to policy, or is
// declared free.
TEST(Accounting, OfEveryBit) {
  const auto timed = [](const Message& element) { return support::join({element, kTime56}); };
  const std::vector<std::pair<std::uint8_t, Message>> commands = {
      {45, {1}},
      {46, {0x86}},
      {47, {1}},
      {48, {0, 0x40, 0}},
      {49, {1, 2, 0x80}},
      {50, {0, 0, 0xc0, 0x3f, 0}},
      {51, {1, 2, 3, 4}},
      {58, timed({1})},
      {61, timed({0, 0x40, 0})},
      {63, timed({0, 0, 0xc0, 0x3f, 0})},
      {64, timed({1, 2, 3, 4})},
      {110, {0, 0x40, 1}},
      {112, {0, 0, 0x80, 0x3f, 1}},
      {113, {3}}};
  for (const auto& [type, element] : commands) expect_accounted(one(type, 6, element), kDown);
  const std::vector<std::pair<std::uint8_t, Message>> of_stations = {
      {100, {20}},         {101, {5}}, {101, {0x45}}, {103, kTime56},
      {104, {0xaa, 0x55}}, {105, {1}}, {106, {1, 0}}, {107, timed({1, 2})}};
  for (const auto& [type, element] : of_stations) {
    expect_accounted(of_station(type, 6, element), kDown);
  }
  expect_accounted(one(102, 5, {}), kDown);
  const std::vector<std::pair<std::uint8_t, Message>> reports = {{1, {1}},
                                                                 {2, {1, 1, 2, 3}},
                                                                 {3, {2}},
                                                                 {5, {0x7f, 0}},
                                                                 {7, {1, 2, 3, 4, 0}},
                                                                 {9, {0, 0x40, 0}},
                                                                 {11, {1, 2, 0}},
                                                                 {13, {0, 0, 0xc0, 0x3f, 0}},
                                                                 {15, {9, 0, 0, 0, 1}},
                                                                 {17, {1, 2, 3, 1, 2, 3}},
                                                                 {20, {1, 2, 3, 4, 5}},
                                                                 {21, {0, 0x40}},
                                                                 {30, timed({1})},
                                                                 {33, timed({1, 2, 3, 4, 0})},
                                                                 {37, timed({9, 0, 0, 0, 1})},
                                                                 {40, timed({1, 2, 3, 4})},
                                                                 {70, {2}}};
  for (const auto& [type, element] : reports) expect_accounted(one(type, 3, element), kUp);
  expect_accounted(information({1, 0x82, 20, 7, 3, 0, 9, 0, 0, 1, 0}), kUp);
  expect_accounted(one(122, 13, {1, 0, 0, 1}), kDown);
  expect_accounted(one(123, 13, {1, 0, 1, 1, 9}), kUp);
  expect_accounted(one(125, 13, {1, 0, 1, 3, 'a', 'b', 'c'}), kUp);
  expect_accounted(one(126, 5, timed({1, 0, 5, 0, 0, 0})), kUp);
  expect_accounted(information({81, 1, 14, 0, 3, 0, 1, 2}), kDown);
  expect_accounted(support::supervisory(300), kDown);
  expect_accounted(control(kStartDtAct), kDown);
}

}  // namespace
}  // namespace bulkhead::iec104
