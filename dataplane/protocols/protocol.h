// The contract of a protocol module: bytes in, operations out. Modules are stateless and shared by
// all workers; what must be remembered between messages lives in a fixed-size block per session.
// No function allocates, throws, blocks or reads a clock; all are total over any input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/base/bytes.h"
#include "dataplane/protocols/catalogue.h"
#include "dataplane/protocols/fault.h"
#include "dataplane/protocols/operation.h"

namespace bulkhead::protocols {

class RelatedTraffic;

// How the next message lies in a stream. `length` is known once `fault` is none and it is not zero;
// zero asks for at least `needed` bytes in all before the question is put again. `head`, if not
// zero, is how many of its first bytes hold all operations with all their fields, so that what is
// behind them is content that no grant can speak of: decode_head() judges by them alone. `turns`:
// whoever opened the connection is its server, and the other one asks, once this message is granted
// as a request.
struct Frame {
  Fault fault = Fault::none;
  std::size_t length = 0;
  std::size_t needed = 0;
  std::size_t head = 0;
  bool turns = false;
};

// `unknown`: more bytes may tell.
enum class Recognition : std::uint8_t { no, unknown, yes };

// What a datagram is of a message that comes in several: nothing, its beginning, what goes on
// behind the datagram before, or its end.
enum class Part : std::uint8_t { none, first, next, last };

// Which part of a request was not granted, for the protocol's own refusal.
enum class Denial : std::uint8_t { function, address, value };

constexpr std::size_t kRefusalBytesMax = 512;
constexpr std::size_t kNumberedBytesMax = 32;

// The number by which an answer differs from what it should be: what it counts (a literal), what
// was asked under and what the answer says. `what` is empty where nothing was asked, or where no
// number differs.
struct Difference {
  std::string_view what{};
  std::uint64_t asked = 0;
  std::uint64_t answered = 0;
};

// How a message travels, and what its session remembers: the block that pair() keeps, as it was
// before this message; empty where there is none yet.
struct MessageContext {
  Direction direction{};
  Carrier carrier = Carrier::tcp;
  std::span<const std::byte> session{};

  // NOLINTNEXTLINE(google-explicit-constructor): most modules look at the direction alone.
  constexpr MessageContext(Direction way) : direction(way) {}
  constexpr MessageContext(Direction way, Carrier carried, std::span<const std::byte> known = {})
      : direction(way), carrier(carried), session(known) {}
};

class Protocol {
 public:
  virtual const Catalogue& catalogue() const = 0;

  // Whether frame() looks at the session.
  virtual bool frames_by_session() const { return false; }
  // How many bytes make the message at the start of `stream` (which may hold less, or more).
  virtual Frame frame(ByteView stream, const MessageContext& context) const = 0;

  // Which way a message says itself that it travels; nothing where only its connection tells. One
  // that comes the other way does not decode.
  virtual std::optional<Direction> told_direction(ByteView message) const {
    (void)message;
    return std::nullopt;
  }

  // Whether the same hosts may use this protocol and others on one port, each in sessions of its
  // own: all of them delimit messages alike, and recognise() tells whose a message is.
  virtual bool shares_port() const { return false; }

  // Whether the beginning of a stream is this protocol's, where several use one port.
  virtual Recognition recognise(ByteView stream, const MessageContext& context) const {
    const Frame first = frame(stream, context);
    if (first.fault != Fault::none) return Recognition::no;
    return first.length != 0 && first.length <= stream.size() ? Recognition::yes
                                                              : Recognition::unknown;
  }

  // Whether a datagram may hold several messages, one behind the other.
  virtual bool many_in_datagram() const { return false; }

  // Whether a message may come in several datagrams (the functions that follow).
  virtual bool spans_datagrams() const { return false; }
  // What a datagram is, alone or (`before` is not empty) behind another part of the same message.
  // What is not `none` is parts of one message and nothing else.
  virtual Part part_of(ByteView before, ByteView datagram) const {
    (void)before, (void)datagram;
    return Part::none;
  }
  // Whether the server answers the request: its answer shows that it got what left.
  virtual bool is_answered(ByteView request) const {
    (void)request;
    return false;
  }
  // Whether a message that came in several datagrams may leave in them: no receiver that loses some
  // of them, or of those that left before, can take parts of two messages for one. Of a request it
  // is known that none has left in parts for its server, in any session, since the last one of this
  // session that is_answered(), unless that one itself did.
  virtual bool may_leave_in_parts(std::span<std::byte> session, ByteView message,
                                  Direction direction, std::uint32_t now_ms) const {
    (void)session, (void)message, (void)direction, (void)now_ms;
    return false;
  }
  // It was granted, pair() accepted it, and it leaves in parts.
  virtual void left_in_parts(std::span<std::byte> session, ByteView message, Direction direction,
                             std::uint32_t now_ms) const {
    (void)session, (void)message, (void)direction, (void)now_ms;
  }

  // Decodes exactly one message. On a fault the list's content is unspecified. Only a form that the
  // carrier's standard has is accepted, and a handle that the session gave out is read as what it
  // stands for.
  virtual Fault decode(ByteView message, const MessageContext& context,
                       OperationList& operations) const = 0;

  // The part of a request that its verdict depends on: requests with the same key decode to the
  // same operations in every session. Identifiers that only tie it to its answer stand outside.
  // Empty where decode() looks at the session; its verdict is then never remembered. It is asked of
  // bytes too that are not framed yet.
  virtual ByteView verdict_key(ByteView message) const { return message; }

