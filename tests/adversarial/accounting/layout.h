// Where a message's lengths, checksums and elements stand, as far as a change of the message must
// know them to reach deep into its decoder. Written from the standards, apart from the modules; a
// length that is not found here costs reach, never a verdict.
#pragma once

#include <string_view>
#include <vector>

#include "tests/adversarial/accounting/messages.h"

namespace bulkhead::accounting {

// A number that grows with the bytes of [begin, end).
struct Length {
  std::size_t at = 0;
  std::uint8_t width = 1;  // octets
  bool little = false;
  std::size_t begin = 0;
  std::size_t end = 0;
  std::uint8_t per = 1;      // one step of it is so many octets ...
  std::uint8_t steps = 1;    // ... or each octet is so many steps
  std::uint8_t mask = 0xff;  // of its only octet
};

struct Element {
  std::size_t begin = 0;
  std::size_t end = 0;
};

struct Layout {
  std::vector<Length> lengths;
  std::vector<Element> elements;
};

// Of the message as open() gives it.
Layout find_layout(std::string_view protocol, ByteView opened);

// The message without its checksums.
Bytes open(std::string_view protocol, ByteView message);

// The message with its checksums again, and where they stand.
struct Closed {
  Bytes bytes;
  std::vector<std::size_t> checksums;
  std::vector<std::size_t> places;  // of each octet that was given
};
Closed close(std::string_view protocol, ByteView opened);

}  // namespace bulkhead::accounting
