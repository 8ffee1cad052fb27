// Tells the service manager that the data plane is ready, and from then on that it goes on: only
// while each worker begins its turns and the lease thread answers. It runs on the service thread,
// so that a stuck one feeds nothing either.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <string>

#include "dataplane/daemon/notifier.h"
#include "dataplane/daemon/pulses.h"
#include "dataplane/service/engine.h"

namespace bulkhead::service {

class Watchdog {
 public:
  // Runs on `io`. All outlive it; `post_to_lease` runs functions on the lease thread.
  Watchdog(boost::asio::io_context& io, daemon::Notifier& notifier, const Engine& engine,
           daemon::Pulses::Post post_to_lease);

 private:
  void look();
  std::string problem(TimeNs now_ns);
  void wait();

  boost::asio::steady_timer timer_;
  daemon::Notifier& notifier_;
  const Engine& engine_;
  TimeNs period_ns_;    // between two looks
  TimeNs patience_ns_;  // with a thread, less than the service manager's
  daemon::Pulses pulses_;
  bool ready_ = false;
  bool stuck_ = false;
};

}  // namespace bulkhead::service
