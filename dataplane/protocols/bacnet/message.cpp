// The virtual link, the network layer and the head of an APDU. Reserved bits are zero.
#include "dataplane/protocols/bacnet/layout.h"

namespace bulkhead::bacnet {

using protocols::Fault;

namespace {

// The bits of an APDU's first octet beside its type, which are used of that type (20.1.2
// to 20.1.9).
std::uint8_t used_flags(std::uint8_t pdu_type) {
  switch (pdu_type) {
    case kConfirmedRequest:
      return 0x0e;
    case kComplexAck:
      return 0x0c;
    case kSegmentAck:
      return 0x03;
    case kAbort:
      return 0x01;
    default:
      return 0;
  }
}

// 20.1.2.5: how large an answer may be; the last code that stands for a size.
bool is_answer_size(std::uint8_t octet) {
  constexpr std::uint8_t kReserved = 0x80;
  constexpr std::uint8_t kUpTo1476 = 5;
  return (octet & kReserved) == 0 && (octet & 0x0f) <= kUpTo1476;
}

// 20.1.2 to 20.1.9.
Fault parse_apdu(ByteView bytes, Message& message) {
  constexpr std::uint8_t kSegmented = 0x08;
  constexpr std::uint8_t kMoreFollows = 0x04;
  constexpr std::uint8_t kByServer = 0x01;
  constexpr std::uint8_t kWindowMax = 127;
  ByteReader reader(bytes);
  const std::uint8_t first = reader.u8();
  message.pdu_type = first >> 4;
  const bool may_segment = message.pdu_type == kConfirmedRequest || message.pdu_type == kComplexAck;
  message.segmented = may_segment && (first & kSegmented) != 0;
  message.more_follows = may_segment && (first & kMoreFollows) != 0;
  if (message.pdu_type > kAbort) return Fault::unknown_function;
  const bool ends_by_side = message.pdu_type == kSegmentAck || message.pdu_type == kAbort;
  message.by_server = ends_by_side && (first & kByServer) != 0;
  bool good = (first & 0x0f & ~used_flags(message.pdu_type)) == 0 &&
              (message.segmented || !message.more_follows);
  if (message.pdu_type == kConfirmedRequest) good = is_answer_size(reader.u8()) && good;
  if (message.pdu_type != kUnconfirmedRequest) message.invoke_id = reader.u8();
  if (message.segmented || message.pdu_type == kSegmentAck) {
    reader.skip(1);  // sequence number
    const std::uint8_t window = reader.u8();
    good = window >= 1 && window <= kWindowMax && good;
  }
  if (message.pdu_type != kSegmentAck) message.service = reader.u8();
  message.apdu_head = bytes.first(reader.ok() ? reader.offset() : 0);
  message.data = reader.rest();
  if (!reader.ok()) return Fault::truncated;
  if (!good) return Fault::bad_value;
  const bool ends_here = message.pdu_type == kSimpleAck || message.pdu_type == kSegmentAck ||
                         message.pdu_type == kReject || message.pdu_type == kAbort;
  return ends_here && !message.data.empty() ? Fault::trailing_bytes : Fault::none;
}

// 6.2.2.1: a network's number, and as many octets as an address of its kind has: at most the 7 of a
// LonTalk Neuron_ID (6.2.2.2).
Fault parse_address(ByteReader& reader, bool destination, NetworkAddress& address) {
  constexpr std::size_t kOctetsMax = 7;
  address.network = reader.u16();
  const std::size_t length = reader.u8();
  if (length > kOctetsMax) return Fault::bad_length;
  address.octets = reader.take(length);
  if (!reader.ok()) return Fault::truncated;
  if (address.network == 0) return Fault::bad_value;
  const bool global = address.network == kGlobalBroadcast;
  if (!destination) {
    if (global) return Fault::bad_value;
    return length == 0 ? Fault::bad_length : Fault::none;
  }
  return global && length != 0 ? Fault::bad_value : Fault::none;
}

// 6.2.2.
Fault parse_npdu(ByteView bytes, Message& message) {
  constexpr std::uint8_t kNetworkLayer = 0x80;
  constexpr std::uint8_t kDestination = 0x20;
  constexpr std::uint8_t kSource = 0x08;
  constexpr std::uint8_t kReserved = 0x50;
  ByteReader reader(bytes);
  const std::uint8_t version = reader.u8();
  const std::uint8_t control = reader.u8();
  if (reader.ok() && version != 1) return Fault::not_this_protocol;
  if ((control & kReserved) != 0) return Fault::bad_value;
  if ((control & kDestination) != 0) {
    if (const Fault fault = parse_address(reader, true, message.to); fault != Fault::none) {
      return fault;
    }
  }
  if ((control & kSource) != 0) {
    if (const Fault fault = parse_address(reader, false, message.from); fault != Fault::none) {
      return fault;
    }
  }
  if ((control & kDestination) != 0) {
    message.hop_count = reader.take(1);
    // 6.2.2.1: who counts it down to zero throws the message away.
    if (reader.ok() && message.hop_count[0] == 0) return Fault::bad_value;
  }
  if (!reader.ok()) return Fault::truncated;
  if ((control & kNetworkLayer) == 0) return parse_apdu(reader.rest(), message);
  message.is_network_message = true;
  message.network_message = reader.u8();
  message.data = reader.rest();
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
  message = Message{};
  if (is_lpdu(bytes)) return parse_lpdu(bytes, message);
  ByteReader reader(bytes);
  const std::uint8_t type = reader.u8();
  message.bvlc = reader.u8();
  const std::size_t length = reader.u16();
  if (!bytes.empty() && type != kBvlcType) return Fault::not_this_protocol;
  if (!reader.ok() || length > bytes.size()) return Fault::truncated;
  if (length < bytes.size()) return Fault::trailing_bytes;
  if (message.bvlc == kForwardedNpdu) message.origin = reader.take(kIpAddressBytes);
  message.has_npdu = message.bvlc == kForwardedNpdu || message.bvlc == kDistributeBroadcast ||
                     message.bvlc == kOriginalUnicast || message.bvlc == kOriginalBroadcast;
  message.data = reader.rest();
  if (!reader.ok()) return Fault::truncated;
  if (!message.has_npdu) return Fault::none;
  message.npdu = message.data;
  return parse_npdu(message.npdu, message);
}

}  // namespace bulkhead::bacnet
