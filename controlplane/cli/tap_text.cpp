// Loud, since an operator could take it for an appliance that enforces.
#include "controlplane/cli/tap_text.h"

#include <algorithm>
#include <string_view>

#include "controlplane/cli/output.h"

namespace bulkhead::controlplane {

namespace {

std::string heard_text(const v1::DataplaneStatus& dataplane, std::string_view name) {
  std::uint64_t sum = 0;
  for (const v1::WorkerStatus& worker : dataplane.workers()) {
    for (const v1::Statistic& each : worker.statistics()) {
      if (each.name() == name) sum += each.value();
    }
  }
  return grouped(sum);
}

}  // namespace

bool only_listens(const v1::DataplaneStatus& dataplane) {
  return dataplane.ports_size() > 0 &&
         std::all_of(dataplane.ports().begin(), dataplane.ports().end(),
                     [](const v1::PortStatus& port) { return port.tap(); });
}

void print_taps(const v1::DataplaneStatus& dataplane) {
  bool any = false;
  for (const v1::PortStatus& port : dataplane.ports()) {
    if (!port.tap()) continue;
    any = true;
    say("%s\n", paint("TAP: nothing is enforced on port " + std::to_string(port.index()) + " (" +
                          port.device() + "), which only listens",
                      Colour::bad));
  }
  if (!any) return;
  say("heard      %s frames, of these %s copies and %s within one zone; enforcing would have "
      "refused %s; %s not judged\n",
      heard_text(dataplane, "tapped"), heard_text(dataplane, "tap_copies"),
      heard_text(dataplane, "tap_within"), heard_text(dataplane, "would_deny"),
      heard_text(dataplane, "not_judged"));
}

}  // namespace bulkhead::controlplane
