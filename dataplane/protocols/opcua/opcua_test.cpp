// Messages built from OPC 10000-6: every service, every node of a list, chunks, channels that can
// be read and those that cannot, pairing, and the refusal with its numbers.
#include "dataplane/protocols/opcua/pairing.h"
#include "tests/support/field_mutation.h"
#include "tests/support/protocol_rows.h"

namespace bulkhead::opcua {
namespace {

using protocols::Direction;
using protocols::Fault;
using support::bytes_of;
using support::join;
using support::Message;
using support::Row;

constexpr auto kAsk = Direction::request;
constexpr auto kBack = Direction::response;

const protocols::Protocol& module() { return support::module_of("opcua"); }

Message le32(std::uint32_t value) {
  Message bytes(4);
  store_le32(bytes.data(), value);
  return bytes;
}

Message text(std::string_view value) {
  return join({le32(static_cast<std::uint32_t>(value.size())), bytes_of(value)});
}

const Message kNull = {0xff, 0xff, 0xff, 0xff};

// 6, 7.1.2.2.
Message chunk(std::string_view type, const Message& rest) {
  return join({bytes_of(type), le32(static_cast<std::uint32_t>(8 + rest.size())), rest});
}

struct At {
  std::uint32_t sequence = 1;
  std::uint32_t request = 1;
};

Message secure(std::string_view type, const Message& body, At at = {}) {
  return chunk(type, join({le32(7), le32(1), le32(at.sequence), le32(at.request), body}));
}

// The type of a service, four-byte encoding (6, 5.2.2.9), with a request's header (4, 7.32).
Message asked(std::uint16_t code, const Message& rest = {}) {
  return join({{1, 0, static_cast<std::uint8_t>(code), static_cast<std::uint8_t>(code >> 8)},
               {0, 0},
               Message(8, 0),
               le32(42),
               le32(0),
               kNull,
               le32(0),
               {0, 0, 0},
               rest});
}

Message answered(std::uint16_t code, const Message& rest = {}) {
  return join({{1, 0, static_cast<std::uint8_t>(code), static_cast<std::uint8_t>(code >> 8)},
               Message(8, 0),
               le32(42),
               le32(0),
               {0},
               kNull,
               {0, 0, 0},
               rest});
}

Message request(std::uint16_t code, const Message& rest = {}, At at = {}) {
  return secure("MSGF", asked(code, rest), at);
}
Message response(std::uint16_t code, At at = {}) { return secure("MSGF", answered(code), at); }

Message open(std::string_view policy, const Message& body, const Message& thumbprint = kNull) {
  return chunk("OPNF",
               join({le32(7), policy.empty() ? kNull : text(policy), kNull, thumbprint, body}));
}

constexpr std::string_view kPolicyNone = "http://opcfoundation.org/UA/SecurityPolicy#None";
constexpr std::string_view kPolicyAes = "http://opcfoundation.org/UA/SecurityPolicy#Aes128_Sha256";

Message open_plain(At at = {}) {
  return open(kPolicyNone,
              join({le32(at.sequence), le32(at.request),
                    asked(446, join({le32(0), le32(0), le32(1), kNull, le32(60000)}))}));
}
Message opened_plain(At at = {}) {
  return open(kPolicyNone, join({le32(at.sequence), le32(at.request), answered(449)}));
}

const Message kNumeric = {2, 3, 0, 0xd2, 4, 0, 0};  // ns=3;i=1234
Message named(std::string_view name) { return join({{3, 2, 0}, text(name)}); }
Message read_value(const Message& node) { return join({node, le32(13), kNull, {0, 0}, kNull}); }

Message read_of(const std::vector<Message>& nodes) {
  Message all = join({Message(8, 0), le32(2), le32(static_cast<std::uint32_t>(nodes.size()))});
  for (const Message& node : nodes) all = join({all, read_value(node)});
  return all;
}

// 5.2.2.16 and 5.2.2.17: a data value with a variant alone.
Message write_of(const Message& node, const Message& variant) {
  return join({le32(1), node, le32(13), kNull, {1}, variant});
}

const std::vector<Row> kRows = {
    {"hello", kAsk, chunk("HELF", join({Message(20, 0), text("opc.tcp://plc:4840")})),
     "hello endpoint=opc.tcp://plc:4840"},
    {"reverse hello", kBack, chunk("RHEF", join({text("urn:plc"), text("opc.tcp://plc")})),
     "reverse_hello endpoint=opc.tcp://plc"},
    {"acknowledge", kBack, chunk("ACKF", Message(20, 0)), "acknowledge"},
    {"error", kBack, chunk("ERRF", join({le32(1), kNull})), "error"},
    {"open without security", kAsk, open_plain(),
     "open_secure_channel security_policy=None security_mode=1"},
    {"opened", kBack, opened_plain(), "open_secure_channel_response security_policy=None"},
    {"open with security", kAsk, open(kPolicyAes, {1, 2, 3}, text("thumb")),
     "open_secure_channel security_policy=Aes128_Sha256 certificate_thumbprint=thumb"},
    {"close", kAsk, secure("CLOF", asked(452)), "close_secure_channel"},
    {"what cannot be read", kAsk, secure("MSGF", {0x91, 7, 7, 7, 7, 7}), "secured_message"},
    {"given up", kAsk, secure("MSGA", join({le32(1), kNull})), "abort"},
    {"every node of a read", kAsk, request(631, read_of({kNumeric, named("Tank.Level"), {0, 85}})),
     "read namespace=3 node=1234 attribute=13\n"
     "read namespace=2 node_name=Tank.Level attribute=13\n"
     "read namespace=0 node=85 attribute=13"},
    {"a signed read", kAsk, request(631, join({read_of({kNumeric}), Message(32, 9)})),
     "read namespace=3 node=1234 attribute=13"},
    {"a double", kAsk, request(673, write_of(kNumeric, {11, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f})),
     "write namespace=3 node=1234 attribute=13 value=1.5"},
    {"a truth", kAsk, request(673, write_of(named("Pump"), {1, 1})),
     "write namespace=2 node_name=Pump attribute=13 value=1"},
    {"an array", kAsk, request(673, write_of(kNumeric, {0x84, 2, 0, 0, 0, 1, 0, 2, 0})),
     "write namespace=3 node=1234 attribute=13"},
    {"a text", kAsk, request(673, write_of(kNumeric, join({{12}, text("on")}))),
     "write namespace=3 node=1234 attribute=13"},
    {"a method with an argument", kAsk,
     request(712, join({le32(1), kNumeric, named("Start"), le32(1), {6, 1, 0, 0, 0}})),
     "call namespace=3 node=1234 method_namespace=2 method_name=Start"},
    {"a method by its number", kAsk,
     request(712, join({le32(1), named("Line"), kNumeric, le32(0)})),
     "call namespace=2 node_name=Line method_namespace=3 method=1234"},
    {"browse", kAsk,
     request(527, join({{0, 0},
                        Message(8, 0),
                        le32(0),
                        le32(0),
                        le32(1),
                        kNumeric,
                        le32(0),
                        {0, 33},
                        {1},
                        le32(0),
                        le32(63)})),
     "browse namespace=3 node=1234"},
    {"history", kAsk,
     request(664, join({{0, 0, 0}, le32(0), {0}, le32(1), kNumeric, kNull, {0, 0}, kNull, kNull})),
     "history_read namespace=3 node=1234"},
    {"monitored items", kAsk,
     request(751, join({le32(5),
                        le32(2),
                        le32(1),
                        read_value(kNumeric),
                        le32(2),
                        le32(1),
                        Message(8, 0),
                        {0, 0, 0},
                        le32(1),
                        {1}})),
     "create_monitored_items namespace=3 node=1234 attribute=13"},
    {"register", kAsk, request(560, join({le32(1), kNumeric})),
     "register_nodes namespace=3 node=1234"},
    {"unregister", kAsk, request(566, join({le32(1), kNumeric})),
     "unregister_nodes namespace=3 node=1234"},
    {"a list of none", kAsk, request(560, le32(0)), "register_nodes"},
    {"endpoints", kAsk, request(428, join({text("opc.tcp://plc"), kNull, kNull})),
     "get_endpoints endpoint=opc.tcp://plc"},
    {"a session", kAsk,
     request(461, join({kNull,
                        kNull,
                        {0},
                        le32(1),
                        kNull,
                        kNull,
                        kNull,
                        kNull,
                        text("opc.tcp://plc"),
                        kNull})),
     "create_session endpoint=opc.tcp://plc"},
};

TEST(Decode, EachService) {
  support::expect_rows(module(), kRows);
  std::vector<Row> rows = kRows;
  for (const protocols::FunctionInfo& function : catalogue().functions) {
    if (function.code < kServiceFault || function.fields != 0) continue;
    const bool back = function.code == kServiceFault || function.name.ends_with("_response");
    const bool channel = function.code == 449 || function.code == 452 || function.code == 455;
    if (channel) continue;
    rows.push_back({function.name.data(), back ? kBack : kAsk,
                    back ? response(function.code) : request(function.code),
                    std::string(function.name)});
  }
  for (const Row& row : rows) {
    EXPECT_EQ(support::decoded_text(module(), row.message, row.direction), row.expected)
        << row.what;
  }
  for (Row& row : rows) row.expected += " ";
  support::expect_all_functions(module(), rows, {"close_secure_channel_response"});
  support::expect_fields_decide(module(), rows);
}

TEST(Decode, WhatIsRefused) {
  Message deep = {1, 1};
  for (unsigned i = 0; i < kDepthMax; ++i) deep = join({{24}, deep});
  Message deeper = join({{24}, deep});
  support::expect_rows(
      module(),
      {{"a node less than counted", kAsk,
        request(631, join({Message(8, 0), le32(2), le32(2), read_value(kNumeric)})),
        "fault truncated"},
       {"more than counted", kAsk, request(631, join({read_of({kNumeric}), {0}})),
        "fault trailing_bytes"},
       {"more than there can be", kAsk,
        request(631, join({Message(8, 0), le32(2), le32(0x7fffffff), read_value(kNumeric)})),
        "fault truncated"},
       {"an encoding of no node", kAsk, request(560, join({le32(1), {9, 1}})), "fault truncated"},
       {"values too deep", kAsk, request(673, write_of(kNumeric, deeper)), "fault truncated"},
       {"an answer from the client", kAsk, response(634), "fault wrong_direction"},
       {"a request from the server", kBack, request(631, read_of({kNumeric})),
        "fault wrong_direction"},
       {"an acknowledge from the client", kAsk, chunk("ACKF", Message(20, 0)),
        "fault wrong_direction"},
       {"a channel that is opened inside a message", kAsk,
        request(446, join({le32(0), le32(0), le32(1), kNull, le32(60000)})), "fault bad_value"}});
  EXPECT_NE(
      support::decoded_text(module(), request(673, write_of(kNumeric, {1, 1})), kAsk).substr(0, 5),
      "fault");
  const auto frame = [](const Message& bytes) { return module().frame(bytes, kAsk); };
  EXPECT_EQ(frame(bytes_of("X")).fault, Fault::not_this_protocol);
  EXPECT_EQ(frame(bytes_of("MSGX")).fault, Fault::bad_value);
  EXPECT_EQ(frame(join({bytes_of("MSGF"), le32(23)})).fault, Fault::bad_length);
  EXPECT_EQ(frame(join({bytes_of("MSGF"), le32(24)})).length, 24U);
  EXPECT_EQ(frame(join({bytes_of("MSGF"), le32(kChunkBytesMax)})).length, kChunkBytesMax);
  EXPECT_EQ(frame(join({bytes_of("MSGF"), le32(kChunkBytesMax + 1)})).fault, Fault::bad_length);
}

// 6, 6.7.2: a message in several chunks is read whole, wherever it is cut.
TEST(Chunks, AMessageInSeveral) {
  const Message body = asked(631, read_of({kNumeric, named("Tank.Level")}));
  const std::string expected =
      "read namespace=3 node=1234 attribute=13\n"
      "read namespace=2 node_name=Tank.Level attribute=13";
  for (std::size_t cut = 1; cut < body.size(); ++cut) {
    const auto at = body.begin() + static_cast<std::ptrdiff_t>(cut);
    const Message whole = join(
        {secure("MSGC", {body.begin(), at}, {5, 3}), secure("MSGF", {at, body.end()}, {6, 3})});
    EXPECT_EQ(support::decoded_text(module(), whole, kAsk), expected) << cut;
    EXPECT_EQ(module().frame(whole, kAsk).length, whole.size());
  }
  const Message first = secure("MSGC", {1, 2, 3}, {5, 3});
  EXPECT_EQ(module().frame(join({first, open_plain()}), kAsk).fault, Fault::bad_sequence);
  // The same however much of it is there, and whatever else is wrong with it.
  const Message wrong = join({first, bytes_of("HELF"), le32(3)});
  for (std::size_t have = first.size() + 3; have <= wrong.size(); ++have) {
    EXPECT_EQ(module().frame(ByteView(wrong).first(have), kAsk).fault, Fault::bad_sequence) << have;
  }
  EXPECT_EQ(support::decoded_text(module(), first, kAsk), "fault truncated");
  Message many;
  for (std::size_t i = 0; i < kChunksMax; ++i) many = join({many, first});
  EXPECT_EQ(module().frame(many, kAsk).fault, Fault::too_many_operations);
}

class Plain : public ::testing::Test {
 protected:
  Plain() : session(module()) {
    EXPECT_EQ(session.ask(open_plain({1, 1})), Fault::none);
    EXPECT_EQ(session.answer(opened_plain({51, 1})), Fault::none);
  }
  Message read(At at) { return request(631, read_of({kNumeric}), at); }

