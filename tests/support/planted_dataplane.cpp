// A data plane whose matcher makes mistakes as tests tell it: from SIGUSR1 on it grants everything,
// from SIGUSR2 on nothing, and from SIGHUP on it makes none.
#include <csignal>
#include <initializer_list>

#include "dataplane/policy/planted.h"

namespace bulkhead::policy {

namespace {

void plant(int signal) {
  planted_mistake<Mistake> = signal == SIGUSR1   ? Mistake::everything_granted
                             : signal == SIGUSR2 ? Mistake::nothing_granted
                                                 : Mistake::none;
}

[[maybe_unused]] const bool kListens = [] {
  for (const int each : {SIGUSR1, SIGUSR2, SIGHUP}) std::signal(each, plant);
  return true;
}();

}  // namespace

}  // namespace bulkhead::policy
