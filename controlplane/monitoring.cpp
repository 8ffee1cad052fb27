// The metrics' thread asks for itself: a scrape that waits holds up no alarm.
#include "controlplane/monitoring.h"

#include <chrono>

namespace bulkhead::controlplane {

Monitoring::Monitoring(const Observer::Sources& sources, AlarmWatch& alarms, Gate& gate,
                       const std::optional<boost::asio::ip::tcp::endpoint>& address)
    : observer_(sources),
      exposition_([this] { return observer_.observe(); }, sources.readings),
      looks_(std::chrono::seconds(1), [this, &alarms] { alarms.look(observer_.observe()); }) {
  if (address) {
    endpoint_ = std::make_unique<metrics::Endpoint>(
        *address, metrics::Endpoint::readers_on(*address), exposition_, gate, sources.credentials);
  }
}

Monitoring::~Monitoring() {
  if (endpoint_) endpoint_->stop();
  looks_.stop();
}

void Monitoring::start() {
  looks_.start();
  if (endpoint_) endpoint_->start();
}

}  // namespace bulkhead::controlplane
