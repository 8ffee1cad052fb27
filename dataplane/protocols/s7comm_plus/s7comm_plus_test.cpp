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

Message with(Message message, std::size_t at, std::uint8_t value) {
  message[at] = value;
  return message;
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

Message vlq(std::uint32_t value) {
  Message bytes = {static_cast<std::uint8_t>(value & 0x7f)};
  while ((value >>= 7) != 0) {
    bytes.insert(bytes.begin(), static_cast<std::uint8_t>(0x80 | (value & 0x7f)));
  }
  return bytes;
}

// A request's value, and the object that is to be created, with a count in front if protected.
Message creation(std::uint32_t object_class, const Message& count = {}) {
  return join({{0, 4, 0, 0, 0, 0, 0}, count, {0xa1, 0, 0, 0, 0xd3}, vlq(object_class), {0, 0}});
}
// Check of the symbol, area, fields below it, attribute, and elements.
Message address(std::uint32_t area, std::uint32_t attribute, const Message& element = {}) {
  const auto fields = static_cast<std::uint8_t>(element.empty() ? 1 : 2);
  return join({vlq(0x1234), vlq(area), {fields}, vlq(attribute), element});
}
Message listed(std::uint8_t items, std::uint8_t fields, const Message& addresses) {
  return join({{items, fields}, addresses, {1, 0, 5, 7, 0}});
}
// An attribute of the object that the request names.
Message attribute(std::uint32_t number) { return join({{1}, vlq(number), {0, 5, 7}}); }
Message attributes(std::uint32_t number) { return join({{1, 1}, vlq(number), {1, 0, 5, 7}}); }

constexpr std::uint32_t kBlock = 0x8a0e0005;

Message created(std::uint16_t sequence, std::uint8_t first, std::uint8_t second) {
  return part(
      join({answer(kCreateObject, sequence), {2}, vlq(0x380U + first), vlq(0x380U + second)}));
}

// The client was given the session 904 (0x388), its container 905, and the subscription 906.
std::span<const std::byte> session_of_904() {
  static support::PairedSession session(module());
  static const bool opened = [] {
    EXPECT_EQ(session.ask(part(ask(kCreateObject, kSessionContainer, 1, creation(287)), true, 1)),
              Fault::none);
    EXPECT_EQ(session.answer(created(1, 8, 9)), Fault::none);
    EXPECT_EQ(session.ask(part(ask(kCreateObject, 905, 2, creation(1001, {4})), true, 3)),
              Fault::none);
    EXPECT_EQ(session.answer(created(2, 10, 11)), Fault::none);
    return true;
  }();
  EXPECT_TRUE(opened);
  return session.block();
}

std::string asked(const std::string& name, std::uint16_t function, std::uint32_t object,
                  int version = 2) {
  return name + " version=" + std::to_string(version) +
         " opcode=49 function=" + std::to_string(function) +
         " session=904 object=" + std::to_string(object);
}

// 16 octets, and at its end what happened.
Message event() { return join({{0x72, 0xfe, 0, 16}, Message(16, 0)}); }

Row own(const char* what, std::uint16_t function, std::uint32_t object, const Message& rest,
        const std::string& expected) {
  return Row{what,
             kAsk,
             part(ask(function, object, 5, rest)),
             expected,
             protocols::Carrier::tcp,
             session_of_904()};
}

const std::vector<Row> kRows = {
    {"a session is created", kAsk, part(ask(kCreateObject, 0x11d, 5, creation(287)), true, 1),
     asked("create_session", kCreateObject, 0x11d, 1)},
    own("and set up", kSetMultiVariables, 904, attributes(306),
        asked("set_session_variables", kSetMultiVariables, 904) +
            " area=904 attribute=306 item_count=1"),
    own("by one attribute", kSetVariable, 904, attribute(323),
        asked("set_session_variable", kSetVariable, 904) + " area=904 attribute=323 item_count=1"),
    own("and asked", kGetVarSubStreamed, 904, {0x20, 4, 1},
        asked("get_session_variable", kGetVarSubStreamed, 904)),
    {"what panels ask first", kAsk,
     part(ask(kGetVarSubStreamed, 201, 5, {0x20, 4, 1, 0x88, 0x0d, 0, 0})),
     asked("get_system_limits", kGetVarSubStreamed, 201)},
    {"another attribute of the root", kAsk,
     part(ask(kGetVarSubStreamed, 201, 5, {0x20, 4, 1, 0x88, 0x0e, 0, 0})),
     asked("get_var_sub_streamed", kGetVarSubStreamed, 201)},
    {"that one and another", kAsk,
     part(ask(kGetVarSubStreamed, 201, 5, {0x20, 4, 2, 0x88, 0x0d, 0, 0})),
     asked("get_var_sub_streamed", kGetVarSubStreamed, 201)},
    own("a password", kSetVariable, 904, attribute(1846),
        asked("prove_password", kSetVariable, 904) + " area=904 attribute=1846 item_count=1"),
    own("a password with others", kSetMultiVariables, 904, attributes(304),
        asked("prove_password_with_variables", kSetMultiVariables, 904) +
            " area=904 attribute=304 item_count=1"),
    own("a subscription", kCreateObject, 905, creation(1001),
        asked("create_subscription", kCreateObject, 905)),
    own("what it tells of", kSetMultiVariables, 906, attributes(1048),
        asked("set_subscription_variables", kSetMultiVariables, 906) +
            " area=906 attribute=1048 item_count=1"),
    own("that it was heard", kSetVariable, 906, attribute(1053),
        asked("set_subscription_variable", kSetVariable, 906) +
            " area=906 attribute=1053 item_count=1"),
    own("its end", kDeleteObject, 906, {0}, asked("delete_subscription", kDeleteObject, 906)),
    own("and the session's", kDeleteObject, 904, {0}, asked("delete_session", kDeleteObject, 904)),
    own("another object goes", kDeleteObject, 907, {0}, asked("delete_object", kDeleteObject, 907)),
    {"a session that was not given", kAsk, part(ask(kDeleteObject, 904)),
     asked("delete_object", kDeleteObject, 904)},
    {"with a value", kAsk, part(ask(kCreateObject, 0x11d, 5, with(creation(287), 2, 3)), true, 1),
     asked("create_object", kCreateObject, 0x11d, 1)},
    {"another class in the sessions' container", kAsk,
     part(ask(kCreateObject, 0x11d, 5, creation(288)), true, 1),
     asked("create_object", kCreateObject, 0x11d, 1)},
    {"variables of blocks", kAsk,
     part(ask(kSetMultiVariables, 0, 5,
              listed(2, 9, join({address(kBlock, 2550, {0x0c}), address(82, 3736)})))),
     asked("set_multi_variables", kSetMultiVariables, 0) +
         " area=2316173317 attribute=2550 element=C item_count=2 symbol_crc=4660\n" +
         asked("set_multi_variables", kSetMultiVariables, 0) +
         " area=82 attribute=3736 item_count=2 symbol_crc=4660"},
    {"one variable", kAsk,
     part(ask(kSetMultiVariables, 0, 5, listed(1, 5, address(kBlock, 2550, {0x0c})))),
     asked("set_multi_variables", kSetMultiVariables, 0) +
         " area=2316173317 attribute=2550 element=C item_count=1 symbol_crc=4660"},
    {"and an attribute of the processor", kAsk,
     part(ask(kSetMultiVariables, 0, 5,
              listed(2, 9, join({address(kBlock, 2550, {0x0c}), address(52, 2167)})))),
     asked("set_object_variables", kSetMultiVariables, 0) +
         " area=2316173317 attribute=2550 element=C item_count=2 symbol_crc=4660\n" +
         asked("set_object_variables", kSetMultiVariables, 0) +
         " area=52 attribute=2167 item_count=2 symbol_crc=4660"},
    {"more fields than are there", kAsk,
     part(ask(kSetMultiVariables, 0, 5, listed(1, 7, address(82, 3736)))),
     asked("set_object_variables", kSetMultiVariables, 0)},
    {"the processor is stopped", kAsk, part(ask(kSetVariable, 52, 5, attribute(2167))),
     asked("set_variable", kSetVariable, 52) + " area=52 attribute=2167 item_count=1"},
    {"states of the processor", kAsk,
     part(ask(kGetMultiVariables, 0, 5, listed(1, 4, address(52, 2237)))),
     asked("get_multi_variables", kGetMultiVariables, 0) +
         " area=52 attribute=2237 item_count=1 symbol_crc=4660"},
    {"a block's code", kAsk,
     part(ask(kGetMultiVariables, 0, 5, listed(1, 4, address(kBlock, 2533)))),
     asked("get_object_variables", kGetMultiVariables, 0) +
         " area=2316173317 attribute=2533 item_count=1 symbol_crc=4660"},
    {"attributes of the program", kAsk, part(ask(kGetMultiVariables, 3, 5, attributes(2533))),
     asked("get_object_variables", kGetMultiVariables, 3) + " area=3 attribute=2533 item_count=1"},
    {"with its integrity", kAsk, part(ask(kExplore), true, 3), asked("explore", kExplore, 0, 3)},
    {"an answer", kBack, part(answer(kGetMultiVariables)),
     "get_multi_variables version=2 opcode=50 function=1356"},
    {"an answer to one who is not logged in", kBack, part(answer(kCreateObject, 5, 2)),
     "create_object version=2 opcode=2 function=1226"},
    {"told", kBack, part({0x33, 0x70, 0, 0xc, 0x9b, 4}, true, 3),
     "notification version=3 opcode=51"},
    {"told by an older S7-1200", kBack, part({0x33, 0x10, 0, 0, 0x74, 4}),
     "notification version=2 opcode=51"},
    {"an event of the system", kBack, data_unit(event()), "system_event version=254"},
    {"what follows of a message", kAsk, part({0x33, 1, 2, 3}, false, 3),
     "continuation version=3 more=1"},
    {"what follows, from the controller", kBack, part(ask(kInvoke)), "continuation version=2"},
    {"connect",
     kAsk,
     {3, 0, 0, 18, 13, 0xe0, 0, 0, 0, 1, 0, 0xc2, 5, 'S', 'I', 'M', 'A', 'T'},
     "cotp_connect tsap_name=SIMAT"},
    {"connect by number",
     kAsk,
     {3, 0, 0, 15, 10, 0xe0, 0, 0, 0, 1, 0, 0xc2, 2, 6, 0},
     "cotp_connect tsap=1536"},
    {"connect with all parameters",
     kAsk,
     {3, 0, 0, 22, 17, 0xe0, 0, 0, 0, 1, 0, 0xc1, 2, 6, 0, 0xc2, 2, 6, 0, 0xc0, 1, 10},
     "cotp_connect tsap=1536 calling_tsap=x'0600' tpdu_size=1024"},
    {"confirmed", kBack, {3, 0, 0, 11, 6, 0xd0, 0, 1, 0, 2, 0}, "cotp_confirm tsap_name="},
    {"no connection", kBack, {3, 0, 0, 11, 6, 0x80, 0, 1, 0, 2, 0}, "cotp_disconnect"},
    {"an error of the transport", kBack, {3, 0, 0, 9, 4, 0x70, 0, 1, 0}, "cotp_error"},
    {"nothing", kBack, data_unit({}, 0), "cotp_empty_data"}};

TEST(Decode, EachFunction) {
  std::vector<Row> rows = kRows;
  for (const protocols::FunctionInfo& function : catalogue().functions) {
    if (function.code < kExplore || function.sub_code != protocols::kNoSubCode) continue;
    if (function.code >= cotp::kTpduCode) continue;
    if (function.code == kSetVariable || function.code == kSetMultiVariables ||
        function.code == kGetMultiVariables) {
      continue;
    }
    rows.push_back({function.name.data(), kAsk, part(ask(function.code, 7)),
                    asked(std::string(function.name), function.code, 7)});
  }
  for (Row& row : rows) {
    const bool part_of_message =
        !row.expected.starts_with("cotp_") && !row.expected.starts_with("system_event");
    if (!part_of_message || row.expected.ends_with("more=1")) continue;
    const std::size_t next = row.expected.find('\n');
    if (next != std::string::npos) row.expected.insert(next, " more=0");
    row.expected += " more=0";
  }
  support::expect_rows(module(), rows);
  for (Row& row : rows) row.expected += " ";
  support::expect_all_functions(module(), rows);
  support::expect_fields_decide(module(), rows);
}

TEST(Decode, AFunctionHasTheFieldsThatItsCatalogueNames) {
  const auto operations = std::make_unique<protocols::OperationList>();
  for (const Row& row : kRows) {
    EXPECT_EQ(parse_operations(module(), row.message, row.context(), *operations), Fault::none)
        << row.what;
    for (const protocols::Operation& operation : *operations) {
      const auto& function = catalogue().functions[operation.function];
      EXPECT_EQ(operation.present & ~function.fields, 0U) << row.what;
    }
  }
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
       {"flags of none", kAsk, with(part(ask(kExplore)), 24, 0x3c), "fault bad_value"},
       {"an event from the client", kAsk, data_unit(event()), "fault wrong_direction"},
       {"an event of nothing", kBack, data_unit({0x72, 0xfe, 0, 1, 1}), "fault truncated"},
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
  EXPECT_EQ(session.answer(part({0x33, 0x10, 0, 0, 0x74, 4})), Fault::none)
      << "of an older S7-1200";
  EXPECT_EQ(session.answer(part({0x33, 0x11, 0, 0, 0x74, 4})), Fault::bad_sequence);
}

TEST(Pairing, WhatFollowsBelongsToWhatWasGranted) {
  support::PairedSession session(module());
  const Message rest = part({1, 2, 3}, false);
  const Message last = part({1, 2, 3});
  EXPECT_EQ(session.ask(rest), Fault::bad_sequence) << "of nothing";
  EXPECT_EQ(session.ask(part(ask(kCreateObject), false)), Fault::none);
  EXPECT_EQ(session.answer(rest), Fault::bad_sequence) << "of the other side";
  EXPECT_EQ(session.answer(data_unit(event())), Fault::none) << "goes in between";
  EXPECT_EQ(session.ask(rest), Fault::none);
  EXPECT_EQ(session.ask(last), Fault::none);
  EXPECT_EQ(session.ask(last), Fault::bad_sequence) << "it is over";
  EXPECT_EQ(session.answer(part(answer(kCreateObject), false)), Fault::none);
  EXPECT_EQ(session.answer(last), Fault::none);
}

// Answers are told by what was asked: many functions have one number.
TEST(Pairing, AnAnswerIsOfTheFunctionThatWasAsked) {
  support::PairedSession session(module());
  const auto told = [&](const Message& message) {
    const std::string text =
        support::decoded_text(module(), message, {kBack, protocols::Carrier::tcp, session.block()});
    return text.substr(0, text.find(' '));
  };
  EXPECT_EQ(told(created(1, 8, 9)), "create_object");
  EXPECT_EQ(session.ask(part(ask(kCreateObject, kSessionContainer, 1, creation(287)), true, 1)),
            Fault::none);
  EXPECT_EQ(told(created(1, 8, 9)), "create_session");
  EXPECT_EQ(told(created(2, 8, 9)), "create_object") << "of another request";
  EXPECT_EQ(told(part(answer(kExplore, 1))), "explore");
  EXPECT_EQ(session.answer(created(1, 8, 9)), Fault::none);
  EXPECT_EQ(session.ask(part(ask(kSetMultiVariables, 904, 2, attributes(306)))), Fault::none);
  EXPECT_EQ(told(part(answer(kSetMultiVariables, 2))), "set_session_variables");
}

// A number that the client writes in both places is none of its own (it was never given).
TEST(Pairing, ObjectsAreOwnOnceAnAnswerGaveThem) {
  support::PairedSession session(module());
  const auto told = [&](const Message& message) {
    const std::string text =
        support::decoded_text(module(), message, {kAsk, protocols::Carrier::tcp, session.block()});
    return text.substr(0, text.find(' '));
  };
  const Message deletes = part(ask(kDeleteObject, 904));
  const Message sets = part(ask(kSetMultiVariables, 904, 5, attributes(306)));
  EXPECT_EQ(told(deletes), "delete_object");
  EXPECT_EQ(told(sets), "set_object_variables");
  const Message creates = part(ask(kCreateObject, kSessionContainer, 1, creation(287)), true, 1);
  EXPECT_EQ(session.ask(creates), Fault::none);
  EXPECT_EQ(told(sets), "set_object_variables") << "not answered yet";
  EXPECT_EQ(session.answer(part(answer(kError, 1))), Fault::none);
  EXPECT_EQ(told(sets), "set_object_variables") << "refused";
  EXPECT_EQ(session.ask(creates), Fault::none);
  EXPECT_EQ(session.answer(created(1, 8, 9)), Fault::none);
  EXPECT_EQ(told(sets), "set_session_variables");
  EXPECT_EQ(told(deletes), "delete_session");
  EXPECT_EQ(told(part(ask(kCreateObject, 905, 2, creation(1001)))), "create_subscription");
  EXPECT_EQ(told(part(ask(kCreateObject, 905, 2, creation(1002)))), "create_object");
  EXPECT_EQ(told(part(ask(kCreateObject, 3, 2, creation(1001)))), "create_object");
  EXPECT_EQ(session.ask(deletes), Fault::none);
  EXPECT_EQ(told(sets), "set_object_variables") << "it has ended";
  EXPECT_TRUE(support::verdict_key(module(), sets).empty());
}

TEST(Decode, OnlyWhatFollowsNeedsNoGrant) {
  const auto operations = std::make_unique<protocols::OperationList>();
  const auto tied = [&](const Message& message) {
    EXPECT_EQ(parse_operations(module(), message, kAsk, *operations), Fault::none);
    return (*operations)[0].tied;
  };
  EXPECT_TRUE(tied(part({1, 2, 3})));
  EXPECT_FALSE(tied(part(ask(kExplore))));
  EXPECT_FALSE(tied(data_unit({}, 0)));
}

}  // namespace
}  // namespace bulkhead::s7comm_plus
