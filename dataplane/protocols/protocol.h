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

// How the next message lies in a stream. `length` is known once `fault` is none and it is not zero;
// zero asks for at least `needed` bytes in all before the question is put again. `head`, if not
// zero, is the length of the prefix that holds every operation with every field that a policy can
// judge: parse_head() reads it alone, and the rest is content. `turns`: the host that opened the
// connection is its server, and the other one asks, once this message is granted as a request.
struct Frame {
  Fault fault = Fault::none;
  std::size_t length = 0;
  std::size_t needed = 0;
  std::size_t head = 0;
  bool turns = false;
};

// Which part of a request was not granted, for the protocol's own refusal.
enum class Denial : std::uint8_t { function, address, value };

constexpr std::size_t kRefusalBytesMax = 512;

// The number by which an answer differs from what it should be: what it counts (a literal), what
// was asked under and what the answer says. `what` is empty where nothing was asked, or where no
// number differs.
struct Difference {
  std::string_view what{};
  std::uint64_t asked = 0;
  std::uint64_t answered = 0;
};

// How a message travels, and what its session remembers: the block that accept() keeps, as it was
// before this message; empty where there is none yet.
struct MessageContext {
  Direction direction{};
  Carrier carrier = Carrier::tcp;
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
  virtual std::optional<Direction> told_direction(ByteView message) const {
    (void)message;
    return std::nullopt;
  }

  // Whether a datagram may hold several messages, one behind the other.
  virtual bool many_in_datagram() const { return false; }

  // Turns exactly one message, `parsed.message()`, into operations, and keeps in `parsed` what
  // accept() and refuse() need. On a fault the list's content is unspecified. Only a form that
  // the carrier's standard has is accepted, and a handle that the session gave out is read as what
  // it stands for. `parsed.direction()` is the context's.
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
  // leaves the session as it was: put it again with a larger block. So does a response that is a
  // fault, for it may be taken out. A request whose verdict was remembered goes to
  // RememberedVerdicts::accept_known() instead.
  virtual Fault accept(std::span<std::byte> session, const Parsed& message,
                       std::uint32_t now_ms) const {
    (void)session, (void)message, (void)now_ms;
    return Fault::none;
  }

  // Of an answer that accept() did not accept, for reports.
  virtual Difference difference(std::span<std::byte> session, const Parsed& answer) const {
    (void)session, (void)answer;
    return {};
  }

  // How many granted requests of the session wait for an answer that is still to be expected.
  virtual std::size_t outstanding(std::span<std::byte> session, std::uint32_t now_ms) const {
    (void)session, (void)now_ms;
    return 0;
  }

  // Writes the protocol's own refusal of one request into `reply` and gives its length; 0 where
  // there is none. The request may be one that parse() found a fault in, but it is delimited.
  virtual std::size_t refuse(const Parsed& request, Denial denial,
                             std::span<std::uint8_t> reply) const {
    (void)request, (void)denial, (void)reply;
    return 0;
  }

  // What else the module can do; nullptr: nothing of it. The pointers never change.
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

// Of what Ethernet itself carries, the message without the padding behind it.
inline ByteView without_padding(const Protocol& protocol, ByteView payload,
                                const MessageContext& context) {
  const Frame frame = protocol.frame(payload, context);
  const bool padded =
      frame.fault == Fault::none && frame.length > 0 && frame.length < payload.size();
  return padded ? payload.first(frame.length) : payload;
}

// For callers to whom only the operations of a message count.
inline Fault parse_operations(const Protocol& protocol, ByteView message,
                              const MessageContext& context, OperationList& operations) {
  Parsed parsed(message, context.direction);
  return protocol.parse(parsed, context, operations);
}

// Whether the beginning of a stream is the protocol's, where several may be: as its SharedPort
// says, or if it begins with a whole message.
inline Recognition recognise(const Protocol& protocol, ByteView stream,
                             const MessageContext& context) {
  if (const SharedPort* shared = protocol.shared_port()) return shared->recognise(stream, context);
  const Frame first = protocol.frame(stream, context);
  if (first.fault != Fault::none) return Recognition::no;
  return first.length != 0 && first.length <= stream.size() ? Recognition::yes
                                                            : Recognition::unknown;
}

}  // namespace bulkhead::protocols
