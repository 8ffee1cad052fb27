// The types of data, and what is a number.
#include "dataplane/protocols/mms_data.h"

#include <array>
#include <bit>

namespace bulkhead::protocols {

namespace {

using ber::Kind;
using ber::member;
using ber::Type;

enum Tag : std::uint8_t {
  kArray = 1,
  kStructure = 2,
  kBoolean = 3,
  kBitString = 4,
  kInteger = 5,
  kUnsigned = 6,
  kFloatingPoint = 7,
  kOctetString = 9,
  kVisibleString = 10,
  kGeneralizedTime = 11,
  kBinaryTime = 12,
  kBooleanArray = 14,
  kObjectId = 15,
  kMmsString = 16,
  kUtcTime = 17,
};

constexpr Type kInteger64{Kind::integer64};
constexpr Type kNumber64{Kind::number64};
constexpr Type kPadded{Kind::padded};
constexpr Type kPadded64{Kind::padded64};
constexpr Type kFloating{Kind::floating};
constexpr Type kText{Kind::text};
constexpr Type kUtc{Kind::utc_time};
constexpr Type kLooseBits{Kind::loose_bits};

constexpr std::array<ber::Member, 15> types_of(const Type& list, const Type& integer,
                                               const Type& number, const Type& bits) {
  return {{
      member(kArray, list),
      member(kStructure, list),
      member(kBoolean, ber::kBoolean),
      member(kBitString, bits),
      member(kInteger, integer),
      member(kUnsigned, number),
      member(kFloatingPoint, kFloating),
      member(kOctetString, ber::kOctets),
      member(kVisibleString, ber::kVisible),
      member(kGeneralizedTime, ber::kVisible),
      member(kBinaryTime, ber::kTimeOfDay),
      member(kBooleanArray, bits),
      member(kObjectId, ber::kOid),
      member(kMmsString, kText),
      member(kUtcTime, kUtc),
  }};
}

extern const Type kDataList;
extern const Type kGooseList;
extern const Type kToldList;
constexpr std::array kDataTypes = types_of(kDataList, kInteger64, kNumber64, ber::kBits);
constexpr std::array kGooseTypes = types_of(kGooseList, kPadded, kPadded64, ber::kBits);
constexpr std::array kToldTypes = types_of(kToldList, kPadded, kPadded64, kLooseBits);
constexpr Type kDataList{Kind::list, kDataTypes};
constexpr Type kGooseList{Kind::list, kGooseTypes};
constexpr Type kToldList{Kind::list, kToldTypes};

// X.690, 8.6.2: how many bits are unused, and the bits.
std::optional<double> bits_of(ByteView content) {
  constexpr std::size_t kOctetsMax = 4;
  if (content.size() < 2 || content.size() > 1 + kOctetsMax) return std::nullopt;
  std::uint32_t bits = 0;
  for (const std::uint8_t octet : content.subspan(1)) bits = bits << 8 | octet;
  return bits >> content[0];
}

}  // namespace

constexpr Type kMmsData{Kind::choice, kDataTypes};
constexpr Type kGooseData{Kind::choice, kGooseTypes};
constexpr Type kToldData{Kind::choice, kToldTypes};

std::optional<double> number_of(const ber::Element& data) {
  constexpr std::int64_t kExact = std::int64_t{1} << 53;
  const ByteView bytes = data.content;
  switch (data.number()) {
    case kBoolean:
      return bytes[0] != 0 ? 1 : 0;
    case kBitString:
    case kBooleanArray:
      return bits_of(bytes);
    case kInteger: {
      const auto value = ber::to_integer(bytes);
      if (!value || *value < -kExact || *value > kExact) return std::nullopt;
      return static_cast<double>(*value);
    }
    case kUnsigned: {
      const auto value = ber::to_unsigned(bytes);
      if (!value || *value > std::uint64_t{kExact}) return std::nullopt;
      return static_cast<double>(*value);
    }
    case kFloatingPoint:
      if (bytes.size() == 5) return std::bit_cast<float>(load_be32(bytes.data() + 1));
      return std::bit_cast<double>(load_be64(bytes.data() + 1));
    default:  // strings, times and the like
      return std::nullopt;
  }
}

}  // namespace bulkhead::protocols
