// A moment as an operator writes it: a time in UTC, or how long ago.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace bulkhead::controlplane {

// "90s", "30m", "2h", "7d" before `now_ns`; or ISO 8601 in UTC, "2026-11-29", "2026-11-29T22:52" or
// "2026-11-29T22:52:36", with or without Z. Nanoseconds since the epoch; nothing if it is neither.
std::optional<std::uint64_t> parse_moment(std::string_view text, std::uint64_t now_ns);

}  // namespace bulkhead::controlplane
