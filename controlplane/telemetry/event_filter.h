// Which events a reader wants. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bulkhead/v1/control.pb.h"
#include "bulkhead/v1/telemetry.pb.h"

namespace bulkhead::controlplane {

// Empty members match every event; all that are set must match.
struct EventFilter {
  std::uint64_t since_ns = 0;
  std::uint64_t until_ns = UINT64_MAX;  // that moment is outside
  std::string conduit{};
  std::string reason{};  // REASON, or REASON:FAULT
  std::string source{};  // IP address, with or without a port, or MAC address, as events write them
  std::string function{};
  std::string kind{};

  // An event that stands for several matches if one of them may lie in the time.
  bool matches(const v1::Event& event) const;
  // False if no event with these serialised bytes matches; a quick first look.
  bool may_match(std::string_view bytes) const;
};

EventFilter filter_of(const v1::WatchEventsRequest& request);

}  // namespace bulkhead::controlplane
