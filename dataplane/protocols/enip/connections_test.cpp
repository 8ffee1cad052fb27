// Sessions: handles, replies, where connections lead, who may close them, and the refusal.
#include "dataplane/protocols/enip/pairing.h"
#include "tests/support/cip_messages.h"

namespace bulkhead::enip {
namespace {

using protocols::Carrier;
using protocols::Direction;
using protocols::Fault;
using namespace support::cip;
using support::join;
using support::Message;

const protocols::Protocol& module() { return support::module_of("enip"); }

class Registered : public ::testing::Test {
 protected:
  Registered() : session(module()) {
    EXPECT_EQ(session.ask(encapsulated(kRegisterSession, {1, 0, 0, 0}, 9, 0)), Fault::none);
    EXPECT_EQ(session.answer(encapsulated(kRegisterSession, {1, 0, 0, 0}, 9)), Fault::none);
  }

  // What a request asks for, with what the session knows.
  std::string decoded(const Message& request) {
    return support::decoded_text(module(), request,
                                 {Direction::request, Carrier::tcp, session.block()});
  }
  void open(const Opening& opening, std::uint8_t to_target, std::uint8_t context = 2) {
    EXPECT_EQ(session.ask(unconnected(opening.request(), context)), Fault::none);
    EXPECT_EQ(session.answer(unconnected(opening.accepted(to_target, 0x22), context)), Fault::none);
  }

