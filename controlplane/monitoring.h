// Alarms and metrics of the appliance: both observe all of it. Wiring, and the thread of alarms.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <optional>

#include "controlplane/access/gate.h"
#include "controlplane/alarms/alarm_watch.h"
#include "controlplane/alarms/observer.h"
#include "controlplane/api/periodic.h"
#include "controlplane/metrics/endpoint.h"

namespace bulkhead::controlplane {

class Monitoring {
 public:
  // The alarms and the gate outlive it. Without an address no metrics are served.
  Monitoring(const Observer::Sources& sources, AlarmWatch& alarms, Gate& gate,
             const std::optional<boost::asio::ip::tcp::endpoint>& address);
  ~Monitoring();
  void start();

 private:
  Observer observer_;
  metrics::Exposition exposition_;
  std::unique_ptr<metrics::Endpoint> endpoint_;
  Periodic looks_;
};

}  // namespace bulkhead::controlplane
