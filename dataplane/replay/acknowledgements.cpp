// Rewrites acknowledgements to what has left.
#include "dataplane/replay/acknowledgements.h"

#include "dataplane/wire/checksum.h"
#include "dataplane/wire/ethernet.h"
#include "dataplane/wire/ip.h"
#include "dataplane/wire/transport.h"

namespace bulkhead::replay {

struct Acknowledgements::Segment {
  Direction direction;
  wire::TcpHeader tcp;
  std::size_t at = 0;  // where the TCP header begins in the frame
  std::size_t length = 0;
};

bool Acknowledgements::parse(ByteView frame, Segment& segment) {
  wire::EthernetHeader ethernet;
  if (!wire::parse_ethernet(frame, ethernet)) return false;
  const ByteView rest = frame.subspan(ethernet.payload_offset);
  wire::IpHeader ip;
  if (ethernet.ethertype == wire::kEtherTypeIpv4) {
    if (wire::parse_ipv4(rest, false, ip) != wire::IpStatus::ok) return false;
  } else if (ethernet.ethertype != wire::kEtherTypeIpv6 ||
             wire::parse_ipv6(rest, ip) != wire::IpStatus::ok) {
    return false;
  }
  const ByteView bytes = rest.subspan(ip.payload_offset, ip.payload_length);
  if (ip.protocol != wire::kProtocolTcp || !wire::parse_tcp(bytes, segment.tcp)) return false;
  segment.direction = {ip.source, ip.destination, segment.tcp.source_port,
                       segment.tcp.destination_port};
  segment.at = ethernet.payload_offset + ip.payload_offset;
  segment.length = bytes.size();
  return true;
}

namespace {

// Advances the number after the last byte past a segment.
void advance(std::optional<std::uint32_t>& end, const wire::TcpHeader& tcp, std::size_t payload) {
  const bool begins = (tcp.flags & wire::kTcpSyn) != 0;
  const bool ends = (tcp.flags & wire::kTcpFin) != 0;
  const std::uint32_t numbered =
      static_cast<std::uint32_t>(payload) + (begins ? 1U : 0U) + (ends ? 1U : 0U);
  const std::uint32_t behind = tcp.sequence + numbered;
  // An empty segment may stand behind bytes that are held.
  const bool more = end && numbered > 0 && wire::sequence_distance(behind, *end) > 0;
  if (begins || !end || more) end = behind;
}

}  // namespace

// Of a session that was not seen to open. An empty segment may be a keep-alive, of the number
// before the next (RFC 1122, 4.2.3.6): what comes after it says so.
void Acknowledgements::Numbers::note_beginning(std::uint32_t number) {
  if (!begun_empty || number != first + 1) return;
  begun_empty = false;
  first = number;
  said = number;
  if (left) left = number;
}

void Acknowledgements::note_left(ByteView frame) {
  Segment segment;
  if (!parse(frame, segment)) return;
  advance(directions_[segment.direction].left, segment.tcp,
          segment.length - segment.tcp.payload_offset);
}

void Acknowledgements::restate(std::span<std::uint8_t> frame) {
  constexpr std::size_t kAcknowledgementAt = 8;
  constexpr std::size_t kChecksumAt = 16;
  Segment segment;
  if (!parse(frame, segment)) return;
  const Direction& own = segment.direction;
  Numbers& mine = directions_[own];
  Numbers& other =
      directions_[{own.destination, own.source, own.destination_port, own.source_port}];
  const std::uint32_t sequence = segment.tcp.sequence;
  mine.note_beginning(sequence);
  const bool fresh = !mine.said;
  if (fresh) mine.first = sequence;
  advance(mine.said, segment.tcp, segment.length - segment.tcp.payload_offset);
  if ((segment.tcp.flags & wire::kTcpSyn) != 0) mine.opened = true;
  const bool empty = *mine.said == mine.first;
  mine.begun_empty = empty && (fresh ? !other.opened : mine.begun_empty);
  if ((segment.tcp.flags & wire::kTcpAck) == 0) return;
  if (!other.said) return;
  const std::uint32_t number = segment.tcp.acknowledgement;
  other.note_beginning(number);
  const std::uint32_t left = other.left.value_or(other.first);
  const bool all = wire::sequence_distance(number, *other.said) >= 0;
  if (!all && wire::sequence_distance(number, left) <= 0) return;
  const std::span<std::uint8_t> bytes = frame.subspan(segment.at, segment.length);
  const std::uint32_t pseudo = wire::pseudo_header_sum(
      own.source, own.destination, wire::kProtocolTcp, static_cast<std::uint32_t>(bytes.size()));
  const bool right = wire::checksum_finish(wire::checksum_add(pseudo, bytes)) == 0;
  if (verify_checksums_ && !right) return;
  store_be32(&bytes[kAcknowledgementAt], left);
  store_be16(&bytes[kChecksumAt], 0);
  store_be16(&bytes[kChecksumAt], wire::checksum_finish(wire::checksum_add(pseudo, bytes)));
}

}  // namespace bulkhead::replay
