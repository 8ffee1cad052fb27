// Identifier, length, content.
#include "dataplane/protocols/ber.h"

#include "dataplane/protocols/planted.h"

namespace bulkhead::ber {

namespace {

constexpr std::uint8_t kConstructed = 0x20;
constexpr std::uint8_t kLongTag = 0x1f;
constexpr std::uint8_t kMore = 0x80;
constexpr Tag kEndOfContents = universal(0);

// X.690, 8.1.2. libiec61850 and others take the octet behind a long form's first for all of the
// number, and skip what they do not expect: a number that needs more octets is refused.
bool read_tag(ByteReader& reader, Element& element) {
  const std::uint8_t first = reader.u8();
  element.constructed = (first & kConstructed) != 0;
  Tag number = first & kLongTag;
  if (number == kLongTag) {
    number = reader.u8();
    if (number < kLongTag || (number & kMore) != 0) return false;
  }
  element.tag = Tag{static_cast<Tag>(first >> 6)} << kClassShift | number;
  return reader.ok() && element.tag != kEndOfContents;
}

// X.690, 8.1.3 and 10.1.
bool read_length(ByteReader& reader, Lengths lengths, std::size_t& length) {
  length = reader.u8();
  if ((length & kMore) == 0) return reader.ok();
  const std::size_t octets = length & 0x7f;
  if (octets == 0 || octets > 3) return false;
  length = 0;
  for (std::size_t i = 0; i < octets; ++i) length = length << 8 | reader.u8();
  const bool fewer = octets == 1 || (octets == 2 && lengths == Lengths::two_octets);
  const std::size_t least = fewer ? kMore : std::size_t{1} << (8 * (octets - 1));
  const bool longer = planted(protocols::Mistake::long_ber_lengths);
  return reader.ok() && (length >= least || longer);
}

}  // namespace

std::optional<std::size_t> read_element(ByteView bytes, Element& element, Lengths lengths) {
  ByteReader reader(bytes);
  std::size_t length = 0;
  if (!read_tag(reader, element) || !read_length(reader, lengths, length)) return std::nullopt;
  element.content = reader.take(length);
  if (!reader.ok()) return std::nullopt;
  element.whole = bytes.first(reader.offset());
  return reader.offset();
}

bool Reader::next(Element& element) {
  if (!ok_ || rest_.empty()) return false;
  const auto bytes = read_element(rest_, element, lengths_);
  ok_ = bytes.has_value();
  if (ok_) rest_ = rest_.subspan(*bytes);
  return ok_;
}

bool Reader::next_if(Tag tag, Element& element) {
  if (!ok_ || rest_.empty()) return false;
  const auto bytes = read_element(rest_, element, lengths_);
  ok_ = bytes.has_value();
  if (!ok_ || !element.is(tag)) return false;
  rest_ = rest_.subspan(*bytes);
  return true;
}

bool only(ByteView bytes, Element& element, Lengths lengths) {
  Reader reader(bytes, lengths);
  return reader.next(element) && reader.at_end();
}

std::optional<std::size_t> count(ByteView bytes) {
  Reader reader(bytes);
  std::size_t elements = 0;
  for (Element element; reader.next(element);) ++elements;
  if (!reader.at_end()) return std::nullopt;
  return elements;
}

std::optional<std::int64_t> to_integer(ByteView content) {
  if (content.empty() || content.size() > 8) return std::nullopt;
  std::uint64_t value = (content[0] & 0x80) != 0 ? ~std::uint64_t{0} : 0;
  for (const std::uint8_t octet : content) value = value << 8 | octet;
  return static_cast<std::int64_t>(value);
}

std::optional<std::uint64_t> to_unsigned(ByteView content) {
  const bool led_by_zero = !content.empty() && content[0] == 0;
  if (content.empty() || content.size() > (led_by_zero ? 9U : 8U)) return std::nullopt;
  if ((content[0] & 0x80) != 0) return std::nullopt;
  std::uint64_t value = 0;
  for (const std::uint8_t octet : content) value = value << 8 | octet;
  return value;
}

}  // namespace bulkhead::ber
