// Loud, since an operator could take it for an appliance that enforces.
#include "controlplane/cli/tap_text.h"

#include <algorithm>

#include "controlplane/cli/output.h"
#include "controlplane/telemetry/statistic.h"

namespace bulkhead::controlplane {

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
      grouped(statistic(dataplane, "tapped")), grouped(statistic(dataplane, "tap_copies")),
      grouped(statistic(dataplane, "tap_within")), grouped(statistic(dataplane, "would_deny")),
      grouped(statistic(dataplane, "not_judged")));
}

}  // namespace bulkhead::controlplane
