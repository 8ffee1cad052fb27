// Parses IPv4 and IPv6 headers.
#include "dataplane/wire/ip.h"

#include "dataplane/wire/checksum.h"

namespace bulkhead::wire {

namespace {

// RFC 6890: addresses that no packet on a wire between two hosts may come from.
bool is_impossible_source(const IpAddress& source) {
  if (!source.is_v4()) return source.bytes[0] == 0xff;
  return source.bytes[12] >= 224;
}

}  // namespace

IpStatus parse_ipv4(ByteView packet, bool verify_checksum, IpHeader& header) {
  if (packet.size() < kIpv4HeaderBytes) return IpStatus::malformed;
  const std::uint8_t* p = packet.data();
  const std::size_t header_bytes = static_cast<std::size_t>(p[0] & 0x0f) * 4;
  const std::size_t total = load_be16(p + 2);
  header.version = 4;
  header.source = IpAddress::from_v4(p + 12);
  header.destination = IpAddress::from_v4(p + 16);
  header.protocol = p[9];
  header.hop_limit = p[8];
  constexpr std::uint16_t kReservedFlag = 0x8000;  // RFC 791, 3.1: must be zero
  if ((p[0] >> 4) != 4 || header_bytes < kIpv4HeaderBytes || total < header_bytes ||
      total > packet.size() || is_impossible_source(header.source) ||
      (load_be16(p + 6) & kReservedFlag) != 0) {
    return IpStatus::malformed;
  }
  if (verify_checksum && checksum_finish(checksum_add(0, packet.first(header_bytes))) != 0) {
    return IpStatus::bad_checksum;
  }
  header.payload_offset = static_cast<std::uint16_t>(header_bytes);
  header.payload_length = static_cast<std::uint16_t>(total - header_bytes);
  constexpr std::uint16_t kMoreFragmentsOrOffset = 0x3fff;
  if ((load_be16(p + 6) & kMoreFragmentsOrOffset) != 0) return IpStatus::fragment;
  return header_bytes == kIpv4HeaderBytes ? IpStatus::ok : IpStatus::options;
}

IpStatus parse_ipv6(ByteView packet, IpHeader& header) {
  constexpr std::uint8_t kFragmentHeader = 44;
  constexpr std::uint8_t kExtensionHeaders[] = {0, 43, 50, 51, 59, 60, 135, 139, 140};
  if (packet.size() < kIpv6HeaderBytes) return IpStatus::malformed;
  const std::uint8_t* p = packet.data();
  const std::size_t payload = load_be16(p + 4);
  header.version = 6;
  header.source = IpAddress::from_v6(p + 8);
  header.destination = IpAddress::from_v6(p + 24);
  header.protocol = p[6];
  header.hop_limit = p[7];
  // An IPv4-mapped address on the wire would be mistaken for an IPv4 host (RFC 4291, 2.5.5.2), and
  // one in the form of a MAC address for a station.
  const auto stands_for_other = [](const IpAddress& a) { return a.is_v4() || a.is_mac(); };
  if ((p[0] >> 4) != 6 || payload > packet.size() - kIpv6HeaderBytes ||
      is_impossible_source(header.source) || stands_for_other(header.source) ||
      stands_for_other(header.destination)) {
    return IpStatus::malformed;
  }
  header.payload_offset = kIpv6HeaderBytes;
  header.payload_length = static_cast<std::uint16_t>(payload);
  if (header.protocol == kFragmentHeader) return IpStatus::fragment;
  for (const std::uint8_t extension : kExtensionHeaders) {
    if (header.protocol == extension) return IpStatus::options;
  }
  return IpStatus::ok;
}

}  // namespace bulkhead::wire
