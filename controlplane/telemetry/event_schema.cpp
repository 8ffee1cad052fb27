// Each kind and each key in one line, as the reference has them.
#include "controlplane/telemetry/event_schema.h"

#include <algorithm>
#include <array>

namespace bulkhead::controlplane {

namespace {

constexpr std::array kKinds = {
    EventKind{"deny", "warning", "a message or packet was refused"},
    EventKind{"allow", "warning", "a session passes unjudged, because its conduit fails open"},
    EventKind{"would_deny", "warning",
              "of an observed conduit: it has passed, and enforcing would have refused it"},
    EventKind{"not_judged", "warning",
              "of an observed conduit: it has passed, and could not be judged"},
    EventKind{"observe", "warning",
              "a conduit observes, or its observation ends: a week and a day before, and then"},
    EventKind{"policy", "info", "a policy was staged, put in force, confirmed or taken back"},
    EventKind{"dataplane", "warning", "the data plane was connected or lost"},
    EventKind{"link", "warning", "a zone port's link was lost, came back or is held down"},
    EventKind{"pair", "warning", "the pair's state or this appliance's role changed"},
    EventKind{"storage", "critical", "a file of the appliance was damaged"},
    EventKind{"access", "warning", "access.yaml changed, or root acted on the local socket"},
    EventKind{"credentials", "warning", "a certificate, key or revocation list changed or expires"},
    EventKind{"login", "warning", "certificates were refused"},
    EventKind{"audit", "critical", "the audit log cannot be written, or can be again"},
    EventKind{"containment", "critical", "a zone or conduit was contained, or released"},
    EventKind{"alarm", "warning", "an alarm was raised or cleared"},
    EventKind{"lost", "critical", "events could not be kept; `missed` says how many"},
    EventKind{"missed", "warning",
              "events have left the log before this reader read them; not kept itself"},
};

constexpr std::array kKeys = {
    EventKey{"number", "number", true,
             "counts the appliance's events; stays, goes up and is never given twice. Of `missed`: "
             "the last number that is missing"},
    EventKey{"time", "wall_time_ns", true, "when it happened, UTC; of several refusals the first"},
    EventKey{"kind", "kind", true, "see [kinds](#kinds)"},
    EventKey{"severity", "severity", true, "`info`, `warning` or `critical`"},
    EventKey{"appliance", "appliance", false, "the name in the appliance's certificate"},
    EventKey{"role", "role", false, "of the appliance then: `active`, `standby` or `single`"},
    EventKey{"text", "text", false, "for people; refusals have none"},
    EventKey{"missed", "missed", false, "how many events are missing here"},
    EventKey{"alarm", "alarm", false, "name of the alarm"},
    EventKey{"cleared", "cleared", false, "`true`: the alarm stands no more"},
    EventKey{"reason", "reason", false, "see [reasons](#reasons)"},
    EventKey{"fault", "fault", false, "of the reason `protocol_fault`: see [faults](#faults)"},
    EventKey{"action", "action", false, "what became of it: `drop`, `reset` or `reject`"},
    EventKey{"fallback", "fallback", false,
             "why the session was reset, where the message could not be taken out alone"},
    EventKey{"difference", "difference", false,
             "of an answer that fits no request: `what` differs, `expected` and `received`"},
    EventKey{"count", "count", false,
             "how many refusals alike it stands for, of the same hosts, conduit, reason, fault, "
             "function and port; the rest of it is the first one's"},
    EventKey{"last_time", "last_wall_time_ns", false, "of several refusals, when the last came"},
    EventKey{"conduit", "conduit", false, "name; absent where no conduit was found"},
    EventKey{"rule", "rule", false, "number in the conduit, from 1, of the rule that decided"},
    EventKey{"protocol", "protocol", false, "name, see `bulkheadctl protocols`"},
    EventKey{"function", "function", false, "name in the protocol's catalogue"},
    EventKey{"direction", "direction", false, "`request`, `response` or `publish`"},
    EventKey{
        "fields", "fields", false,
        "the operation's fields by name: `[low, high]`, or text; its beginning, if it is long"},
    EventKey{"transport", "transport", false, "`tcp`, `udp`, `icmp`, `arp`, ..."},
    EventKey{"ethertype", "ethertype", false,
             "of a frame that is neither IP nor ARP; below 1536 its service access point"},
    EventKey{"source", "source", false, "sender's address and port"},
    EventKey{"source_zone", "source_zone", false, "name"},
    EventKey{"source_mac", "source_mac", false, "of the frame"},
    EventKey{"destination", "destination", false, "receiver's address and port"},
    EventKey{"destination_zone", "destination_zone", false, "name"},
    EventKey{"destination_mac", "destination_mac", false, "of the frame"},
    EventKey{"port", "port", false, "zone port where it arrived"},
    EventKey{"vlan", "vlan", false, "VLAN of the frame"},
    EventKey{"policy_generation", "policy_generation", false,
             "counts the policies of a data plane since its start"},
    EventKey{"policy_sha256", "policy_sha256", false, "of the policy that decided"},
};

}  // namespace

std::span<const EventKind> event_kinds() { return kKinds; }
std::span<const EventKey> event_keys() { return kKeys; }

std::string_view severity_of(const v1::Event& event) {
  if (!event.severity().empty()) return event.severity();
  const auto* kind = std::ranges::find(kKinds, event.kind(), &EventKind::name);
  return kind == kKinds.end() ? "warning" : kind->severity;
}

}  // namespace bulkhead::controlplane
