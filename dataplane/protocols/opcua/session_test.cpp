// What a channel and its session make of messages: pairing, channels that can be read and those
// that cannot, handles, and the refusal with its numbers.
#include "dataplane/protocols/opcua/pairing.h"
#include "tests/support/opcua_messages.h"

namespace bulkhead::opcua {
namespace {

// What a message asks for in a session.
std::string told(support::PairedSession& session, const Bytes& message, Direction way = kAsk) {
  return support::decoded_text(module(), message, {way, protocols::Carrier::tcp, session.block()});
}

class Plain : public ::testing::Test {
 protected:
  Plain() : session(module()) {
    EXPECT_EQ(session.ask(open_plain({1, 1})), Fault::none);
    EXPECT_EQ(session.answer(opened_plain({51, 1})), Fault::none);
  }
  Bytes read(At at) { return request(631, read_of({kNumeric}), at); }

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

// An answer to nothing is taken out: the client sees no gap.
TEST_F(Plain, NumbersGoOnBehindADroppedAnswer) {
  const Bytes stray = response(634, {52, 9});
  EXPECT_EQ(session.answer(stray), Fault::unrequested_response);
  EXPECT_FALSE(module().numbered_messages()->renumbers(session.block()));
  ASSERT_TRUE(support::take_out(module(), session.block(), stray, kBack));
  EXPECT_TRUE(module().numbered_messages()->renumbers(session.block()));
  EXPECT_EQ(session.ask(read({2, 2})), Fault::none);
  const protocols::Difference found =
      support::difference(module(), session.block(), response(634, {53, 7}));
  EXPECT_EQ(found.what, "request_id");
  EXPECT_EQ(found.asked, 2U);
  EXPECT_EQ(found.answered, 7U);
  EXPECT_FALSE(support::take_out(module(), session.block(), response(634, {60, 9}), kBack))
      << "out of step";
  Bytes answer = response(634, {53, 2});
  EXPECT_EQ(session.answer(answer), Fault::none);
  module().numbered_messages()->renumber(session.block(), kBack, answer);
  EXPECT_EQ(answer, response(634, {52, 2}));
}

// 6, 7.1.3: the first message of whoever opened the connection.
TEST(ReverseHello, ComesFirst) {
  support::PairedSession session(module());
  const Bytes hello = chunk("RHEF", join({text("urn:plc"), text("opc.tcp://plc")}));
  EXPECT_EQ(told(session, hello), "reverse_hello endpoint=opc.tcp://plc");
  EXPECT_EQ(told(session, hello, kBack), "fault wrong_direction");
  EXPECT_TRUE(module().frame(hello, kAsk).turns);
  EXPECT_TRUE(support::verdict_key(module(), hello).empty()) << "it does not the second time";
  EXPECT_EQ(session.ask(hello), Fault::none);
  EXPECT_EQ(told(session, hello), "fault wrong_direction");
  EXPECT_EQ(told(session, hello, kBack), "fault wrong_direction");
  support::PairedSession unseen(module());
  module().begin_unseen(unseen.block());
  EXPECT_EQ(told(unseen, hello), "fault wrong_direction");
}

// 6, 6.7.2.4.
TEST(Sequence, BeginsAgainBelow1024) {
  EXPECT_TRUE(follows(7, 8));
  EXPECT_FALSE(follows(7, 7));
  EXPECT_FALSE(follows(4294966270U, 5));
  EXPECT_TRUE(follows(4294966271U, 5));
  EXPECT_TRUE(follows(4294967295U, 0));
  EXPECT_TRUE(follows(4294967295U, 1));
  EXPECT_TRUE(follows(4294967295U, 1023));
  EXPECT_FALSE(follows(4294967295U, 1024));
  support::PairedSession session(module());
  EXPECT_EQ(session.ask(open_plain({4294967295U, 1})), Fault::none);
  EXPECT_EQ(session.answer(opened_plain({4294967295U, 1})), Fault::none);
  EXPECT_EQ(session.ask(request(631, read_of({kNumeric}), {1, 2})), Fault::none);
  EXPECT_EQ(session.answer(response(634, {1, 2})), Fault::none);
  // Inside a message too.
  const Bytes body = asked(631, read_of({kNumeric}));
  const Bytes two = join({secure("MSGC", {body.begin(), body.begin() + 9}, {4294967295U, 3}),
                          secure("MSGF", {body.begin() + 9, body.end()}, {0, 3})});
  EXPECT_EQ(support::decoded_text(module(), two, kAsk), "read namespace=3 node=1234 attribute=13");
}

// Behind a refusal the two ends count differently, and only one of them begins again.
TEST(Sequence, BeginsAgainForOneEnd) {
  support::PairedSession session(module());
  EXPECT_EQ(session.ask(open_plain({4294966270U, 1})), Fault::none);
  EXPECT_EQ(session.answer(opened_plain({4294966271U, 1})), Fault::none);
  const Bytes refused = request(673, write_of(kNumeric, {1, 1}), {4294966271U, 2});
  std::array<std::uint8_t, protocols::kRefusalBytesMax> reply{};
  const std::size_t length =
      support::refuse(module(), refused, protocols::DeniedPart::value, reply);
  ASSERT_TRUE(support::take_out(module(), session.block(), refused, kAsk));
  module().splicing()->put_in(session.block(), std::span(reply).first(length));
  Bytes ask = request(631, read_of({kNumeric}), {3, 3});
  EXPECT_EQ(session.ask(ask), Fault::none);
  module().numbered_messages()->renumber(session.block(), kAsk, ask);
  EXPECT_EQ(load_le32(ask.data() + 16), 4294966271U);
  Bytes answer = response(634, {0, 3});
  EXPECT_EQ(session.answer(answer), Fault::none);
  module().numbered_messages()->renumber(session.block(), kBack, answer);
  EXPECT_EQ(load_le32(answer.data() + 16), 4294966273U);
}

// What an answer holds is content: of a long one a head is read, and one of many chunks is cut
// between them.
class LongAnswer : public Plain {
 protected:
  LongAnswer() { EXPECT_EQ(session.ask(read({2, 2})), Fault::none); }
  protocols::Frame frame(const Bytes& bytes, Direction way = kBack) {
    return module().frame(bytes, {way, protocols::Carrier::tcp, session.block()});
  }
  static Bytes chunk_of(std::string_view type, std::size_t bytes, At at, bool first = false) {
    Bytes body = first ? answered(634) : Bytes{};
    body.resize(bytes - kSecureHeaderBytes, 7);
    return secure(type, body, at);
  }
};

TEST_F(LongAnswer, OfOneChunkIsJudgedByItsHead) {
  const Bytes answer = chunk_of("MSGF", 160000, {52, 2}, true);
  EXPECT_EQ(frame(answer).length, 160000U);
  EXPECT_EQ(frame(answer).head, kHeadBytes);
  EXPECT_EQ(frame(chunk_of("MSGF", kPieceBytes, {52, 2}, true)).head, 0U);
  EXPECT_EQ(frame(chunk_of("MSGF", kPieceBytes + 1, {52, 2}, true)).head, kHeadBytes);
  const Bytes head(answer.begin(), answer.begin() + kHeadBytes);
  const auto operations = std::make_unique<protocols::OperationList>();
  const protocols::MessageContext way = {kBack, protocols::Carrier::tcp, session.block()};
  protocols::Parsed parsed(head, kBack);
  EXPECT_EQ(module().parse_head(parsed, answer.size(), way, *operations), Fault::none);
  EXPECT_EQ((*operations)[0].function, find_function(634));
  EXPECT_EQ(session.answer(head), Fault::none);
  EXPECT_EQ(session.ask(head), Fault::too_long) << "no request";
  EXPECT_EQ(session.ask(read({3, 3})), Fault::none);
  EXPECT_EQ(session.answer(response(634, {53, 3})), Fault::none);
}

TEST_F(LongAnswer, OfManyChunksComesInPieces) {
  const Bytes one = chunk_of("MSGC", 30000, {52, 2}, true);
  const Bytes two = chunk_of("MSGC", 19152, {53, 2});
  const Bytes three = chunk_of("MSGF", 30000, {54, 2});
  const Bytes all = join({one, two, three});
  EXPECT_EQ(frame(all).length, kPieceBytes);
  const Bytes piece = join({one, two});
  EXPECT_EQ(told(session, piece, kBack), "read_response");
  EXPECT_EQ(session.answer(three), Fault::unknown_function) << "there is no beginning";
  EXPECT_EQ(session.answer(piece), Fault::none);
  EXPECT_EQ(session.ask(read({3, 3})), Fault::none) << "the client asks on meanwhile";
  EXPECT_EQ(told(session, three, kBack), "continuation");
  EXPECT_EQ(session.answer(response(634, {54, 9})), Fault::bad_sequence) << "another request's";
  EXPECT_EQ(session.answer(chunk_of("MSGF", 30000, {55, 2})), Fault::bad_sequence);
  EXPECT_EQ(session.answer(three), Fault::none);
  EXPECT_EQ(session.answer(three), Fault::unknown_function) << "it is over";
  EXPECT_EQ(session.ask(one), Fault::too_long) << "no request";
}

TEST_F(LongAnswer, AfterARefusalEachChunkHasANumberOfItsOwn) {
  const Bytes refused = request(673, write_of(kNumeric, {1, 1}), {3, 3});
  std::array<std::uint8_t, protocols::kRefusalBytesMax> reply{};
  const std::size_t length =
      support::refuse(module(), refused, protocols::DeniedPart::value, reply);
  ASSERT_TRUE(support::take_out(module(), session.block(), refused, kAsk));
  module().splicing()->put_in(session.block(), std::span(reply).first(length));
  const Bytes one = chunk_of("MSGC", 1000, {52, 2}, true);
  Bytes two = chunk_of("MSGF", 1000, {53, 2});
  EXPECT_EQ(frame(join({one, two})).length, one.size());
  EXPECT_EQ(session.answer(one), Fault::none);
  EXPECT_EQ(session.answer(two), Fault::none);
  module().numbered_messages()->renumber(session.block(), kBack, two);
  EXPECT_EQ(load_le32(two.data() + 16), 54U);
}

TEST_F(Plain, NothingThatCannotBeReadPasses) {
  EXPECT_EQ(told(session, secure("MSGF", {0x91, 7, 7, 7}, {2, 2})), "fault unknown_function");
  EXPECT_EQ(told(session, request(631, join({read_of({kNumeric}), Bytes(32, 9)}), {2, 2})),
            "fault trailing_bytes");
  EXPECT_EQ(session.ask(open(kPolicyAes, {1, 2, 3})), Fault::bad_value);
}

class SecuredChannel : public ::testing::Test {
 protected:
  SecuredChannel() : session(module()) {
    EXPECT_EQ(session.ask(open(kPolicyAes, {1, 2, 3})), Fault::none);
    EXPECT_EQ(session.answer(open(kPolicyAes, {1, 2, 3})), Fault::none);
  }
  // 7, 6.2: HMAC-SHA256 behind each chunk.
  static Bytes sign(const Bytes& body, At at, std::string_view type = "MSGF") {
    return secure(type, join({body, Bytes(32, 9)}), at);
  }
  static Bytes read(At at) { return sign(asked(631, read_of({kNumeric})), at); }
  static Bytes answer(At at) { return sign(answered(634), at); }

