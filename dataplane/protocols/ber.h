// The Basic Encoding Rules of ASN.1 (ITU-T X.690, clause 8) in canonical form: identifiers in the
// fewest octets, at most two, and definite lengths in the fewest octets (X.690, 10.1). Values are
// views. Nothing is copied; everything is bounded.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/base/bytes.h"

namespace bulkhead::ber {

// Nesting of constructed values: the type of a logical node of IEC 61850 takes four for each of its
// levels.
constexpr int kDepthMax = 48;

// An identifier's class and number in one, without its constructed bit.
using Tag = std::uint32_t;
constexpr Tag kClassShift = 24;
constexpr Tag universal(Tag number) { return number; }
constexpr Tag application(Tag number) { return Tag{1} << kClassShift | number; }
constexpr Tag context(Tag number) { return Tag{2} << kClassShift | number; }

constexpr Tag kInteger = universal(2);
constexpr Tag kObjectIdentifier = universal(6);
constexpr Tag kExternal = universal(8);
constexpr Tag kSequence = universal(16);
constexpr Tag kSet = universal(17);
constexpr Tag kGraphicString = universal(25);
constexpr Tag kVisibleString = universal(26);

struct Element {
  Tag tag = 0;
  bool constructed = false;
  ByteView content;
  ByteView whole;  // with its identifier and its length

  bool is(Tag wanted) const { return tag == wanted; }
  bool is_context() const { return tag >> kClassShift == 2; }
  std::uint32_t number() const { return tag & ((Tag{1} << kClassShift) - 1); }
};

// Whether a length of 128 to 255 may also be encoded in two octets.
enum class Lengths : std::uint8_t { shortest, two_octets };

// Reads the elements of a value in order. An element that is malformed, or deeper than kDepthMax,
// fails the reader for good.
class Reader {
 public:
  explicit Reader(ByteView bytes, Lengths lengths = Lengths::shortest)
      : rest_(bytes), lengths_(lengths) {}

  // False at the end, or if the next element is malformed.
  bool next(Element& element);
  // The same, but nothing is read if the next element has another tag.
  bool next_if(Tag tag, Element& element);
  // No element is left, and none was malformed.
  bool at_end() const { return ok_ && rest_.empty(); }
  bool ok() const { return ok_; }

 private:
  ByteView rest_;
  Lengths lengths_;
  bool ok_ = true;
};

// The first element of a stream, and its size in bytes.
std::optional<std::size_t> read_element(ByteView bytes, Element& element,
                                        Lengths lengths = Lengths::shortest);

// The only element of a value.
bool only(ByteView bytes, Element& element, Lengths lengths = Lengths::shortest);

// How many elements a value has; nothing if one is malformed.
std::optional<std::size_t> count(ByteView bytes);

// Integers of one to eight octets, in two's complement; unsigned ones of up to nine.
std::optional<std::int64_t> to_integer(ByteView content);
std::optional<std::uint64_t> to_unsigned(ByteView content);

}  // namespace bulkhead::ber
