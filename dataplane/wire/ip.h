// IPv4 (RFC 791) and IPv6 (RFC 8200) headers, without options or extension headers: those are
// recognised, so that they can be refused by name, and never interpreted.
#pragma once

#include <cstdint>

#include "dataplane/base/bytes.h"
#include "dataplane/wire/address.h"

namespace bulkhead::wire {

constexpr std::uint8_t kProtocolIcmp = 1;
constexpr std::uint8_t kProtocolTcp = 6;
constexpr std::uint8_t kProtocolUdp = 17;
constexpr std::uint8_t kProtocolIcmpv6 = 58;
constexpr std::size_t kIpv4HeaderBytes = 20;
constexpr std::size_t kIpv6HeaderBytes = 40;

enum class IpStatus : std::uint8_t { ok, malformed, bad_checksum, options, fragment };

struct IpHeader {
  IpAddress source;
  IpAddress destination;
  std::uint8_t version = 0;
  std::uint8_t protocol = 0;
  std::uint8_t hop_limit = 0;
  std::uint16_t payload_offset = 0;  // from the start of the IP header
  std::uint16_t payload_length = 0;  // as the header says; bytes after it are padding
};

// `packet` starts at the IP header and may be longer than the header says (Ethernet padding).
// Addresses are set whenever the fixed header is whole, whatever the status.
IpStatus parse_ipv4(ByteView packet, bool verify_checksum, IpHeader& header);
IpStatus parse_ipv6(ByteView packet, IpHeader& header);

}  // namespace bulkhead::wire