  support::PairedSession session;
  const Message read = service(kReadTag, symbol("A"), {1, 0});
  const std::string read_text = "read_tag service=76 member=0 tag=A elements=1";
};

TEST_F(Registered, TheHandleIsTheSessionsOwn) {
  EXPECT_EQ(session.ask(unconnected(read, 1, 8)), Fault::not_started);
  EXPECT_EQ(session.ask(unconnected(read)), Fault::none);
  support::PairedSession other(module());
  EXPECT_EQ(other.ask(unconnected(read)), Fault::not_started);
  module().begin_unseen(other.block());
  EXPECT_EQ(other.ask(unconnected(read)), Fault::none);
}

TEST_F(Registered, AReplyNeedsItsRequest) {
  EXPECT_EQ(session.answer(unconnected(reply(kReadTag))), Fault::unrequested_response);
  EXPECT_EQ(session.ask(unconnected(read, 3)), Fault::none);
  EXPECT_EQ(session.outstanding(), 1U);
  EXPECT_EQ(session.answer(unconnected(reply(kReadTag), 4)), Fault::unrequested_response);
  EXPECT_EQ(session.answer(unconnected(reply(kWriteTag), 3)), Fault::mismatched_response);
  EXPECT_EQ(session.answer(unconnected(reply(kReadTag), 3)), Fault::none);
  EXPECT_EQ(session.answer(unconnected(reply(kReadTag), 3)), Fault::unrequested_response);
  EXPECT_EQ(session.ask(unconnected(unconnected_send(read), 5)), Fault::none);
  EXPECT_EQ(session.answer(unconnected(reply(kReadTag), 5)), Fault::none) << "of what it carried";
  open({kRouter}, 5);
  EXPECT_EQ(session.ask(connected(read, 5, 77)), Fault::none);
  EXPECT_EQ(session.answer(connected(reply(kReadTag), 0x22, 78)), Fault::unrequested_response);
  EXPECT_EQ(session.answer(connected(reply(kReadTag), 9, 77)), Fault::unrequested_response);
  EXPECT_EQ(session.answer(connected(reply(kReadTag), 0x22, 77)), Fault::none);
}

// CIP 3-5.5.2: what is on a connection goes to where it was opened.
TEST_F(Registered, AConnectionHasTheRouteOfItsOpening) {
  EXPECT_EQ(decoded(connected(read, 5)), "fault not_started") << "nobody opened it";
  EXPECT_TRUE(support::verdict_key(module(), connected(read, 5)).empty());
  open({.path = join({kSlot0, kRouter}), .serial = 1}, 5);
  open({.path = kRouter, .serial = 2}, 6);
  open({.path = join({{1, 4, 2, 9}, kRouter}), .serial = 3}, 7);
  const Message address = join({{0x12, 10}, support::bytes_of("10.99.99.9"), {1, 3}});
  open({.path = join({address, kRouter}), .serial = 4}, 8);
  EXPECT_EQ(decoded(connected(read, 5)), read_text + " port=1 link=0");
  EXPECT_EQ(decoded(connected(read, 6)), read_text);
  EXPECT_EQ(decoded(connected(read, 7)), read_text + " path=1/4/2/9");
  EXPECT_EQ(decoded(connected(read, 8)), read_text + " path=2/10.99.99.9/1/3");
  EXPECT_EQ(decoded(connected(unconnected_send(read, {1, 6}), 5)),
            "unconnected_send service=82 class=6 instance=1 port=1 link=0\n" + read_text +
                " path=1/0/1/6");
  EXPECT_EQ(decoded(connected(read, 0x22)), "fault not_started") << "the other way's";
}

TEST_F(Registered, AConnectionIsKnownOnceItsReplyNamedIt) {
  const Opening opening{.path = kRouter, .serial = 9};
  EXPECT_EQ(session.ask(unconnected(opening.request(), 2)), Fault::none);
  EXPECT_EQ(decoded(connected(read, 5)), "fault not_started");
  Opening other = opening;
  other.serial = 10;
  EXPECT_EQ(session.answer(unconnected(other.accepted(5, 0x22), 2)), Fault::mismatched_response);
  EXPECT_EQ(session.answer(unconnected(reply(kForwardOpen, 1, opening.name()), 2)), Fault::none);
  EXPECT_EQ(decoded(connected(read, 5)), "fault not_started") << "it was refused";
  open(opening, 5);
  EXPECT_EQ(decoded(connected(read, 5)), read_text);
  const Opening implicit{.path = {0x20, 4, 0x24, 5, 0x2c, 6, 0x2c, 7}, .serial = 11, .trigger = 1};
  open(implicit, 6);
  EXPECT_EQ(decoded(connected(read, 6)), "fault not_started") << "its data travels in datagrams";
}

// Two openings of one name under way to two places: a reply could be to either.
TEST_F(Registered, TwoOpeningsOfOneNameDoNotWaitTogether) {
  const Opening here{.path = kRouter};
  const Opening there{.path = join({{1, 5}, kRouter})};
  EXPECT_EQ(session.ask(unconnected(here.request(), 2)), Fault::none);
  EXPECT_EQ(session.ask(unconnected(there.request(), 2)), Fault::bad_sequence);
  EXPECT_EQ(session.answer(unconnected(here.accepted(5, 0x22), 2)), Fault::none);
  EXPECT_EQ(session.ask(unconnected(there.request(), 2)), Fault::none);
  EXPECT_EQ(decoded(connected(read, 5)), read_text);
  EXPECT_EQ(session.answer(unconnected(there.accepted(5, 0x22), 2)), Fault::none);
  EXPECT_EQ(decoded(connected(read, 5)), read_text + " port=1 link=5");
}

TEST_F(Registered, AnIdentifierThatIsGivenAgainIsTheNewConnections) {
  open({.path = kRouter, .serial = 1}, 5);
  open({.path = join({{1, 5}, kRouter}), .serial = 2}, 5);
  EXPECT_EQ(decoded(connected(read, 5)), read_text + " port=1 link=5");
}

// In a session whose beginning was not seen an unknown connection leads nobody knows where.
TEST_F(Registered, AnUnseenConnectionHasAnUnknownRoute) {
  open({.path = kRouter, .serial = 1}, 5);
  module().begin_unseen(session.block());
  EXPECT_EQ(decoded(connected(read, 5)), read_text) << "it is still known";
  EXPECT_EQ(decoded(connected(read, 6)), read_text + " path=unknown");
  EXPECT_EQ(decoded(connected(unconnected_send(read), 6)),
            "unconnected_send service=82 class=6 instance=1 path=unknown\n" + read_text +
                " path=unknown/1/0");
  EXPECT_EQ(session.ask(connected(read, 6, 3)), Fault::none);
  EXPECT_EQ(session.answer(connected(reply(kReadTag), 9, 3)), Fault::none);
}

// CIP 3-5.5.3: a close by another ends what its originator needs.
TEST_F(Registered, ClosesWhatItOpened) {
  const auto closing = [&](const Opening& opening) {
    const std::string text = decoded(unconnected(opening.close()));
    return text.substr(0, text.find(' '));
  };
  const Opening mine{.path = {0x20, 4, 0x24, 5, 0x2c, 6, 0x2c, 7}, .serial = 1, .trigger = 1};
  EXPECT_EQ(closing(mine), "forward_close_other");
  EXPECT_EQ(session.ask(unconnected(mine.request(), 2)), Fault::none);
  EXPECT_EQ(closing(mine), "forward_close_other") << "asked for: it may be another's already";
  EXPECT_EQ(session.answer(unconnected(mine.accepted(5, 0x22), 2)), Fault::none);
  EXPECT_EQ(closing(mine), "forward_close");
  Opening other = mine;
  other.serial = 2;
  EXPECT_EQ(closing(other), "forward_close_other");
  Opening elsewhere = mine;
  elsewhere.path = join({{1, 5}, mine.path});
  EXPECT_EQ(closing(elsewhere), "forward_close_other") << "of that name, but in another slot";
  EXPECT_EQ(decoded(unconnected(unconnected_send(mine.close()))),
            "unconnected_send service=82 class=6 instance=1\n"
            "forward_close_other service=78 class=6 instance=1 vendor=2 port=1 link=0");
  EXPECT_TRUE(support::verdict_key(module(), unconnected(mine.close())).empty());
  EXPECT_EQ(session.ask(unconnected(mine.close(), 3)), Fault::none);
  EXPECT_EQ(session.answer(unconnected(reply(kForwardClose, 0, mine.name()), 3)), Fault::none);
  EXPECT_EQ(closing(mine), "forward_close_other") << "it is closed";
}

// An answer is told by what it answers: many services have one number.
TEST_F(Registered, AnAnswerIsOfTheFunctionThatWasAsked) {
  const auto answered = [&](const Message& request, const Message& answer) {
    EXPECT_EQ(session.ask(request), Fault::none);
    const std::string text = support::decoded_text(
        module(), answer, {Direction::response, Carrier::tcp, session.block()});
    EXPECT_EQ(session.answer(answer), Fault::none);
    return text;
  };
  const Opening cyclic{.path = {0x20, 4, 0x24, 5, 0x2c, 6, 0x2c, 7}, .trigger = 1};
  EXPECT_EQ(answered(unconnected(cyclic.request()), unconnected(cyclic.accepted(5, 0x22))),
            "forward_open_implicit service=84 status=0");
  EXPECT_EQ(
      answered(unconnected(cyclic.close()), unconnected(reply(kForwardClose, 0, cyclic.name()))),
      "forward_close service=78 status=0");
  const Message pccc =
      service(kExecutePccc, {0x20, 0x67, 0x24, 1}, {7, 1, 0, 2, 0, 0, 0, 0x06, 0, 1, 0, 3});
  EXPECT_EQ(answered(unconnected(pccc), unconnected(reply(kExecutePccc, 0, {7}))),
            "execute_pccc service=75 status=0");
  EXPECT_EQ(answered(unconnected(unconnected_send(read)), unconnected(reply(kReadTag))),
            "read_tag service=76 status=0");
  EXPECT_EQ(answered(unconnected(unconnected_send(read)), unconnected(reply(kUnconnectedSend, 1))),
            "unconnected_send service=82 status=1");
  open({kRouter}, 5);
  EXPECT_EQ(
      answered(connected(service(kReadTemplate, {0x20, 0x6c, 0x24, 1}, {0, 0, 0, 0, 4, 0}), 5),
               connected(reply(kReadTemplate), 0x22)),
      "read_template service=76 status=0");
  const Opening others{.path = {0x20, 4, 0x24, 5, 0x2c, 6, 0x2c, 7}, .serial = 6, .trigger = 1};
  EXPECT_EQ(
      answered(unconnected(others.close()), unconnected(reply(kForwardClose, 0, others.name()))),
      "forward_close_other service=78 status=0");
  EXPECT_EQ(answered(unconnected(service(kSetAttributeList, {0x20, 4, 0x24, 1}, {1, 0, 3, 0, 5})),
                     unconnected(reply(kSetAttributeList))),
            "set_attribute_list service=4 status=0")
      << "process data";
  EXPECT_EQ(answered(unconnected(service(kSetAttributeList, {0x20, 4, 0x24, 1}, {1, 0, 1, 0, 5})),
                     unconnected(reply(kSetAttributeList))),
            "set_device_attribute_list service=4 status=0");
}

// The replies in a packet are told by what was asked inside it.
TEST_F(Registered, RepliesInAPacketAreOfWhatWasAsked) {
  const auto answered = [&](const Message& request, const Message& replies) {
    const Message answer = unconnected(reply(kMultipleServicePacket, 0, replies));
    EXPECT_EQ(session.ask(unconnected(request)), Fault::none);
    const std::string text = support::decoded_text(
        module(), answer, {Direction::response, Carrier::tcp, session.block()});
    EXPECT_EQ(session.answer(answer), Fault::none);
    return text;
  };
  const std::string packet_text = "multiple_service_packet service=10 status=0\n";
  const Message two = {2, 0, 6, 0, 10, 0, 0x8e, 0, 0, 0, 0xcc, 0, 0, 0};
  const Message identity = service(kGetAttributeSingle, {0x20, 1, 0x24, 1, 0x30, 1});
  const Message of_template = service(kReadTemplate, {0x20, 0x6c, 0x24, 1}, {0, 0, 0, 0, 4, 0});
  EXPECT_EQ(answered(packet({identity, of_template}), two),
            packet_text +
                "get_attribute_single service=14 status=0\n"
                "read_template service=76 status=0");
  EXPECT_EQ(answered(packet({identity, read}), two),
            packet_text +
                "get_attribute_single service=14 status=0\n"
                "read_tag service=76 status=0");
  const Message unknown = {1, 0, 4, 0, 0xd2, 0, 0, 0};
  EXPECT_EQ(answered(packet({of_template}), unknown),
            packet_text + "read_tag_fragmented service=82 status=0");
}

// One connection with a short route stands in the usual block; more need the larger one.
TEST_F(Registered, ConnectionsAreBounded) {
  support::PairedSession usual(module());
  const auto small = usual.block().first(module().state_layout().bytes);
  const auto ask = [&](std::span<std::byte> block, const Opening& opening) {
    return support::accept(module(), block, unconnected(opening.request(), 2), Direction::request,
                           0);
  };
  module().begin_unseen(small);
  const Message far = join({{0x12, 10}, support::bytes_of("10.99.99.9"), {1, 3}, kRouter});
  EXPECT_EQ(ask(small, {.path = far, .serial = 1}), Fault::too_many_outstanding);
  EXPECT_EQ(ask(small, {.path = kRouter, .serial = 1}), Fault::none);
  EXPECT_EQ(ask(small, {.path = kRouter, .serial = 2}), Fault::too_many_outstanding);
  EXPECT_EQ(ask(usual.block(), {.path = far, .serial = 2}), Fault::none);
  for (std::uint8_t i = 0; i < kConnectionsMax + 1; ++i) {
    open({.path = join({{1, i}, kRouter}), .serial = i}, static_cast<std::uint8_t>(0x40 + i));
  }
  EXPECT_EQ(decoded(connected(read, 0x40)), read_text + " port=1 link=0");
  EXPECT_EQ(decoded(connected(read, 0x40 + kConnectionsMax)), read_text + " port=1 link=31");
  open({.path = join({{1, 99}, kRouter}), .serial = 99}, 0x99);
  EXPECT_EQ(decoded(connected(read, 0x99)), read_text + " port=1 link=99");
  EXPECT_EQ(decoded(connected(read, 0x41)), "fault not_started") << "it gave way";
}

TEST_F(Registered, ARefusalGoesBackOnItsConnection) {
  std::array<std::uint8_t, protocols::kRefusalBytesMax> buffer{};
  const auto refuse = [&](const Message& request, protocols::DeniedPart denied_part) {
    const std::size_t length = support::refuse(module(), request, denied_part, buffer);
    return Message(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(length));
  };
  const Message write = service(kWriteTag, symbol("A"), {0xc1, 0, 1, 0, 1, 0});
  EXPECT_EQ(refuse(unconnected(write, 6), protocols::DeniedPart::value),
            unconnected(reply(kWriteTag, 9), 6));
  EXPECT_EQ(refuse(unconnected(unconnected_send(write), 6), protocols::DeniedPart::address),
            unconnected(reply(kWriteTag, 5), 6));
  EXPECT_EQ(refuse(encapsulated(kListIdentity, {}), protocols::DeniedPart::function),
            encapsulated(kListIdentity, {}, 1, 7, 1));
  EXPECT_TRUE(refuse(encapsulated(kNop, {}), protocols::DeniedPart::function).empty());
  // 3-5.5.2: the device's identifier is 0x11, the client's 0x22.
  EXPECT_FALSE(
      support::take_out(module(), session.block(), connected(write, 0x11), Direction::request));
  open({kRouter}, 0x11);
  const Message request = connected(write, 0x11, 40);
  EXPECT_TRUE(support::take_out(module(), session.block(), request, Direction::request));
  Message refusal = refuse(request, protocols::DeniedPart::function);
  module().splicing()->put_in(session.block(), refusal);
  Message expected = connected(reply(kWriteTag, 8), 0x22, 40);
  EXPECT_EQ(refusal, expected);
}

}  // namespace
}  // namespace bulkhead::enip
