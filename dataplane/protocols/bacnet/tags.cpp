// 20.2.1: a tag's number and length, and for each primitive type the lengths that it may have.
#include "dataplane/protocols/bacnet/tags.h"

#include <algorithm>
#include <array>
#include <bit>

#include "dataplane/protocols/planted.h"

namespace bulkhead::bacnet {

using protocols::Fault;
using protocols::Mistake;

namespace {

constexpr std::uint8_t kExtended = 15;  // 20.2.1.2: the number stands in the next octet

bool is_shortest_unsigned(ByteView content) { return content.size() == 1 || content[0] != 0; }

bool is_shortest_signed(ByteView content) {
  if (content.size() == 1) return true;
  const bool negative = (content[1] & 0x80) != 0;
  return content[0] != (negative ? 0xff : 0x00);
}

// 20.2.10: how many bits of the last octet are unused, and they are zero.
bool is_bit_string(ByteView content, Numbers numbers) {
  if (content.empty() || content[0] > 7) return false;
  if (content.size() == 1) return content[0] == 0;
  const auto unused = static_cast<std::uint8_t>((1U << content[0]) - 1);
  return numbers == Numbers::any || (content.back() & unused) == 0;
}

// 20.2.9: the character set, and characters of its size.
bool is_character_string(ByteView content) {
  enum CharacterSet : std::uint8_t { kUtf8, kDbcs, kJis, kUcs4, kUcs2, kLatin1 };
  if (content.empty() || content[0] > kLatin1) return false;
  const std::size_t octets = content.size() - 1;
  if (content[0] == kUcs2) return octets % 2 == 0;
  if (content[0] == kUcs4) return octets % 4 == 0;
  return content[0] != kDbcs || octets >= 2;  // a code page stands before the characters
}

// The octets that follow the first of a UTF-8 character; nothing if none begins so.
std::optional<std::size_t> utf8_more(std::uint8_t first) {
  if (first < 0x80) return 0;
  if (first >= 0xc2 && first <= 0xdf) return 1;
  if (first >= 0xe0 && first <= 0xef) return 2;
  if (first >= 0xf0 && first <= 0xf4) return 3;
  return std::nullopt;
}

// RFC 3629, 4: no character in more octets than it needs, no surrogate, none above 0x10ffff.
bool is_second_octet(std::uint8_t first, std::uint8_t second) {
  switch (first) {
    case 0xe0:
      return second >= 0xa0;
    case 0xed:
      return second <= 0x9f;
    case 0xf0:
      return second >= 0x90;
    case 0xf4:
      return second <= 0x8f;
    default:
      return true;
  }
}

}  // namespace

Fault TagReader::fault() const {
  if (fault_ != Fault::none) return fault_;
  return reader_.ok() ? Fault::none : Fault::truncated;
}

std::uint8_t TagReader::tag_number(std::uint8_t first) {
  constexpr std::uint8_t kReserved = 255;
  const auto number = static_cast<std::uint8_t>(first >> 4);
  if (number != kExtended) return number;
  const std::uint8_t extended = reader_.u8();
  if (reader_.ok() && (extended < kExtended || extended == kReserved)) fail(Fault::bad_value);
  return extended;
}

// 20.2.1.3.1: lengths above 4 stand in the next octet, above 253 in two more behind 254.
std::uint32_t TagReader::length(std::uint8_t kind) {
  constexpr std::uint8_t kInNextOctet = 5;
  constexpr std::uint8_t kInTwoOctets = 254;
  constexpr std::uint8_t kInFourOctets = 255;  // more than any message has
  if (kind < kInNextOctet) return kind;
  const std::uint8_t octet = reader_.u8();
  const std::uint32_t length = octet == kInTwoOctets ? reader_.u16() : octet;
  const std::uint32_t least = octet == kInTwoOctets ? kInTwoOctets : kInNextOctet;
  if (reader_.ok() && (octet == kInFourOctets || length < least) &&
      !planted(Mistake::long_lengths)) {
    fail(Fault::bad_value);
  }
  return length;
}

bool TagReader::has_shape(const Tag& tag) const {
  const std::size_t octets = tag.content.size();
  const bool any = numbers_ == Numbers::any;
  switch (tag.number) {
    case kNull:
      return octets == 0;
    case kUnsigned:
      return octets >= 1 && octets <= 8 && (any || is_shortest_unsigned(tag.content));
    case kSigned:
      return octets >= 1 && octets <= 8 && (any || is_shortest_signed(tag.content));
    case kEnumerated:
      return octets >= 1 && octets <= 4 && (any || is_shortest_unsigned(tag.content));
    case kReal:
    case kDate:
    case kTime:
    case kObjectIdentifier:
      return octets == 4;
    case kDouble:
      return octets == 8;
    case kOctetString:
      return true;
    case kCharacterString:
      return is_character_string(tag.content);
    case kBitString:
      return is_bit_string(tag.content, numbers_);
    default:
      return false;  // 20.2.1.4: reserved
  }
}

Tag TagReader::next() {
  constexpr std::uint8_t kContext = 0x08;
  constexpr std::uint8_t kOpening = 6;
  constexpr std::uint8_t kClosing = 7;
  const std::size_t begin = reader_.offset();
  Tag tag;
  const std::uint8_t first = reader_.u8();
  const auto kind = static_cast<std::uint8_t>(first & 0x07);
  tag.context = (first & kContext) != 0;
  tag.number = tag_number(first);
  if (kind >= kOpening) {
    tag.opening = kind == kOpening;
    tag.closing = kind == kClosing;
    if (!tag.context) fail(Fault::bad_value);
  } else if (!tag.context && tag.number == kBoolean) {
    tag.truth = kind == 1;  // 20.2.3: the value stands in place of a length
    if (kind > 1) fail(Fault::bad_value);
  } else {
    tag.content = reader_.take(length(kind));
    if (reader_.ok() && !tag.context && !has_shape(tag)) fail(Fault::bad_value);
  }
  tag.octets = since(begin);
  return tag;
}

std::optional<Tag> TagReader::context(std::uint8_t number) {
  if (at_end() || !ok()) return std::nullopt;
  const TagReader before = *this;
  const Tag tag = next();
  if (!ok()) return std::nullopt;
  if (tag.context && !tag.opening && !tag.closing && tag.number == number) return tag;
  *this = before;
  return std::nullopt;
}

std::optional<Tag> TagReader::application(ApplicationTag type) {
  if (at_end() || !ok()) return std::nullopt;
  const TagReader before = *this;
  const Tag tag = next();
  if (!ok()) return std::nullopt;
  if (tag.is(type)) return tag;
  *this = before;
  return std::nullopt;
}

bool TagReader::bracket(std::uint8_t number, bool opening) {
  if (at_end() || !ok()) return false;
  const TagReader before = *this;
  const Tag tag = next();
  if (!ok()) return false;
  const bool matches = tag.number == number || (!opening && planted(Mistake::closing_unmatched));
  if (matches && (opening ? tag.opening : tag.closing)) return true;
  *this = before;
  return false;
}

void TagReader::skip_to_close(std::uint8_t number) {
  std::array<std::uint8_t, kDepthMax> open{number};
  for (std::size_t depth = 1; depth > 0 && ok();) {
    if (at_end()) return fail(Fault::truncated);
    const Tag tag = next();
    if (tag.opening) {
      if (depth == kDepthMax) return fail(Fault::too_deep);
      open[depth++] = tag.number;
    } else if (tag.closing && open[--depth] != tag.number) {
      return fail(Fault::bad_value);
    }
  }
}

void TagReader::skip_to_end() {
  while (ok() && !at_end()) {
    const Tag tag = next();
    if (tag.closing) return fail(Fault::bad_value);
    if (tag.opening) skip_to_close(tag.number);
  }
}

std::optional<std::uint64_t> unsigned_of(ByteView content) {
  if (content.empty() || content.size() > 8) return std::nullopt;
  std::uint64_t value = 0;
  for (const std::uint8_t byte : content) value = value << 8 | byte;
  return value;
}

std::optional<std::uint32_t> shortest_unsigned(ByteView content, std::uint64_t most) {
  if (content.empty() || content.size() > 4 || !is_shortest_unsigned(content)) return std::nullopt;
  const auto value = unsigned_of(content);
  if (*value > most) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

std::int64_t signed_of(ByteView content) {
  const std::uint64_t value = unsigned_of(content).value_or(0);
  const unsigned unused = 64 - 8 * static_cast<unsigned>(content.size());
  return static_cast<std::int64_t>(value << unused) >> unused;
}

std::optional<double> number_of(const Tag& tag) {
  constexpr std::uint64_t kExactMax = std::uint64_t{1} << 53;
  if (tag.context || tag.opening || tag.closing) return std::nullopt;
  switch (tag.number) {
    case kBoolean:
      return tag.truth ? 1 : 0;
    case kUnsigned:
    case kEnumerated: {
      const auto value = unsigned_of(tag.content);
      if (!value || *value > kExactMax) return std::nullopt;
      return static_cast<double>(*value);
    }
    case kSigned: {
      const std::int64_t value = signed_of(tag.content);
      const auto magnitude = static_cast<std::uint64_t>(value < 0 ? -(value + 1) : value);
      if (magnitude >= kExactMax) return std::nullopt;
      return static_cast<double>(value);
    }
    case kReal:
      return std::bit_cast<float>(load_be32(tag.content.data()));
    case kDouble:
      return std::bit_cast<double>(load_be64(tag.content.data()));
    default:
      return std::nullopt;
  }
}

std::optional<ByteView> text_of(ByteView content) {
  constexpr std::uint8_t kUtf8 = 0;
  if (content.size() < 2 || content[0] != kUtf8) return std::nullopt;
  const ByteView text = content.subspan(1);
  for (std::size_t i = 0; i < text.size();) {
    const std::uint8_t first = text[i];
    const auto more = utf8_more(first);
    if (first < 0x20 || first == 0x7f || !more || text.size() - i <= *more) return std::nullopt;
    for (std::size_t k = 1; k <= *more; ++k) {
      if ((text[i + k] & 0xc0) != 0x80) return std::nullopt;
    }
    if (*more > 0 && !is_second_octet(first, text[i + 1])) return std::nullopt;
    if (first == 0xc2 && text[i + 1] < 0xa0) return std::nullopt;  // controls of the second set
    i += 1 + *more;
  }
  return text;
}

std::optional<Object> object_of(ByteView content) {
  if (content.size() != 4) return std::nullopt;
  const std::uint32_t value = load_be32(content.data());
  return Object{value >> 22, value & 0x3fffff};
}

}  // namespace bulkhead::bacnet
