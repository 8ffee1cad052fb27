// What one syslog message is about, whatever its format: an event, an audit record, or a hole in
// the numbers of either.
#pragma once

#include <cstdint>
#include <string>

#include "bulkhead/v1/telemetry.pb.h"
#include "controlplane/audit/record.h"
#include "controlplane/telemetry/json_values.h"
#include "dataplane/base/clock.h"

namespace bulkhead::siem {

// RFC 5424, 6.2.1, table 2: the severity's number.
enum class Level : std::uint8_t {
  emergency,
  alert,
  critical,
  error,
  warning,
  notice,
  informational,
  debug
};

// Each has numbers of its own.
enum class Stream : std::uint8_t { events, audit };
inline constexpr std::size_t kStreams = 2;
std::string name_of(Stream stream);

struct Entry {
  Stream stream{};
  std::uint64_t number = 0;
  TimeNs wall_ns = 0;
  TimeNs last_wall_ns = 0;  // of one that stands for several; 0: of one alone
  Level level = Level::informational;
  std::string kind;
  std::string reason;       // of a refusal; empty otherwise
  std::string appliance;    // empty: as the exporter is named
  std::string text;         // what happened, for people; foreign text in it is not escaped
  controlplane::Json json;  // all of it: as `events --format json` or `audit show --format json`
};

Entry entry_of(const v1::Event& event);
// `hash` is the record's own.
Entry entry_of(const audit::Record& record, const std::string& hash);

// What has the numbers from `first` to `last` left the log before it could be sent. Has the number
// `last`.
Entry gap_entry(Stream stream, std::uint64_t first, std::uint64_t last, TimeNs wall_ns);
// The log counts from 1 again; what was sent had numbers up to `before`.
Entry restart_entry(Stream stream, std::uint64_t before, TimeNs wall_ns);

}  // namespace bulkhead::siem
