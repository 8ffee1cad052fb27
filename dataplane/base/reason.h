// Why a packet or message was passed or refused: one closed list for counters, events and replays.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace bulkhead {

enum class Reason : std::uint8_t {
#define BULKHEAD_REASON(name, text) name,
#include "dataplane/base/reason.def"
#undef BULKHEAD_REASON
};

struct ReasonInfo {
  std::string_view name;
  std::string_view text;
};

inline constexpr std::array kReasons = {
#define BULKHEAD_REASON(name, text) ReasonInfo{#name, text},
#include "dataplane/base/reason.def"
#undef BULKHEAD_REASON
};

constexpr const ReasonInfo& describe(Reason reason) {
  return kReasons[static_cast<std::size_t>(reason)];
}

// Reasons up to here let a message pass; all that follow refuse it.
constexpr bool is_allowed(Reason reason) { return reason <= Reason::not_judged; }

// Refused because something that is bounded is full.
constexpr bool is_for_room(Reason reason) {
  return reason == Reason::flow_table_full || reason == Reason::half_open_limit ||
         reason == Reason::fragment_limit || reason == Reason::hold_limit ||
         reason == Reason::out_of_buffers;
}

}  // namespace bulkhead
