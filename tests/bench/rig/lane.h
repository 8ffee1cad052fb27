// One worker and the traffic that it gets, on one core: cables, sessions, and what was measured.
#pragma once

#include "dataplane/ports/worker.h"
#include "tests/bench/rig/histogram.h"
#include "tests/bench/rig/traffic.h"

namespace bulkhead::rig {

struct Measured {
  std::uint64_t packets = 0;
  std::uint64_t cycles = 0;  // all
  std::uint64_t making = 0;  // of these, for making packets and for taking them back
  Histogram inside;          // cycles from a packet's arrival to its leaving
  Histogram after_swap;      // the same in the 100 ms that follow a change of policy

  double seconds() const;
  double rate() const { return static_cast<double>(packets) / seconds(); }
};

// What the same pace shows where nothing is done: how long this machine keeps a busy core from its
// work.
Histogram watch_machine(double seconds, double rate);

class Lane {
 public:
  Lane(const Plan& plan, Cable clients, Cable servers, ports::Worker& worker)
      : traffic_(plan, clients, servers), worker_(worker), listens_(plan.one_port) {}

  Traffic& traffic() { return traffic_; }
  // Packets that did not come out, or that a tap port did not hear or left out; good after close().
  std::uint64_t lost() const { return sent_ - (listens_ ? heard() : collected_); }
  std::uint64_t came_out() const { return collected_; }
  std::uint64_t refused() const { return traffic_.refused(); }

  void open();
  // As many packets as the worker takes.
  Measured saturate(double seconds);
  // Packets that arrive at even distances, `rate` a second, whether the worker is ready or not: a
  // packet that waits has waited since it was due.
  Measured pace(double seconds, double rate);
  // Ends all sessions and waits for whatever is still under way.
  void close();
  // Buffers that nobody gave back; good after close().
  std::uint32_t buffers_in_use() const { return traffic_.buffers_in_use(); }

 private:
  void send(Measured& measured, std::uint64_t came_ticks, std::uint32_t count);
  void turn(Measured& measured);
  std::uint64_t heard() const;

  Traffic traffic_;
  ports::Worker& worker_;
  const bool listens_;  // at a tap port: nothing comes out
  std::uint64_t sent_ = 0;
  std::uint64_t collected_ = 0;
  std::uint32_t generation_ = 0;
  std::uint64_t swap_until_ = 0;  // ticks
};

}  // namespace bulkhead::rig
