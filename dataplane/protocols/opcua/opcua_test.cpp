// Messages built from OPC 10000-6: every service, every node of a list, and chunks.
#include "tests/support/field_mutation.h"
#include "tests/support/opcua_messages.h"

namespace bulkhead::opcua {
namespace {

// A connection whose beginning was not seen.
std::span<const std::byte> unseen() {
  static support::PairedSession session(module());
  module().begin_unseen(session.block());
  return session.block();
}

// A connection on which an answer goes on.
std::span<const std::byte> answering() {
  static support::PairedSession session(module());
  static const bool begun = [] {
    EXPECT_EQ(session.ask(open_plain({1, 1})), Fault::none);
    EXPECT_EQ(session.answer(opened_plain({1, 1})), Fault::none);
    EXPECT_EQ(session.ask(request(631, read_of({kNumeric}), {2, 2})), Fault::none);
    EXPECT_EQ(session.answer(secure("MSGC", answered(634), {2, 2})), Fault::none);
    return true;
  }();
  EXPECT_TRUE(begun);
  return session.block();
}

// With a session's authentication token.
Bytes of_session(const Bytes& message) {
  Bytes with_token(message.begin(), message.begin() + kSecureHeaderBytes + 4);
  with_token =
      join({with_token, {0, 9}, {message.begin() + kSecureHeaderBytes + 6, message.end()}});
  return with_token;
}

const std::vector<Row> kRows = {
    {"hello", kAsk, chunk("HELF", join({Bytes(20, 0), text("opc.tcp://plc:4840")})),
     "hello endpoint=opc.tcp://plc:4840"},
    {"reverse hello of who opened the connection", kAsk,
     chunk("RHEF", join({text("urn:plc"), text("opc.tcp://plc")})),
     "reverse_hello endpoint=opc.tcp://plc"},
    {"acknowledge", kBack, chunk("ACKF", Bytes(20, 0)), "acknowledge"},
    {"error", kBack, chunk("ERRF", join({le32(1), kNull})), "error"},
    {"open without security", kAsk, open_plain(),
     "open_secure_channel security_policy=None security_mode=1"},
    {"opened", kBack, opened_plain(), "open_secure_channel_response security_policy=None"},
    {"open with security", kAsk,
     open(kPolicyAes, {1, 2, 3}, join({le32(20), Bytes(19, 0xab), {0x0c}})),
     "open_secure_channel security_policy=Aes128_Sha256_RsaOaep "
     "certificate_thumbprint=ababababababababababababababababababab0c"},
    {"with a certificate, and that of its issuer", kAsk,
     open(kPolicyAes, {1, 2, 3}, kNull, join({le32(9), {0x30, 3, 2, 1, 5, 0x30, 2, 5, 0}})),
     "open_secure_channel security_policy=Aes128_Sha256_RsaOaep "
     "sender_thumbprint=16c3c3e0bb5b5f4fbaecdb6df37a5a4f9d1196e4"},
    {"with one that is none", kAsk, open(kPolicyAes, {1, 2, 3}, kNull, join({le32(3), {1, 2, 3}})),
     "open_secure_channel security_policy=Aes128_Sha256_RsaOaep "
     "sender_thumbprint=7037807198c22a7d2b0807371d763779a84fdfcf"},
    {"a policy of the same last name", kAsk, open("urn:anything#None", {1, 2, 3}),
     "open_secure_channel security_policy=urn:anything#None"},
    {"a policy that is not known", kAsk,
     open("http://opcfoundation.org/UA/SecurityPolicy#Other", {1}),
     "open_secure_channel security_policy=http://opcfoundation.org/UA/SecurityPolicy#Other"},
    {"close", kAsk, secure("CLOF", asked(452)), "close_secure_channel"},
    {"what cannot be read", kAsk, secure("MSGF", {0x91, 7, 7, 7, 7, 7}), "secured_message"},
    {"given up", kAsk, secure("MSGA", join({le32(1), kNull})), "abort"},
    {"every node of a read", kAsk, request(631, read_of({kNumeric, named("Tank.Level"), {0, 85}})),
     "read namespace=3 node=1234 attribute=13\n"
     "read namespace=2 node_name=Tank.Level attribute=13\n"
     "read namespace=0 node=85 attribute=13"},
    {"a signed read", kAsk, request(631, join({read_of({kNumeric}), Bytes(32, 9)})),
     "read namespace=3 node=1234 attribute=13"},
    {"a double of zero", kAsk, request(673, write_of(kNumeric, {11, 0, 0, 0, 0, 0, 0, 0, 0})),
     "write namespace=3 node=1234 attribute=13 value=0 data_type=11"},
    {"a float that is no number", kAsk, request(673, write_of(kNumeric, {10, 0, 0, 0xc0, 0x7f})),
     "write namespace=3 node=1234 attribute=13 data_type=10"},
    {"a double", kAsk, request(673, write_of(kNumeric, {11, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f})),
     "write namespace=3 node=1234 attribute=13 value=1.5 data_type=11"},
    {"a truth", kAsk, request(673, write_of(named("Pump"), {1, 1})),
     "write namespace=2 node_name=Pump attribute=13 value=1 data_type=1"},
    {"an array", kAsk, request(673, write_of(kNumeric, {0x84, 2, 0, 0, 0, 1, 0, 2, 0})),
     "write namespace=3 node=1234 attribute=13 data_type=132"},
    {"a text", kAsk, request(673, write_of(kNumeric, join({{12}, text("on")}))),
     "write namespace=3 node=1234 attribute=13 data_type=12"},
    {"a method with an argument", kAsk,
     request(712, join({le32(1), kNumeric, named("Start"), le32(1), {6, 1, 0, 0, 0}})),
     "call namespace=3 node=1234 method_namespace=2 method_name=Start value=1 data_type=6 "
     "arguments=1"},
    {"a method by its number", kAsk,
     request(712, join({le32(1), named("Line"), kNumeric, le32(0)})),
     "call namespace=2 node_name=Line method_namespace=3 method=1234 arguments=0"},
    {"browse", kAsk,
     request(527, join({{0, 0},
                        Bytes(8, 0),
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
     request(664,
             join({raw_details(), le32(0), {0}, le32(1), kNumeric, kNull, {0, 0}, kNull, kNull})),
     "history_read namespace=3 node=1234"},
    {"monitored items", kAsk,
     request(751, join({le32(5),
                        le32(2),
                        le32(1),
                        read_value(kNumeric),
                        le32(2),
                        le32(1),
                        Bytes(8, 0),
                        {0, 0, 0},
                        le32(1),
                        {1}})),
     "create_monitored_items namespace=3 node=1234 attribute=13"},
    {"register", kAsk, request(560, join({le32(1), kNumeric})),
     "register_nodes namespace=3 node=1234"},
    {"unregister", kAsk, request(566, join({le32(1), kNumeric})),
     "unregister_nodes namespace=3 node=1234"},
    {"a node by its GUID", kAsk,
     request(631, read_of({{4, 2, 0, 0x04, 0x03, 0x02, 0x01, 6, 5, 8, 7, 9, 10, 11, 12, 13, 14, 15,
                            16}})),
     "read namespace=2 attribute=13 node_guid=01020304-0506-0708-090a-0b0c0d0e0f10"},
    {"an opaque node", kAsk, request(631, read_of({join({{5, 2, 0}, le32(2), {0xfe, 1}})})),
     "read namespace=2 attribute=13 node_bytes=fe01"},
    {"a part of an array", kAsk,
     request(631, join({Bytes(8, 0),
                        le32(2),
                        le32(1),
                        kNumeric,
                        le32(13),
                        text("1:2,0"),
                        {0, 0},
                        text("Default Binary")})),
     "read namespace=3 node=1234 attribute=13 index_range=1:2,0 data_encoding=Default Binary"},
    {"a status with a value", kAsk,
     request(673, join({le32(1), kNumeric, le32(13), kNull, {3, 1, 1}, le32(0x80000000)})),
     "write namespace=3 node=1234 attribute=13 value=1 data_type=1 status=2147483648"},
    {"a good one is none", kAsk,
     request(673, join({le32(1), kNumeric, le32(13), kNull, {3, 1, 1}, le32(0)})),
     "write namespace=3 node=1234 attribute=13 value=1 data_type=1"},
    {"another attribute", kAsk, request(673, join({le32(1), kNumeric, le32(17), kNull, {1, 3, 3}})),
     "write_setting namespace=3 node=1234 attribute=17 value=3 data_type=3"},
    {"a node of the server's own", kAsk, request(673, write_of({1, 0, 0xf6, 8}, {1, 1})),
     "write_setting namespace=0 node=2294 attribute=13 value=1 data_type=1"},
    {"a long whole number that a double holds", kAsk,
     request(673, write_of(kNumeric, {8, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})),
     "write namespace=3 node=1234 attribute=13 value=-2 data_type=8"},
    {"and one that none holds", kAsk,
     request(673, write_of(kNumeric, {9, 1, 0, 0, 0, 0, 0, 0x40, 0x80})),
     "write namespace=3 node=1234 attribute=13 data_type=9"},
    {"a matrix", kAsk,
     request(673, write_of(kNumeric, join({{0xc3}, le32(2), {7, 8}, le32(2), le32(1), le32(2)}))),
     "write namespace=3 node=1234 attribute=13 data_type=195"},
    {"a structure that is known", kAsk,
     request(673, join({le32(2),
                        kNumeric,
                        le32(13),
                        kNull,
                        {1, 22},
                        structure(886, Bytes(16, 0)),
                        named("Next"),
                        le32(13),
                        kNull,
                        {1, 1, 1}})),
     "write namespace=3 node=1234 attribute=13 data_type=22\n"
     "write namespace=2 node_name=Next attribute=13 value=1 data_type=1"},
    {"another where nothing stands behind it", kAsk,
     request(673, write_of(kNumeric, join({{22, 1, 3, 9, 0, 1}, le32(2), {1, 2}}))),
     "write namespace=3 node=1234 attribute=13 data_type=22"},
    {"a method of the server's", kAsk,
     request(712, join({le32(1), {1, 0, 0xcd, 8}, {1, 0, 0xa9, 0x35}, le32(0)})),
     "call_server_method namespace=0 node=2253 method_namespace=0 method=13737 arguments=0"},
    {"the method that stops it", kAsk,
     request(712, join({le32(1), {1, 0, 0xcd, 8}, {1, 0, 0x56, 0x32}, le32(0)})),
     "request_server_state_change namespace=0 node=2253 method_namespace=0 method=12886 "
     "arguments=0"},
    {"an alarm is acknowledged", kAsk,
     request(712,
             join({le32(1), kNumeric, {1, 0, 0x97, 0x23}, le32(2), {15}, text("id"), {21, 0}})),
     "call namespace=3 node=1234 method_namespace=0 method=9111 arguments=2"},
    {"a method by its GUID", kAsk,
     request(712, join({le32(1), kNumeric, {4, 2, 0}, Bytes(16, 0x11), le32(0)})),
     "call namespace=3 node=1234 method_namespace=2 "
     "method_guid=11111111-1111-1111-1111-111111111111 arguments=0"},
    {"an opaque method", kAsk,
     request(712, join({le32(1), kNumeric, {5, 2, 0}, le32(1), {7}, le32(0)})),
     "call namespace=3 node=1234 method_namespace=2 method_bytes=07 arguments=0"},
    {"a session of anybody", kAsk, request(467, activation(structure(321, text("anonymous")))),
     "activate_session user_token=321"},
    {"of nobody", kAsk, request(467, activation({0, 0, 0})), "activate_session user_token=0"},
    {"of a user", kAsk,
     request(467, activation(structure(324, join({text("p"), text("otto"), text("pw"), kNull})))),
     "activate_session_as_user user=otto user_token=324"},
    {"of a token", kAsk,
     request(467, activation(structure(940, join({text("p"), text("jwt"), kNull})))),
     "activate_session_as_user user_token=940"},
    {"of a certificate", kAsk,
     request(467, activation(structure(327, join({text("p"), text("cert")})))),
     "activate_session user_token=327"},
    {"a filter of events", kAsk,
     request(751, join({le32(5),
                        le32(2),
                        le32(1),
                        read_value(kNumeric),
                        le32(2),
                        le32(1),
                        Bytes(8, 0),
                        structure(727, join({le32(1),
                                             {1, 0, 0xf9, 7},
                                             le32(1),
                                             {0, 0},
                                             text("Time"),
                                             le32(13),
                                             kNull,
                                             le32(0)})),
                        le32(1),
                        {1}})),
     "create_monitored_items namespace=3 node=1234 attribute=13"},
    {"what follows of an answer", kBack, secure("MSGF", {7, 7, 7}, {3, 2}), "continuation",
     protocols::Carrier::tcp, answering()},
    {"a node that may be a handle", kAsk, of_session(request(631, read_of({kNumeric}))),
     "read attribute=13 handle_namespace=3 handle=1234", protocols::Carrier::tcp, unseen()},
    {"and one by its name", kAsk, of_session(request(631, read_of({named("Tank"), {0, 85}}))),
     "read attribute=13 handle_namespace=2 handle_name=Tank\n"
     "read namespace=0 node=85 attribute=13",
     protocols::Carrier::tcp, unseen()},
    {"a method that may be a handle", kAsk,
     of_session(request(712, join({le32(2), named("Line"), kNumeric, le32(0), kNumeric,
                                   named("Start"), le32(0)}))),
     "call arguments=0 handle_namespace=2 handle_name=Line method_handle_namespace=3 "
     "method_handle=1234\n"
     "call arguments=0 handle_namespace=3 handle=1234 method_handle_namespace=2 "
     "method_handle_name=Start",
     protocols::Carrier::tcp, unseen()},
    {"a session that was created elsewhere", kAsk, of_session(request(467, activation({0, 0, 0}))),
     "reactivate_session user_token=0", protocols::Carrier::tcp, unseen()},
    {"a list of none", kAsk, request(560, le32(0)), "register_nodes"},
    {"endpoints", kAsk, request(428, join({text("opc.tcp://plc"), kNull, kNull})),
     "get_endpoints endpoint=opc.tcp://plc"},
    {"a session", kAsk, request(461, session_creation()), "create_session endpoint=opc.tcp://plc"},
};

// Bodies of services that name no nodes, the shortest of each (4, clause 5).
Bytes shortest(std::uint16_t code) {
  switch (code) {
    case 422:
      return join({kNull, kNull, kNull});
    case 12208:
      return Bytes(12, 0);
    case 437:
      return join({kNull, kNull, kNull, Bytes(4, 0), kNull, kNull, kNull, {1}});
    case 12211:
      return join({kNull, kNull, kNull, Bytes(4, 0), kNull, kNull, kNull, {1}, kNull});
    case 473:
      return {1};
    case 533:
    case 799:
      return join({{0}, kNull});
    case 479:
      return Bytes(4, 0);
    case 615:
      return join({Bytes(2 + 12, 0), kNull, kNull, Bytes(8, 0)});
    case 621:
      return join({{0}, kNull});
    case 763:
    case 769:
      return join({Bytes(8, 0), kNull});
    case 775:
      return join({Bytes(8, 0), kNull, kNull});
    case 781:
      return join({Bytes(4, 0), kNull});
    case 787:
      return Bytes(8 + 12 + 2, 0);
    case 793:
      return Bytes(4 + 8 + 12 + 1, 0);
    case 832:
      return Bytes(8, 0);
    case 841:
      return join({kNull, {0}});
    default:
      return kNull;
  }
}

TEST(Decode, EachService) {
  support::expect_rows(module(), kRows);
  std::vector<Row> rows = kRows;
  for (const protocols::FunctionInfo& function : catalogue().functions) {
    if (function.code < kServiceFault || function.fields != 0) continue;
    const bool back = function.code == kServiceFault || function.name.ends_with("_response");
    const bool channel = function.code == 449 || function.code == 452 || function.code == 455;
    if (channel) continue;
    rows.push_back(
        {function.name.data(), back ? kBack : kAsk,
         back ? response(function.code) : request(function.code, shortest(function.code)),
         std::string(function.name)});
  }
  for (const Row& row : rows) {
    EXPECT_EQ(support::decoded_text(module(), row.message, row.context()), row.expected)
        << row.what;
  }
  for (Row& row : rows) row.expected += " ";
  support::expect_all_functions(module(), rows, {"close_secure_channel_response"});
  support::expect_fields_decide(module(), rows);
}

// Else no rule could name a method where handles are not known.
TEST(Catalogue, ACallHasItsMethodsHandle) {
  for (const protocols::FunctionInfo& function : module().catalogue().functions) {
    const bool calls = (function.fields >> kMethod & 1U) != 0;
    for (const auto field : {kMethodHandleNamespace, kMethodHandle, kMethodHandleName}) {
      EXPECT_EQ((function.fields >> field & 1U) != 0, calls) << function.name;
    }
  }
}

TEST(Decode, WhatIsRefused) {
  // An array of one variant, in which there is another.
  Bytes deeper = {1, 1};
  for (unsigned i = 0; i < kDepthMax; ++i) deeper = join({{0x98}, le32(1), deeper});
  support::expect_rows(
      module(),
      {{"a node less than counted", kAsk,
        request(631, join({Bytes(8, 0), le32(2), le32(2), read_value(kNumeric)})),
        "fault truncated"},
       {"more than counted", kAsk, request(631, join({read_of({kNumeric}), {0}})),
        "fault trailing_bytes"},
       {"more than there can be", kAsk,
        request(631, join({Bytes(8, 0), le32(2), le32(0x7fffffff), read_value(kNumeric)})),
        "fault truncated"},
       {"an encoding of no node", kAsk, request(560, join({le32(1), {9, 1}})), "fault bad_value"},
       {"values too deep", kAsk, request(673, write_of(kNumeric, deeper)), "fault too_deep"},
       {"an answer from the client", kAsk, response(634), "fault wrong_direction"},
       {"a request from the server", kBack, request(631, read_of({kNumeric})),
        "fault wrong_direction"},
       {"an acknowledge from the client", kAsk, chunk("ACKF", Bytes(20, 0)),
        "fault wrong_direction"},
       {"a channel that is opened inside a message", kAsk,
        request(446, join({le32(0), le32(0), le32(1), kNull, le32(60000)})), "fault bad_value"}});
  EXPECT_NE(
      support::decoded_text(module(), request(673, write_of(kNumeric, {1, 1})), kAsk).substr(0, 5),
      "fault");
  const auto frame = [](const Bytes& bytes) { return module().frame(bytes, kAsk); };
  EXPECT_EQ(frame(bytes_of("X")).fault, Fault::not_this_protocol);
  EXPECT_EQ(frame(bytes_of("MSGX")).fault, Fault::bad_value);
  EXPECT_EQ(frame(join({bytes_of("MSGF"), le32(23)})).fault, Fault::bad_length);
  EXPECT_EQ(frame(join({bytes_of("MSGF"), le32(24)})).length, 24U);
  EXPECT_EQ(frame(join({bytes_of("MSGF"), le32(kChunkBytesMax)})).length, kChunkBytesMax);
  EXPECT_EQ(frame(join({bytes_of("MSGF"), le32(kChunkBytesMax + 1)})).fault, Fault::bad_length);
}

// A body that is cut anywhere is no body: no field of what is not there is used.
TEST(Decode, EveryPrefixOfABody) {
  for (const Row& row : kRows) {
    // A signature may be absent, and an answer ends anywhere behind its header.
    const bool whole = row.direction == kAsk && row.what != std::string_view("a signed read");
    if (row.message[0] != 'M' || row.message[3] != 'F') continue;
    for (std::size_t size = kSecureHeaderBytes; size < row.message.size(); ++size) {
      Bytes cut(row.message.begin(), row.message.begin() + static_cast<std::ptrdiff_t>(size));
      store_le32(cut.data() + 4, static_cast<std::uint32_t>(size));
      const std::string text = support::decoded_text(module(), cut, row.context());
      const bool same = text == row.expected && text != "secured_message";
      EXPECT_FALSE(whole && same) << row.what << ", first " << size;
    }
  }
}

// 6, 6.7.2: a message in several chunks is read whole, wherever it is cut.
TEST(Chunks, AMessageInSeveral) {
  const Bytes body = asked(631, read_of({kNumeric, named("Tank.Level")}));
  const std::string expected =
      "read namespace=3 node=1234 attribute=13\n"
      "read namespace=2 node_name=Tank.Level attribute=13";
  for (std::size_t cut = 1; cut < body.size(); ++cut) {
    const auto at = body.begin() + static_cast<std::ptrdiff_t>(cut);
    const Bytes whole = join(
        {secure("MSGC", {body.begin(), at}, {5, 3}), secure("MSGF", {at, body.end()}, {6, 3})});
    EXPECT_EQ(support::decoded_text(module(), whole, kAsk), expected) << cut;
    EXPECT_EQ(module().frame(whole, kAsk).length, whole.size());
  }
  const Bytes first = secure("MSGC", {1, 2, 3}, {5, 3});
  EXPECT_EQ(module().frame(join({first, open_plain()}), kAsk).fault, Fault::bad_sequence);
  // The same however much of it is there, and whatever else is wrong with it.
  const Bytes wrong = join({first, bytes_of("HELF"), le32(3)});
  for (std::size_t have = first.size() + 3; have <= wrong.size(); ++have) {
    EXPECT_EQ(module().frame(ByteView(wrong).first(have), kAsk).fault, Fault::bad_sequence) << have;
  }
  EXPECT_EQ(support::decoded_text(module(), first, kAsk), "fault too_long");
  Bytes many;
  for (std::size_t i = 0; i < kChunksMax; ++i) many = join({many, first});
  EXPECT_EQ(module().frame(many, kAsk).length, many.size());
  EXPECT_EQ(support::decoded_text(module(), many, kAsk), "fault too_long");
}

}  // namespace
}  // namespace bulkhead::opcua
