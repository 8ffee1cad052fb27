// The pipeline's verdict on a message or packet, and interfaces of its observers and output.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <string_view>

#include "dataplane/base/reason.h"
#include "dataplane/flow/packet.h"
#include "dataplane/policy/standing.h"
#include "dataplane/protocols/protocol.h"

namespace bulkhead::pipeline {

constexpr std::uint16_t kNoFunction = 0xffff;

// The action on a refused message or packet.
enum class Action : std::uint8_t { drop, reset, reject };

// Why a message could not be removed alone, so that the session was reset.
enum class Unsound : std::uint8_t {
#define BULKHEAD_UNSOUND(name, text) name,
#include "dataplane/pipeline/unsound.def"
#undef BULKHEAD_UNSOUND
};

struct NamedText {
  std::string_view name;
  std::string_view text;
};

inline constexpr std::array kUnsound = {
#define BULKHEAD_UNSOUND(name, text) NamedText{#name, text},
#include "dataplane/pipeline/unsound.def"
#undef BULKHEAD_UNSOUND
};

constexpr std::string_view action_name(Action action) {
  return action == Action::drop ? "drop" : action == Action::reset ? "reset" : "reject";
}

// Views and pointers are valid only during the call that passes the record.
struct Verdict {
  Reason reason{};
  protocols::Fault fault = protocols::Fault::none;
  bool is_message = false;  // about one message of a protocol, not about the packet
  bool observed = false;    // what enforcing would do: the frame has left as it came
  protocols::Direction direction = protocols::Direction::request;
  std::uint16_t function = kNoFunction;
  policy::Standing standing;  // its rule is the one that decided
  std::uint8_t protocol = protocols::kNoProtocol;
  Action action = Action::drop;                       // if it was refused
  Unsound unsound = Unsound::none;                    // why the message was not removed alone
  protocols::DeniedPart denied_part{};                // the denied part of a request
  std::uint32_t bytes = 0;                            // of the message, or of the frame
  ByteView message;                                   // or its beginning, as far as it was read
  const protocols::Operation* operation = nullptr;    // the refused one, or the first
  const protocols::Difference* difference = nullptr;  // of a stray answer
};

class Observer {
 public:
  // `packet`: the packet that was judged, or that completed the message.
  virtual void on_verdict(const Verdict& verdict, const flow::Packet& packet) = 0;
  // Announces a verdict on a packet of a session.
  virtual void expect(const flow::Packet& packet) { (void)packet; }

 protected:
  ~Observer() = default;
};

class Output {
 public:
  // Consumes the buffer.
  virtual void transmit(rte_mbuf* mbuf, std::uint16_t port) = 0;
  // Offers a reassembled packet, whose owner is known only now. True if another worker owns it
  // and the buffer was consumed.
  virtual bool hand_over(rte_mbuf* mbuf) {
    (void)mbuf;
    return false;
  }
  // Offers a packet that another worker expects. True if the buffer was consumed: that worker has
  // it, or it was lost on the way there.
  virtual bool hand_to(rte_mbuf* mbuf, std::uint32_t worker) {
    (void)mbuf, (void)worker;
    return false;
  }
  // Offers a frame of wire::kEtherTypePair. True if it is for this pair's appliance and the
  // buffer was consumed.
  virtual bool consume_in_band(rte_mbuf* mbuf) {
    (void)mbuf;
    return false;
  }
  // An IGMP query arrived on a zone port (wire/igmp.h); it is not forwarded.
  virtual void hear_query(std::uint16_t port) { (void)port; }

 protected:
  ~Output() = default;
};

}  // namespace bulkhead::pipeline
