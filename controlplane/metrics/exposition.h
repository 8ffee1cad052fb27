// The text that a scraper gets, made anew at most once a second. For one thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "controlplane/alarms/observation.h"
#include "controlplane/metrics/counter_look.h"
#include "controlplane/telemetry/readings.h"

namespace bulkhead::metrics {

class Exposition {
 public:
  using Text = std::shared_ptr<const std::string>;
  using Observe = std::function<controlplane::Observation()>;

  // `readings` outlives it.
  Exposition(Observe observe, controlplane::Readings& readings)
      : observe_(std::move(observe)), readings_(readings) {}

  // May wait for the data plane, for some seconds in all. Text format 0.0.4.
  Text text();

 private:
  Text make();
  // Pages until the look is whole, or the data plane is too slow.
  controlplane::CounterLook count(TimeNs begun_ns);

  Observe observe_;
  controlplane::Readings& readings_;
  Text text_;
  TimeNs made_ns_ = 0;
  double took_s_ = 0;  // the one before
};

}  // namespace bulkhead::metrics
