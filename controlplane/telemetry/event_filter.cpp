// Texts of a message stand in its serialised bytes as they are.
#include "controlplane/telemetry/event_filter.h"

#include <algorithm>

namespace bulkhead::controlplane {

namespace {

// "10.1.1.1:502" and "[2001:db8::1]:502" without the port.
std::string_view host_of(std::string_view endpoint) {
  if (endpoint.starts_with('[')) return endpoint.substr(1, endpoint.find(']') - 1);
  const std::size_t colon = endpoint.find(':');
  const bool has_port = colon != std::string_view::npos && colon == endpoint.rfind(':');
  return has_port ? endpoint.substr(0, colon) : endpoint;
}

bool source_matches(const std::string& wanted, const v1::Event& event) {
  return wanted == event.source() || wanted == host_of(event.source()) ||
         wanted == event.source_mac();
}

bool reason_matches(std::string_view wanted, const v1::Event& event) {
  const std::size_t colon = wanted.find(':');
  if (wanted.substr(0, colon) != event.reason()) return false;
  return colon == std::string_view::npos || wanted.substr(colon + 1) == event.fault();
}

bool holds(std::string_view bytes, std::string_view text) {
  return text.empty() || bytes.find(text) != std::string_view::npos;
}

}  // namespace

bool EventFilter::matches(const v1::Event& event) const {
  const std::uint64_t last_ns = std::max(event.wall_time_ns(), event.last_wall_time_ns());
  if (last_ns < since_ns || event.wall_time_ns() >= until_ns) return false;
  const auto is = [](const std::string& wanted, const std::string& value) {
    return wanted.empty() || wanted == value;
  };
  return is(conduit, event.conduit()) && is(function, event.function()) && is(kind, event.kind()) &&
         (reason.empty() || reason_matches(reason, event)) &&
         (source.empty() || source_matches(source, event));
}

bool EventFilter::may_match(std::string_view bytes) const {
  const std::string_view reasons = reason;
  const std::size_t colon = reasons.find(':');
  return holds(bytes, conduit) && holds(bytes, function) && holds(bytes, kind) &&
         holds(bytes, source) && holds(bytes, reasons.substr(0, colon)) &&
         (colon == std::string_view::npos || holds(bytes, reasons.substr(colon + 1)));
}

EventFilter filter_of(const v1::WatchEventsRequest& request) {
  EventFilter filter;
  filter.since_ns = request.since_wall_time_ns();
  if (request.until_wall_time_ns() != 0) filter.until_ns = request.until_wall_time_ns();
  filter.conduit = request.conduit();
  filter.reason = request.reason();
  filter.source = request.source();
  filter.function = request.function();
  filter.kind = request.kind();
  return filter;
}

}  // namespace bulkhead::controlplane