  support::PairedSession session;
};

TEST_F(SecuredChannel, TheChannelStaysSecured) {
  support::PairedSession other(module());
  EXPECT_EQ(other.ask(request(631, read_of({kNumeric}))), Fault::not_started);
  EXPECT_EQ(session.ask(open_plain()), Fault::bad_value);
  EXPECT_EQ(session.ask(open("http://opcfoundation.org/UA/SecurityPolicy#Basic256", {1})),
            Fault::bad_value);
  EXPECT_FALSE(
      support::take_out(module(), session.block(), request(631, read_of({kNumeric})), kAsk));
  EXPECT_FALSE(support::take_out(module(), session.block(), response(634), kBack));
}

// What is encrypted is opaque, whatever its bytes look like.
TEST_F(SecuredChannel, WhatCannotBeReadMakesTheChannelHidden) {
  const Bytes hidden = secure("MSGF", Bytes(64, 0x91), {0x1234, 9});
  EXPECT_EQ(told(session, hidden), "secured_message");
  EXPECT_EQ(session.ask(hidden), Fault::none);
  EXPECT_EQ(told(session, read({2, 2})), "secured_message");
  EXPECT_EQ(told(session, request(631, read_of({kNumeric}), {2, 2})), "secured_message");
  EXPECT_EQ(told(session, secure("CLOF", Bytes(64, 0x91), {3, 3})), "secured_message");
  EXPECT_EQ(session.answer(hidden), Fault::none);
}

TEST_F(SecuredChannel, WhatIsSignedIsReadToItsSignature) {
  const std::string expected = "read namespace=3 node=1234 attribute=13";
  EXPECT_EQ(told(session, read({11, 2})), expected);
  EXPECT_EQ(session.ask(read({11, 2})), Fault::none);
  EXPECT_EQ(session.ask(read({12, 3})), Fault::not_started) << "the server has not answered";
  EXPECT_EQ(session.answer(answer({71, 2})), Fault::none);
  EXPECT_EQ(session.ask(read({12, 3})), Fault::none);
  EXPECT_EQ(session.ask(read({14, 4})), Fault::bad_sequence);
  // Now nothing else passes: no hidden content, no signature of another size.
  EXPECT_EQ(told(session, secure("MSGF", Bytes(64, 0x91), {13, 4})), "fault unknown_function");
  EXPECT_EQ(told(session, request(631, read_of({kNumeric}), {13, 4})), "fault truncated");
  EXPECT_EQ(
      told(session, secure("MSGF", join({asked(631, read_of({kNumeric})), Bytes(31, 9)}), {13, 4})),
      "fault truncated");
  EXPECT_EQ(
      told(session, secure("MSGF", join({asked(631, read_of({kNumeric})), Bytes(33, 9)}), {13, 4})),
      "fault trailing_bytes");
  // Each chunk has a signature of its own.
  const Bytes body = asked(631, read_of({kNumeric}));
  EXPECT_EQ(told(session, join({sign({body.begin(), body.begin() + 9}, {13, 4}, "MSGC"),
                                sign({body.begin() + 9, body.end()}, {14, 4})})),
            expected);
  // The channel is renewed; its numbers go on unseen.
  EXPECT_EQ(session.ask(open(kPolicyAes, {1, 2, 3})), Fault::none);
  EXPECT_EQ(session.ask(read({15, 5})), Fault::none);
}

TEST(Secured, AnUnknownPolicyHidesAll) {
  support::PairedSession session(module());
  EXPECT_EQ(session.ask(open("urn:other", {1, 2, 3})), Fault::none);
  EXPECT_EQ(told(session, request(631, read_of({kNumeric}))), "secured_message");
}

// Handles (4, 5.8.5): what the server gave out is judged as the node that it stands for.
class Handed : public Plain {
 protected:
  static Bytes token(std::uint8_t number) { return {2, 1, 0, number, 0, 0, 0}; }
  // With a session's authentication token.
  Bytes in(std::uint8_t number, std::uint16_t code, const Bytes& rest) {
    ++at.sequence;
    ++at.request;
    return secure(
        "MSGF",
        join({{1, 0, static_cast<std::uint8_t>(code), static_cast<std::uint8_t>(code >> 8)},
              number == 0 ? Bytes{0, 0} : token(number),
              Bytes(8, 0),
              le32(42),
              le32(0),
              kNull,
              le32(0),
              {0, 0, 0},
              rest}),
        at);
  }
  Bytes back(std::uint16_t code, const Bytes& rest) {
    return secure("MSGF", answered(code, rest), {++answers, at.request});
  }
  void create(std::uint8_t number) {
    EXPECT_EQ(session.ask(in(0, 461, session_creation())), Fault::none);
    EXPECT_EQ(session.answer(back(464, join({kNumeric, token(number)}))), Fault::none);
  }
  // The session asks for a handle of a node.
  Fault ask_for(std::uint8_t number, const Bytes& node) {
    return session.ask(in(number, 560, join({le32(1), node})));
  }
  Fault give(const Bytes& given) { return session.answer(back(563, join({le32(1), given}))); }
  std::string write_to(std::uint8_t number, const Bytes& node) {
    const At before = at;
    const Bytes message = in(number, 673, write_of(node, {1, 1}));
    at = before;
    return told(session, message);
  }

