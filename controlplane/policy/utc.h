// Times as people write them, in UTC.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bulkhead::controlplane {

// ISO 8601: "2026-11-29", "2026-11-29T22:52" or "2026-11-29T22:52:36", with or without Z. Seconds
// since 1970; nothing if it is no such time.
std::optional<std::uint64_t> parse_utc(std::string_view text);

// "22:52", as seconds since midnight.
std::optional<std::uint32_t> parse_clock(std::string_view text);

// "2026-11-29T22:52Z".
std::string utc_text(std::uint64_t seconds);

}  // namespace bulkhead::controlplane
