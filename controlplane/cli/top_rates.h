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
  };
  using Statistics = std::map<std::string, std::uint64_t>;  // of a worker, by name

  static TopWorker worker_row(const v1::WorkerStatus& worker, const Statistics& before,
                              double seconds);

  std::map<std::string, v1::Counter> before_;
  std::map<std::uint32_t, Statistics> workers_before_;
  std::uint64_t missed_before_ = 0;
  TimeNs before_ns_ = 0;
  std::uint64_t uptime_before_ms_ = 0;
};

}  // namespace bulkhead::controlplane
