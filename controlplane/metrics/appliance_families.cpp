// One sample where there is one appliance; closed lists are complete, with 0 where nothing stands.
#include <map>
#include <string>

#include "controlplane/alarms/alarm.h"
#include "controlplane/metrics/families.h"
#include "dataplane/base/printable.h"

namespace bulkhead::metrics {

namespace {

using controlplane::Observation;

double seconds_of_ns(double ns) { return ns / 1e9; }
double seconds_of_ms(double ms) { return ms / 1e3; }

void add_policy(const v1::GetStatusResponse& status, Book& book) {
  book.gauge("bulkhead_enforcing", "1 if the data plane enforces the active policy",
             status.problem().empty() ? 1 : 0);
  book.gauge("bulkhead_policy_revision", "Number of the active revision; 0: none",
             static_cast<double>(status.active().number()));
  book.info("bulkhead_policy_info", "The active policy",
            {{"site", printable(status.active().site())}, {"sha256", status.active().sha256()}});
  book.gauge("bulkhead_trial_left_seconds",
             "Until the policy in force returns to the former one, unless it is confirmed; 0: it "
             "awaits no confirmation",
             status.has_trial() ? seconds_of_ms(static_cast<double>(status.trial().left_ms())) : 0);
}

void add_agent(const v1::GetStatusResponse& status, Book& book) {
  book.info("bulkhead_agent_info", "The agent, bulkheadd", {{"version", status.agent_version()}});
  book.gauge("bulkhead_agent_uptime_seconds", "Since the agent's start",
             seconds_of_ms(static_cast<double>(status.agent_uptime_ms())));
  book.gauge("bulkhead_dataplane_connected", "1 if the data plane answers the agent",
             status.dataplane_connected() ? 1 : 0);
  book.gauge("bulkhead_access_in_force", "1 if access.yaml on the disk is in force",
             status.access_problem().empty() ? 1 : 0);
  book.gauge("bulkhead_audit_log_writable", "0 if acts are refused because none can be recorded",
             status.audit().problem().empty() ? 1 : 0);
}

void add_clock(const v1::TimeStatus& time, Book& book) {
  book.gauge("bulkhead_clock_synchronised", "1 if the appliance's clock follows a server",
             time.state() == "synchronised" ? 1 : 0);
  book.gauge("bulkhead_clock_offset_seconds", "What is being corrected of the clock",
             seconds_of_ns(static_cast<double>(time.offset_ns())));
  book.gauge("bulkhead_clock_error_max_seconds", "Bound of the clock's error",
             seconds_of_ns(static_cast<double>(time.error_max_ns())));
}

void add_alarms(const v1::GetStatusResponse& status, Book& book) {
  std::map<std::string, int> standing;
  for (const v1::Alarm& alarm : status.alarms()) ++standing[alarm.name()];
  for (const controlplane::AlarmInfo& info : controlplane::kAlarms) {
    const std::string name(info.name);
    book.gauge("bulkhead_alarms_standing", "How often an alarm stands, by its subjects",
               standing[name],
               {{"alarm", name}, {"severity", std::string(name_of(info.severity))}});
  }
}

void add_keys_and_disk(const Observation& seen, Book& book) {
  for (const Observation::Ending& each : seen.endings) {
    if (each.until == 0) continue;
    book.gauge("bulkhead_certificate_expiry_timestamp_seconds",
               "When a certificate, or the list of revoked ones, ends",
               static_cast<double>(each.until), {{"file", each.file}});
  }
  if (seen.disk.bytes == 0) return;
  book.gauge("bulkhead_state_disk_free_bytes", "Free for the agent where the state folder is",
             static_cast<double>(seen.disk.free_bytes));
  book.gauge("bulkhead_state_disk_size_bytes", "Size of the file system of the state folder",
             static_cast<double>(seen.disk.bytes));
}

void add_events(const v1::GetStatusResponse& status, Book& book) {
  if (status.has_events()) {
    const v1::EventLogStatus& events = status.events();
    book.counter("bulkhead_events_total", "Events since the log began",
                 static_cast<double>(events.last()));
    book.counter("bulkhead_events_lost_total", "Events that could not be kept",
                 static_cast<double>(events.lost()));
    book.gauge("bulkhead_event_log_size_bytes", "Size of the events on the disk",
               static_cast<double>(events.bytes()));
    book.gauge("bulkhead_event_log_limit_bytes", "Size that the events may reach",
               static_cast<double>(events.bytes_max()));
  }
  for (const v1::CollectorStatus& collector : status.collectors()) {
    const Book::Labels labels = {{"collector", printable(collector.name())}};
    book.gauge("bulkhead_collector_connected", "1 if a collector of events is connected",
               collector.state() == "connected" ? 1 : 0, labels);
    book.gauge("bulkhead_collector_waiting_events", "Events that wait for a collector",
               static_cast<double>(collector.waiting()), labels);
    book.counter("bulkhead_collector_lost_events_total",
                 "Events that left the log before a collector had them",
                 static_cast<double>(collector.lost()), labels);
  }
}

}  // namespace

void add_appliance(const Observation& seen, Book& book) {
  add_agent(seen.status, book);
  add_policy(seen.status, book);
  add_clock(seen.status.time(), book);
  add_alarms(seen.status, book);
  add_keys_and_disk(seen, book);
  add_events(seen.status, book);
}

void add_pair(const v1::PairStatus& pair, Book& book) {
  book.gauge("bulkhead_pair_active", "1 if this appliance forwards, of one of a pair",
             pair.self().role() == "active" ? 1 : 0);
  book.gauge("bulkhead_pair_ready", "1 if this appliance could take over at once",
             pair.self().ready() ? 1 : 0);
  book.gauge("bulkhead_pair_eligible", "1 if this appliance could forward",
             pair.self().eligible() ? 1 : 0);
  book.gauge("bulkhead_pair_maintenance", "1 if this appliance is in maintenance",
             pair.self().maintenance() ? 1 : 0);
  book.gauge("bulkhead_pair_peer_heard", "1 if the peer is heard", pair.peer_heard() ? 1 : 0);
  book.gauge("bulkhead_pair_peer_ready", "1 if the peer could take over at once",
             pair.peer_heard() && pair.peer().ready() ? 1 : 0);
  book.gauge("bulkhead_pair_sessions_equal", "1 if both appliances have the same sessions",
             pair.flows_equal() ? 1 : 0);
  book.gauge("bulkhead_pair_link_up", "1 if the pair link's stream is up", pair.link_up() ? 1 : 0);
  book.gauge("bulkhead_pair_term", "Counts the pair's takeovers since it was made",
             static_cast<double>(pair.term()));
  book.counter("bulkhead_pair_takeovers_total", "Takeovers by this appliance since its start",
               static_cast<double>(pair.takeovers()));
  for (const v1::PairPath& path : pair.paths()) {
    book.gauge("bulkhead_pair_path_heard", "1 if the peer's heartbeats come over this path",
               path.heard() ? 1 : 0, {{"path", path.name()}});
  }
}

}  // namespace bulkhead::metrics
