// Whether threads go on: each one is asked to run something on its loop. Asked from one thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/base/clock.h"

namespace bulkhead::daemon {

class Pulses {
 public:
  // Runs a function on the thread, without waiting for it.
  using Post = std::function<void(std::function<void()>)>;

  // A thread that may be busy for `patience_ns` before it counts as stuck.
  void watch(std::string name, TimeNs patience_ns, Post post);
  // Asks those that have answered. Returns the thread that is stuck, as text; empty if none.
  std::string look(TimeNs now_ns);
  // Whether each has answered at least once.
  bool all_answered() const;

 private:
  struct Pulse {
    std::string name;
    TimeNs patience_ns = 0;
    Post post;
    TimeNs asked_ns = 0;  // 0: not yet
    std::shared_ptr<std::atomic<bool>> answered;
    bool lives = false;
  };

  std::vector<Pulse> pulses_;
};

}  // namespace bulkhead::daemon
