// events.
#include <algorithm>
#include <cstdio>
#include <memory>

#include "controlplane/cli/event_reference.h"
#include "controlplane/cli/event_text.h"
#include "controlplane/cli/output.h"
#include "controlplane/cli/remote.h"
#include "controlplane/telemetry/event_json.h"
#include "controlplane/telemetry/event_schema.h"
#include "dataplane/base/reason.h"

namespace bulkhead::controlplane {

namespace {

struct EventOptions {
  std::string since;
  std::string until;
  bool reference = false;
  bool follow = false;
  std::uint32_t recent = 50;
  std::uint64_t resume = 0;
  std::uint64_t limit = 0;
  std::string conduit;
  std::string reason;
  std::string source;
  std::string function;
  std::string kind;
};

// A word that is in no list matches nothing: a slip of the pen.
void check_names(const EventOptions& options) {
  const std::string reason = options.reason.substr(0, options.reason.find(':'));
  if (!reason.empty() && std::ranges::find(kReasons, reason, &ReasonInfo::name) == kReasons.end()) {
    throw CommandFailed{kUsage, "--reason " + reason +
                                    " is no reason: deploy/guides/events.md lists "
                                    "them"};
  }
  const auto kinds = event_kinds();
  if (options.kind.empty() ||
      std::ranges::find(kinds, options.kind, &EventKind::name) != kinds.end()) {
    return;
  }
  std::string names;
  for (const EventKind& each : kinds) names += (names.empty() ? "" : ", ") + std::string(each.name);
  throw CommandFailed{kUsage, "--kind " + options.kind + " is none of " + names};
}

v1::WatchEventsRequest request_of(const EventOptions& options) {
  v1::WatchEventsRequest request;
  request.set_follow(options.follow);
  request.set_recent(options.recent);
  request.set_since_wall_time_ns(moment_or_fail("--since", options.since));
  request.set_until_wall_time_ns(moment_or_fail("--until", options.until));
  request.set_conduit(options.conduit);
  request.set_reason(options.reason);
  request.set_source(options.source);
  request.set_function(options.function);
  request.set_kind(options.kind);
  request.set_limit(options.limit);
  return request;
}

void run_events(Session& session, const v1::WatchEventsRequest& request) {
  Remote remote(session);
  grpc::ClientContext context;
  const auto reader = remote.telemetry().WatchEvents(&context, request);
  const std::size_t columns = terminal_columns();
  v1::Event event;
  while (reader->Read(&event)) {
    if (session.format() == Format::json) {
      print_json(event_json(event));
    } else {
      say("%s\n", event_text(event, columns));
    }
    if (request.follow()) std::fflush(stdout);
  }
  remote.expect(reader->Finish());
}

}  // namespace

void add_event_commands(CLI::App& app, Session& session) {
  const auto options = std::make_shared<EventOptions>();
  CLI::App* events = app.add_subcommand(
      "events",
      "What was refused, and why, and what the appliance did. Begins after --resume, else at "
      "--since, else with the newest --recent events that match");
  events->add_flag("--follow", options->follow, "Go on with new events");
  events->add_option("--recent", options->recent, "How many past events to show first")
      ->capture_default_str();
  events->add_option("--since", options->since,
                     "Begin there: an age, as 2h or 7d, or a time in UTC, as 2026-11-29T22:52:36Z");
  events->add_option("--until", options->until, "Only events before that, written likewise");
  CLI::Option* resume = events->add_option(
      "--resume", options->resume,
      "Begin after the event of that number; those of the rest that have left the log are "
      "reported as missed");
  events->add_option("--limit", options->limit, "End after so many events; 0: no limit")
      ->capture_default_str();
  events->add_option("--conduit", options->conduit, "Only events of that conduit");
  events->add_option("--reason", options->reason, "Only that reason: REASON or REASON:FAULT");
  events->add_option("--source", options->source,
                     "Only from that sender: an IP address, with or without a port, or a MAC "
                     "address");
  events->add_option("--function", options->function, "Only that function of a protocol");
  events->add_option("--kind", options->kind, "Only that kind, as deny, policy or alarm");
  events->add_flag("--reference", options->reference,
                   "Print what events have, with all kinds, reasons and faults, as Markdown");
  events->callback([&session, options, resume] {
    if (options->reference) return print_event_reference();
    check_names(*options);
    v1::WatchEventsRequest request = request_of(*options);
    if (resume->count() > 0) request.set_resume(options->resume);
    run_events(session, request);
  });
}

}  // namespace bulkhead::controlplane
