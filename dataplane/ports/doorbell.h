// What an idle worker sleeps on: the sockets of its receive queues, and a bell that others can
// ring.
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

  // Whether every port tells of packets; if not, somebody has to look.
  bool hears_all_ports() const { return hears_all_ports_; }

  // Sleeps until a packet is there, somebody rings or the time is over. Between announce() and
  // sleep() the caller looks once more for what came without ringing.
  void announce() { asleep_.store(true, std::memory_order_seq_cst); }
  void sleep(int timeout_ms);
  void stay_awake() { asleep_.store(false, std::memory_order_relaxed); }

  // For any thread: wakes the sleeper, if it has announced itself. What it is woken for must be
  // visible before.
  void ring();

 private:
  Doorbell() = default;

  int epoll_ = -1;
  int bell_ = -1;
  bool hears_all_ports_ = true;
  std::atomic<bool> asleep_{false};
};

}  // namespace bulkhead::ports
