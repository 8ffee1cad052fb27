// APDUs built from the layouts of IEC 60870-5-104 and -101: every type, who may send it, numbers,
// commands, and what happens to the numbers when a command is taken out.
#include <gtest/gtest.h>

#include "dataplane/protocols/iec104/session.h"
#include "tests/support/field_mutation.h"
#include "tests/support/protocol_rows.h"

namespace bulkhead::iec104 {
namespace {

using protocols::Direction;
using protocols::Fault;
using support::Message;
using support::Row;

constexpr auto kDown = Direction::request;
constexpr auto kUp = Direction::response;

const protocols::Protocol& module() { return support::module_of("iec104"); }

struct At {
  std::uint16_t send = 0;
  std::uint16_t receive = 0;
};

// 104, 5.1: an I frame.
Message information(const Message& asdu, At at = {}) {
  return support::join(
      {{0x68, static_cast<std::uint8_t>(4 + asdu.size()), static_cast<std::uint8_t>(at.send << 1),
        static_cast<std::uint8_t>(at.send >> 7), static_cast<std::uint8_t>(at.receive << 1),
        static_cast<std::uint8_t>(at.receive >> 7)},
       asdu});
}

// 101, 7.2: one object at address 1 + 2 * 256 of station 3.
Message one(std::uint8_t type, std::uint8_t cause, const Message& element, At at = {}) {
  return information(support::join({{type, 1, cause, 0, 3, 0, 1, 2, 0}, element}), at);
}

Message control(std::uint8_t octet) { return {0x68, 4, octet, 0, 0, 0}; }

Message supervisory(std::uint16_t receive) {
  return {0x68,
          4,
          1,
          0,
          static_cast<std::uint8_t>(receive << 1),
          static_cast<std::uint8_t>(receive >> 7)};
}

std::string text(const char* function, int cause, const std::string& rest) {
  return std::string(function) + " cause=" + std::to_string(cause) +
         " negative=0 test=0 originator=0 common_address=3 object_address=513" + rest;
}

const Message kTime24 = {1, 2, 3};
const Message kTime56 = {1, 2, 3, 4, 5, 6, 7};

Message timed(const Message& element, const Message& time = kTime56) {
  return support::join({element, time});
}

const std::vector<Row> kMonitor = {
    {"single point on", kUp, one(1, 3, {1}), text("m_sp_na_1", 3, " value=1")},
    {"single point", kUp, one(2, 3, timed({0}, kTime24)), text("m_sp_ta_1", 3, " value=0")},
    {"double point", kUp, one(3, 3, {2}), text("m_dp_na_1", 3, " value=2")},
    {"double point", kUp, one(4, 3, timed({3}, kTime24)), text("m_dp_ta_1", 3, " value=3")},
    {"step -1", kUp, one(5, 3, {0x7f, 0}), text("m_st_na_1", 3, " value=-1")},
    {"step 63", kUp, one(6, 3, timed({0xbf, 0}, kTime24)), text("m_st_ta_1", 3, " value=63")},
    {"bits", kUp, one(7, 3, {1, 1, 0, 0, 0}), text("m_bo_na_1", 3, " value=257")},
    {"bits", kUp, one(8, 3, timed({1, 0, 0, 0, 0}, kTime24)), text("m_bo_ta_1", 3, " value=1")},
    {"a half", kUp, one(9, 3, {0, 0x40, 0}), text("m_me_na_1", 3, " value=0.5")},
    {"-1", kUp, one(10, 3, timed({0, 0x80, 0}, kTime24)), text("m_me_ta_1", 3, " value=-1")},
    {"scaled", kUp, one(11, 3, {0xff, 0xff, 0}), text("m_me_nb_1", 3, " value=-1")},
    {"scaled", kUp, one(12, 3, timed({7, 0, 0}, kTime24)), text("m_me_tb_1", 3, " value=7")},
    {"float", kUp, one(13, 3, {0, 0, 0xc0, 0x3f, 0}), text("m_me_nc_1", 3, " value=1.5")},
    {"float", kUp, one(14, 3, timed({0, 0, 0, 0xc0, 0}, kTime24)),
     text("m_me_tc_1", 3, " value=-2")},
    {"counter", kUp, one(15, 3, {9, 0, 0, 0, 0}), text("m_it_na_1", 3, " value=9")},
    {"counter", kUp, one(16, 3, timed({9, 0, 0, 0, 0}, kTime24)), text("m_it_ta_1", 3, " value=9")},
    {"protection", kUp, one(17, 3, timed({1, 2, 3}, kTime24)), text("m_ep_ta_1", 3, "")},
    {"protection", kUp, one(18, 3, timed({1, 2, 3, 4}, kTime24)), text("m_ep_tb_1", 3, "")},
    {"protection", kUp, one(19, 3, timed({1, 2, 3, 4}, kTime24)), text("m_ep_tc_1", 3, "")},
    {"packed points", kUp, one(20, 3, {1, 2, 3, 4, 5}), text("m_ps_na_1", 3, "")},
    {"no quality", kUp, one(21, 3, {0, 0xc0}), text("m_me_nd_1", 3, " value=-0.5")},
    {"time", kUp, one(30, 3, timed({1})), text("m_sp_tb_1", 3, " value=1")},
    {"time", kUp, one(31, 3, timed({1})), text("m_dp_tb_1", 3, " value=1")},
    {"time", kUp, one(32, 3, timed({1, 0})), text("m_st_tb_1", 3, " value=1")},
    {"time", kUp, one(33, 3, timed({1, 0, 0, 0, 0})), text("m_bo_tb_1", 3, " value=1")},
    {"time", kUp, one(34, 3, timed({0, 0x40, 0})), text("m_me_td_1", 3, " value=0.5")},
    {"time", kUp, one(35, 3, timed({1, 0, 0})), text("m_me_te_1", 3, " value=1")},
    {"time", kUp, one(36, 3, timed({0, 0, 0x80, 0x3f, 0})), text("m_me_tf_1", 3, " value=1")},
    {"time", kUp, one(37, 3, timed({1, 0, 0, 0, 0})), text("m_it_tb_1", 3, " value=1")},
    {"time", kUp, one(38, 3, timed({1, 2, 3})), text("m_ep_td_1", 3, "")},
    {"time", kUp, one(39, 3, timed({1, 2, 3, 4})), text("m_ep_te_1", 3, "")},
    {"time", kUp, one(40, 3, timed({1, 2, 3, 4})), text("m_ep_tf_1", 3, "")},
    {"end of initialization", kUp, one(70, 4, {2}), text("m_ei_na_1", 4, " qualifier=2")},
    {"101, 7.2.2.1: one address, consecutive objects", kUp,
     information({1, 0x82, 20, 7, 3, 0, 9, 0, 0, 1, 0}),
     "m_sp_na_1 cause=20 negative=0 test=0 originator=7 common_address=3 object_address=9 value=1\n"
     "m_sp_na_1 cause=20 negative=0 test=0 originator=7 common_address=3 object_address=10 "
     "value=0"},
    {"each with its address", kUp, information({1, 2, 3, 0, 3, 0, 9, 0, 0, 1, 5, 0, 0, 0}),
     "m_sp_na_1 cause=3 negative=0 test=0 originator=0 common_address=3 object_address=9 value=1\n"
     "m_sp_na_1 cause=3 negative=0 test=0 originator=0 common_address=3 object_address=5 value=0"},
};

const std::vector<Row> kCommands = {
    {"close, selected", kDown, one(45, 6, {0x81}),
     text("c_sc_na_1", 6, " value=1 qualifier=0 select=1")},
    {"double, short pulse", kDown, one(46, 6, {0x06}),
     text("c_dc_na_1", 6, " value=2 qualifier=1 select=0")},
    {"step", kDown, one(47, 6, {0x01}), text("c_rc_na_1", 6, " value=1 qualifier=0 select=0")},
    {"set point", kDown, one(48, 6, {0, 0x40, 0x80}),
     text("c_se_na_1", 6, " value=0.5 qualifier=0 select=1")},
    {"set point", kDown, one(49, 6, {0x9c, 0xff, 5}),
     text("c_se_nb_1", 6, " value=-100 qualifier=5 select=0")},
    {"set point", kDown, one(50, 6, {0, 0, 0xc0, 0x3f, 0}),
     text("c_se_nc_1", 6, " value=1.5 qualifier=0 select=0")},
    {"bits", kDown, one(51, 6, {1, 2, 0, 0}), text("c_bo_na_1", 6, " value=513")},
    {"time", kDown, one(58, 6, timed({1})), text("c_sc_ta_1", 6, " value=1 qualifier=0 select=0")},
    {"time", kDown, one(59, 8, timed({1})), text("c_dc_ta_1", 8, " value=1 qualifier=0 select=0")},
    {"time", kDown, one(60, 6, timed({1})), text("c_rc_ta_1", 6, " value=1 qualifier=0 select=0")},
    {"time", kDown, one(61, 6, timed({0, 0x40, 0})),
     text("c_se_ta_1", 6, " value=0.5 qualifier=0 select=0")},
    {"time", kDown, one(62, 6, timed({1, 0, 0})),
     text("c_se_tb_1", 6, " value=1 qualifier=0 select=0")},
    {"time", kDown, one(63, 6, timed({0, 0, 0x80, 0x3f, 0})),
     text("c_se_tc_1", 6, " value=1 qualifier=0 select=0")},
    {"time", kDown, one(64, 6, timed({1, 0, 0, 0})), text("c_bo_ta_1", 6, " value=1")},
    {"interrogation", kDown, one(100, 6, {20}), text("c_ic_na_1", 6, " qualifier=20")},
    {"counters", kDown, one(101, 6, {5}), text("c_ci_na_1", 6, " qualifier=5")},
    {"read", kDown, one(102, 5, {}), text("c_rd_na_1", 5, "")},
    {"clock", kDown, one(103, 6, kTime56), text("c_cs_na_1", 6, "")},
    {"test", kDown, one(104, 6, {0xaa, 0x55}), text("c_ts_na_1", 6, "")},
    {"reset", kDown, one(105, 6, {1}), text("c_rp_na_1", 6, " qualifier=1")},
    {"delay", kDown, one(106, 6, {1, 0}), text("c_cd_na_1", 6, "")},
    {"test", kDown, one(107, 6, timed({1, 2})), text("c_ts_ta_1", 6, "")},
    {"parameter", kDown, one(110, 6, {0, 0x40, 1}), text("p_me_na_1", 6, " value=0.5 qualifier=1")},
    {"parameter", kDown, one(111, 6, {2, 0, 0x81}), text("p_me_nb_1", 6, " value=2 qualifier=129")},
    {"parameter", kDown, one(112, 6, {0, 0, 0x80, 0x3f, 1}),
     text("p_me_nc_1", 6, " value=1 qualifier=1")},
    {"activate parameter", kDown, one(113, 6, {3}), text("p_ac_na_1", 6, " qualifier=3")},
    {"confirmation", kUp, one(45, 7, {0x81}),
     text("c_sc_na_1", 7, " value=1 qualifier=0 select=1")},
    {"negative confirmation", kUp, one(45, 0x47, {0x81}),
     "c_sc_na_1 cause=7 negative=1 test=0 originator=0 common_address=3 object_address=513 value=1 "
     "qualifier=0 select=1"},
};

const std::vector<Row> kOthers = {
    {"file ready", kDown, one(120, 13, {1, 0, 5, 0, 0, 0}), text("f_fr_na_1", 13, "")},
    {"section ready", kUp, one(121, 13, {1, 0, 1, 5, 0, 0, 0}), text("f_sr_na_1", 13, "")},
    {"call", kDown, one(122, 13, {1, 0, 0, 1}), text("f_sc_na_1", 13, "")},
    {"last section", kUp, one(123, 13, {1, 0, 1, 1, 9}), text("f_ls_na_1", 13, "")},
    {"acknowledge", kDown, one(124, 13, {1, 0, 1, 1}), text("f_af_na_1", 13, "")},
    {"segment of three octets", kUp, one(125, 13, {1, 0, 1, 3, 'a', 'b', 'c'}),
     text("f_sg_na_1", 13, "")},
    {"directory", kUp, one(126, 5, timed({1, 0, 5, 0, 0, 0})), text("f_dr_ta_1", 5, "")},
    {"log", kDown, one(127, 5, timed(timed({1, 0}))), text("f_sc_nb_1", 5, "")},
    {"supervisory", kDown, supervisory(300), "supervisory"},
    {"start", kDown, control(kStartDtAct), "startdt_act"},
    {"started", kUp, control(kStartDtCon), "startdt_con"},
    {"stop", kDown, control(kStopDtAct), "stopdt_act"},
    {"stopped", kUp, control(kStopDtCon), "stopdt_con"},
    {"test", kDown, control(kTestFrAct), "testfr_act"},
    {"tested", kDown, control(kTestFrCon), "testfr_con"},
};

TEST(Decode, EachTypeByItsClause) {
  support::expect_rows(module(), kMonitor);
  support::expect_rows(module(), kCommands);
  support::expect_rows(module(), kOthers);
}

// IEC TS 60870-5-7: authentication is told by type and station; its objects are not read.
TEST(Decode, TypesThatAreNotRead) {
  std::vector<Row> rows;
  std::vector<std::string_view> names;
  for (const protocols::FunctionInfo& function : catalogue().functions) {
    if (function.name.substr(0, 2) != "s_") continue;
    names.push_back(function.name);
    rows.push_back(
        {"opaque", kDown,
         information({static_cast<std::uint8_t>(function.code), 1, 14, 0, 3, 0, 1, 2}),
         std::string(function.name) + " cause=14 negative=0 test=0 originator=0 common_address=3"});
  }
  EXPECT_EQ(rows.size(), 14U);
  for (const Row& row : rows) {
    EXPECT_EQ(support::decoded_text(module(), row.message, row.direction), row.expected);
  }
  std::vector<Row> all = kMonitor;
  all.insert(all.end(), kCommands.begin(), kCommands.end());
  all.insert(all.end(), kOthers.begin(), kOthers.end());
  all.insert(all.end(), rows.begin(), rows.end());
  for (Row& row : all) row.expected += " ";
  support::expect_all_functions(module(), all);
  support::expect_fields_decide(module(), all);
}

TEST(Decode, WhatIsRefused) {
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

TEST(Frame, LengthsAtTheirLimits) {
  const auto frame = [](Message bytes) { return module().frame(bytes, kDown); };
  EXPECT_EQ(frame({0x69}).fault, Fault::not_this_protocol);
  EXPECT_EQ(frame({0x68, 3}).fault, Fault::bad_length);
  EXPECT_EQ(frame({0x68, 4}).length, 6U);
  EXPECT_EQ(frame({0x68, 253}).length, 255U);
  EXPECT_EQ(frame({0x68, 254}).fault, Fault::bad_length);
}

class Talk : public ::testing::Test {
 protected:
  Talk() : session(module()) {
    EXPECT_EQ(session.ask(control(kStartDtAct)), Fault::none);
    EXPECT_EQ(session.answer(control(kStartDtCon)), Fault::none);
  }

  support::PairedSession session;
};

TEST(Transfer, NoDataBeforeStart) {
  support::PairedSession session(module());
  EXPECT_EQ(session.ask(one(100, 6, {20})), Fault::not_started);
  EXPECT_EQ(session.answer(one(1, 3, {1})), Fault::not_started);
  EXPECT_EQ(session.answer(control(kStartDtCon)), Fault::unrequested_response);
  EXPECT_EQ(session.ask(control(kStartDtAct)), Fault::none);
  EXPECT_EQ(session.ask(one(100, 6, {20})), Fault::not_started);
  EXPECT_EQ(session.answer(control(kStartDtCon)), Fault::none);
  EXPECT_EQ(session.ask(one(100, 6, {20})), Fault::none);
  EXPECT_EQ(session.ask(control(kStopDtAct)), Fault::none);
  EXPECT_EQ(session.ask(one(100, 6, {20}, {1, 0})), Fault::not_started);
  EXPECT_EQ(session.answer(one(1, 3, {1}, {0, 1})), Fault::none) << "what is on its way";
}

TEST_F(Talk, NumbersFollowOneAnother) {
  EXPECT_EQ(session.answer(one(1, 3, {1}, {1, 0})), Fault::bad_sequence) << "skips one";
  EXPECT_EQ(session.answer(one(1, 3, {1}, {0, 1})), Fault::bad_sequence) << "of none sent";
  EXPECT_EQ(session.answer(one(1, 3, {1}, {0, 0})), Fault::none);
  EXPECT_EQ(session.answer(one(1, 3, {1}, {0, 0})), Fault::bad_sequence) << "again";
  EXPECT_EQ(session.ask(supervisory(2)), Fault::bad_sequence);
  EXPECT_EQ(session.ask(supervisory(1)), Fault::none);
  EXPECT_EQ(session.ask(supervisory(0)), Fault::bad_sequence) << "backwards";
}

TEST_F(Talk, NumbersGoRound) {
  for (unsigned i = 0; i < 2 * kNumbers + 5U; ++i) {
    const auto number = static_cast<std::uint16_t>(i % kNumbers);
    ASSERT_EQ(session.answer(one(1, 3, {1}, {number, 0})), Fault::none) << i;
    const auto next = static_cast<std::uint16_t>((i + 1) % kNumbers);
    ASSERT_EQ(session.ask(supervisory(next)), Fault::none) << i;
  }
}

TEST_F(Talk, UnacknowledgedFramesHaveALimit) {
  for (std::uint16_t i = 0; i < kUnacknowledgedMax; ++i) {
    ASSERT_EQ(session.answer(one(1, 3, {1}, {i, 0})), Fault::none);
  }
  EXPECT_EQ(session.answer(one(1, 3, {1}, {kUnacknowledgedMax, 0})), Fault::too_many_outstanding);
}

TEST(Unseen, ASessionMetInItsMidst) {
  support::PairedSession session(module());
  module().begin_unseen(session.block());
  EXPECT_EQ(session.answer(one(1, 3, {1}, {700, 30})), Fault::none);
  EXPECT_EQ(session.ask(one(100, 6, {20}, {31, 701})), Fault::none);
  EXPECT_EQ(session.ask(one(100, 6, {20}, {31, 701})), Fault::bad_sequence);
  EXPECT_EQ(session.answer(one(1, 3, {1}, {701, 32})), Fault::none);
  EXPECT_EQ(session.answer(one(1, 3, {1}, {703, 32})), Fault::bad_sequence);
}

TEST_F(Talk, AConfirmationNeedsItsCommand) {
  EXPECT_EQ(session.answer(one(45, 7, {1})), Fault::unrequested_response);
  EXPECT_EQ(session.ask(one(45, 6, {1})), Fault::none);
  EXPECT_EQ(session.outstanding(), 1U);
  EXPECT_EQ(session.answer(one(45, 7, {0}, {0, 1})), Fault::mismatched_response) << "other value";
  EXPECT_EQ(session.answer(one(46, 7, {1}, {0, 1})), Fault::unrequested_response) << "other type";
  EXPECT_EQ(session.answer(one(45, 10, {1}, {0, 1})), Fault::mismatched_response) << "too early";
  EXPECT_EQ(session.answer(one(45, 7, {1}, {0, 1})), Fault::none);
  EXPECT_EQ(session.outstanding(), 0U);
  EXPECT_EQ(session.answer(one(1, 11, {1}, {1, 1})), Fault::none) << "data between";
  EXPECT_EQ(session.answer(one(45, 10, {1}, {2, 1})), Fault::none);
  EXPECT_EQ(session.answer(one(45, 10, {1}, {3, 1})), Fault::unrequested_response);
}

TEST_F(Talk, WhatIsExecutedIsWhatWasSelected) {
  EXPECT_EQ(session.ask(one(49, 6, {100, 0, 0x80}, {0, 0})), Fault::none);
  EXPECT_EQ(session.answer(one(49, 7, {100, 0, 0x80}, {0, 1})), Fault::none);
  EXPECT_EQ(session.ask(one(49, 6, {101, 0, 0}, {1, 1})), Fault::not_selected);
  EXPECT_EQ(session.ask(one(49, 6, {100, 0, 0}, {1, 1})), Fault::none);
  EXPECT_EQ(session.answer(one(49, 7, {100, 0, 0}, {1, 2})), Fault::none);
  EXPECT_EQ(session.ask(one(49, 6, {101, 0, 0}, {2, 2})), Fault::none) << "a direct one";
}

Message renumbered(support::PairedSession& session, Message frame, Direction direction) {
  EXPECT_EQ(session.take(frame, direction), Fault::none);
  module().renumber(session.block(), direction, frame);
  return frame;
}

// 104, 5.1: after a command was taken out and its refusal put in each station still counts right.
TEST_F(Talk, NumbersAreTranslatedAroundARefusal) {
  const Message refused = one(45, 6, {1}, {0, 0});
  std::array<std::uint8_t, protocols::kRefusalBytesMax> buffer{};
  const std::size_t length = module().refuse(refused, protocols::Denial::value, buffer);
  Message reply(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(length));
  ASSERT_TRUE(module().take_out(session.block(), refused));
  module().put_in(session.block(), reply);
  EXPECT_EQ(reply, one(45, 0x47, {1}, {0, 1})) << "a negative confirmation that acknowledges";
  // The client goes on with 1 and has one frame; to the server that is its first, and none.
  EXPECT_EQ(renumbered(session, one(45, 6, {0}, {1, 1}), kDown), one(45, 6, {0}, {0, 0}));
  // The server confirms with its first frame; to the client that is the second.
  EXPECT_EQ(renumbered(session, one(45, 7, {0}, {0, 1}), kUp), one(45, 7, {0}, {1, 2}));
  EXPECT_EQ(renumbered(session, supervisory(2), kDown), supervisory(1));
  EXPECT_EQ(renumbered(session, one(1, 3, {1}, {1, 1}), kUp), one(1, 3, {1}, {2, 2}));
  EXPECT_EQ(renumbered(session, one(45, 6, {0}, {2, 3}), kDown), one(45, 6, {0}, {1, 2}));
}

// What the server has not acknowledged is not acknowledged for it.
TEST_F(Talk, ARefusalBehindAnUnacknowledgedCommand) {
  EXPECT_EQ(renumbered(session, one(45, 6, {0}, {0, 0}), kDown), one(45, 6, {0}, {0, 0}));
  ASSERT_TRUE(module().take_out(session.block(), one(46, 6, {1}, {1, 0})));
  Message reply = one(46, 0x47, {1});
  module().put_in(session.block(), reply);
  EXPECT_EQ(reply, one(46, 0x47, {1}, {0, 0}));
  EXPECT_EQ(renumbered(session, supervisory(1), kUp), supervisory(2)) << "and what was taken out";
}

TEST_F(Talk, RefusalsHaveALimit) {
  for (std::uint16_t i = 0; i < Splices::kMax; ++i) {
    EXPECT_TRUE(module().take_out(session.block(), one(45, 6, {1}, {i, 0})));
    Message reply = one(45, 0x47, {1});
    module().put_in(session.block(), reply);
  }
  EXPECT_FALSE(module().take_out(session.block(), one(45, 6, {1}, {Splices::kMax, 0})));
  EXPECT_EQ(session.ask(supervisory(Splices::kMax)), Fault::none);
  EXPECT_FALSE(module().take_out(session.block(), one(45, 6, {1}, {1, 0}))) << "out of step";
}

TEST(Refusal, OnlyCommandsHaveOne) {
  std::array<std::uint8_t, protocols::kRefusalBytesMax> reply{};
  const auto refuse = [&](const Message& request) {
    return module().refuse(request, protocols::Denial::function, reply);
  };
  EXPECT_EQ(refuse(control(kTestFrAct)), 0U);
  EXPECT_EQ(refuse(supervisory(0)), 0U);
  EXPECT_EQ(refuse(one(124, 13, {1, 0, 1, 1})), 0U);
  EXPECT_EQ(refuse(one(45, 8, {1})), 16U);
  EXPECT_EQ(reply[8], 0x40 | kDeactivationCon);
  EXPECT_EQ(refuse(one(200, 6, {1})), 16U);
  EXPECT_EQ(reply[8], 0x40 | kUnknownFirst);
}

}  // namespace
}  // namespace bulkhead::iec104
