// Why a request was refused, as text and kind.
#pragma once

#include <string>

namespace bulkhead::controlplane {

struct Refusal {
  enum class Kind { invalid, not_found, forbidden, unavailable, storage, busy };
  Kind kind{};
  std::string text;
};

}  // namespace bulkhead::controlplane
