// The contract of a protocol module: bytes in, operations out. Modules are stateless and shared by
// all workers; what must be remembered between messages lives in a fixed-size block per session.
// No function allocates, throws, blocks or reads a clock; all are total over any input.
//
// A simple protocol has catalogue(), frame(), parse() and claimed_code(); accept(), where answers
// are tied to requests; and refuse(), where the protocol has a refusal. What else a module can do
// is an interface of its own, in a header of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/base/bytes.h"
#include "dataplane/protocols/catalogue.h"
#include "dataplane/protocols/fault.h"
#include "dataplane/protocols/names.h"
#include "dataplane/protocols/numbered.h"
#include "dataplane/protocols/operation.h"
#include "dataplane/protocols/parsed.h"
#include "dataplane/protocols/questions.h"
#include "dataplane/protocols/remembered.h"
#include "dataplane/protocols/shared_port.h"
#include "dataplane/protocols/spanning.h"
#include "dataplane/protocols/splicing.h"
#include "dataplane/protocols/state_layout.h"

namespace bulkhead::protocols {

class Expectations;

// The next message of a stream. Without a fault, `length` is its length, or zero while that is not
// known: then call again with at least `needed` bytes in all. `head`, if not zero, is the length of
// the prefix that contains every field a policy can judge: parse_head() reads it alone, and the
// rest is content. `turns`: once this message is granted as a request, roles are reversed: the host
// that opened the connection is its server.
struct Frame {
  Fault fault = Fault::none;
  std::size_t length = 0;
  std::size_t needed = 0;
  std::size_t head = 0;
  bool turns = false;
};

// The denied part of a request, for the protocol's own refusal.
enum class DeniedPart : std::uint8_t { function, address, value };

constexpr std::size_t kRefusalBytesMax = 512;

// The number in which an answer differs from its request: its name (a literal), and its value in
// either. `what` is empty if the answer has no request, or no number differs.
struct Difference {
  std::string_view what{};
  std::uint64_t asked = 0;
  std::uint64_t answered = 0;
};

// How many hosts the destination address of a message's packet stands for, where that is known.
enum class Reach : std::uint8_t { unknown, one, many };

// The direction and carrier of a message, and its session's state: the block that accept() keeps,
// as it was before this message; empty where there is none yet.
struct MessageContext {
  Direction direction{};
  Carrier carrier = Carrier::tcp;
  Reach reach = Reach::unknown;
  std::span<const std::byte> session{};
  Names names{};  // that the session has learned, of a module that learns_names()

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

  // The direction encoded in the message itself, if any. One that comes the other way does not
  // parse.
  virtual std::optional<Direction> encoded_direction(ByteView message) const {
    (void)message;
    return std::nullopt;
  }

  // Whether a datagram may hold several messages, one after the other.
  virtual bool many_in_datagram() const { return false; }

  // Turns exactly one message, `parsed.message()`, into operations, and keeps in `parsed` what
  // accept() and refuse() need. On a fault the list's content is unspecified. Only forms of
  // the carrier's standard are accepted, and a handle is read as the name that it stands for in the
  // session. `parsed.direction()` is the context's.
  virtual Fault parse(Parsed& parsed, const MessageContext& context,
                      OperationList& operations) const = 0;

  // The same for a message of `length` bytes of which `parsed.message()` is the first Frame::head
  // ones. For messages that are longer than what is held; modules that never give a head need not
  // have it.
  virtual Fault parse_head(Parsed& parsed, std::size_t length, const MessageContext& context,
                           OperationList& operations) const {
    (void)parsed, (void)length, (void)context, (void)operations;
    return Fault::bad_length;
  }

  // The standard's own number of the function that a message claims, for reports of messages that
  // do not parse. Nothing if it is too short to claim one.
  virtual std::optional<std::uint16_t> claimed_code(ByteView message) const = 0;

  // The block that accept() keeps for each session.
  virtual StateLayout state_layout() const { return {}; }

  // Notes in a session's state, before anything else, that the session's beginning was not seen.
  virtual void begin_unseen(std::span<std::byte> session) const { (void)session; }

  // A message that parsed and was granted changes the session's state: answers are tied to their
  // requests, handles are learned. Call it for each such message, in order, with what parse() kept
  // of it; the state is as it was then. `session` has state_layout().bytes or more, suitably
  // aligned for any plain type. A request that finds no room is Fault::too_many_outstanding and
  // leaves the session as it was: call again with a larger block. A response that is a fault leaves
  // it unchanged as well, since it may be removed from the stream. A request whose verdict was
  // remembered goes to RememberedVerdicts::accept_known() instead.
  virtual Fault accept(std::span<std::byte> session, const Parsed& message,
                       std::uint32_t now_ms) const {
    (void)session, (void)message, (void)now_ms;
    return Fault::none;
  }

  // What is wrong with an answer that accept() refused, for reports.
  virtual Difference difference(std::span<std::byte> session, const Parsed& answer) const {
    (void)session, (void)answer;
    return {};
  }

  // How many granted requests of the session still expect an answer.
  virtual std::size_t outstanding(std::span<std::byte> session, std::uint32_t now_ms) const {
    (void)session, (void)now_ms;
    return 0;
  }

  // Writes the protocol's own refusal of one request into `reply` and gives its length; 0 where
  // there is none. The request may be one that parse() found a fault in, but it is delimited.
  virtual std::size_t refuse(const Parsed& request, DeniedPart denied_part,
                             std::span<std::uint8_t> reply) const {
    (void)request, (void)denied_part, (void)reply;
    return 0;
  }

  // What else the module can do; nullptr if it cannot. The pointers never change.
  virtual const RememberedVerdicts* remembered_verdicts() const { return nullptr; }
  virtual const NumberedMessages* numbered_messages() const { return nullptr; }
  virtual const Splicing* splicing() const { return nullptr; }
  virtual const SpanningMessages* spanning_messages() const { return nullptr; }
  virtual const QuestionsToMany* questions_to_many() const { return nullptr; }
  virtual const SharedPort* shared_port() const { return nullptr; }
  // What sessions of this protocol open beside themselves (expectation.h).
  virtual const Expectations* expectations() const { return nullptr; }
  // Handles and aliases that its sessions define (names.h).
  virtual const LearnsNames* learns_names() const { return nullptr; }

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

// The message in an Ethernet payload, without the padding after it.
inline ByteView without_padding(const Protocol& protocol, ByteView payload,
                                const MessageContext& context) {
  const Frame frame = protocol.frame(payload, context);
  const bool padded =
      frame.fault == Fault::none && frame.length > 0 && frame.length < payload.size();
  return padded ? payload.first(frame.length) : payload;
}

// For callers that need nothing of a message but its operations.
inline Fault parse_operations(const Protocol& protocol, ByteView message,
                              const MessageContext& context, OperationList& operations) {
  Parsed parsed(message, context.direction);
  return protocol.parse(parsed, context, operations);
}

}  // namespace bulkhead::protocols
