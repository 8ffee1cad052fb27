// Wakes an idle worker: by the sockets of its receive queues, or by a bell that other threads ring.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/base/result.h"

namespace bulkhead::ports {

class PortSet;

class Doorbell {
 public:
  // For the receive queue `queue` of every port.
  static Result<Doorbell, std::string> make(const PortSet& ports, std::uint16_t queue);
  Doorbell(Doorbell&& other) noexcept;
  Doorbell& operator=(Doorbell&&) = delete;
  ~Doorbell();

  // Whether every port signals packets; if not, the worker has to poll.
  bool hears_all_ports() const { return hears_all_ports_; }

  // Sleeps until a packet arrives, the bell rings or the time is over. Between announce() and
  // sleep() the caller checks once more for work that came without ringing.
  void announce() { asleep_.store(true, std::memory_order_seq_cst); }
  void sleep(int timeout_ms);
  void stay_awake() { asleep_.store(false, std::memory_order_relaxed); }

  // For any thread: wakes the sleeper, if it has announced itself. The work must be visible
  // before the call.
  void ring();

 private:
  Doorbell() = default;

  int epoll_ = -1;
  int bell_ = -1;
  bool hears_all_ports_ = true;
  std::atomic<bool> asleep_{false};
};

}  // namespace bulkhead::ports
