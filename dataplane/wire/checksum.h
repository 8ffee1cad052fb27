// The Internet checksum (RFC 1071) over IP headers and over TCP, UDP and ICMP with their
// pseudo-headers (RFC 9293, 3.1; RFC 768; RFC 8200, 8.1).
#pragma once

#include <cstdint>

#include "dataplane/base/bytes.h"
#include "dataplane/wire/address.h"

namespace bulkhead::wire {

// The ones' complement sum, not yet inverted; `initial` chains several pieces of even length.
std::uint32_t checksum_add(std::uint32_t initial, ByteView bytes);

// Folds and inverts: the value that goes into the header.
std::uint16_t checksum_finish(std::uint32_t sum);

// The sum over a pseudo-header; the addresses decide between the IPv4 and the IPv6 form.
std::uint32_t pseudo_header_sum(const IpAddress& source, const IpAddress& destination,
                                std::uint8_t protocol, std::uint32_t length_bytes);

// True if `segment` (transport header and payload, checksum field included) sums to all ones.
bool transport_checksum_ok(const IpAddress& source, const IpAddress& destination,
                           std::uint8_t protocol, ByteView segment);

}  // namespace bulkhead::wire