  // Decodes a message of `length` bytes by its first Frame::head bytes. For messages that are
  // longer than what is held; modules that never give a head need not have it.
  virtual Fault decode_head(ByteView head, std::size_t length, const MessageContext& context,
                            OperationList& operations) const {
    (void)head, (void)length, (void)context, (void)operations;
    return Fault::bad_length;
  }

  // The standard's own number of the function that a message claims, for telling of messages that
  // do not decode. Nothing if it is too short to claim one.
  virtual std::optional<std::uint16_t> claimed_code(ByteView message) const = 0;

  // Tells a session's state, before anything else, that the session's beginning was not seen.
  virtual void begin_unseen(std::span<std::byte> session) const { (void)session; }

  // Bytes of state that a session usually needs for pair(), and that it needs at most; plain data,
  // valid when all zero. Every session has the usual size of the module that needs most, so it is
  // at most kSessionBytesUsual (outstanding.h). The larger block begins with what the smaller one
  // held.
  virtual std::size_t session_bytes() const { return 0; }
  virtual std::size_t session_bytes_max() const { return session_bytes(); }

  // Ties responses to requests. Call it for each message that decoded and was granted, in order.
  // `session` has session_bytes() bytes or more, suitably aligned for any plain type. A request
  // that finds no room is Fault::too_many_outstanding and leaves the session as it was: put it
  // again with a larger block. So does a response that is a fault, for it may be taken out.
  virtual Fault pair(std::span<std::byte> session, ByteView message, Direction direction,
                     std::uint32_t now_ms) const {
    (void)session, (void)message, (void)direction, (void)now_ms;
    return Fault::none;
  }

  // Of an answer that pair() did not accept, for telling people.
  virtual Difference difference(std::span<std::byte> session, ByteView answer) const {
    (void)session, (void)answer;
    return {};
  }

  // How many granted requests of the session wait for an answer that is still to be expected.
  virtual std::size_t outstanding(std::span<std::byte> session, std::uint32_t now_ms) const {
    (void)session, (void)now_ms;
    return 0;
  }

  // What sessions of this protocol open beside themselves (related.h); nullptr: nothing.
  virtual const RelatedTraffic* related() const { return nullptr; }

  // Messages that are numbered (IEC 60870-5-104's APDUs, OPC UA's chunks) count on after one was
  // taken out or put in. How many of a message's first bytes hold its numbers, at most
  // kNumberedBytesMax; 0: there are none.
  virtual std::size_t numbered_bytes() const { return 0; }
  // Whether messages of the session get other numbers on their way.
  virtual bool renumbers(std::span<std::byte> session) const {
    (void)session;
    return false;
  }
  // A message, which was refused, will not reach its receiver. False if the session cannot go on
  // without it, and then nothing has changed.
  virtual bool take_out(std::span<std::byte> session, ByteView message, Direction direction) const {
    (void)session, (void)message, (void)direction;
    return true;
  }
  // A server's message was taken out, and its sender waits until its client has acknowledged it in
  // terms of the protocol: writes what does so in the client's name and gives its length; 0 where
  // nothing is needed now.
  virtual std::size_t acknowledge(std::span<std::byte> session,
                                  std::span<std::uint8_t> message) const {
    (void)session, (void)message;
    return 0;
  }
  // A refusal goes to the client now, as the server's next message: gives it its numbers.
  virtual void put_in(std::span<std::byte> session, std::span<std::uint8_t> refusal) const {
    (void)session, (void)refusal;
  }
  // Whether renumber() changes a message in a session from which nothing was taken out: it has a
  // form that not every receiver reads alike, and leaves in one that they do.
  virtual bool is_rewritten(ByteView message) const {
    (void)message;
    return false;
  }
  // A message passes: changes its first bytes from the numbers of its sender to its receiver's.
  // Precondition: pair() accepted it.
  virtual void renumber(std::span<std::byte> session, Direction direction,
                        std::span<std::uint8_t> first_bytes) const {
    (void)session, (void)direction, (void)first_bytes;
  }

  // Whether a question is one that goes to many, of whom each that it concerns answers to the one
  // that asked, and whether `answer` is such an answer. Both have decoded.
  virtual bool asks_many(ByteView question) const {
    (void)question;
    return false;
  }
  virtual bool answers_many(ByteView question, ByteView answer) const {
    (void)question, (void)answer;
    return false;
  }

  // Writes the protocol's own refusal of one request into `reply` and gives its length; 0 where
  // there is none. The request may be one that does not decode, but is delimited.
  virtual std::size_t refuse(ByteView request, Denial denial, std::span<std::uint8_t> reply) const {
    (void)request, (void)denial, (void)reply;
    return 0;
  }

 protected:
  ~Protocol() = default;
};

// The next message in what is left of a datagram: as frame(), but what is not whole is a fault, and
// so is what follows a message that must be alone.
inline Frame frame_in_datagram(const Protocol& protocol, ByteView rest,
                               const MessageContext& context) {
  Frame frame = protocol.frame(rest, context);
  if (frame.fault != Fault::none) return frame;
  if (frame.length == 0 || frame.length > rest.size()) {
    frame.fault = Fault::truncated;
  } else if (frame.length < rest.size() && !protocol.many_in_datagram()) {
    frame.fault = Fault::trailing_bytes;
  }
  return frame;
}

// Of what Ethernet itself carries, the message without the padding behind it.
inline ByteView without_padding(const Protocol& protocol, ByteView payload,
                                const MessageContext& context) {
  const Frame frame = protocol.frame(payload, context);
  const bool padded =
      frame.fault == Fault::none && frame.length > 0 && frame.length < payload.size();
  return padded ? payload.first(frame.length) : payload;
}

}  // namespace bulkhead::protocols
