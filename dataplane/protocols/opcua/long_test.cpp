// Requests that are longer than what is read whole: one write, or one call, whose value is long.
#include <memory>

#include "dataplane/protocols/opcua/pairing.h"
#include "tests/support/opcua_messages.h"

namespace bulkhead::opcua {
namespace {

constexpr std::uint8_t kByteString = 15;
constexpr std::uint8_t kDoubles = 0x80 | 11;

// 6, 5.2.2.16: a value of `length` elements of `width` octets.
Bytes long_value(std::uint8_t encoding, std::uint32_t length, std::size_t width = 1) {
  return join({{encoding}, le32(length), Bytes(length * width, 7)});
}

// The body cut into chunks of so many octets, from sequence number 2 on; the first has `first`.
std::vector<Bytes> chunks_of(const Bytes& body, std::size_t octets, std::size_t first = 0,
                             std::uint32_t request = 2) {
  std::vector<Bytes> chunks;
  std::size_t at = 0;
  for (std::uint32_t sequence = 2; at < body.size(); ++sequence) {
    const std::size_t count =
        std::min(chunks.empty() && first > 0 ? first : octets, body.size() - at);
    const auto begin = body.begin() + static_cast<std::ptrdiff_t>(at);
    at += count;
    chunks.push_back(secure(at == body.size() ? "MSGF" : "MSGC",
                            {begin, begin + static_cast<std::ptrdiff_t>(count)},
                            {sequence, request}));
  }
  return chunks;
}

Bytes all_of(const std::vector<Bytes>& chunks) {
  Bytes all;
  for (const Bytes& chunk : chunks) all.insert(all.end(), chunk.begin(), chunk.end());
  return all;
}

Bytes write(const Bytes& value) { return asked(kWrite, write_of(kNumeric, value)); }

// As PairedSession::ask(), but no row for tests/adversarial/accounting, which takes messages apart
// octet by octet: messages/opcua.txt there has short ones of these.
Fault ask(support::PairedSession& session, const Bytes& message) {
  return support::accept(module(), session.block(), message, kAsk, session.now_ms);
}

constexpr std::string_view kWritten = "write namespace=3 node=1234 attribute=13 data_type=15";

class LongRequest : public ::testing::Test {
 protected:
  LongRequest() : session(module()) { begin(session); }
  static void begin(support::PairedSession& of) {
    EXPECT_EQ(of.ask(open_plain({1, 1})), Fault::none);
    EXPECT_EQ(of.answer(opened_plain({51, 1})), Fault::none);
  }
  static protocols::MessageContext way(support::PairedSession& of) {
    return {kAsk, protocols::Carrier::tcp, of.block()};
  }
  // Each piece as the pipeline takes it, and what it asks for; ends with the first that is refused.
  static std::vector<std::string> pieces(support::PairedSession& of, const Bytes& bytes) {
    std::vector<std::string> told;
    const auto operations = std::make_unique<protocols::OperationList>();
    for (ByteView rest = bytes; !rest.empty();) {
      const protocols::Frame frame = module().frame(rest, way(of));
      if (frame.fault != Fault::none || frame.length == 0 || frame.length > rest.size()) {
        told.push_back("not delimited");
        break;
      }
      const bool by_head = frame.length > 65536;
      EXPECT_EQ(by_head, frame.head > 0);
      const ByteView piece = rest.first(by_head ? frame.head : frame.length);
      protocols::Parsed parsed(piece, way(of).direction);
      Fault fault = by_head ? module().parse_head(parsed, frame.length, way(of), *operations)
                            : module().parse(parsed, way(of), *operations);
      std::string text;
      if (fault == Fault::none) {
        for (const protocols::Operation& operation : *operations) {
          text += support::operation_text(module().catalogue(), operation);
          EXPECT_EQ(operation.tied, text == "continuation");
        }
        fault = ask(of, {piece.begin(), piece.end()});
      }
      if (fault != Fault::none) text = "fault " + std::string(protocols::describe(fault).name);
      told.push_back(text);
      if (fault != Fault::none) break;
      rest = rest.subspan(frame.length);
    }
    return told;
  }
  static std::vector<std::string> pieces(const Bytes& bytes) {
    support::PairedSession of(module());
    begin(of);
    return pieces(of, bytes);
  }

