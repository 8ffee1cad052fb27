// Answers that are longer than what is put together: read by their heads, and passed in pieces.
#include <algorithm>
#include <set>

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

// A write of these values to variables.
Message write_of(const Message& variables, const Message& values, std::uint8_t access = 0xa0) {
  const Message service = element(0xa5, join({element(access, variables), element(0xa0, values)}));
  return element(0xa0, join({{2, 1, 7}, service}));
}

const Message kPoint = ms::variable("GGIO1$SP$Blob$setVal");

Message octets(std::size_t count) { return element(0x89, Message(count, 0x5a)); }

class LongRequest : public ::testing::Test {
 protected:
  LongRequest() : session(module()) {}
  protocols::MessageContext way() { return {kAsk, protocols::Carrier::tcp, session.block()}; }
  // Each piece of a stream, and what it asks for; ends with the first that is refused. What is
  // accepted is no row for tests/adversarial/accounting, which takes messages apart octet by octet.
  std::vector<std::string> pieces(const Message& stream) {
    std::vector<std::string> told;
    for (ByteView rest = stream; !rest.empty();) {
      const protocols::Frame frame = module().frame(rest, way());
      if (frame.fault != Fault::none || frame.length == 0 || frame.length > rest.size()) {
        told.push_back("not delimited");
        break;
      }
      const Message piece(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(frame.length));
      told.push_back(support::decoded_text(module(), piece, way()));
      const Fault fault = support::accept(module(), session.block(), piece, kAsk, session.now_ms);
      EXPECT_EQ(fault == Fault::none, told.back().substr(0, 5) != "fault");
      if (fault != Fault::none) break;
      rest = rest.subspan(frame.length);
    }
    return told;
  }

  support::PairedSession session;
};

using Told = std::vector<std::string>;

TEST_F(LongRequest, OfOneStringOfOctetsPassesInPieces) {
  const std::string written = support::decoded_text(module(), ms::write(kPoint, octets(300)), kAsk);
  EXPECT_EQ(written.substr(0, 6), "write ");
  EXPECT_EQ(pieces(long_pdu(write_of(kPoint, octets(160'000)))),
            (Told{written, "continuation", "continuation"}));
  EXPECT_EQ(session.outstanding(), 1U);
  EXPECT_EQ(session.answer(ms::response(element(0xa5, Message{0x81, 0}))), Fault::none);
  EXPECT_EQ(session.ask(ms::read({kPoint})), Fault::none);
}

TEST_F(LongRequest, BareToo) {
  EXPECT_EQ(pieces(in_tpdus(write_of(kPoint, octets(160'000)))).back(), "continuation");
}

// The value's length is that of all headers around it, and so the end of the data unit.
TEST_F(LongRequest, EndsWhereItsValueDoes) {
  const Message whole = join(
      {{1, 0, 1, 0},
       element(0x61, element(0x30, join({{2, 1, 3},
                                         element(0xa0, write_of(kPoint, octets(160'000)))})))});
  for (const int more : {-50'000, -1, 1, 50'000}) {
    support::PairedSession fresh(module());
    std::copy(fresh.block().begin(), fresh.block().end(), session.block().begin());
    Message other = whole;
    other.resize(static_cast<std::size_t>(static_cast<int>(whole.size()) + more), 0x5a);
    const Told told = pieces(in_tpdus(other));
    EXPECT_GT(told.size(), 1U);
    EXPECT_EQ(told.back(), "fault bad_length") << more;
    EXPECT_FALSE(support::take_out(module(), session.block(), other, kAsk))
        << "the server has its beginning";
  }
}

TEST_F(LongRequest, NothingElseIsLong) {
  const Message much(160'000, 0x5a);
  const Message two = join({kPoint, ms::variable("GGIO1$SP$Other")});
  for (const Message& pdu :
       {write_of(two, join({octets(160'000), octets(1)})),     // the second stands behind
        write_of(two, octets(160'000)),                        //
        write_of(kPoint, join({octets(160'000), octets(1)})),  //
        write_of(kPoint, element(0xa2, octets(160'000))),      // a structure
        write_of(kPoint, element(0x84, much)),                 // a bit string
        write_of(kPoint, element(0x8a, much)),                 // text
        write_of(ms::in_domain("CTRL", "LLN0$DS"), octets(160'000), 0xa1),
        element(0xa0, join({{2, 1, 7}, element(0xa4, much)})),
        element(0xa1, join({{2, 1, 7}, element(0xa5, much)})), element(0xa3, much)}) {
    EXPECT_EQ(pieces(long_pdu(pdu)), Told{"fault too_long"});
  }
}

// As tests/adversarial/accounting does with short messages: of what stands in front of the octets
// every bit asks for something else, is refused, or is the invoke identifier.
TEST_F(LongRequest, EveryBitOfItsHeadIsRead) {
  const Message stream = long_pdu(write_of(kPoint, octets(160'000)));
  const std::size_t length = module().frame(stream, way()).length;
  const Message piece(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(length));
  const std::string asked = support::decoded_text(module(), piece, way());
  const Message name = support::bytes_of("setVal");
  const auto end =
      std::search(piece.begin(), piece.end(), name.begin(), name.end()) - piece.begin();
  const std::size_t head = static_cast<std::size_t>(end) + name.size() + 4 + 4;  // two headers
  std::set<std::size_t> unread;
  for (std::size_t bit = 0; bit < head * 8; ++bit) {
    Message changed = stream;
    changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1U << (bit % 8)));
    const protocols::Frame frame = module().frame(changed, way());
    if (frame.fault != Fault::none || frame.length > changed.size() || frame.length == 0) continue;
    changed.resize(frame.length);
    if (support::decoded_text(module(), changed, way()) != asked) continue;
    unread.insert(bit / 8);
  }
  // The presentation context and the invoke identifier, which accept() knows.
  constexpr std::size_t kContextAt = 7 + 4 + 5 + 5 + 2;
  EXPECT_EQ(unread, (std::set<std::size_t>{kContextAt, kContextAt + 5 + 5 + 3}));
}

// ISO 9506-2, 8.2: what the server takes.
TEST_F(LongRequest, IsNoLongerThanWasAgreed) {
  EXPECT_EQ(session.ask(ms::association(true, 65000)), Fault::none);
  EXPECT_EQ(session.answer(ms::association(false, 65000)), Fault::none);
  const Message stream = long_pdu(write_of(kPoint, octets(160'000)));
  const Message piece(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(
                                                           module().frame(stream, way()).length));
  EXPECT_EQ(support::accept(module(), session.block(), piece, kAsk, session.now_ms),
            Fault::bad_length);
}

}  // namespace
}  // namespace bulkhead::mms
