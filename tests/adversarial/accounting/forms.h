// Other encodings of the same: forms that a receiver may read as their shortest, and that a module
// refuses, or accepts for a reason that is in forms.tsv.
#pragma once

#include <string>

#include "tests/adversarial/accounting/layout.h"

namespace bulkhead::accounting {

// What takes the place of [begin, end). Lengths that count octets from `owner` or before it grow.
struct Form {
  std::string name;
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t owner = 0;
  Bytes bytes;
};

std::vector<Form> find_forms(std::string_view protocol, ByteView opened, const Layout& layout);

}  // namespace bulkhead::accounting
