// Changes of a message: every bit the other way; bytes and elements cut out, repeated, and swapped
// with their neighbours, as they are and with all lengths around them made right; and other
// encodings of the same.
#pragma once

#include <functional>
#include <string>

#include "tests/adversarial/accounting/layout.h"

namespace bulkhead::accounting {

struct Change {
  Bytes bytes;
  std::string what;
  std::size_t place = 0;  // of the message without its checksums
  bool lengths = false;   // they were made right
  bool edited = false;    // cut, repeated or swapped
  // Octets that only follow from others: checksums, and lengths that were made right. Ascending.
  std::vector<std::size_t> derived_before;
  std::vector<std::size_t> derived_after;
};

using Visit = std::function<void(const Change&)>;

// `bit` is counted from the least significant of the message's octet `at`.
struct Flip {
  std::size_t at = 0;
  std::uint8_t bit = 0;
};
using VisitFlip = std::function<void(const Change&, Flip)>;

void each_flip(std::string_view protocol, ByteView message, const VisitFlip& visit);
void each_edit(std::string_view protocol, ByteView message, const Visit& visit);
// Other encodings of the same (forms.h); `what` is the form's name.
void each_form(std::string_view protocol, ByteView message, const Visit& visit);

}  // namespace bulkhead::accounting
