// The closed lists of what events say, beside the data plane's own (reasons, faults, catalogues).
#pragma once

#include <span>
#include <string_view>

#include "bulkhead/v1/telemetry.pb.h"

namespace bulkhead::controlplane {

struct EventKind {
  std::string_view name;
  std::string_view severity;  // of its events that state none: info, warning or critical
  std::string_view text;      // for people
};
std::span<const EventKind> event_kinds();
// Of an event; that of its kind if it has none. A kind that is not in the list is a warning.
std::string_view severity_of(const v1::Event& event);

// A member of an event as JSON. A member without a value is left out, but for `always`.
struct EventKey {
  std::string_view name;
  std::string_view field;  // of v1::Event
  bool always = false;
  std::string_view text;  // for people: meaning, unit, values
};
// In the order in which they are written.
std::span<const EventKey> event_keys();

}  // namespace bulkhead::controlplane
