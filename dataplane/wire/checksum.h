// The Internet checksum (RFC 1071) over IP headers and over TCP, UDP and ICMP with their
// pseudo-headers (RFC 9293, 3.1; RFC 768; RFC 8200, 8.1).
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

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

// The sum of words in the machine's byte order, as it stands in memory (RFC 1071, 2(B)): it is all
// ones exactly if the sum in network order is.
inline std::uint64_t add_around(std::uint64_t sum, std::uint64_t word) {
  sum += word;
  return sum + (sum < word ? 1 : 0);  // a carry out of the top comes in again below
}

inline std::uint64_t sum_words(ByteView bytes) {
  std::uint64_t sum = 0;
  const std::uint8_t* p = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; left -= 8, p += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, p, sizeof(word));
    sum = add_around(sum, word);
  }
  if ((left & 4) != 0) {
    std::uint32_t word = 0;
    std::memcpy(&word, p, sizeof(word));
    sum = add_around(sum, word);
    p += sizeof(word);
  }
  if ((left & 2) != 0) {
    std::uint16_t word = 0;
    std::memcpy(&word, p, sizeof(word));
    sum = add_around(sum, word);
    p += sizeof(word);
  }
  if ((left & 1) == 0) return sum;
  const bool little = std::endian::native == std::endian::little;
  return add_around(sum, little ? std::uint64_t{*p} : std::uint64_t{*p} << 8);
}

inline std::uint32_t fold(std::uint64_t sum) {
  sum = (sum >> 32) + (sum & 0xffffffff);
  sum = (sum >> 32) + (sum & 0xffffffff);
  sum = (sum >> 16) + (sum & 0xffff);
  sum = (sum >> 16) + (sum & 0xffff);
  return static_cast<std::uint32_t>(sum);
}

// The checksums of an IPv4 header without options, and of the TCP segment that follows it.
inline bool ipv4_header_checksum_ok(const std::uint8_t* ip) {
  constexpr std::size_t kHeaderBytes = 20;
  return fold(sum_words({ip, kHeaderBytes})) == 0xffff;
}

inline bool ipv4_tcp_checksum_ok(const std::uint8_t* ip, ByteView segment) {
  constexpr std::uint16_t kTcp = 6;
  std::uint64_t addresses = 0;
  std::memcpy(&addresses, ip + 12, sizeof(addresses));
  std::uint64_t rest = kTcp + segment.size();
  if constexpr (std::endian::native == std::endian::little) {
    rest = (rest & 0xff) << 8 | rest >> 8;
  }
  return fold(add_around(add_around(sum_words(segment), addresses), rest)) == 0xffff;
}

// True if `segment` (transport header and payload, checksum field included) sums to all ones.
bool transport_checksum_ok(const IpAddress& source, const IpAddress& destination,
                           std::uint8_t protocol, ByteView segment);

}  // namespace bulkhead::wire
