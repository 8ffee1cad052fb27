// One question at a time to each thread, so that a stuck one has a queue of one.
#include "dataplane/daemon/pulses.h"

#include <algorithm>
#include <utility>

namespace bulkhead::daemon {

void Pulses::watch(std::string name, TimeNs patience_ns, Post post) {
  pulses_.push_back({std::move(name), patience_ns, std::move(post), 0,
                     std::make_shared<std::atomic<bool>>(false), false});
}

std::string Pulses::look(TimeNs now_ns) {
  std::string stuck;
  for (Pulse& pulse : pulses_) {
    const bool answered = pulse.answered->exchange(false);
    pulse.lives = pulse.lives || answered;
    if (pulse.asked_ns == 0 || answered) {
      pulse.asked_ns = now_ns;
      pulse.post([answer = pulse.answered] { answer->store(true); });
    } else if (stuck.empty() && now_ns - pulse.asked_ns > pulse.patience_ns) {
      stuck = "thread " + pulse.name + " stands still since " +
              std::to_string((now_ns - pulse.asked_ns) / kMillisecondNs) + " ms";
    }
  }
  return stuck;
}

bool Pulses::all_answered() const {
  return std::ranges::all_of(pulses_, [](const Pulse& pulse) { return pulse.lives; });
}

}  // namespace bulkhead::daemon
