// Sums in a 64-bit accumulator and folds at the end.
#include "dataplane/wire/checksum.h"

#include <array>
#include <bit>
#include <cstring>

namespace bulkhead::wire {

namespace {

std::uint32_t fold(std::uint64_t sum) {
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint32_t>(sum);
}

}  // namespace

std::uint32_t checksum_add(std::uint32_t initial, ByteView bytes) {
  // RFC 1071, 2(B): the sum in the machine's byte order is the sum, its bytes swapped.
  std::uint64_t sum = 0;
  const std::uint8_t* p = bytes.data();
  std::size_t left = bytes.size();
  const auto add = [&]<typename Word>(Word word) {
    std::memcpy(&word, p, sizeof(word));
    sum += word;
    p += sizeof(word);
    left -= sizeof(word);
  };
  while (left >= 16) {
    add(std::uint32_t{});
    add(std::uint32_t{});
    add(std::uint32_t{});
    add(std::uint32_t{});
  }
  while (left >= 4) add(std::uint32_t{});
  if (left >= 2) add(std::uint16_t{});
  if (left == 1) {
    const std::array<std::uint8_t, 2> last = {*p, 0};
    std::uint16_t word = 0;
    std::memcpy(&word, last.data(), sizeof(word));
    sum += word;
  }
  std::uint32_t folded = fold(sum);
  if constexpr (std::endian::native == std::endian::little) {
    folded = (folded >> 8 & 0xff) | (folded & 0xff) << 8;
  }
  return fold(std::uint64_t{initial} + folded);
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
