// Faults of messages: one closed list that every module uses; counters and events have no other.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace bulkhead::protocols {

enum class Fault : std::uint8_t {
#define BULKHEAD_FAULT(name, text) name,
#include "dataplane/protocols/fault.def"
#undef BULKHEAD_FAULT
};

struct FaultInfo {
  std::string_view name;
  std::string_view text;
};

inline constexpr std::array kFaults = {
#define BULKHEAD_FAULT(name, text) FaultInfo{#name, text},
#include "dataplane/protocols/fault.def"
#undef BULKHEAD_FAULT
};

constexpr const FaultInfo& describe(Fault fault) {
  return kFaults[static_cast<std::size_t>(fault)];
}

}  // namespace bulkhead::protocols
