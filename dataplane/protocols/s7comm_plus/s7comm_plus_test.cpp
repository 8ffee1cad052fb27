// Messages as real controllers and clients send them, in one part and in several.
#include "dataplane/protocols/s7comm_plus/layout.h"
#include "tests/support/field_mutation.h"
#include "tests/support/iso_on_tcp.h"
#include "tests/support/protocol_rows.h"

namespace bulkhead::s7comm_plus {
namespace {

using protocols::Direction;
using protocols::Fault;
using support::data_unit;
using support::join;
using support::Message;
using support::Row;

constexpr auto kAsk = Direction::request;
constexpr auto kBack = Direction::response;

const protocols::Protocol& module() { return support::module_of("s7comm_plus"); }

Message part(Message content, bool last = true, std::uint8_t version = 2) {
  if (version == 3) content = join({{32}, Message(32, 0xab), content});
  const auto length = content.size();
  const Message trailer = last ? Message{0x72, version, 0, 0} : Message{};
  return data_unit(join(
      {{0x72, version, static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length)},
       content,
       trailer}));
}

Message ask(std::uint16_t function, std::uint32_t object = 0, std::uint16_t sequence = 5,
            const Message& rest = {0, 4, 0xe8}) {
  return join({{0x31, 0, 0, static_cast<std::uint8_t>(function >> 8),
                static_cast<std::uint8_t>(function), 0, 0, static_cast<std::uint8_t>(sequence >> 8),
                static_cast<std::uint8_t>(sequence), 0, 0, 3, 0x88, 0x34,
                static_cast<std::uint8_t>(object >> 24), static_cast<std::uint8_t>(object >> 16),
                static_cast<std::uint8_t>(object >> 8), static_cast<std::uint8_t>(object)},
               rest});
}

Message answer(std::uint16_t function, std::uint16_t sequence = 5, std::uint8_t opcode = 0x32) {
  return {opcode,
          0,
          0,
          static_cast<std::uint8_t>(function >> 8),
          static_cast<std::uint8_t>(function),
          0,
          0,
          static_cast<std::uint8_t>(sequence >> 8),
          static_cast<std::uint8_t>(sequence),
          0x34,
          0};
}

std::string asked(const std::string& name, std::uint16_t function, std::uint32_t object,
                  int version = 2) {
  return name + " version=" + std::to_string(version) +
         " opcode=49 function=" + std::to_string(function) +
         " session=904 object=" + std::to_string(object);
}

TEST(Decode, EachFunction) {
  std::vector<Row> rows = {
      {"a session is created", kAsk, part(ask(kCreateObject, 0x11d), true, 1),
       asked("create_session", kCreateObject, 0x11d, 1)},
      {"and set up", kAsk, part(ask(kSetMultiVariables, 904)),
       asked("set_session_variables", kSetMultiVariables, 904)},
      {"and ended", kAsk, part(ask(kDeleteObject, 904)),
       asked("delete_session", kDeleteObject, 904)},
      {"another object goes", kAsk, part(ask(kDeleteObject, 905)),
       asked("delete_object", kDeleteObject, 905)},
      {"with its integrity", kAsk, part(ask(kGetMultiVariables), true, 3),
       asked("get_multi_variables", kGetMultiVariables, 0, 3)},
      {"an answer", kBack, part(answer(kGetMultiVariables)),
       "get_multi_variables version=2 opcode=50 function=1356"},
      {"an answer to one who is not logged in", kBack, part(answer(kCreateObject, 5, 2)),
       "create_object version=2 opcode=2 function=1226"},
      {"told", kBack, part({0x33, 0x70, 0, 0xc, 0x9b, 4}, true, 3),
       "notification version=3 opcode=51"},
      {"an event of the system", kBack, data_unit({0x72, 0xfe, 0, 2, 1, 2}),
       "system_event version=254"},
      {"what follows of a message", kAsk, part({0x33, 1, 2, 3}, false, 3),
       "continuation version=3"},
      {"what follows, from the controller", kBack, part(ask(kInvoke)), "continuation version=2"},
      {"connect",
       kAsk,
       {3, 0, 0, 18, 13, 0xe0, 0, 0, 0, 1, 0, 0xc2, 5, 'S', 'I', 'M', 'A', 'T'},
       "cotp_connect tsap_name=SIMAT"},
      {"connect by number",
       kAsk,
       {3, 0, 0, 15, 10, 0xe0, 0, 0, 0, 1, 0, 0xc2, 2, 6, 0},
       "cotp_connect tsap=1536"},
      {"confirmed", kBack, {3, 0, 0, 11, 6, 0xd0, 0, 1, 0, 2, 0}, "cotp_confirm tsap_name="},
      {"no connection", kBack, {3, 0, 0, 11, 6, 0x80, 0, 1, 0, 2, 0}, "cotp_disconnect"},
      {"an error of the transport", kBack, {3, 0, 0, 9, 4, 0x70, 0, 1, 0}, "cotp_error"},
      {"nothing", kBack, data_unit({}, 0), "cotp_empty_data"}};
  for (const protocols::FunctionInfo& function : catalogue().functions) {
    if (function.code < kExplore || function.sub_code != protocols::kNoSubCode) continue;
    if (function.code >= cotp::kTpduCode) continue;
    rows.push_back({function.name.data(), kAsk, part(ask(function.code, 7)),
                    asked(std::string(function.name), function.code, 7)});
  }
  support::expect_rows(module(), rows);
  for (Row& row : rows) row.expected += " ";
  support::expect_all_functions(module(), rows);
  support::expect_fields_decide(module(), rows);
}

TEST(Decode, WhatIsRefused) {
  Message other_trailer = part(ask(kExplore));
  other_trailer[other_trailer.size() - 3] = 3;
  Message short_hash = part({1, 2, 3}, true, 3);
  short_hash[11] = 16;
  support::expect_rows(
      module(),
      {{"a function of none", kAsk, part(ask(0x0600)), "fault unknown_function"},
       {"the number of what is none", kAsk, part(ask(0x0033)), "fault unknown_function"},
       {"the number of a TPDU", kAsk, part(ask(0x08e0)), "fault unknown_function"},
       {"a version of none", kAsk, part(ask(kExplore), true, 4), "fault bad_value"},
       {"a trailer of another version", kAsk, other_trailer, "fault bad_value"},
       {"a hash of another length", kAsk, short_hash, "fault bad_length"},
       {"no room for a hash", kAsk, data_unit({0x72, 3, 0, 1, 32}), "fault truncated"},
       {"longer than the data unit", kAsk, data_unit({0x72, 2, 0, 9, 0x31}), "fault truncated"},
       {"something behind the trailer", kAsk, data_unit({0x72, 2, 0, 1, 0x31, 0x72, 2, 0, 0, 0}),
        "fault trailing_bytes"},
       {"another protocol", kAsk, data_unit({0x32, 1, 0, 0}), "fault not_this_protocol"}});
}

TEST(Pairing, AnAnswerNeedsItsRequest) {
  support::PairedSession session(module());
  EXPECT_EQ(session.answer(part(answer(kExplore))), Fault::unrequested_response);
  EXPECT_EQ(session.ask(part(ask(kExplore))), Fault::none);
  EXPECT_EQ(session.outstanding(), 1U);
  EXPECT_EQ(session.answer(part(answer(kExplore, 6))), Fault::unrequested_response);
  EXPECT_EQ(session.answer(part(answer(kInvoke))), Fault::mismatched_response);
  EXPECT_EQ(session.answer(part(answer(kExplore))), Fault::none);
  EXPECT_EQ(session.ask(part(ask(kInvoke))), Fault::none);
  EXPECT_EQ(session.answer(part(answer(kError))), Fault::none);
  EXPECT_EQ(session.answer(part({0x33, 0x70, 0, 0xc, 0x9b, 4})), Fault::none);
}

TEST(Pairing, WhatFollowsBelongsToWhatWasGranted) {
  support::PairedSession session(module());
  const Message rest = part({1, 2, 3}, false);
  const Message last = part({1, 2, 3});
  EXPECT_EQ(session.ask(rest), Fault::bad_sequence) << "of nothing";
  EXPECT_EQ(session.ask(part(ask(kCreateObject), false)), Fault::none);
  EXPECT_EQ(session.answer(rest), Fault::bad_sequence) << "of the other side";
  EXPECT_EQ(session.ask(data_unit({0x72, 0xfe, 0, 1, 1})), Fault::none) << "goes in between";
  EXPECT_EQ(session.ask(rest), Fault::none);
  EXPECT_EQ(session.ask(last), Fault::none);
  EXPECT_EQ(session.ask(last), Fault::bad_sequence) << "it is over";
  EXPECT_EQ(session.answer(part(answer(kCreateObject), false)), Fault::none);
  EXPECT_EQ(session.answer(last), Fault::none);
}

TEST(Decode, OnlyWhatFollowsNeedsNoGrant) {
  const auto operations = std::make_unique<protocols::OperationList>();
  const auto tied = [&](const Message& message) {
    EXPECT_EQ(module().decode(message, kAsk, *operations), Fault::none);
    return (*operations)[0].tied;
  };
  EXPECT_TRUE(tied(part({1, 2, 3})));
  EXPECT_FALSE(tied(part(ask(kExplore))));
  EXPECT_FALSE(tied(data_unit({0x72, 0xfe, 0, 1, 1})));
  EXPECT_FALSE(tied(data_unit({}, 0)));
}

}  // namespace
}  // namespace bulkhead::s7comm_plus
