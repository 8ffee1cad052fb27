// Sums 64-bit words with end-around carry and folds at the end.
#include "dataplane/wire/checksum.h"

#include <bit>
#include <cstring>

namespace bulkhead::wire {

namespace {

// RFC 1071, 2(B): the sum in the machine's byte order is the sum, its bytes swapped.
std::uint32_t in_network_order(std::uint64_t sum) {
  const std::uint32_t folded = fold(sum);
  if constexpr (std::endian::native != std::endian::little) return folded;
  return (folded >> 8 & 0xff) | (folded & 0xff) << 8;
}

}  // namespace

std::uint32_t checksum_add(std::uint32_t initial, ByteView bytes) {
  return fold(std::uint64_t{initial} + in_network_order(sum_words(bytes)));
}

std::uint16_t checksum_finish(std::uint32_t sum) { return static_cast<std::uint16_t>(~fold(sum)); }

std::uint32_t pseudo_header_sum(const IpAddress& source, const IpAddress& destination,
                                std::uint8_t protocol, std::uint32_t length_bytes) {
  // RFC 9293, 3.1: an IPv4 address counts without what maps it into IPv6.
  const std::uint64_t mask = source.is_v4() ? 0xffffffff : ~std::uint64_t{0};
  std::uint64_t sum = add_around(source.low() & mask, destination.low() & mask);
  sum = add_around(sum, add_around(source.high(), destination.high()));
  return fold(std::uint64_t{fold(sum)} + protocol + length_bytes);
}

bool transport_checksum_ok(const IpAddress& source, const IpAddress& destination,
                           std::uint8_t protocol, ByteView segment) {
  const auto length = static_cast<std::uint32_t>(segment.size());
  const std::uint32_t sum = pseudo_header_sum(source, destination, protocol, length);
  return checksum_finish(checksum_add(sum, segment)) == 0;
}

}  // namespace bulkhead::wire
