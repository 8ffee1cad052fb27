// A table for each list.
#include "controlplane/cli/event_reference.h"

#include "controlplane/cli/output.h"
#include "controlplane/telemetry/event_schema.h"
#include "dataplane/base/reason.h"
#include "dataplane/protocols/fault.h"

namespace bulkhead::controlplane {

namespace {

void print_head(const char* title, const char* first, const char* second) {
  say("\n### %s\n\n| %s | %s |\n|---|---|\n", title, first, second);
}

void print_row(std::string_view name, std::string_view text) {
  say("| `%s` | %s |\n", std::string(name), std::string(text));
}

}  // namespace

void print_event_reference() {
  print_head("Fields", "key", "value");
  for (const EventKey& key : event_keys()) {
    print_row(key.name, std::string(key.text) + (key.always ? " (in each event)" : ""));
  }
  say("\n### Kinds\n\n| kind | severity | event |\n|---|---|---|\n");
  for (const EventKind& kind : event_kinds()) {
    say("| `%s` | %s | %s |\n", std::string(kind.name), std::string(kind.severity),
        std::string(kind.text));
  }
  print_head("Reasons", "reason", "meaning");
  for (const ReasonInfo& reason : kReasons) {
    const bool is_event = !is_allowed(static_cast<Reason>(&reason - kReasons.data())) ||
                          reason.name == describe(Reason::fails_open).name;
    if (is_event) print_row(reason.name, reason.text);
  }
  print_head("Faults", "fault", "meaning");
  for (const protocols::FaultInfo& fault : protocols::kFaults) {
    if (fault.name != "none") print_row(fault.name, fault.text);
  }
  print_head("Fallbacks", "fallback", "meaning");
#define BULKHEAD_UNSOUND(name, text) \
  if (std::string_view(#name) != "none") print_row(#name, text);
#include "dataplane/pipeline/unsound.def"
#undef BULKHEAD_UNSOUND
}

}  // namespace bulkhead::controlplane