  support::PairedSession session;
};

TEST_F(Plain, NumbersFollowAndAnswersAreAskedFor) {
  EXPECT_EQ(session.ask(read({3, 2})), Fault::bad_sequence);
  EXPECT_EQ(session.ask(read({2, 2})), Fault::none);
  EXPECT_EQ(session.ask(read({2, 3})), Fault::bad_sequence);
  EXPECT_EQ(session.outstanding(), 1U);
  EXPECT_EQ(session.answer(response(634, {52, 9})), Fault::unrequested_response);
  EXPECT_EQ(session.answer(response(676, {52, 2})), Fault::mismatched_response);
  EXPECT_EQ(session.answer(response(634, {52, 2})), Fault::none);
  EXPECT_EQ(session.ask(read({3, 3})), Fault::none);
  EXPECT_EQ(session.answer(response(kServiceFault, {53, 3})), Fault::none);
}

TEST_F(Plain, NothingThatCannotBeReadPasses) {
  EXPECT_EQ(session.ask(secure("MSGF", {0x91, 7, 7, 7}, {2, 2})), Fault::unknown_function);
  EXPECT_EQ(session.ask(request(631, join({read_of({kNumeric}), Message(32, 9)}), {2, 2})),
            Fault::trailing_bytes);
  EXPECT_EQ(session.ask(open(kPolicyAes, {1, 2, 3})), Fault::bad_value);
}

TEST(Secured, TheChannelStaysSecured) {
  support::PairedSession session(module());
  EXPECT_EQ(session.ask(request(631, read_of({kNumeric}))), Fault::not_started);
  EXPECT_EQ(session.ask(open(kPolicyAes, {1, 2, 3})), Fault::none);
  EXPECT_EQ(session.ask(secure("MSGF", {0x91, 7, 7, 7}, {0x1234, 9})), Fault::none);
  EXPECT_EQ(session.ask(open_plain()), Fault::bad_value);
  EXPECT_FALSE(module().take_out(session.block(), request(631, read_of({kNumeric}))));
}

TEST_F(Plain, NumbersAreTranslatedAroundARefusal) {
  std::array<std::uint8_t, protocols::kRefusalBytesMax> buffer{};
  const Message refused = request(673, write_of(kNumeric, {1, 1}), {2, 2});
  const std::size_t length = module().refuse(refused, protocols::Denial::value, buffer);
  Message reply(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(length));
  EXPECT_EQ(support::decoded_text(module(), reply, kBack), "service_fault");
  ASSERT_TRUE(module().take_out(session.block(), refused));
  module().put_in(session.block(), reply);
  EXPECT_EQ(load_le32(reply.data() + 16), 52U) << "the server's next number";
  EXPECT_EQ(load_le32(reply.data() + 20), 2U) << "the refused request";
  Message next = read({3, 3});
  EXPECT_EQ(session.ask(next), Fault::none);
  module().renumber(session.block(), kAsk, next);
  EXPECT_EQ(next, read({2, 3}));
  Message answer = response(634, {52, 3});
  EXPECT_EQ(session.answer(answer), Fault::none);
  module().renumber(session.block(), kBack, answer);
  EXPECT_EQ(answer, response(634, {53, 3}));
  // The later chunks of a message cannot be given other numbers.
  const Message body = asked(631, read_of({kNumeric}));
  const Message two = join({secure("MSGC", {body.begin(), body.begin() + 9}, {4, 4}),
                            secure("MSGF", {body.begin() + 9, body.end()}, {5, 4})});
  EXPECT_EQ(session.ask(two), Fault::bad_sequence);
}

}  // namespace
}  // namespace bulkhead::opcua
