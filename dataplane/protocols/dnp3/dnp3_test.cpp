// Frames built from the layouts of IEEE 1815: what each function asks for, CRCs, fragments in
// several frames, pairing, select before operate, and the refusal.
#include <gtest/gtest.h>

#include "dataplane/protocols/dnp3/pairing.h"
#include "tests/support/dnp3_frames.h"
#include "tests/support/field_mutation.h"

namespace bulkhead::dnp3 {
namespace {

using protocols::Direction;
using protocols::Fault;
using support::file_command;
using support::frames_of;
using support::from_master;
using support::from_outstation;
using support::link_frame;
using support::Message;
using support::Row;
using support::sized;

constexpr auto kRequest = Direction::request;
constexpr auto kBack = Direction::response;

const protocols::Protocol& module() { return support::module_of("dnp3"); }

// A.8.1: control code, count, on and off time, status.
const Message kTrip = {12, 1, 0x17, 1, 9, 0x41, 2, 0xe8, 3, 0, 0, 0xd0, 7, 0, 0, 0};
const std::string kTripText =
    " source=3 destination=4 group=12 variation=1 index=9 control_code=65 count=2 on_time=1000 "
    "off_time=2000";

const std::vector<Row> kRows = {
    {"confirm", kRequest, from_master(0, {}), "confirm source=3 destination=4"},
    {"a read of classes 1 and 0: every header counts", kRequest,
     from_master(1, {60, 2, 6, 60, 1, 6}),
     "read source=3 destination=4 group=60 variation=2\n"
     "read source=3 destination=4 group=60 variation=1"},
    {"a read of points, 8-bit range", kRequest, from_master(1, {1, 2, 0, 3, 7}),
     "read source=3 destination=4 group=1 variation=2 index=3-7"},
    {"16-bit and 32-bit range", kRequest,
     from_master(1, {30, 1, 1, 0, 1, 1, 1, 30, 1, 2, 0, 0, 0, 0, 255, 255, 255, 0}),
     "read source=3 destination=4 group=30 variation=1 index=256-257\n"
     "read source=3 destination=4 group=30 variation=1 index=0-16777215"},
    {"a read of listed points", kRequest, from_master(1, {30, 2, 0x17, 4, 1, 2, 3, 9}),
     "read source=3 destination=4 group=30 variation=2 index=1-3\n"
     "read source=3 destination=4 group=30 variation=2 index=9"},
    {"to all stations", kRequest, from_master(10, {20, 0, 6}, 0, {3, 0xffff}),
     "freeze_and_clear_no_response source=3 destination=65535 group=20 variation=0 "
     "broadcast=65535"},
    {"a read of so many events", kRequest, from_master(1, {2, 0, 7, 10}),
     "read source=3 destination=4 group=2 variation=0 quantity=10"},
    {"clear restart", kRequest, from_master(2, {80, 1, 0, 7, 7, 0}),
     "write source=3 destination=4 group=80 variation=1 index=7 value=0"},
    {"set the clock", kRequest, from_master(2, {50, 1, 7, 1, 1, 2, 3, 4, 5, 6}),
     "write_time source=3 destination=4 group=50 variation=1"},
    {"a deadband", kRequest, from_master(2, {34, 1, 0x17, 1, 5, 0x2c, 1}),
     "write_deadband source=3 destination=4 group=34 variation=1 index=5 value=300"},
    {"select", kRequest, from_master(3, kTrip), "select" + kTripText},
    {"operate", kRequest, from_master(4, kTrip), "operate" + kTripText},
    {"direct operate of two analog outputs", kRequest,
     from_master(5, {41, 3, 0x28, 1, 0, 7,    0,    0, 0, 0x20, 0xc1, 0,  //
                     41, 2, 0x17, 1, 8, 0x9c, 0xff, 0}),
     "direct_operate source=3 destination=4 group=41 variation=3 index=7 value=-10\n"
     "direct_operate source=3 destination=4 group=41 variation=2 index=8 value=-100"},
    {"no response", kRequest, from_master(6, kTrip), "direct_operate_no_response" + kTripText},
    {"32 bits and double", kRequest,
     from_master(5, {41, 1, 0x17, 1, 1, 0xff, 0xff, 0xff, 0xff, 0,  //
                     41, 4, 0x17, 1, 2, 0,    0,    0,    0,    0, 0, 0xf8, 0x3f, 0}),
     "direct_operate source=3 destination=4 group=41 variation=1 index=1 value=-1\n"
     "direct_operate source=3 destination=4 group=41 variation=4 index=2 value=1.5"},
    {"freeze", kRequest, from_master(7, {20, 0, 6}),
     "immediate_freeze source=3 destination=4 group=20 variation=0"},
    {"freeze", kRequest, from_master(8, {20, 0, 6}),
     "immediate_freeze_no_response source=3 destination=4 group=20 variation=0"},
    {"freeze", kRequest, from_master(9, {20, 0, 6}),
     "freeze_and_clear source=3 destination=4 group=20 variation=0"},
    {"freeze", kRequest, from_master(10, {20, 0, 6}),
     "freeze_and_clear_no_response source=3 destination=4 group=20 variation=0"},
    {"freeze at a time", kRequest,
     from_master(11, {50, 2, 7, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 0, 6}),
     "freeze_at_time source=3 destination=4 group=50 variation=2\n"
     "freeze_at_time source=3 destination=4 group=20 variation=0"},
    {"freeze at a time", kRequest, from_master(12, {20, 0, 0, 1, 2}),
     "freeze_at_time_no_response source=3 destination=4 group=20 variation=0 index=1-2"},
    {"cold restart", kRequest, from_master(13, {}), "cold_restart source=3 destination=4"},
    {"warm restart", kRequest, from_master(14, {}), "warm_restart source=3 destination=4"},
    {"obsolete", kRequest, from_master(15, {}), "initialize_data source=3 destination=4"},
    {"application by name", kRequest, from_master(16, sized(90, 1, {'a', 'b'})),
     "initialize_application source=3 destination=4 group=90 variation=1 name=ab"},
    {"application", kRequest, from_master(17, sized(90, 1, {'a'})),
     "start_application source=3 destination=4 group=90 variation=1 name=a"},
    {"application", kRequest, from_master(18, sized(90, 1, {'a'})),
     "stop_application source=3 destination=4 group=90 variation=1 name=a"},
    {"deprecated", kRequest, from_master(19, {}), "save_configuration source=3 destination=4"},
    {"unsolicited on", kRequest, from_master(20, {60, 2, 6}),
     "enable_unsolicited source=3 destination=4 group=60 variation=2"},
    {"unsolicited off", kRequest, from_master(21, {60, 2, 6}),
     "disable_unsolicited source=3 destination=4 group=60 variation=2"},
    {"classes of points", kRequest, from_master(22, {60, 2, 6, 1, 0, 0, 0, 3}),
     "assign_class source=3 destination=4 group=60 variation=2 value=1\n"
     "assign_class source=3 destination=4 group=1 variation=0 index=0-3 value=1"},
    {"delay", kRequest, from_master(23, {}), "delay_measure source=3 destination=4"},
    {"time", kRequest, from_master(24, {}), "record_current_time source=3 destination=4"},
    {"a file", kRequest, from_master(25, file_command(1, "/log.txt")),
     "open_file source=3 destination=4 group=70 variation=3 name=/log.txt mode=1"},
    {"a file", kRequest, from_master(26, sized(70, 4, Message(13, 0))),
     "close_file source=3 destination=4 group=70 variation=4"},
    {"a file", kRequest, from_master(27, file_command(0, "/log.txt")),
     "delete_file source=3 destination=4 group=70 variation=3 name=/log.txt"},
    {"a file", kRequest,
     from_master(28, sized(70, 7, support::join({{20, 0, 1, 0}, Message(16, 0), {'.'}}))),
     "get_file_information source=3 destination=4 group=70 variation=7 name=."},
    {"user and password", kRequest,
     from_master(29, sized(70, 2, {12, 0, 1, 0, 13, 0, 2, 0, 0, 0, 0, 0, 'u', 'p', 'w'})),
     "authenticate_file source=3 destination=4 group=70 variation=2"},
    {"a file", kRequest, from_master(30, sized(70, 4, Message(13, 0))),
     "abort_file source=3 destination=4 group=70 variation=4"},
    {"a block of a file", kRequest, from_master(1, sized(70, 5, Message(8, 0))),
     "read_file source=3 destination=4 group=70 variation=5"},
    {"a block of a file", kRequest, from_master(2, sized(70, 5, Message(9, 0))),
     "write_file source=3 destination=4 group=70 variation=5"},
    {"configuration", kRequest, from_master(31, sized(70, 8, {'a'})),
     "activate_configuration source=3 destination=4 group=70 variation=8 name=a"},
    {"typed into a terminal", kRequest, from_master(2, {112, 2, 0x17, 1, 0, 'l', 's'}),
     "write_terminal source=3 destination=4 group=112 variation=2 index=0"},
    {"the device's location", kRequest, from_master(2, {0, 245, 0, 0, 0, 1, 2, 'a', 'b'}),
     "write_attribute source=3 destination=4 group=0 variation=245 index=0"},
    {"secure authentication", kRequest, from_master(32, sized(120, 2, Message(7, 1))),
     "authenticate_request source=3 destination=4 group=120 variation=2"},
    {"A.45.4: session key status", kRequest, from_master(32, {120, 4, 7, 1, 9, 0}),
     "authenticate_request source=3 destination=4 group=120 variation=4"},
    {"A.45.10: a user's status", kRequest,
     from_master(32, sized(120, 10, {3, 1, 1, 0, 0, 0, 1, 0, 9, 0, 1, 0, 0, 0, 0, 0, 'u'})),
     "change_user source=3 destination=4 group=120 variation=10"},
    {"secure authentication", kRequest, from_master(33, sized(120, 7, Message(15, 1))),
     "authenticate_request_no_ack source=3 destination=4 group=120 variation=7"},
    {"packed bits, then analog inputs with flags", kBack,
     from_outstation(129, {1, 1, 0, 0, 9, 0xff, 3, 30, 2, 0, 1, 1, 1, 9, 9}),
     "response source=4 destination=3 group=1 variation=1 index=0-9 iin=32769 fragment=3 con=0\n"
     "response source=4 destination=3 group=30 variation=2 index=1 iin=32769 fragment=3 con=0"},
    {"attributes", kBack, from_outstation(129, {0, 252, 0, 0, 0, 1, 2, 'a', 'b'}),
     "response source=4 destination=3 group=0 variation=252 index=0 iin=32769 fragment=3 con=0"},
    {"events with times", kBack,
     from_outstation(130, {2, 2, 0x28, 2, 0, 1, 0, 1, 2, 3, 4, 5, 6, 7,  //
                           9, 0, 1,    2, 3, 4, 5, 6, 7},
                     0xf0),
     "unsolicited_response source=4 destination=3 group=2 variation=2 index=1 iin=32769 fragment=3 "
     "con=1\n"
     "unsolicited_response source=4 destination=3 group=2 variation=2 index=9 iin=32769 fragment=3 "
     "con=1"},
    {"octet strings: the variation is the length", kBack,
     from_outstation(129, {110, 3, 0, 0, 1, 'a', 'b', 'c', 'd', 'e', 'f'}),
     "response source=4 destination=3 group=110 variation=3 index=0-1 iin=32769 fragment=3 con=0"},
    {"double-bit inputs, packed", kBack, from_outstation(129, {3, 1, 0, 0, 4, 0xff, 3}),
     "response source=4 destination=3 group=3 variation=1 index=0-4 iin=32769 fragment=3 con=0"},
    {"a challenge", kBack, from_outstation(131, {120, 1, 0x5b, 1, 1, 0, 'a'}),
     "authenticate_response source=4 destination=3 group=120 variation=1 iin=32769 fragment=3 "
     "con=0"},
    {"an outstation that opens the connection", kRequest, from_outstation(130, {}, 0xf3),
     "unsolicited_response source=4 destination=3 iin=32769 fragment=3 con=1 outstation_opens=1"},
    {"link", kRequest, link_frame(0xc0, {}), "link_reset_link_states source=3 destination=4"},
    {"link", kRequest, link_frame(0xc1, {}), "link_reset_user_process source=3 destination=4"},
    {"link", kRequest, link_frame(0xf2, {}), "link_test_link_states source=3 destination=4 fcb=1"},
    {"link", kRequest, link_frame(0xc9, {}), "link_request_link_status source=3 destination=4"},
    {"link", kBack, link_frame(0x00, {}), "link_ack source=3 destination=4 dfc=0"},
    {"link", kBack, link_frame(0x01, {}), "link_nack source=3 destination=4 dfc=0"},
    {"link", kBack, link_frame(0x0b, {}), "link_status source=3 destination=4 dfc=0"},
    {"link", kBack, link_frame(0x0e, {}), "link_not_functioning source=3 destination=4 dfc=0"},
    {"link", kBack, link_frame(0x0f, {}), "link_not_supported source=3 destination=4 dfc=0"},
};

TEST(Decode, EachFunctionByItsClause) {
  support::expect_rows(module(), kRows);
  support::expect_all_functions(module(), kRows);
  support::expect_fields_decide(module(), kRows);
}

TEST(Decode, WhatIsRefused) {
  const Message control = {12, 1, 0x17, 1, 9, 0x41, 2, 0xe8, 3, 0, 0, 0xd0, 7, 0, 0};
  const std::vector<Row> bad = {
      {"function 34", kRequest, from_master(34, {}), "fault unknown_function"},
      {"a control one octet short", kRequest, from_master(5, control), "fault truncated"},
      {"a control of all points", kRequest, from_master(5, {12, 1, 6}), "fault bad_value"},
      {"the second header is half there", kRequest, from_master(1, {60, 1, 6, 60, 2}),
       "fault truncated"},
      {"all 2^32 points", kRequest, from_master(1, {1, 2, 2, 0, 0, 0, 0, 255, 255, 255, 255}),
       "fault bad_quantity"},
      {"virtual addresses", kRequest, from_master(1, {1, 2, 3, 7, 9}), "fault bad_value"},
      {"reserved prefix", kRequest, from_master(1, {1, 2, 0x77, 1, 9}), "fault bad_value"},
      {"reserved range", kRequest, from_master(1, {1, 2, 0x0a, 1, 9}), "fault bad_value"},
      {"an object of no known size", kBack, from_outstation(129, {99, 1, 0, 0, 0, 0}),
       "fault unknown_object"},
      {"a request from the outstation", kBack, from_master(5, kTrip), "fault wrong_direction"},
      {"a response from the master", kRequest, from_outstation(129, {}), "fault wrong_direction"},
      {"a response with a master's bit", kBack, link_frame(0xc4, {0xc0, 0xc0, 129, 0, 0}, {4, 3}),
       "fault wrong_direction"},
      {"an unsolicited response that does not say so", kBack, from_outstation(130, {}, 0xc0),
       "fault bad_value"},
  };
  support::expect_rows(module(), bad);
}

TEST(Link, EveryBitOfAFrameIsUnderACrc) {
  const Message good = from_master(5, kTrip);
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    Message bad = good;
    bad[bit / 8] = static_cast<std::uint8_t>(bad[bit / 8] ^ (1U << bit % 8));
    EXPECT_EQ(support::decoded_text(module(), bad, kRequest).substr(0, 5), "fault") << bit;
  }
  // 9.2.4.1.5: the CRC of a frame that is known.
  EXPECT_EQ(crc(Message{0x05, 0x64, 0x05, 0xc9, 0x03, 0x00, 0x04, 0x00}), 0x71bd);
}

// 8.2: transport octets; two frames make one fragment.
TEST(Transport, AFragmentOfSeveralFrames) {
  const Message first = link_frame(0xc4, {0x40 | 9, 0xc0, 1, 60, 2});
  const Message second = link_frame(0xc4, {0x80 | 10, 6, 60, 1, 6});
  const std::string both =
      "read source=3 destination=4 group=60 variation=2\n"
      "read source=3 destination=4 group=60 variation=1";
  support::expect_rows(module(), {{"two frames", kRequest, support::join({first, second}), both},
                                  {"the number wraps from 63 to 0", kRequest,
                                   support::join({link_frame(0xc4, {0x40 | 63, 0xc0, 1, 60, 2}),
                                                  link_frame(0xc4, {0x80 | 0, 6, 60, 1, 6})}),
                                   both}});
}

TEST(Transport, AFragmentHasALimit) {
  for (const std::size_t bytes : {kFragmentBytesMax - 1, kFragmentBytesMax}) {
    const Message message = frames_of(Message(bytes, 0), 0x44);
    EXPECT_EQ(module().frame(message, kBack).length, message.size());
  }
  const Message longer = frames_of(Message(kFragmentBytesMax + 1, 0), 0x44);
  EXPECT_EQ(module().frame(longer, kBack).fault, Fault::bad_length);
  // A request has no more frames than there are transport numbers.
  const Message most = frames_of(Message(kNumberedFramesMax, 0), 0xc4, 1);
  EXPECT_EQ(module().frame(most, kRequest).length, most.size());
  const Message more = frames_of(Message(kNumberedFramesMax + 1, 0), 0xc4, 1);
  EXPECT_EQ(module().frame(more, kRequest).fault, Fault::bad_length);
}

TEST(Transport, OperationsHaveALimit) {
  const auto listed = [](std::size_t headers) {
    Message fragment = {0xc0, 1};
    for (std::size_t i = 0; i < headers; ++i) {
      const Message header = {1, 2, 0, 5, 5};
      fragment.insert(fragment.end(), header.begin(), header.end());
    }
    return support::decoded_text(module(), frames_of(fragment, 0xc4), kRequest);
  };
  EXPECT_EQ(listed(protocols::kOperationsMax).substr(0, 5), "read ");
  EXPECT_EQ(listed(protocols::kOperationsMax + 1), "fault too_many_operations");
}

TEST(Pairing, AResponseNeedsItsRequest) {
  support::PairedSession session(module());
  EXPECT_EQ(session.answer(from_outstation(129, {})), Fault::unrequested_response);
  EXPECT_EQ(session.ask(from_master(1, {60, 1, 6}, 5)), Fault::none);
  EXPECT_EQ(session.outstanding(), 1U);
  EXPECT_EQ(session.answer(from_outstation(129, {}, 0xc4)), Fault::mismatched_response);
  EXPECT_EQ(session.answer(from_outstation(129, {}, 0xc5, {9, 3})), Fault::unrequested_response);
  EXPECT_EQ(session.answer(from_outstation(129, {}, 0xc5)), Fault::none);
  EXPECT_EQ(session.answer(from_outstation(129, {}, 0xc5)), Fault::unrequested_response);
  EXPECT_EQ(session.outstanding(), 0U);
  EXPECT_EQ(session.answer(from_outstation(130, {}, 0xf3)), Fault::none) << "unsolicited";
}

// 4.2.2.4: FIR and FIN of an answer in several fragments, each with the next number.
TEST(Pairing, AnAnswerInSeveralFragments) {
  support::PairedSession session(module());
  EXPECT_EQ(session.ask(from_master(1, {60, 1, 6}, 15)), Fault::none);
  EXPECT_EQ(session.answer(from_outstation(129, {}, 0x6f)), Fault::mismatched_response);
  EXPECT_EQ(session.answer(from_outstation(129, {}, 0xaf)), Fault::none);
  EXPECT_EQ(session.ask(from_master(0, {}, 15)), Fault::none);
  EXPECT_EQ(session.answer(from_outstation(129, {}, 0xa0)), Fault::mismatched_response);
  EXPECT_EQ(session.answer(from_outstation(129, {}, 0x20)), Fault::none);
  EXPECT_EQ(session.answer(from_outstation(129, {}, 0x41)), Fault::none);
  EXPECT_EQ(session.outstanding(), 0U);
}

TEST(Pairing, OperateFollowsItsSelect) {
  const auto control = [](std::uint8_t code, std::uint8_t sequence, std::uint8_t index = 9) {
    Message objects = kTrip;
    objects[4] = index;
    return from_master(code, objects, sequence);
  };
  const auto echo = [](std::uint8_t sequence) {
    return from_outstation(129, kTrip, static_cast<std::uint8_t>(0xc0 | sequence));
  };
  support::PairedSession session(module());
  EXPECT_EQ(session.ask(control(4, 1)), Fault::not_selected);
  EXPECT_EQ(session.ask(control(3, 1)), Fault::none);
  EXPECT_EQ(session.answer(echo(1)), Fault::none);
  EXPECT_EQ(session.ask(control(4, 2, 8)), Fault::not_selected) << "another point";
  EXPECT_EQ(session.ask(control(4, 3)), Fault::not_selected) << "not the next request";
  session.now_ms += kSelectedMs + 1;
  EXPECT_EQ(session.ask(control(4, 2)), Fault::not_selected) << "too late";
  session.now_ms -= 1;
  EXPECT_EQ(session.ask(control(4, 2)), Fault::none);
  EXPECT_EQ(session.answer(echo(2)), Fault::none);
  EXPECT_EQ(session.ask(control(4, 2)), Fault::not_selected) << "once";
  EXPECT_EQ(session.ask(control(3, 4)), Fault::none);
  EXPECT_EQ(session.answer(echo(4)), Fault::none);
  EXPECT_EQ(session.ask(from_master(1, {60, 1, 6}, 5)), Fault::none);
  EXPECT_EQ(session.ask(control(4, 5)), Fault::not_selected) << "another request between";
}

// 4.4.3: the answer to a control repeats it, but for each object's status.
TEST(Pairing, AControlIsAnsweredWithItself) {
  Message done = kTrip;
  done.back() = 4;
  Message other = kTrip;
  other[4] = 8;
  support::PairedSession session(module());
  EXPECT_EQ(session.ask(from_master(5, kTrip)), Fault::none);
  EXPECT_EQ(session.answer(from_outstation(129, other)), Fault::mismatched_response);
  EXPECT_EQ(session.answer(from_outstation(129, done)), Fault::none);
  EXPECT_EQ(session.ask(from_master(5, kTrip)), Fault::none);
  EXPECT_EQ(session.answer(from_outstation(129, {})), Fault::none) << "refused by the outstation";
}

TEST(Pairing, WhatWantsNoAnswerIsNotWaitedFor) {
  support::PairedSession session(module());
  EXPECT_EQ(session.ask(from_master(6, kTrip)), Fault::none);
  EXPECT_EQ(session.ask(from_master(13, {}, 0, {3, 0xffff})), Fault::none);
  EXPECT_EQ(session.outstanding(), 0U);
  // A challenge comes before the answer (7.5.1).
  EXPECT_EQ(session.ask(from_master(5, kTrip)), Fault::none);
  EXPECT_EQ(session.answer(from_outstation(131, {120, 1, 0x5b, 1, 1, 0, 'a'})), Fault::none);
  EXPECT_EQ(session.answer(from_outstation(129, kTrip)), Fault::none);
}

// 4.2.2.4.3: who was asked to confirm, and what; the one before may still be on its way.
TEST(Pairing, AConfirmationIsOfWhatAskedForIt) {
  const auto confirm = [](std::uint8_t control, support::Ends ends = {}) {
    return link_frame(0xc4, {0xc0, control, 0}, ends);
  };
  support::PairedSession session(module());
  EXPECT_EQ(session.ask(confirm(0xd3)), Fault::unrequested_response);
  EXPECT_EQ(session.answer(from_outstation(130, {}, 0xf3)), Fault::none);
  EXPECT_EQ(session.ask(confirm(0xc3)), Fault::unrequested_response) << "of another kind";
  EXPECT_EQ(session.ask(confirm(0xd4)), Fault::unrequested_response) << "of another number";
  EXPECT_EQ(session.ask(confirm(0xd3, {9, 4})), Fault::unrequested_response) << "another master";
  EXPECT_EQ(session.ask(confirm(0xd3)), Fault::none);
  EXPECT_EQ(session.ask(confirm(0xd3)), Fault::none) << "again";
  EXPECT_EQ(session.answer(from_outstation(130, {}, 0xf4)), Fault::none);
  EXPECT_EQ(session.ask(confirm(0xd3)), Fault::none) << "crosses the next";
  EXPECT_EQ(session.ask(confirm(0xd2)), Fault::unrequested_response);
  EXPECT_EQ(session.ask(from_master(1, {60, 2, 6}, 5)), Fault::none);
  EXPECT_EQ(session.answer(from_outstation(129, {}, 0xe5)), Fault::none);
  EXPECT_EQ(session.ask(confirm(0xc5)), Fault::none);
  EXPECT_EQ(session.ask(confirm(0xd4)), Fault::none) << "each kind has its numbers";
  EXPECT_EQ(session.outstanding(), 0U);
}

TEST(Pairing, ASessionMetInItsMidst) {
  support::PairedSession session(module());
  module().begin_unseen(session.block());
  EXPECT_EQ(session.answer(from_outstation(129, {}, 0xc9)), Fault::none);
  EXPECT_EQ(session.ask(link_frame(0xc4, {0xc0, 0xd3, 0})), Fault::none);
  EXPECT_EQ(session.ask(from_master(1, {60, 1, 6}, 10)), Fault::none);
  EXPECT_EQ(session.answer(from_outstation(129, {}, 0xca)), Fault::none);
  EXPECT_EQ(session.answer(from_outstation(129, {}, 0xca)), Fault::unrequested_response);
  EXPECT_EQ(session.ask(link_frame(0xc4, {0xc0, 0xd3, 0})), Fault::unrequested_response);
}

// 9.2.4.1.4: what a device is asked by the self address it answers by its own.
TEST(Pairing, TheSelfAddressIsAnsweredByWhoeverHasIt) {
  support::PairedSession session(module());
  EXPECT_EQ(session.ask(from_master(1, {60, 1, 6}, 5, {3, kSelfAddress})), Fault::none);
  EXPECT_EQ(session.answer(from_outstation(129, {}, 0xc5, {4, 9})), Fault::unrequested_response);
  EXPECT_EQ(session.answer(from_outstation(129, {}, 0xc5)), Fault::none);
  EXPECT_EQ(session.answer(from_outstation(129, {}, 0xc5)), Fault::unrequested_response);
}

// 7.5.1.4: a select and its operate are the same without what authenticates each.
TEST(Pairing, AuthenticationIsNotWhatIsSelected) {
  const auto aggressive = [](std::uint8_t code, std::uint8_t number) {
    return from_master(code,
                       support::join({{120, 3, 7, 1, number, 0, 0, 0, 1, 0},
                                      kTrip,
                                      sized(120, 9, support::Message(16, number))}),
                       number);
  };
  support::PairedSession session(module());
  EXPECT_EQ(session.ask(aggressive(3, 1)), Fault::none);
  EXPECT_EQ(session.answer(from_outstation(129, kTrip, 0xc1)), Fault::none);
  EXPECT_EQ(session.ask(aggressive(4, 2)), Fault::none);
}

// A.31: a handle is used by the session that it was given to, until the file is closed.
TEST(Pairing, FilesAreUsedByTheirHandles) {
  const auto block = [](std::uint8_t code, std::uint8_t handle, std::uint8_t sequence) {
    return from_master(code, sized(70, 5, {handle, 0, 0, 0, 0, 0, 0, 0}), sequence);
  };
  const auto status = [](std::uint8_t handle, std::uint8_t result) {
    return sized(70, 4, {handle, 0, 0, 0, 0, 0, 0, 0, 0, 1, 7, 0, result});
  };
  const auto answer = [](const Message& objects, std::uint8_t sequence) {
    return from_outstation(129, objects, static_cast<std::uint8_t>(0xc0 | sequence));
  };
  support::PairedSession session(module());
  EXPECT_EQ(session.ask(block(1, 9, 1)), Fault::not_started);
  EXPECT_EQ(session.ask(from_master(25, file_command(1, "/a"), 2)), Fault::none);
  EXPECT_EQ(session.answer(answer(status(9, 3), 2)), Fault::none) << "not opened";
  EXPECT_EQ(session.ask(block(1, 9, 3)), Fault::not_started);
  EXPECT_EQ(session.ask(from_master(25, file_command(1, "/a"), 4)), Fault::none);
  EXPECT_EQ(session.answer(answer(status(9, 0), 4)), Fault::none);
  EXPECT_EQ(session.outstanding(), 0U);
  for (std::uint8_t i = 5; i < 12; ++i) {  // for as long as it is used
    session.now_ms += protocols::kOutstandingAgeMs - 1;
    EXPECT_EQ(session.ask(block(1, 9, i)), Fault::none);
    EXPECT_EQ(session.answer(answer(sized(70, 5, Message(12, 0)), i)), Fault::none);
  }
  EXPECT_EQ(session.ask(block(2, 8, 1)), Fault::not_started) << "another handle";
  EXPECT_EQ(session.ask(from_master(26, status(9, 0), 2)), Fault::none);
  EXPECT_EQ(session.answer(answer(status(9, 0), 2)), Fault::none);
  EXPECT_EQ(session.ask(block(1, 9, 3)), Fault::not_started) << "closed";
}

TEST(Pairing, TheTableHasALimit) {
  support::PairedSession session(module());
  for (std::uint16_t i = 0; i < protocols::kOutstandingMax; ++i) {
    EXPECT_EQ(session.ask(from_master(1, {60, 1, 6}, 0, {3, i})), Fault::none);
  }
  EXPECT_EQ(session.ask(from_master(1, {60, 1, 6}, 0, {3, 999})), Fault::too_many_outstanding);
  session.now_ms += protocols::kReplaceableAgeMs + 1;
  EXPECT_EQ(session.ask(from_master(1, {60, 1, 6}, 0, {3, 999})), Fault::none);
}

// 4.2.2.6: IIN2.0 under the request's number, from whom it was for.
TEST(Refusal, ANullResponseWithItsNumber) {
  std::array<std::uint8_t, protocols::kRefusalBytesMax> reply{};
  const auto refuse = [&](const Message& request) {
    const std::size_t length =
        support::refuse(module(), request, protocols::DeniedPart::function, reply);
    return Message(reply.begin(), reply.begin() + static_cast<std::ptrdiff_t>(length));
  };
  const Message request = from_master(5, kTrip, 7);
  EXPECT_EQ(support::decoded_text(module(), refuse(request), kBack),
            "response source=4 destination=3 iin=1 fragment=3 con=0");
  support::PairedSession session(module());
  EXPECT_EQ(session.ask(request), Fault::none);
  EXPECT_EQ(session.answer(refuse(request)), Fault::none);
  EXPECT_TRUE(refuse(from_master(6, kTrip)).empty());
  EXPECT_TRUE(refuse(from_master(0, {})).empty());
  EXPECT_TRUE(refuse(from_master(1, {60, 1, 6}, 0, {3, 0xfffe})).empty());
  EXPECT_TRUE(refuse(link_frame(0xf3, {0xc0, 0xc0, 1})).empty());
  EXPECT_TRUE(refuse(link_frame(0xc9, {})).empty());
}

}  // namespace
}  // namespace bulkhead::dnp3
