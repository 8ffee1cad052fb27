// What GOOSE and sampled values have in common (IEC 61850-8-1, C.2, and 9-2, 5.3): the octets
// after the EtherType, and that each message is the next of a stream that its publisher counts.
#pragma once

#include <cstdint>

#include "dataplane/base/bytes.h"
#include "dataplane/protocols/ber.h"
#include "dataplane/protocols/outstanding.h"
#include "dataplane/protocols/protocol.h"

namespace bulkhead::published {

// APPID, length, and two reserved fields.
constexpr std::size_t kHeaderBytes = 8;
constexpr std::size_t kMessageBytesMax = 1518;

struct Message {
  std::uint16_t appid = 0;
  bool simulated = false;  // the S bit of the first reserved field; its other bits are zero
  ber::Element apdu;
  ByteView extension;  // IEC 62351-6: after the PDU, its size in the second reserved field
};

// The length field counts from the APPID, with the extension. What follows is padding.
protocols::Frame frame_message(ByteView bytes);

// Expects exactly one message.
protocols::Fault parse_message(ByteView bytes, Message& message);

// What both modules have in common: a message stands on Ethernet, says what it is, and goes one
// way.
class Publication : public protocols::Protocol {
 public:
  protocols::Fault parse(protocols::Parsed& parsed, const protocols::MessageContext& context,
                         protocols::OperationList& operations) const final;
  protocols::Frame frame(ByteView bytes, const protocols::MessageContext& context) const final;
  std::optional<protocols::Direction> encoded_direction(ByteView message) const final;
  std::optional<std::uint16_t> claimed_code(ByteView message) const final;

 protected:
  ~Publication() = default;
  // As parse(), for an empty list.
  virtual protocols::Fault parse_publication(protocols::Parsed& parsed,
                                             protocols::OperationList& operations) const = 0;
};

// Names a stream in a session's state (FNV-1a, 64 bits).
std::uint64_t stream_key(std::uint16_t appid, ByteView name);

// Takes the message as the next of its stream, if `follows(last)`, or if the stream is not known.
template <typename Stream, typename Follows>
protocols::Fault accept_next(protocols::OutstandingTable<Stream> streams, const Stream& next,
                             Follows follows) {
  streams.forget_aged(next.asked_ms);
  for (std::size_t i = 0; i < streams.entries().size(); ++i) {
    const Stream& last = streams.entries()[i];
    if (last.key != next.key) continue;
    if (!follows(last)) return protocols::Fault::bad_sequence;
    streams.remove(i);
    break;
  }
  return streams.add(next, next.asked_ms) ? protocols::Fault::none
                                          : protocols::Fault::too_many_outstanding;
}

// The content of an unsigned number of up to 32 bits. It may be padded to five octets, which is
// what it always has where all lengths are fixed (IEC 61850-8-1, A.3).
std::optional<std::uint32_t> to_uint32(ByteView content);

// References and identifiers (IEC 61850-7-2, 6.2): visible and not empty.
bool good_reference(ByteView name);

}  // namespace bulkhead::published
