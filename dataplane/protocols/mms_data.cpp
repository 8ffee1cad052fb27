// Numbers are read, everything else is walked.
#include "dataplane/protocols/mms_data.h"

#include <bit>

namespace bulkhead::protocols {

namespace {

bool read_number(const ber::Element& data, std::optional<double>& number) {
  constexpr std::int64_t kExact = std::int64_t{1} << 53;
  const ByteView bytes = data.content;
  switch (data.number()) {
    case 3:  // boolean
      if (bytes.size() != 1) return false;
      number = bytes[0] != 0 ? 1 : 0;
      return true;
    case 5: {  // integer
      const auto value = ber::to_integer(bytes);
      if (!value) return false;
      if (*value >= -kExact && *value <= kExact) number = static_cast<double>(*value);
      return true;
    }
    case 6: {  // unsigned
      const auto value = ber::to_unsigned(bytes);
      if (!value) return false;
      if (*value <= std::uint64_t{kExact}) number = static_cast<double>(*value);
      return true;
    }
    case 7:  // floating point: the exponent's width, and IEEE 754
      if (bytes.size() == 5 && bytes[0] == 8) {
        number = std::bit_cast<float>(load_be32(bytes.data() + 1));
      } else if (bytes.size() == 9 && bytes[0] == 11) {
        number = std::bit_cast<double>(load_be64(bytes.data() + 1));
      }
      return !bytes.empty();
    default:  // strings, times and the like
      return true;
  }
}

bool read_at(const ber::Element& data, int depth, std::optional<double>& number) {
  constexpr std::uint32_t kArray = 1;
  constexpr std::uint32_t kStructure = 2;
  constexpr std::uint32_t kLast = 17;
  number.reset();
  if (!data.is_context() || data.number() == 0 || data.number() > kLast || depth > ber::kDepthMax) {
    return false;
  }
  const bool nested = data.number() == kArray || data.number() == kStructure;
  if (nested != data.constructed) return false;
  if (!nested) return read_number(data, number);
  ber::Reader reader(data.content);
  bool first = true;
  for (ber::Element part; reader.next(part);) {
    std::optional<double> value;
    if (!read_at(part, depth + 1, value)) return false;
    if (first && data.number() == kStructure) number = value;
    first = false;
  }
  return reader.at_end();
}

}  // namespace

bool read_mms_data(const ber::Element& data, std::optional<double>& number) {
  return read_at(data, 1, number);
}

}  // namespace bulkhead::protocols
