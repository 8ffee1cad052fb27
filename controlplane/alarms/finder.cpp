// A function an alarm.
#include "controlplane/alarms/finder.h"

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "controlplane/access/trust.h"
#include "controlplane/telemetry/statistic.h"
#include "dataplane/base/reason.h"

namespace bulkhead::controlplane {

namespace {

constexpr double kRaiseAt = 0.95;  // of a limit
constexpr double kClearAt = 0.85;
constexpr double kDiskRaiseAt = 0.05;  // free, of a disk
constexpr double kDiskClearAt = 0.07;
constexpr std::uint64_t kStuckMs = 1000;
constexpr TimeNs kMacFreshNs = 10 * kSecondNs;

std::string percent(double ratio) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.0f %%", 100 * ratio);
  return text;
}

std::string rate_text(double per_second) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f", per_second);
  return text;
}

void find_enforcement(const v1::GetStatusResponse& status, std::vector<Finding>& found) {
  if (!status.problem().empty()) found.push_back({AlarmKind::not_enforcing, {}, status.problem()});
}

std::string why_unprotected(const v1::PairStatus& pair) {
  const bool active = pair.self().role() == "active";
  if (!pair.peer_heard()) return "the peer is not heard";
  const v1::PairAppliance& other = active ? pair.peer() : pair.self();
  const std::string who = active ? "the peer" : "this appliance";
  if (other.maintenance()) return who + " is in maintenance";
  if (!active && !pair.problem().empty()) return who + ": " + pair.problem();
  if (!other.eligible()) return who + " could not forward; its own `pair status` says why";
  if (!other.ready()) return who + " does not have all sessions and the same policy yet";
  return {};
}

void find_peer(const Observation& seen, std::vector<Finding>& found) {
  if (!seen.pair) return;
  std::string why = why_unprotected(*seen.pair);
  if (!why.empty()) found.push_back({AlarmKind::no_peer, {}, std::move(why)});
}

void find_endings(const Observation& seen, std::vector<Finding>& found) {
  const auto now = static_cast<std::time_t>(seen.wall_time_ns / kSecondNs);
  for (const Observation::Ending& each : seen.endings) {
    const std::string text = expiry_text(each.until, now);
    if (!text.empty()) {
      found.push_back({AlarmKind::certificate_expires, each.file, each.file + " " + text});
    }
  }
}

std::string why_disk(const Observation& seen, const Finder::Stands& stands) {
  const v1::GetStatusResponse& status = seen.status;
  if (!status.audit().problem().empty()) {
    return "the audit log cannot be written: " + status.audit().problem();
  }
  if (!status.events().problem().empty()) {
    return "events cannot be kept: " + status.events().problem();
  }
  if (seen.disk.bytes == 0) return {};
  const double free =
      static_cast<double>(seen.disk.free_bytes) / static_cast<double>(seen.disk.bytes);
  if (free >= (stands(AlarmKind::disk_full, {}) ? kDiskClearAt : kDiskRaiseAt)) return {};
  return percent(free) + " of the disk of " + seen.disk.folder + " are free";
}

void find_disk(const Observation& seen, const Finder::Stands& stands, std::vector<Finding>& found) {
  std::string why = why_disk(seen, stands);
  if (!why.empty()) found.push_back({AlarmKind::disk_full, {}, std::move(why)});
}

void find_stuck(const v1::DataplaneStatus& dataplane, std::vector<Finding>& found) {
  for (const v1::WorkerStatus& worker : dataplane.workers()) {
    const std::uint64_t silent_ms = statistic(worker, "silent_ms");
    if (silent_ms < kStuckMs) continue;
    const std::string subject = "worker " + std::to_string(worker.index());
    found.push_back({AlarmKind::worker_stuck, subject,
                     subject + " stands still since " + std::to_string(silent_ms) + " ms"});
  }
}

void find_collectors(const v1::GetStatusResponse& status, std::vector<Finding>& found) {
  for (const v1::CollectorStatus& each : status.collectors()) {
    if (each.state() == "connected") continue;
    const std::string why = each.problem().empty() ? each.state() : each.problem();
    found.push_back({AlarmKind::collector_away, each.name(), each.name() + ": " + why});
  }
}

void find_self_test(const v1::DataplaneStatus& dataplane, std::vector<Finding>& found) {
  const std::string& problem = dataplane.self_test().problem();
  if (!problem.empty()) found.push_back({AlarmKind::self_test_failed, {}, problem});
}

