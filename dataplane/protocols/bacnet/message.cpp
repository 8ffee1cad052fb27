// The virtual link, the network layer and the head of an APDU.
#include "dataplane/protocols/bacnet/layout.h"

namespace bulkhead::bacnet {

using protocols::Fault;

namespace {

// 20.1.2 to 20.1.9.
Fault parse_apdu(ByteView bytes, Message& message) {
  constexpr std::uint8_t kSegmented = 0x08;
  constexpr std::uint8_t kMoreFollows = 0x04;
  ByteReader reader(bytes);
  const std::uint8_t first = reader.u8();
  message.pdu_type = first >> 4;
  const bool may_segment = message.pdu_type == kConfirmedRequest || message.pdu_type == kComplexAck;
  message.segmented = may_segment && (first & kSegmented) != 0;
  message.more_follows = message.segmented && (first & kMoreFollows) != 0;
  if (message.pdu_type > kAbort) return Fault::unknown_function;
  if (message.pdu_type == kConfirmedRequest) reader.skip(1);
  if (message.pdu_type != kUnconfirmedRequest) message.invoke_id = reader.u8();
  if (message.segmented || message.pdu_type == kSegmentAck) reader.skip(2);
  if (message.pdu_type != kSegmentAck) message.service = reader.u8();
  message.data = reader.rest();
  if (!reader.ok()) return Fault::truncated;
  const bool ends_here = message.pdu_type == kSimpleAck || message.pdu_type == kSegmentAck ||
                         message.pdu_type == kReject || message.pdu_type == kAbort;
  return ends_here && !message.data.empty() ? Fault::trailing_bytes : Fault::none;
}

// 6.2.2.
Fault parse_npdu(ByteView bytes, Message& message) {
  constexpr std::uint8_t kNetworkMessage = 0x80;
  constexpr std::uint8_t kDestination = 0x20;
  constexpr std::uint8_t kSource = 0x08;
  constexpr std::uint8_t kReserved = 0x50;
  constexpr std::uint8_t kProprietary = 0x80;
  ByteReader reader(bytes);
  const std::uint8_t version = reader.u8();
  const std::uint8_t control = reader.u8();
  if ((control & kDestination) != 0) {
    message.network = reader.u16();
    reader.skip(reader.u8());
  }
  if ((control & kSource) != 0) {
    reader.skip(2);
    const std::uint8_t length = reader.u8();
    if (reader.ok() && length == 0) return Fault::bad_length;
    reader.skip(length);
  }
  if ((control & kDestination) != 0) reader.skip(1);
  if (!reader.ok()) return Fault::truncated;
  if (version != 1) return Fault::not_this_protocol;
  if ((control & kReserved) != 0) return Fault::bad_value;
  if ((control & kNetworkMessage) == 0) return parse_apdu(reader.rest(), message);
  message.network_message = reader.u8();
  if (message.network_message >= kProprietary) return Fault::unknown_function;
  return reader.ok() ? Fault::none : Fault::truncated;
}

// Clause 7: the NPDU follows at once.
Fault parse_lpdu(ByteView bytes, Message& message) {
  constexpr std::uint8_t kUnnumbered = 0x03;
  ByteReader reader(bytes);
  const std::size_t length = reader.u16();
  const std::size_t there = reader.remaining();
  const std::uint8_t to = reader.u8();
  const std::uint8_t from = reader.u8();
  const std::uint8_t control = reader.u8();
  if (!reader.ok() || length > there) return Fault::truncated;
  if (length < there) return Fault::trailing_bytes;
  if (to != kAccessPoint || from != kAccessPoint || control != kUnnumbered) {
    return Fault::not_this_protocol;
  }
  message.bvlc = kNoBvlc;
  message.has_npdu = true;
  message.npdu = bytes.subspan(kLlcBytes);
  return parse_npdu(message.npdu, message);
}

}  // namespace

Fault parse_message(ByteView bytes, Message& message) {
  constexpr std::size_t kForwardedBytes = 6;
  message = Message{};
  if (is_lpdu(bytes)) return parse_lpdu(bytes, message);
  ByteReader reader(bytes);
  const std::uint8_t type = reader.u8();
  message.bvlc = reader.u8();
  const std::size_t length = reader.u16();
  if (!bytes.empty() && type != kBvlcType) return Fault::not_this_protocol;
  if (!reader.ok() || length > bytes.size()) return Fault::truncated;
  if (length < bytes.size()) return Fault::trailing_bytes;
  if (message.bvlc == kForwardedNpdu) reader.skip(kForwardedBytes);
  message.has_npdu = message.bvlc == kForwardedNpdu || message.bvlc == kDistributeBroadcast ||
                     message.bvlc == kOriginalUnicast || message.bvlc == kOriginalBroadcast;
  message.npdu = reader.rest();
  if (!reader.ok()) return Fault::truncated;
  return message.has_npdu ? parse_npdu(message.npdu, message) : Fault::none;
}

}  // namespace bulkhead::bacnet
