// Severities: what stands between the plant and harm is critical, a refusal is a warning.
#include "controlplane/siem/entry.h"

#include "controlplane/audit/record_json.h"
#include "controlplane/telemetry/event_json.h"
#include "controlplane/telemetry/event_schema.h"
#include "dataplane/base/iso_time.h"
#include "dataplane/base/reason.h"

namespace bulkhead::siem {

namespace {

using controlplane::Json;

Level level_of(const v1::Event& event) {
  if (event.cleared()) return Level::notice;
  const std::string_view severity = controlplane::severity_of(event);
  if (severity == "critical") return Level::critical;
  return severity == "info" ? Level::informational : Level::warning;
}

// A refusal has none of its own.
std::string text_of(const v1::Event& event) {
  if (!event.text().empty()) return event.text();
  for (const ReasonInfo& reason : kReasons) {
    if (reason.name == event.reason()) return std::string(reason.text);
  }
  return event.kind();
}

Level level_of(const audit::Entry& entry) {
  if (entry.kind == "damage" || entry.kind == "cut") return Level::critical;
  const bool is_refused = entry.result == "refused" || entry.kind == "refused" ||
                          entry.kind == "failed_login" || entry.kind == "failed_logins";
  if (is_refused) return Level::warning;
  return entry.result == "failed" ? Level::error : Level::notice;
}

std::string text_of(const audit::Entry& entry) {
  if (!entry.text.empty()) return entry.text;
  return entry.rpc.empty() ? entry.kind : entry.kind + " " + entry.rpc + " " + entry.result;
}

Entry note(Stream stream, std::uint64_t number, TimeNs wall_ns, const char* kind,
           std::string text) {
  Entry entry;
  entry.stream = stream;
  entry.number = number;
  entry.wall_ns = wall_ns;
  entry.level = Level::warning;
  entry.kind = kind;
  entry.text = std::move(text);
  entry.json = {{"time", iso_time(wall_ns)},
                {"kind", kind},
                {"stream", name_of(stream)},
                {"text", entry.text}};
  return entry;
}

}  // namespace

std::string name_of(Stream stream) { return stream == Stream::events ? "events" : "audit"; }

Entry entry_of(const v1::Event& event) {
  Entry entry;
  entry.stream = Stream::events;
  entry.number = event.number();
  entry.wall_ns = event.wall_time_ns();
  entry.last_wall_ns = event.last_wall_time_ns();
  entry.level = level_of(event);
  entry.kind = event.kind();
  entry.reason = event.reason();
  entry.appliance = event.appliance();
  entry.text = text_of(event);
  entry.json = controlplane::event_json(event);
  return entry;
}

Entry entry_of(const audit::Record& record, const std::string& hash) {
  Entry entry;
  entry.stream = Stream::audit;
  entry.number = record.number;
  entry.wall_ns = record.stamp.wall_ns;
  entry.level = level_of(record.entry);
  entry.kind = record.entry.kind;
  entry.text = text_of(record.entry);
  entry.json = audit::show_json(record, hash);
  return entry;
}

Entry gap_entry(Stream stream, std::uint64_t first, std::uint64_t last, TimeNs wall_ns) {
  Entry entry = note(stream, last, wall_ns, "gap",
                     name_of(stream) + " " + std::to_string(first) + " to " + std::to_string(last) +
                         " are not in the appliance's log any more");
  entry.json["first"] = first;
  entry.json["last"] = last;
  return entry;
}

Entry restart_entry(Stream stream, std::uint64_t before, TimeNs wall_ns) {
  Entry entry = note(stream, 0, wall_ns, "restart",
                     "the log of " + name_of(stream) +
                         " counts from the beginning again; what was sent before had numbers up "
                         "to " +
                         std::to_string(before));
  entry.json["before"] = before;
  return entry;
}

}  // namespace bulkhead::siem
