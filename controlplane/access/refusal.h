// What stood in the way of a request, in words, and whose move it is.
#pragma once

#include <string>

namespace bulkhead::controlplane {

struct Refusal {
  enum class Kind { invalid, not_found, unavailable, storage, busy };
  Kind kind{};
  std::string text;
};

}  // namespace bulkhead::controlplane
