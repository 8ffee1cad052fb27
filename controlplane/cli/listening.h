// learn --live: an interface is listened on, and what it brings goes to the learner.
#pragma once

#include <functional>
#include <string>

#include "controlplane/cli/learner.h"

namespace bulkhead::controlplane {

struct ListeningWish {
  std::string interface;
  TimeNs for_ns = 0;  // 0: until a signal ends it
};

struct Listened {
  TimeNs start_ns = 0;  // by the clock on the wall
  TimeNs end_ns = 0;
  std::uint64_t lost = 0;  // frames that nobody read in time
  std::string problem;     // why it ended before its time; empty if it did not
};

// Listens until the time is over or until SIGINT or SIGTERM; a second one ends the program at once.
// Says on standard error how it goes. `keep` is called once an hour, so that not all is lost if the
// machine stops. Throws CommandFailed if the interface cannot be listened on.
Listened listen_on(const ListeningWish& wish, Learner& learner,
                   const std::function<void(const Listened&)>& keep);

}  // namespace bulkhead::controlplane