  At at{1, 1};
  std::uint32_t answers = 51;
  const Bytes secret = {1, 1, 0x9a, 2};              // ns=1;i=666
  const Bytes handle = {2, 0x0f, 0x27, 1, 0, 0, 0};  // ns=9999;i=1
  const std::string of_secret = "write namespace=1 node=666 attribute=13 value=1 data_type=1";
  const std::string of_itself = "write namespace=9999 node=1 attribute=13 value=1 data_type=1";
  const std::string of_nobody =
      "write attribute=13 value=1 data_type=1 handle_namespace=9999 handle=1";
};

TEST_F(Handed, AHandleIsItsNode) {
  create(5);
  EXPECT_EQ(write_to(5, handle), of_itself);
  EXPECT_EQ(ask_for(5, secret), Fault::none);
  EXPECT_EQ(write_to(5, handle), of_nobody) << "it may be the handle that is on its way";
  EXPECT_EQ(write_to(5, {1, 0, 0xf6, 8}),
            "write_setting namespace=0 node=2294 attribute=13 value=1 data_type=1");
  EXPECT_EQ(give(handle), Fault::none);
  EXPECT_EQ(write_to(5, handle), of_secret);
  EXPECT_EQ(write_to(5, secret), of_secret);
  // A handle of a handle, and a handle that is given out again.
  EXPECT_EQ(ask_for(5, handle), Fault::none);
  EXPECT_EQ(give({1, 9, 2, 0}), Fault::none);
  EXPECT_EQ(write_to(5, {1, 9, 2, 0}), of_secret);
  EXPECT_EQ(ask_for(5, named("Pump")), Fault::none);
  EXPECT_EQ(give(handle), Fault::none);
  EXPECT_EQ(write_to(5, handle),
            "write namespace=2 node_name=Pump attribute=13 value=1 data_type=1");
  // A server that hands back what it was asked for gives out nothing.
  EXPECT_EQ(ask_for(5, {1, 7, 7, 0}), Fault::none);
  EXPECT_EQ(give({1, 7, 7, 0}), Fault::none);
  EXPECT_EQ(write_to(5, {1, 7, 7, 0}), "write namespace=7 node=7 attribute=13 value=1 data_type=1");
  EXPECT_TRUE(support::verdict_key(module(), in(5, 673, write_of(handle, {1, 1}))).empty());
}

TEST_F(Handed, ARefusedRegistrationGivesNothing) {
  create(5);
  EXPECT_EQ(ask_for(5, secret), Fault::none);
  EXPECT_EQ(session.answer(back(kServiceFault, {})), Fault::none);
  EXPECT_EQ(write_to(5, handle), of_itself);
}

TEST_F(Handed, AHandleIsOfItsSession) {
  create(5);
  create(6);
  EXPECT_EQ(ask_for(5, secret), Fault::none);
  EXPECT_EQ(give(handle), Fault::none);
  EXPECT_EQ(write_to(6, handle), of_itself);
  EXPECT_EQ(session.ask(in(5, 473, {1})), Fault::none);
  EXPECT_EQ(write_to(5, handle), of_nobody) << "it is closed";
  create(7);
  EXPECT_EQ(write_to(7, handle), of_itself) << "in the place of the first";
}

// Its handles were given out where this connection's record has nothing of them.
TEST_F(Handed, ASessionOfElsewhereHasNoNodes) {
  EXPECT_EQ(write_to(5, handle), of_nobody);
  EXPECT_EQ(told(session, in(5, 467, activation({0, 0, 0}))), "reactivate_session user_token=0");
  EXPECT_EQ(told(session, in(5, 560, join({le32(1), secret}))), "fault not_started");
  at = {1, 1};
  create(5);
  EXPECT_EQ(told(session, in(5, 467, activation({0, 0, 0}))), "activate_session user_token=0");
  std::array<std::uint8_t, protocols::kRefusalBytesMax> reply{};
  ASSERT_NE(support::refuse(module(), in(8, 467, activation({0, 0, 0})),
                            protocols::DeniedPart::function, reply),
            0U);
  EXPECT_EQ(load_le32(reply.data() + kSecureHeaderBytes + 16), 0x80250000U)
      << "so that its client begins a new session";
  support::PairedSession unseen(module());
  module().begin_unseen(unseen.block());
  EXPECT_EQ(told(unseen, in(5, 673, write_of(handle, {1, 1}))), of_nobody);
  EXPECT_EQ(told(unseen, in(5, 560, join({le32(1), secret}))), "fault not_started");
}

TEST_F(Handed, WhatCannotBeRememberedIsNotKnown) {
  create(5);
  const Bytes long_name = named(std::string(3000, 'x'));
  EXPECT_EQ(ask_for(5, long_name), Fault::none);
  EXPECT_EQ(give(handle), Fault::none);
  EXPECT_EQ(ask_for(5, long_name), Fault::too_many_outstanding) << "no room for its name";
  --at.sequence;
  EXPECT_EQ(ask_for(5, secret), Fault::none);
  EXPECT_EQ(give(named("handle")), Fault::none);
  EXPECT_EQ(write_to(5, secret),
            "write attribute=13 value=1 data_type=1 handle_namespace=1 handle=666")
      << "a handle that is no number is not kept";
}

TEST_F(Handed, AnAnswerThatIsNotCountedLosesHandles) {
  create(5);
  EXPECT_EQ(ask_for(5, secret), Fault::none);
  EXPECT_EQ(session.answer(back(563, join({le32(2), handle, handle}))), Fault::none);
  EXPECT_EQ(write_to(5, secret),
            "write attribute=13 value=1 data_type=1 handle_namespace=1 handle=666");
}

TEST_F(Handed, AnAnswerToNobodyLosesHandles) {
  create(5);
  EXPECT_EQ(session.answer(back(563, join({le32(1), handle}))), Fault::unrequested_response);
  EXPECT_EQ(write_to(5, handle), of_nobody);
}

TEST_F(Handed, ABlockOfTheUsualSizeGrowsFirst) {
  create(5);
  const auto usual = session.block().first(module().state_layout().bytes);
  const Bytes asks = in(5, 560, join({le32(1), secret}));
  EXPECT_EQ(support::accept(module(), usual, asks, kAsk, session.now_ms),
            Fault::too_many_outstanding);
  EXPECT_EQ(session.ask(asks), Fault::none);
}

TEST_F(Plain, NumbersAreTranslatedAroundARefusal) {
  std::array<std::uint8_t, protocols::kRefusalBytesMax> buffer{};
  const Bytes refused = request(673, write_of(kNumeric, {1, 1}), {2, 2});
  const std::size_t length =
      support::refuse(module(), refused, protocols::DeniedPart::value, buffer);
  Bytes reply(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(length));
  EXPECT_EQ(support::decoded_text(module(), reply, kBack), "service_fault");
  ASSERT_TRUE(support::take_out(module(), session.block(), refused, kAsk));
  module().splicing()->put_in(session.block(), reply);
  EXPECT_EQ(load_le32(reply.data() + 16), 52U) << "the server's next number";
  EXPECT_EQ(load_le32(reply.data() + 20), 2U) << "the refused request";
  Bytes next = read({3, 3});
  EXPECT_EQ(session.ask(next), Fault::none);
  module().numbered_messages()->renumber(session.block(), kAsk, next);
  EXPECT_EQ(next, read({2, 3}));
  Bytes answer = response(634, {52, 3});
  EXPECT_EQ(session.answer(answer), Fault::none);
  module().numbered_messages()->renumber(session.block(), kBack, answer);
  EXPECT_EQ(answer, response(634, {53, 3}));
  // The later chunks of a message cannot be given other numbers.
  const Bytes body = asked(631, read_of({kNumeric}));
  const Bytes two = join({secure("MSGC", {body.begin(), body.begin() + 9}, {4, 4}),
                          secure("MSGF", {body.begin() + 9, body.end()}, {5, 4})});
  EXPECT_EQ(session.ask(two), Fault::bad_sequence);
}

}  // namespace
}  // namespace bulkhead::opcua
