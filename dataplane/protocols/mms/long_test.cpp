// Answers that are longer than what is put together: read by their heads, and passed in pieces.
#include "dataplane/protocols/mms/pairing.h"
#include "tests/support/mms_messages.h"
#include "tests/support/protocol_rows.h"

namespace bulkhead::mms {
namespace {

using protocols::Direction;
using protocols::Fault;
using support::element;
using support::join;
using support::Message;
namespace ms = support::mms;

constexpr auto kAsk = Direction::request;
constexpr auto kBack = Direction::response;

const protocols::Protocol& module() { return support::module_of("mms"); }

// Data units of the transport: as many TPDUs of 8192 octets as it takes (RFC 905, 13.7).
Message in_tpdus(const Message& user) {
  constexpr std::size_t kTpduBytes = 8192 - 3;
  Message all;
  for (std::size_t at = 0; at < user.size(); at += kTpduBytes) {
    const std::size_t end = std::min(at + kTpduBytes, user.size());
    const Message part(user.begin() + static_cast<std::ptrdiff_t>(at),
                       user.begin() + static_cast<std::ptrdiff_t>(end));
    all = join({all, support::data_unit(part, end == user.size() ? 0x80 : 0)});
  }
  return all;
}

Message long_pdu(const Message& pdu, std::uint8_t context = 3) {
  const Message list = join({{2, 1, context}, element(0xa0, pdu)});
  return in_tpdus(join({{1, 0, 1, 0}, element(0x61, element(0x30, list))}));
}

// A read's answer: one array of octets.
Message answer_of(std::size_t bytes, std::uint8_t id = 7) {
  const Message service = element(0xa4, element(0xa1, element(0x89, Message(bytes, 0x5a))));
  return long_pdu(element(0xa1, join({{2, 1, id}, service})));
}

class LongAnswer : public ::testing::Test {
 protected:
  LongAnswer() : session(module()) {
    EXPECT_EQ(session.ask(ms::read({ms::variable("GGIO1$ST$Arr")})), Fault::none);
  }
  protocols::MessageContext way() { return {kBack, protocols::Carrier::tcp, session.block()}; }
  std::string told(const Message& piece) { return support::decoded_text(module(), piece, way()); }
  // The next piece of a stream, which is taken off its front.
  Message next(Message& stream) {
    const protocols::Frame frame = module().frame(stream, way());
    EXPECT_EQ(frame.fault, Fault::none);
    EXPECT_GT(frame.length, 0U);
    EXPECT_LE(frame.length, cotp::kPieceBytes);
    const std::size_t length = std::min(frame.length, stream.size());
    const Message piece(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(length));
    stream.erase(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(length));
    return piece;
  }

  support::PairedSession session;
};

TEST_F(LongAnswer, PassesInPieces) {
  Message stream = answer_of(160'000);
  const std::size_t bytes = stream.size();
  Message piece = next(stream);
  EXPECT_EQ(told(piece), "read");
  EXPECT_EQ(session.answer(piece), Fault::none);
  std::size_t pieces = 1;
  std::size_t passed = piece.size();
  while (!stream.empty()) {
    piece = next(stream);
    EXPECT_EQ(told(piece), "continuation");
    EXPECT_EQ(session.answer(piece), Fault::none);
    passed += piece.size();
    ++pieces;
  }
  EXPECT_EQ(passed, bytes);
  EXPECT_EQ(pieces, 3U);
  // It is over: what follows is a message of its own.
  EXPECT_EQ(session.ask(ms::read({ms::variable("GGIO1$ST$Arr")})), Fault::none);
  const Message shorter = answer_of(100);
  EXPECT_EQ(told(shorter), "read");
  EXPECT_EQ(session.answer(shorter), Fault::none);
}

// A piece is cut between TPDUs, wherever the stream ends that is there.
TEST_F(LongAnswer, IsDelimitedFromAnyBeginning) {
  const Message stream = answer_of(160'000);
  const std::size_t whole = module().frame(stream, way()).length;
  EXPECT_EQ(whole % (8192 + 4), 0U);
  for (std::size_t have = 0; have <= whole; have += 97) {
    const Message part(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(have));
    const protocols::Frame frame = module().frame(part, way());
    EXPECT_EQ(frame.fault, Fault::none);
    EXPECT_EQ(frame.length, 0U);
    EXPECT_GT(frame.needed, have);
  }
}

TEST_F(LongAnswer, AnswersWhatWasAsked) {
  Message other = answer_of(160'000, 8);
  EXPECT_EQ(session.answer(next(other)), Fault::unrequested_response);
  Message files = long_pdu(element(
      0xa1, join({{2, 1, 7},
                  element(ms::context_tag(73, true), element(0x80, Message(160'000, 0x5a)))})));
  const Message piece = next(files);
  EXPECT_EQ(told(piece), "file_read");
  EXPECT_EQ(session.answer(piece), Fault::mismatched_response);
  Message elsewhere =
      long_pdu(element(0xa1, join({{2, 1, 7}, element(0xa4, Message(160'000, 0))})), 5);
  EXPECT_EQ(session.answer(next(elsewhere)), Fault::bad_value);
}

// Whatever is judged has to be whole, and headers reach to the end.
TEST_F(LongAnswer, NothingElseIsLong) {
  const auto first = [&](const Message& pdu) {
    Message stream = long_pdu(pdu);
    return told(next(stream));
  };
  const Message much(160'000, 0x5a);
  EXPECT_EQ(first(element(0xa0, join({{2, 1, 7}, element(0xa5, much)}))), "fault bad_length");
  EXPECT_EQ(first(element(0xa3, element(0xa0, much))), "fault bad_length") << "a report";
  EXPECT_EQ(first(join({element(0xa1, join({{2, 1, 7}, element(0xa4, Message(9, 0))})), much})),
            "fault bad_value");
  EXPECT_EQ(first(element(0xa1, join({{2, 1, 7}, element(0xa4, Message(60'000, 0)), much}))),
            "fault bad_length");
  Message padded = answer_of(160'000);
  padded[7 + 4 + 1] = 0x84;
  EXPECT_EQ(told(next(padded)).substr(0, 5), "fault");
  // What a client sends is put together or refused.
  Message request = long_pdu(element(0xa0, join({{2, 1, 7}, element(0xa5, much)})));
  EXPECT_EQ(module().frame(request, kAsk).fault, Fault::bad_length);
}

TEST_F(LongAnswer, EndsOnlyWithItsTpdus) {
  Message stream = answer_of(160'000);
  EXPECT_EQ(session.answer(next(stream)), Fault::none);
  const Message disconnect = {3, 0, 0, 11, 6, 0x80, 0, 1, 0, 2, 0};
  EXPECT_EQ(module().frame(disconnect, way()).fault, Fault::bad_sequence);
  Message numbered = next(stream);
  numbered[6] = 0x81;
  EXPECT_EQ(module().frame(numbered, way()).fault, Fault::bad_value);
}

}  // namespace
}  // namespace bulkhead::mms