// A limit's fullest worker decides.
void find_full(std::string_view name, double ratio, const Finder::Stands& stands,
               std::vector<Finding>& found) {
  const std::string subject(name);
  if (ratio < (stands(AlarmKind::limit_reached, subject) ? kClearAt : kRaiseAt)) return;
  found.push_back(
      {AlarmKind::limit_reached, subject, percent(ratio) + " of " + subject + " are used"});
}

void find_full_limits(const v1::DataplaneStatus& dataplane, const Finder::Stands& stands,
                      std::vector<Finding>& found) {
  std::map<std::string, double> ratios;
  for (const v1::WorkerStatus& worker : dataplane.workers()) {
    for (const v1::LimitStatus& limit : worker.limits()) {
      if (!limit.has_used() || limit.max() == 0) continue;
      double& ratio = ratios[limit.name()];
      ratio = std::max(ratio, static_cast<double>(limit.used()) / static_cast<double>(limit.max()));
    }
  }
  if (dataplane.buffers_total() != 0) {
    ratios["buffers"] = 1 - static_cast<double>(dataplane.buffers_free()) /
                                static_cast<double>(dataplane.buffers_total());
  }
  for (const auto& [name, ratio] : ratios) find_full(name, ratio, stands, found);
}

bool is_mac_change(std::string_view reason) {
  return reason == describe(Reason::binding_mismatch).name ||
         reason == describe(Reason::bound_elsewhere).name ||
         reason == describe(Reason::station_elsewhere).name;
}

std::string_view reason_text(std::string_view reason) {
  for (const ReasonInfo& info : kReasons) {
    if (info.name == reason) return info.text;
  }
  return reason;
}

}  // namespace

void Finder::note(const v1::Event& refusal, TimeNs now_ns) {
  if (!is_mac_change(refusal.reason())) return;
  const bool known = macs_.count(refusal.source_mac()) != 0;
  MacChange& change = macs_[known || macs_.size() < kMacsMax ? refusal.source_mac() : "others"];
  change.seen_ns = now_ns;
  change.text = refusal.source_mac() + " on port " + std::to_string(refusal.port());
  if (!refusal.source().empty()) change.text += ", as " + refusal.source();
  change.text += ": " + std::string(reason_text(refusal.reason()));
}

// A change counts as long as its frames keep coming; the alarm stands for longer.
void Finder::find_macs(TimeNs now_ns, std::vector<Finding>& found) {
  std::erase_if(macs_,
                [now_ns](const auto& row) { return row.second.seen_ns + kMacFreshNs < now_ns; });
  for (const auto& [mac, change] : macs_) {
    found.push_back({AlarmKind::mac_changed, mac, change.text});
  }
}

void Finder::find_room(const v1::DataplaneStatus& dataplane, const Stands& stands,
                       std::vector<Finding>& found) {
  find_full_limits(dataplane, stands, found);
  const std::uint64_t refused = statistic(dataplane, "refused_for_room");
  const bool more = room_known_ && refused > refused_for_room_;
  if (more) {
    found.push_back({AlarmKind::limit_reached, "room",
                     std::to_string(refused - refused_for_room_) +
                         " more were refused for want of room; `bulkheadctl counters` has the "
                         "reasons"});
  }
  refused_for_room_ = refused;
  room_known_ = true;
}

// Where no clock was ever followed and no chrony answers, none was lost.
void Finder::find_clock(const v1::TimeStatus& time, std::vector<Finding>& found) {
  if (time.state() == "synchronised") {
    clock_followed_ = true;
  } else if (time.state() == "not_synchronised") {
    found.push_back({AlarmKind::clock_lost, {}, "chrony follows no server"});
  } else if (clock_followed_) {
    found.push_back({AlarmKind::clock_lost, {}, "no chrony answers any more"});
  }
}

std::vector<Finding> Finder::find(const Observation& seen, const Stands& stands) {
  std::vector<Finding> found;
  find_enforcement(seen.status, found);
  find_peer(seen, found);
  find_endings(seen, found);
  find_clock(seen.status.time(), found);
  find_disk(seen, stands, found);
  find_collectors(seen.status, found);
  find_macs(seen.now_ns, found);
  // What a data plane said last is no reading of now.
  if (!seen.status.dataplane_connected()) return found;
  const v1::DataplaneStatus& dataplane = seen.status.dataplane();
  find_room(dataplane, stands, found);
  find_stuck(dataplane, found);
  find_self_test(dataplane, found);
  if (refusals_.step(statistic(dataplane, "refused"), seen.now_ns,
                     stands(AlarmKind::refusals_jump, {}))) {
    found.push_back({AlarmKind::refusals_jump,
                     {},
                     rate_text(refusals_.recent()) + " refusals a second, usually " +
                         rate_text(refusals_.usual())});
  }
  return found;
}

}  // namespace bulkhead::controlplane
