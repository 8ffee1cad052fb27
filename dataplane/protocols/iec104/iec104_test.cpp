// APDUs built from the layouts of IEC 60870-5-104 and -101: every type, who may send it, numbers,
// commands, and what happens to the numbers when a command is taken out.
#include <gtest/gtest.h>

#include "dataplane/protocols/iec104/session.h"
#include "tests/support/field_mutation.h"
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
using support::Row;
using support::supervisory;

constexpr auto kDown = Direction::request;
constexpr auto kUp = Direction::response;

const protocols::Protocol& module() { return support::module_of("iec104"); }

std::string text(const char* function, int cause, const std::string& rest) {
  return std::string(function) + " cause=" + std::to_string(cause) +
         " negative=0 test=0 originator=0 common_address=3 object_address=513" + rest;
}

std::string station_text(const char* function, const std::string& rest) {
  return std::string(function) +
         " cause=6 negative=0 test=0 originator=0 common_address=3 object_address=0" + rest;
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
    {"set point", kDown, one(49, 6, {0x9c, 0xff, 64}),
     text("c_se_nb_1", 6, " value=-100 qualifier=64 select=0")},
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
    {"interrogation", kDown, of_station(100, 6, {20}), station_text("c_ic_na_1", " qualifier=20")},
    {"counters", kDown, of_station(101, 6, {5}), station_text("c_ci_na_1", " qualifier=5")},
    {"counters are frozen", kDown, of_station(101, 6, {0x45}),
     station_text("c_ci_na_1_freeze", " qualifier=69")},
    {"and reset", kDown, of_station(101, 6, {0x81}),
     station_text("c_ci_na_1_freeze", " qualifier=129")},
    {"at all stations", kDown, information({101, 1, 6, 0, 0xff, 0xff, 0, 0, 0, 0xc5}),
     "c_ci_na_1_freeze cause=6 negative=0 test=0 originator=0 common_address=65535 "
     "object_address=0 qualifier=197 broadcast=1"},
    {"read", kDown, one(102, 5, {}), text("c_rd_na_1", 5, "")},
    {"a read of an object that is not known", kUp, one(102, 47, {}), text("c_rd_na_1", 47, "")},
    {"clock", kDown, of_station(103, 6, kTime56), station_text("c_cs_na_1", "")},
    {"test", kDown, of_station(104, 6, {0xaa, 0x55}), station_text("c_ts_na_1", "")},
    {"reset", kDown, of_station(105, 6, {1}), station_text("c_rp_na_1", " qualifier=1")},
    {"a delay of 59,999 ms", kDown, of_station(106, 6, {0x5f, 0xea}),
     station_text("c_cd_na_1", " value=59999")},
    {"test", kDown, of_station(107, 6, timed({1, 2})), station_text("c_ts_ta_1", "")},
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
    {"file ready", kDown, one(120, 13, {1, 0, 5, 0, 0, 0}),
     text("f_fr_na_1", 13, " qualifier=0 file=1")},
    {"section ready", kUp, one(121, 13, {1, 0, 1, 5, 0, 0, 0}),
     text("f_sr_na_1", 13, " qualifier=0 file=1")},
    {"call", kDown, one(122, 13, {1, 0, 0, 1}), text("f_sc_na_1", 13, " qualifier=1 file=1")},
    {"last section", kUp, one(123, 13, {1, 0, 1, 1, 9}),
     text("f_ls_na_1", 13, " qualifier=1 file=1")},
    {"acknowledge", kDown, one(124, 13, {1, 0, 1, 1}),
     text("f_af_na_1", 13, " qualifier=1 file=1")},
    {"segment of three octets", kUp, one(125, 13, {1, 0, 1, 3, 'a', 'b', 'c'}),
     text("f_sg_na_1", 13, " file=1")},
    {"directory", kUp, one(126, 5, timed({1, 0, 5, 0, 0, 0})), text("f_dr_ta_1", 5, " file=1")},
    {"log", kDown, one(127, 5, timed(timed({1, 0}))), text("f_sc_nb_1", 5, " file=1")},
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
        {"opaque", function.initiator == protocols::Initiator::server ? kUp : kDown,
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
  EXPECT_EQ(session.ask(of_station(100, 6, {20})), Fault::not_started);
  EXPECT_EQ(session.answer(one(1, 3, {1})), Fault::not_started);
  EXPECT_EQ(session.answer(control(kStartDtCon)), Fault::unrequested_response);
  EXPECT_EQ(session.ask(control(kStartDtAct)), Fault::none);
  EXPECT_EQ(session.ask(of_station(100, 6, {20})), Fault::not_started);
  EXPECT_EQ(session.answer(control(kStartDtCon)), Fault::none);
  EXPECT_EQ(session.ask(of_station(100, 6, {20})), Fault::none);
  EXPECT_EQ(session.ask(control(kStopDtAct)), Fault::none);
  EXPECT_EQ(session.ask(of_station(100, 6, {20}, {1, 0})), Fault::not_started);
  EXPECT_EQ(session.answer(one(1, 3, {1}, {0, 1})), Fault::none) << "what is on its way";
}

// Masters repeat it, to see that a line lives or because a confirmation is late.
TEST_F(Talk, WhatIsStartedMayBeStartedAgain) {
  EXPECT_EQ(session.ask(control(kStartDtAct)), Fault::none);
  EXPECT_EQ(session.answer(control(kStartDtCon)), Fault::none);
  EXPECT_EQ(session.answer(one(1, 3, {1}, {0, 0})), Fault::none);
}

TEST_F(Talk, NumbersFollowOneAnother) {
  EXPECT_EQ(session.answer(one(1, 3, {1}, {2, 0})), Fault::bad_sequence) << "skips two";
  EXPECT_EQ(session.answer(one(1, 3, {1}, {0, 1})), Fault::bad_sequence) << "of none sent";
  EXPECT_EQ(session.answer(one(1, 3, {1}, {0, 0})), Fault::none);
  EXPECT_EQ(session.answer(one(1, 3, {1}, {0, 0})), Fault::bad_sequence) << "again";
  EXPECT_EQ(session.ask(supervisory(2)), Fault::bad_sequence);
  EXPECT_EQ(session.ask(supervisory(1)), Fault::none);
  EXPECT_EQ(session.ask(supervisory(0)), Fault::bad_sequence) << "backwards";
}

// As Honeywell's controllers do.
TEST_F(Talk, AStationMayCountItsFirstFrameAsOne) {
  EXPECT_EQ(session.ask(one(45, 6, {1}, {1, 0})), Fault::bad_sequence) << "a controlling one not";
  EXPECT_EQ(session.ask(one(45, 6, {1}, {0, 0})), Fault::none);
  EXPECT_EQ(session.answer(one(45, 7, {1}, {1, 1})), Fault::none);
  EXPECT_EQ(session.answer(one(45, 10, {1}, {1, 1})), Fault::bad_sequence) << "again";
  EXPECT_EQ(session.answer(one(45, 10, {1}, {3, 1})), Fault::bad_sequence) << "skips one";
  EXPECT_EQ(session.answer(one(45, 10, {1}, {2, 1})), Fault::none);
  EXPECT_EQ(session.ask(supervisory(4)), Fault::bad_sequence) << "of none sent";
  EXPECT_EQ(session.ask(supervisory(3)), Fault::none);
}

TEST_F(Talk, OnceItHasBegunItSkipsNone) {
  EXPECT_EQ(session.answer(one(1, 3, {1}, {0, 0})), Fault::none);
  EXPECT_EQ(session.answer(one(1, 3, {1}, {2, 0})), Fault::bad_sequence);
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
  EXPECT_EQ(session.ask(of_station(100, 6, {20}, {31, 701})), Fault::none);
  EXPECT_EQ(session.ask(of_station(100, 6, {20}, {31, 701})), Fault::bad_sequence);
  EXPECT_EQ(session.answer(one(1, 3, {1}, {701, 32})), Fault::none);
  EXPECT_EQ(session.answer(one(1, 3, {1}, {703, 32})), Fault::bad_sequence);
}

// The window is known only from what was seen.
TEST(Unseen, WhatWasSentBeforeIsAcknowledged) {
  support::PairedSession session(module());
  module().begin_unseen(session.block());
  EXPECT_EQ(session.answer(one(1, 3, {1}, {21, 1})), Fault::none);
  EXPECT_EQ(session.ask(supervisory(16)), Fault::none);
  EXPECT_EQ(session.ask(supervisory(15)), Fault::bad_sequence) << "backwards";
  EXPECT_EQ(session.ask(supervisory(23)), Fault::bad_sequence) << "of none sent";
  EXPECT_EQ(session.ask(supervisory(22)), Fault::none);
  // Before the server acknowledged something a refusal could not say what it has.
  EXPECT_EQ(session.ask(one(45, 6, {1}, {1, 22})), Fault::none);
  support::PairedSession other(module());
  module().begin_unseen(other.block());
  EXPECT_FALSE(
      support::take_out(module(), other.block(), one(45, 6, {1}, {8, 22}), Direction::request));
  EXPECT_EQ(other.answer(one(1, 3, {1}, {22, 8})), Fault::none);
  EXPECT_TRUE(
      support::take_out(module(), other.block(), one(45, 6, {1}, {8, 22}), Direction::request));
}

TEST(Unseen, CommandsFromBeforeAreConfirmed) {
  support::PairedSession session(module());
  module().begin_unseen(session.block());
  for (std::uint16_t i = 0; i < kUnseenConfirmations; ++i) {
    EXPECT_EQ(session.answer(of_station(100, 10, {20}, {i, 0})), Fault::none);
  }
  EXPECT_EQ(session.answer(of_station(100, 10, {20}, {kUnseenConfirmations, 0})),
            Fault::unrequested_response);
}

TEST_F(Talk, AConfirmationNeedsItsCommand) {
  EXPECT_EQ(session.answer(one(45, 7, {1})), Fault::unrequested_response);
  EXPECT_EQ(session.ask(one(45, 6, {1})), Fault::none);
  EXPECT_EQ(session.outstanding(), 1U);
  EXPECT_EQ(session.answer(one(46, 7, {1}, {0, 1})), Fault::unrequested_response) << "other type";
  EXPECT_EQ(session.answer(one(45, 10, {1}, {0, 1})), Fault::mismatched_response) << "too early";
  EXPECT_EQ(session.answer(one(45, 7, {1}, {0, 1})), Fault::none);
  EXPECT_EQ(session.outstanding(), 0U);
  EXPECT_EQ(session.answer(one(1, 11, {1}, {1, 1})), Fault::none) << "data between";
  EXPECT_EQ(session.answer(one(45, 10, {1}, {2, 1})), Fault::none);
  EXPECT_EQ(session.answer(one(45, 10, {1}, {3, 1})), Fault::unrequested_response);
}

// Stations confirm what they made of a set point: it is told as it is.
TEST_F(Talk, AConfirmationMayHaveAnotherValue) {
  EXPECT_EQ(session.ask(one(49, 6, {100, 0, 0}, {0, 0})), Fault::none);
  EXPECT_EQ(session.ask(one(49, 6, {50, 0, 0}, {1, 0})), Fault::none);
  EXPECT_EQ(session.answer(one(49, 0x47, {50, 0, 0}, {0, 2})), Fault::none) << "the second";
  EXPECT_EQ(session.answer(one(49, 7, {99, 0, 0}, {1, 2})), Fault::none);
  EXPECT_EQ(session.answer(one(49, 10, {99, 0, 0}, {2, 2})), Fault::none);
  EXPECT_EQ(session.answer(one(49, 7, {99, 0, 0}, {3, 2})), Fault::unrequested_response);
}

// 101, 7.3.4.3: a read is answered with the object, or mirrored for an unknown one.
TEST_F(Talk, AReadIsAnsweredOrMirrored) {
  std::uint16_t sent = 0;
  std::uint16_t received = 0;
  for (const std::uint8_t cause : Message{44, 45, 46, 47, 0x6f}) {
    EXPECT_EQ(session.ask(one(102, 5, {}, {sent++, received})), Fault::none);
    EXPECT_EQ(session.outstanding(), 1U);
    EXPECT_EQ(session.answer(one(102, cause, {}, {received++, sent})), Fault::none);
    EXPECT_EQ(session.outstanding(), 0U);
  }
  EXPECT_EQ(session.answer(one(102, 47, {}, {received, sent})), Fault::unrequested_response);
  EXPECT_EQ(session.ask(one(102, 5, {}, {sent++, received})), Fault::none);
  EXPECT_EQ(session.answer(one(102, 7, {}, {received++, sent})), Fault::none) << "some confirm it";
  EXPECT_EQ(session.answer(one(13, 5, {0, 0, 0xc0, 0x3f, 0}, {received++, sent})), Fault::none);
  EXPECT_EQ(session.answer(one(102, 7, {}, {received, sent})), Fault::unrequested_response);
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
  module().numbered_messages()->renumber(session.block(), direction, frame);
  return frame;
}

// 104, 5.1: after a command was taken out and its refusal put in each station still counts right.
TEST_F(Talk, NumbersAreTranslatedAroundARefusal) {
  const Message refused = one(45, 6, {1}, {0, 0});
  std::array<std::uint8_t, protocols::kRefusalBytesMax> buffer{};
  const std::size_t length =
      support::refuse(module(), refused, protocols::DeniedPart::value, buffer);
  Message reply(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(length));
  ASSERT_TRUE(support::take_out(module(), session.block(), refused, Direction::request));
  module().splicing()->put_in(session.block(), reply);
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
  ASSERT_TRUE(
      support::take_out(module(), session.block(), one(46, 6, {1}, {1, 0}), Direction::request));
  Message reply = one(46, 0x47, {1});
  module().splicing()->put_in(session.block(), reply);
  EXPECT_EQ(reply, one(46, 0x47, {1}, {0, 0}));
  EXPECT_EQ(renumbered(session, supervisory(1), kUp), supervisory(2)) << "and what was taken out";
}

// 104, 5.5: a confirmation of nothing is taken out; the station hears that it was received, as soon
// as the client has acknowledged all before it, and the client counts on.
TEST_F(Talk, NumbersAreTranslatedAroundADroppedFrame) {
  std::array<std::uint8_t, protocols::kNumberedBytesMax> said{};
  const Message stray = one(45, 7, {1}, {0, 0});
  EXPECT_EQ(session.answer(stray), Fault::unrequested_response);
  EXPECT_FALSE(module().numbered_messages()->renumbers(session.block()));
  ASSERT_TRUE(support::take_out(module(), session.block(), stray, kUp));
  EXPECT_TRUE(module().numbered_messages()->renumbers(session.block()));
  ASSERT_EQ(module().splicing()->acknowledge(session.block(), said), 6U);
  EXPECT_EQ(Message(said.begin(), said.begin() + 6), supervisory(1));
  EXPECT_EQ(module().splicing()->acknowledge(session.block(), said), 0U) << "once";
  EXPECT_EQ(renumbered(session, one(1, 3, {1}, {1, 0}), kUp), one(1, 3, {1}, {0, 0}));
  EXPECT_EQ(renumbered(session, supervisory(1), kDown), supervisory(2));
  EXPECT_EQ(renumbered(session, one(1, 3, {1}, {2, 0}), kUp), one(1, 3, {1}, {1, 0}));
  ASSERT_TRUE(support::take_out(module(), session.block(), one(45, 7, {1}, {3, 0}), kUp));
  EXPECT_EQ(module().splicing()->acknowledge(session.block(), said), 0U)
      << "the client lacks one before it";
  EXPECT_EQ(renumbered(session, supervisory(2), kDown), supervisory(4)) << "and what was dropped";
  EXPECT_FALSE(support::take_out(module(), session.block(), one(45, 7, {1}, {9, 0}), kUp))
      << "out of step";
}

TEST_F(Talk, ManyFramesMayBeDropped) {
  std::array<std::uint8_t, protocols::kNumberedBytesMax> said{};
  for (std::uint16_t i = 0; i < 1000; ++i) {
    ASSERT_TRUE(support::take_out(module(), session.block(), one(45, 7, {1}, {i, 0}), kUp));
    ASSERT_EQ(module().splicing()->acknowledge(session.block(), said), 6U);
    EXPECT_EQ(Message(said.begin(), said.begin() + 6), supervisory(i + 1));
  }
  EXPECT_EQ(renumbered(session, one(1, 3, {1}, {1000, 0}), kUp), one(1, 3, {1}, {0, 0}));
}

TEST_F(Talk, RefusalsHaveALimit) {
  for (std::uint16_t i = 0; i < Splices::kMax; ++i) {
    EXPECT_TRUE(
        support::take_out(module(), session.block(), one(45, 6, {1}, {i, 0}), Direction::request));
    Message reply = one(45, 0x47, {1});
    module().splicing()->put_in(session.block(), reply);
  }
  EXPECT_FALSE(support::take_out(module(), session.block(), one(45, 6, {1}, {Splices::kMax, 0}),
                                 Direction::request));
  EXPECT_EQ(session.ask(supervisory(Splices::kMax)), Fault::none);
  EXPECT_FALSE(
      support::take_out(module(), session.block(), one(45, 6, {1}, {1, 0}), Direction::request))
      << "out of step";
}

TEST(Refusal, OnlyCommandsHaveOne) {
  std::array<std::uint8_t, protocols::kRefusalBytesMax> reply{};
  const auto refuse = [&](const Message& request) {
    return support::refuse(module(), request, protocols::DeniedPart::function, reply);
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
