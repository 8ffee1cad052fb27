// Identifier, length, content; an indefinite length ends where its own end-of-contents stands.
#include "dataplane/protocols/ber.h"

namespace bulkhead::ber {

namespace {

constexpr std::uint8_t kConstructed = 0x20;
constexpr std::uint8_t kLongTag = 0x1f;
constexpr std::uint8_t kMore = 0x80;

// X.690, 8.1.2.
bool read_tag(ByteReader& reader, Element& element) {
  const std::uint8_t first = reader.u8();
  element.constructed = (first & kConstructed) != 0;
  Tag number = first & kLongTag;
  if (number == kLongTag) {
    number = 0;
    for (int octets = 0;; ++octets) {
      const std::uint8_t octet = reader.u8();
      // At most three octets; the first is not all zero, and the number needs the long form.
      if (octets == 3 || (octets == 0 && octet == kMore)) return false;
      number = number << 7 | (octet & 0x7f);
      if ((octet & kMore) == 0) break;
    }
    if (number < kLongTag) return false;
  }
  element.tag = Tag{static_cast<Tag>(first >> 6)} << kClassShift | number;
  return reader.ok();
}

struct Length {
  bool indefinite = false;
  std::size_t bytes = 0;
};

// X.690, 8.1.3.
bool read_length(ByteReader& reader, Length& length) {
  const std::uint8_t first = reader.u8();
  length = {};
  if ((first & kMore) == 0) {
    length.bytes = first;
    return reader.ok();
  }
  const int octets = first & 0x7f;
  length.indefinite = octets == 0;
  if (octets > 4) return false;
  for (int i = 0; i < octets; ++i) length.bytes = length.bytes << 8 | reader.u8();
  return reader.ok();
}

bool end_of_contents(ByteView at) { return at.size() >= 2 && at[0] == 0 && at[1] == 0; }

// How many bytes stand before the end-of-contents of a value of indefinite length. Every element is
// looked at once: values of definite length are skipped, those of indefinite length opened.
std::optional<std::size_t> indefinite_bytes(ByteView bytes) {
  int open = 1;
  for (ByteReader reader(bytes); reader.ok();) {
    const ByteView rest = bytes.subspan(reader.offset());
    if (end_of_contents(rest)) {
      if (--open == 0) return reader.offset();
      reader.skip(2);
      continue;
    }
    Element element;
    Length length;
    if (!read_tag(reader, element) || !read_length(reader, length)) return std::nullopt;
    if (length.indefinite && (!element.constructed || ++open > kIndefiniteMax)) return std::nullopt;
    reader.skip(length.bytes);
  }
  return std::nullopt;
}

bool well_formed_at(ByteView bytes, int depth) {
  if (depth > kDepthMax) return false;
  Reader reader(bytes);
  for (Element element; reader.next(element);) {
    if (element.constructed && !well_formed_at(element.content, depth + 1)) return false;
  }
  return reader.at_end();
}

}  // namespace

std::optional<std::size_t> read_element(ByteView bytes, Element& element) {
  ByteReader reader(bytes);
  Length length;
  if (!read_tag(reader, element) || !read_length(reader, length)) return std::nullopt;
  if (!length.indefinite) {
    element.content = reader.take(length.bytes);
    if (!reader.ok()) return std::nullopt;
    return reader.offset();
  }
  if (!element.constructed) return std::nullopt;
  const auto inside = indefinite_bytes(bytes.subspan(reader.offset()));
  if (!inside) return std::nullopt;
  element.content = reader.take(*inside);
  return reader.offset() + 2;
}

bool Reader::next(Element& element) {
  if (!ok_ || rest_.empty()) return false;
  const auto bytes = read_element(rest_, element);
  ok_ = bytes.has_value();
  if (ok_) rest_ = rest_.subspan(*bytes);
  return ok_;
}

bool Reader::next_if(Tag tag, Element& element) {
  if (!ok_ || rest_.empty()) return false;
  const auto bytes = read_element(rest_, element);
  ok_ = bytes.has_value();
  if (!ok_ || !element.is(tag)) return false;
  rest_ = rest_.subspan(*bytes);
  return true;
}

bool only(ByteView bytes, Element& element) {
  Reader reader(bytes);
  return reader.next(element) && reader.at_end();
}

bool well_formed(ByteView bytes) { return well_formed_at(bytes, 1); }

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
