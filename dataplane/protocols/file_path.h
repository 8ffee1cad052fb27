// Names of files, of which a rule names a folder by a pattern (`logs/*`).
#pragma once

#include <algorithm>

#include "dataplane/base/bytes.h"

namespace bulkhead::protocols {

// Whether a name leads down, step by step, from where it begins: none of its steps is `.` or `..`
// or empty, but in front of a first separator, where masters write `./` too. Windows drops points
// and blanks from the end of a step, so that `.. ` leads up there: none ends so.
inline bool leads_down(ByteView name) {
  const auto separates = [](std::uint8_t octet) { return octet == '/' || octet == '\\'; };
  for (auto begin = name.begin(); begin != name.end();) {
    const auto end = std::find_if(begin, name.end(), separates);
    const bool first = begin == name.begin();
    const bool here = first && end != name.end() && end - begin == 1 && *begin == '.';
    const bool is_empty = begin == end && !first;
    const bool trimmed = begin != end && (end[-1] == '.' || end[-1] == ' ');
    if (is_empty || (trimmed && !here)) return false;
    if (end == name.end()) return true;
    begin = end + 1;
  }
  return true;
}

}  // namespace bulkhead::protocols
