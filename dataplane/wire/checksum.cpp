// Sums sixteen bits at a time in a 64-bit accumulator and folds at the end.
#include "dataplane/wire/checksum.h"

namespace bulkhead::wire {

namespace {

std::uint32_t fold(std::uint64_t sum) {
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint32_t>(sum);
}

}  // namespace

std::uint32_t checksum_add(std::uint32_t initial, ByteView bytes) {
  std::uint64_t sum = initial;
  std::size_t i = 0;
  for (; i + 4 <= bytes.size(); i += 4) sum += load_be32(bytes.data() + i);
  for (; i + 2 <= bytes.size(); i += 2) sum += load_be16(bytes.data() + i);
  if (i < bytes.size()) sum += static_cast<std::uint32_t>(bytes[i]) << 8;
  return fold(sum);
}

std::uint16_t checksum_finish(std::uint32_t sum) { return static_cast<std::uint16_t>(~fold(sum)); }

std::uint32_t pseudo_header_sum(const IpAddress& source, const IpAddress& destination,
                                std::uint8_t protocol, std::uint32_t length_bytes) {
  const std::size_t skip = source.is_v4() ? 12 : 0;
  std::uint32_t sum = checksum_add(0, ByteView{source.bytes}.subspan(skip));
  sum = checksum_add(sum, ByteView{destination.bytes}.subspan(skip));
  return fold(static_cast<std::uint64_t>(sum) + protocol + (length_bytes >> 16) +
              (length_bytes & 0xffff));
}

bool transport_checksum_ok(const IpAddress& source, const IpAddress& destination,
                           std::uint8_t protocol, ByteView segment) {
  const auto length = static_cast<std::uint32_t>(segment.size());
  const std::uint32_t sum = pseudo_header_sum(source, destination, protocol, length);
  return checksum_finish(checksum_add(sum, segment)) == 0;
}

}  // namespace bulkhead::wire
