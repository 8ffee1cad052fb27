// What `top` shows: two looks at an appliance, and what happened between them. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bulkhead/v1/control.pb.h"
#include "bulkhead/v1/failover.pb.h"
#include "controlplane/metrics/counter_look.h"
#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

// A conduit, a function or a reason.
struct TopRow {
  std::string name;
  std::string detail;  // of a reason: the conduit
  double allowed_s = 0;
  double refused_s = 0;
  double bytes_s = 0;
  std::uint64_t allowed = 0;  // since the data plane's start
  std::uint64_t refused = 0;
  bool foretold = false;  // a reason why enforcing would have refused what has passed
};

// A port that only listens.
struct TopTap {
  std::uint32_t index = 0;
  std::string device;
  double frames_s = 0;
  double missed_s = 0;
  bool missed_unknown = false;
};

// Of conduits that observe, and of all taps.
struct TopForetold {
  double refused_s = 0;     // enforcing would have
  double not_judged_s = 0;  // after gaps, or for want of room
  double copies_s = 0;      // frames that taps received twice
  double within_s = 0;      // frames at taps that stay in their zone
};

struct TopWorker {
  std::uint32_t index = 0;
  double frames_s = 0;
  double cycles_a_frame = 0;  // of rounds that had frames
  double slow_us = 0;         // 99 of 100 frames were inside for at most so long; 0: no frames
  bool slower = false;        // for longer than the histogram can say
  std::uint64_t sessions = 0;
  std::string fullest;  // its limit that is used most
  double fullest_ratio = 0;
};

struct TopView {
  v1::GetStatusResponse status;
  std::optional<v1::PairStatus> pair;
  double seconds = 0;   // between the looks; 0: there was only one
  bool cut = false;     // the appliance left rows of counters out
  double missed_s = 0;  // frames that ports received and no worker took, of all ports
  std::vector<TopRow> conduits;
  std::vector<TopRow> functions;
  std::vector<TopRow> refusals;
  std::vector<TopWorker> workers;
  std::vector<TopTap> taps;
  TopForetold foretold;
};

class TopRates {
 public:
  // Rates since the look before. A data plane that began anew starts over.
  TopView step(v1::GetStatusResponse status, std::optional<v1::PairStatus> pair,
               const CounterLook& look, TimeNs now_ns);

 private:
  using Key = std::pair<std::string, std::string>;
  struct Sums {
    std::map<Key, TopRow> conduits;
    std::map<Key, TopRow> functions;
    std::map<Key, TopRow> refusals;
    std::map<Key, TopRow> foretold;
  };
  using Statistics = std::map<std::string, std::uint64_t>;  // of a worker, by name

  static TopWorker worker_row(const v1::WorkerStatus& worker, const Statistics& before,
                              double seconds);
  void add_counters(const CounterLook& look, TopView& view);
  void add_taps(const v1::DataplaneStatus& dataplane, TopView& view);

  std::map<std::string, v1::Counter> before_;
  std::map<std::uint32_t, Statistics> workers_before_;
  std::uint64_t missed_before_ = 0;
  std::map<std::uint32_t, v1::PortStatus> taps_before_;  // by index
  Statistics foretold_before_;
  TimeNs before_ns_ = 0;
  std::uint64_t uptime_before_ms_ = 0;
};

}  // namespace bulkhead::controlplane
