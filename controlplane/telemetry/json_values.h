// Values of JSON lines, for command lines and exporters. nlohmann-json because it keeps the order
// of keys and escapes correctly.
#pragma once

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "dataplane/base/printable.h"

namespace bulkhead::controlplane {

using Json = nlohmann::ordered_json;

// A name as bytes, which may be no UTF-8, as text for JSON.
inline std::string json_text(std::string_view bytes) {
  for (std::string_view rest = bytes; !rest.empty();) {
    const std::size_t length = printable_detail::decode_utf8(rest).bytes;
    if (length == 0) return printable(bytes);
    rest.remove_prefix(length);
  }
  return std::string(bytes);
}

// A number as people write it: without a point if it is whole.
inline Json real_json(double value) {
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (std::trunc(value) == value && std::abs(value) <= kExact) {
    return static_cast<std::int64_t>(value);
  }
  return value;
}

// One line; what is not ASCII is written as an escape.
inline std::string json_line(const Json& object) {
  return object.dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace bulkhead::controlplane