  support::PairedSession session;
};

using Told = std::vector<std::string>;
const std::string kGoesOn = "continuation";
const std::string kTooLong = "fault too_long";

// 65,536 octets of chunks are read whole, and one more is not.
TEST_F(LongRequest, BeginsWhereAWholeOneEnds) {
  const std::size_t around = write(long_value(kByteString, 0)).size();
  const auto most = static_cast<std::uint32_t>(65536 - around - kSecureHeaderBytes);
  for (const std::uint32_t bytes : {most - 1, most, most + 1}) {
    const Bytes message = all_of(chunks_of(write(long_value(kByteString, bytes)), 1 << 20));
    EXPECT_EQ(module().frame(message, way(session)).head, bytes <= most ? 0 : kHeadBytes);
    EXPECT_EQ(pieces(message), Told{std::string(kWritten)});
  }
}

TEST_F(LongRequest, PassesInPiecesOfWholeChunks) {
  const Bytes body = write(long_value(kByteString, 200000));
  for (const std::size_t octets : {8168U, 30000U, 65511U, 65512U}) {
    const auto chunks = chunks_of(body, octets);
    const Told told = pieces(all_of(chunks));
    ASSERT_GE(told.size(), 4U) << octets;
    EXPECT_EQ(told[0], kWritten);
    for (std::size_t i = 1; i < told.size(); ++i) EXPECT_EQ(told[i], kGoesOn) << octets;
  }
  // Chunks that are longer than a piece are read by their heads, the first and the others.
  EXPECT_EQ(pieces(all_of(chunks_of(body, 90000))),
            (Told{std::string(kWritten), kGoesOn, kGoesOn}));
}

TEST_F(LongRequest, OfManySmallChunksTakesTheFirst64) {
  const Told told = pieces(all_of(chunks_of(write(long_value(kByteString, 3000)), 30, 200)));
  EXPECT_EQ(told, (Told{std::string(kWritten), kGoesOn}));
}

TEST_F(LongRequest, MayBeAnArrayOfNumbers) {
  EXPECT_EQ(pieces(all_of(chunks_of(write(long_value(kDoubles, 20000, 8)), 60000))),
            (Told{"write namespace=3 node=1234 attribute=13 data_type=139", kGoesOn, kGoesOn}));
}

// 5, annex C.2.4: Write of a file, with its handle and what is written.
TEST_F(LongRequest, MayBeTheLastArgumentOfAMethod) {
  const Bytes call = asked(
      kCall,
      join({le32(1), kNumeric, kNumeric, le32(2), {7}, le32(1), long_value(kByteString, 100000)}));
  EXPECT_EQ(
      pieces(all_of(chunks_of(call, 60000))),
      (Told{"call namespace=3 node=1234 method_namespace=3 method=1234 arguments=2", kGoesOn}));
  const Bytes another = asked(
      kCall,
      join({le32(1), kNumeric, kNumeric, le32(2), long_value(kByteString, 100000), {7}, le32(1)}));
  EXPECT_EQ(pieces(all_of(chunks_of(another, 60000))), Told{kTooLong}) << "not the last";
}

// What is asked for behind the value nobody would see.
TEST_F(LongRequest, AsksForNothingBehindItsValue) {
  const Bytes value = long_value(kByteString, 100000);
  const Bytes node = join({kNumeric, le32(13), kNull, {1}});
  const Bytes status = join({kNumeric, le32(13), kNull, {3}, value, le32(0)});
  const Bytes timed = join({kNumeric, le32(13), kNull, {5}, value, Bytes(8, 1)});
  for (const Bytes& body :
       {asked(kWrite, join({le32(2), node, value, node, {1, 1}})),
        asked(kWrite, join({le32(2), node, {1, 1}, node, value})),
        asked(kWrite, join({le32(1), status})), asked(kWrite, join({le32(1), timed})),
        asked(kWrite, write_of(kNumeric, long_value(0x80 | 1, 100000))),  // truths
        asked(kWrite, write_of(kNumeric, join({long_value(0xc0 | 3, 100000), le32(1),
                                               le32(100000)}))),  // dimensions
        asked(kWrite,
              write_of(kNumeric, join({{0x80 | 12}, le32(1), text(std::string(90000, 'x'))}))),
        asked(kRead, read_of(std::vector<Bytes>(5000, kNumeric)))}) {
    EXPECT_EQ(pieces(all_of(chunks_of(body, 60000))), Told{kTooLong});
    EXPECT_EQ(pieces(all_of(chunks_of(body, 200000))), Told{kTooLong});
  }
}

// The value's length, and so the end of the request, is what its first chunk says.
TEST_F(LongRequest, EndsWhereItsValueDoes) {
  const Bytes body = write(long_value(kByteString, 150000));
  for (const int more : {-70000, -1, 1, 70000}) {
    Bytes other = body;
    other.resize(static_cast<std::size_t>(static_cast<int>(body.size()) + more), 7);
    EXPECT_EQ(pieces(all_of(chunks_of(other, 200000))), Told{kTooLong}) << more;
    const Told told = pieces(all_of(chunks_of(other, 60000)));
    EXPECT_EQ(told.back(), "fault bad_length") << more;
  }
  EXPECT_EQ(pieces(all_of(chunks_of(write(long_value(kByteString, 1 << 24)), 60000))),
            Told{kTooLong});
}

TEST_F(LongRequest, IsOfOneRequestWithNumbersThatFollow) {
  const auto chunks = chunks_of(write(long_value(kByteString, 150000)), 60000);
  const Bytes first = chunks[0];
  ASSERT_EQ(ask(session, first), Fault::none);
  EXPECT_EQ(ask(session, request(kRead, read_of({kNumeric}), {3, 3})), Fault::bad_length);
  EXPECT_EQ(ask(session, open_plain({3, 3})), Fault::bad_sequence);
  EXPECT_EQ(ask(session, chunks[2]), Fault::bad_length) << "one is left out";
  Bytes later = chunks[1];
  ++later[16];
  EXPECT_EQ(ask(session, later), Fault::bad_sequence) << "one may be left out";
  Bytes other = chunks[1];
  other[20] = 9;
  EXPECT_EQ(ask(session, other), Fault::bad_sequence) << "another request's";
  const Bytes aborted = secure("MSGA", join({le32(0x80130000), kNull}), {3, 2});
  EXPECT_EQ(pieces(session, aborted), Told{"fault bad_length"});
  EXPECT_FALSE(support::take_out(module(), session.block(), chunks[1], kAsk))
      << "the server has its beginning";
  EXPECT_EQ(session.answer(response(676, {52, 2})), Fault::none) << "servers may refuse early";
  EXPECT_EQ(ask(session, chunks[1]), Fault::none);
  EXPECT_EQ(ask(session, chunks[2]), Fault::none);
  EXPECT_EQ(ask(session, request(kRead, read_of({kNumeric}), {5, 3})), Fault::none);
}

TEST_F(LongRequest, IsNotAnsweredInItsPlaceOnceItHasBegun) {
  std::array<std::uint8_t, protocols::kRefusalBytesMax> reply{};
  const auto chunks = chunks_of(write(long_value(kByteString, 150000)), 60000);
  EXPECT_EQ(support::refuse(module(), chunks[0], protocols::DeniedPart::value, reply), 0U);
  EXPECT_FALSE(support::take_out(module(), session.block(), chunks[0], kAsk));
}

// 6, 6.7.2: each chunk is signed.
TEST(LongSigned, SignaturesAreNotOfTheValue) {
  support::PairedSession session(module());
  EXPECT_EQ(session.ask(open(kPolicyAes, Bytes(300, 1), join({le32(20), Bytes(20, 2)}),
                             join({le32(3), Bytes(3, 3)}))),
            Fault::none);
  EXPECT_EQ(session.answer(open(kPolicyAes, Bytes(300, 1), join({le32(20), Bytes(20, 2)}),
                                join({le32(3), Bytes(3, 3)}))),
            Fault::none);
  const Bytes signature(32, 9);
  EXPECT_EQ(
      session.ask(secure("MSGF", join({asked(kRead, read_of({kNumeric})), signature}), {2, 2})),
      Fault::none);
  EXPECT_EQ(session.answer(secure("MSGF", join({answered(634), signature}), {52, 2})), Fault::none);
  const Bytes body = asked(kWrite, write_of(kNumeric, long_value(kByteString, 100000)));
  const auto half = body.begin() + 60000;
  const Bytes one = secure("MSGC", join({{body.begin(), half}, signature}), {3, 3});
  const Bytes two = secure("MSGF", join({{half, body.end()}, signature}), {4, 3});
  EXPECT_EQ(support::decoded_text(module(), one, {kAsk, protocols::Carrier::tcp, session.block()}),
            kWritten);
  EXPECT_EQ(ask(session, one), Fault::none);
  EXPECT_EQ(support::decoded_text(module(), two, {kAsk, protocols::Carrier::tcp, session.block()}),
            kGoesOn);
  EXPECT_EQ(ask(session, two), Fault::none);
}

// Before it is known how a channel's messages are read, none goes on.
TEST(LongSigned, NotBeforeTheChannelIsKnown) {
  const Bytes one = chunks_of(write(long_value(kByteString, 100000)), 60000)[0];
  support::PairedSession unseen(module());
  module().begin_unseen(unseen.block());
  EXPECT_EQ(support::decoded_text(module(), one, {kAsk, protocols::Carrier::tcp, unseen.block()}),
            kTooLong);
  support::PairedSession secured(module());
  EXPECT_EQ(secured.ask(open(kPolicyAes, Bytes(300, 1))), Fault::none);
  EXPECT_EQ(support::decoded_text(module(), one, {kAsk, protocols::Carrier::tcp, secured.block()}),
            "secured_message");
  EXPECT_EQ(ask(secured, one), Fault::none);
  EXPECT_EQ(Session::state_in(secured.block())->channel, Channel::hidden);
}

}  // namespace
}  // namespace bulkhead::opcua
