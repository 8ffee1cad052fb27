// status, counters, flows.
#include <algorithm>
#include <map>
#include <utility>

#include "controlplane/cli/commit_commands.h"
#include "controlplane/cli/containment_text.h"
#include "controlplane/cli/output.h"
#include "controlplane/cli/remote.h"
#include "controlplane/cli/tap_text.h"
#include "controlplane/metrics/counter_look.h"
#include "controlplane/telemetry/statistic.h"
#include "dataplane/base/duration.h"

namespace bulkhead::controlplane {

namespace {

// As `audit verify --head` reads it.
std::string head_text(const v1::AuditHead& head) {
  return std::to_string(head.number()) + ":" + head.hash();
}

Json worker_json(const v1::WorkerStatus& worker) {
  Json row = {{"worker", worker.index()}, {"flows_max", worker.flows_max()}};
  for (const v1::Statistic& each : worker.statistics()) row[each.name()] = each.value();
  for (const v1::LimitStatus& limit : worker.limits()) {
    Json bound = {{"name", limit.name()}, {"unit", limit.unit()}, {"max", limit.max()}};
    if (limit.has_used()) bound["used"] = limit.used();
    row["limits"].push_back(std::move(bound));
  }
  return row;
}

Json events_json(const v1::EventLogStatus& events) {
  return {{"first", events.first()}, {"last", events.last()},
          {"bytes", events.bytes()}, {"bytes_max", events.bytes_max()},
          {"lost", events.lost()},   {"problem", events.problem()}};
}

Json collectors_json(const v1::GetStatusResponse& status) {
  Json json = Json::array();
  for (const v1::CollectorStatus& each : status.collectors()) {
    json.push_back({{"name", each.name()},
                    {"state", each.state()},
                    {"sent", each.sent()},
                    {"waiting", each.waiting()},
                    {"lost", each.lost()},
                    {"problem", each.problem()}});
  }
  return json;
}

Json alarm_json(const v1::Alarm& alarm) {
  return {{"alarm", alarm.name()},
          {"severity", alarm.severity()},
          {"subject", alarm.subject()},
          {"text", alarm.text()},
          {"raised", iso_time(alarm.raised_wall_time_ns())}};
}

Json self_test_json(const v1::SelfTest& test) {
  return {{"time", iso_time(test.wall_time_ns())},
          {"problem", test.problem()},
          {"policy_generation", test.policy_generation()},
          {"longest_ns", test.longest_ns()}};
}

void print_self_test(const v1::SelfTest& test) {
  if (test.wall_time_ns() == 0) return;
  const std::string when = local_time(test.wall_time_ns());
  say("self-test  %s\n", test.problem().empty()
                             ? paint("passed, " + when, Colour::plain)
                             : paint("failed, " + when + ": " + test.problem(), Colour::bad));
}

Json pair_json(const v1::PairReport& pair) {
  return {{"configured", pair.configured()},
          {"fit", pair.fit()},
          {"problem", pair.problem()},
          {"forwards", pair.forwards()},
          {"term", pair.lease_term()}};
}

Json observed_json(const v1::DataplaneStatus& dataplane) {
  Json json = Json::array();
  for (const v1::ObservedConduit& each : dataplane.observed()) {
    json.push_back({{"conduit", each.conduit()},
                    {"until", iso_time(each.until_s() * kSecondNs)},
                    {"ended", each.ended()},
                    {"contained", each.contained()}});
  }
  return json;
}

void print_observed(const v1::DataplaneStatus& dataplane) {
  for (const v1::ObservedConduit& each : dataplane.observed()) {
    const std::string until = iso_time(each.until_s() * kSecondNs);
    const std::string name = "conduit " + each.conduit();
    if (each.ended()) {
      say("%s\n", paint(name + " observed until " + until + ", and enforces now", Colour::bad));
    } else if (each.contained()) {
      say("%s\n", paint(name + " would observe until " + until +
                            "; a containment stands for it, so that it enforces",
                        Colour::bad));
    } else {
      say("%s\n", paint("OBSERVES until " + until + ": " + name + " refuses nothing", Colour::bad));
    }
  }
  if (dataplane.observed_size() == 0) return;
  say("observed   %s frames passed as they came; enforcing would have refused %s; %s not judged\n",
      grouped(statistic(dataplane, "observed")).c_str(),
      grouped(statistic(dataplane, "would_deny")).c_str(),
      grouped(statistic(dataplane, "not_judged")).c_str());
}

Json status_json(const v1::GetStatusResponse& status) {
  const v1::DataplaneStatus& dataplane = status.dataplane();
  Json json = {{"agent_version", status.agent_version()},
               {"agent_uptime_ms", status.agent_uptime_ms()},
               {"dataplane_connected", status.dataplane_connected()},
               {"problem", status.problem()},
               {"access_problem", status.access_problem()},
               {"credential_warnings", Json::array()},
               {"audit_problem", status.audit().problem()},
               {"audit_head", head_text(status.audit().head())},
               {"site", dataplane.site()},
               {"active_revision", status.active().number()},
               {"policy_generation", dataplane.policy_generation()},
               {"policy_sha256", dataplane.policy_sha256()},
               {"artefacts_read", dataplane.artefacts_read()},
               {"images_prepared", dataplane.images_prepared()},
               {"dataplane_version", dataplane.version()},
               {"dataplane_uptime_ms", dataplane.uptime_ms()},
               {"stations_learned", dataplane.stations_learned()},
               {"buffers_free", dataplane.buffers_free()},
               {"buffers_total", dataplane.buffers_total()}};
  json["containment"] = containment_json(status.containment());
  json["observed"] = observed_json(dataplane);
  if (status.has_trial()) json["trial"] = trial_json(status.trial());
  json["alarms"] = Json::array();
  for (const v1::Alarm& alarm : status.alarms()) json["alarms"].push_back(alarm_json(alarm));
  for (const std::string& each : status.credential_warnings()) {
    json["credential_warnings"].push_back(each);
  }
  if (status.has_time()) {
    const v1::TimeStatus& time = status.time();
    json["time"] = {{"state", time.state()},
                    {"source", time.source()},
                    {"stratum", time.stratum()},
                    {"offset_ns", time.offset_ns()},
                    {"error_max_ns", time.error_max_ns()}};
  }
  if (dataplane.has_pair()) json["pair"] = pair_json(dataplane.pair());
  if (dataplane.self_test().wall_time_ns() != 0) {
    json["self_test"] = self_test_json(dataplane.self_test());
  }
  for (const v1::PortStatus& port : dataplane.ports()) {
    json["ports"].push_back({{"port", port.index()},
                             {"device", port.device()},
                             {"mac", port.mac()},
                             {"link_up", port.link_up()},
                             {"packets_in", port.packets_in()},
                             {"packets_out", port.packets_out()},
                             {"bytes_in", port.bytes_in()},
                             {"bytes_out", port.bytes_out()},
                             {"missed", port.missed_unknown() ? Json() : Json(port.missed())},
                             {"transmit_lost", port.transmit_lost()},
                             {"link_held", port.link_held()},
                             {"tap", port.tap()},
                             {"problems", Json::array()}});
    for (const std::string& problem : port.problems()) {
      json["ports"].back()["problems"].push_back(problem);
    }
  }
  json["events"] = events_json(status.events());
  json["collectors"] = collectors_json(status);
  for (const v1::WorkerStatus& worker : dataplane.workers()) {
    json["workers"].push_back(worker_json(worker));
  }
  return json;
}

Shown time_text(const v1::TimeStatus& time) {
  if (time.state() == "synchronised") {
    char error[32];
    std::snprintf(error, sizeof(error), "%.3f", static_cast<double>(time.error_max_ns()) / 1e6);
    return paint("synchronised with " + time.source() + ", stratum " +
                     std::to_string(time.stratum()) + ", at most " + error + " ms off",
                 Colour::plain);
  }
  if (time.state() == "not_synchronised") {
    return paint("not synchronised: chrony follows no server", Colour::bad);
  }
  return paint("unknown: no chrony answers on the appliance", Colour::plain);
}

Shown events_text(const v1::EventLogStatus& events) {
  if (!events.problem().empty()) return paint("not kept: " + events.problem(), Colour::bad);
  const auto mib = [](std::uint64_t bytes) { return grouped(bytes >> 20); };
  std::string text = "numbers " + std::to_string(events.first()) + " to " +
                     std::to_string(events.last()) + ", " + mib(events.bytes()) + " of " +
                     mib(events.bytes_max()) + " MiB";
  if (events.lost() == 0) return paint(text, Colour::plain);
  return paint(text + ", " + grouped(events.lost()) + " lost", Colour::bad);
}

Shown collector_text(const v1::CollectorStatus& collector) {
  std::string text = collector.name() + " " + collector.state();
  if (collector.sent() != 0) text += ", sent up to " + std::to_string(collector.sent());
  if (collector.waiting() != 0) text += ", " + grouped(collector.waiting()) + " waiting";
  if (collector.lost() != 0) text += ", " + grouped(collector.lost()) + " lost";
  if (!collector.problem().empty()) text += ": " + collector.problem();
  const bool is_good = collector.state() == "connected" && collector.problem().empty();
  return paint(text, is_good ? Colour::plain : Colour::bad);
}

void print_agent(const v1::GetStatusResponse& status) {
  say("agent      %s, up %s\n", status.agent_version().c_str(),
      duration_text(status.agent_uptime_ms()).c_str());
  if (status.has_time()) say("time       %s\n", time_text(status.time()));
  say("events     %s\n", events_text(status.events()));
  for (const v1::CollectorStatus& each : status.collectors()) {
    say("collector  %s\n", collector_text(each));
  }
}

Shown alarm_text(const v1::Alarm& alarm) {
  return paint("alarm: " + alarm.name() + " (" + alarm.severity() + ", since " +
                   local_time(alarm.raised_wall_time_ns()) + "): " + alarm.text(),
               Colour::bad);
}

// What passes less than the policy grants, and more.
void print_exceptions(const v1::GetStatusResponse& status) {
  print_contained(status.containment());
  print_observed(status.dataplane());
  print_taps(status.dataplane());
}

// Of the busiest worker. All of them, or those of which something is in use: the whole list is
// longer than a screen, and what matters stands above it.
void print_limits(const v1::DataplaneStatus& dataplane, bool all) {
  say("\n");
  Table limits({"LIMIT", "OF A WORKER", "USED", "UNIT"});
  int left_out = 0;
  for (int i = 0; i < dataplane.workers(0).limits_size(); ++i) {
    const v1::LimitStatus& limit = dataplane.workers(0).limits(i);
    std::uint64_t used = 0;
    for (const v1::WorkerStatus& worker : dataplane.workers()) {
      if (i < worker.limits_size()) used = std::max<std::uint64_t>(used, worker.limits(i).used());
    }
    if (!all && used == 0) {
      ++left_out;
      continue;
    }
    limits.add(
        {limit.name(), grouped(limit.max()), limit.has_used() ? grouped(used) : "", limit.unit()});
  }
  limits.print("no limit is in use");
  if (left_out > 0) {
    say("%s\n", paint(std::to_string(left_out) + " more: status --limits", Colour::dim));
  }
}

void print_status(const v1::GetStatusResponse& status, bool all_limits) {
  const v1::DataplaneStatus& dataplane = status.dataplane();
  const bool good = status.problem().empty();
  const bool stands_by = dataplane.has_pair() && !dataplane.pair().forwards();
  print_exceptions(status);
  say("%s\n", !good       ? paint("problem: " + status.problem(), Colour::bad)
              : stands_by ? paint("standby of a pair: nothing passes here", Colour::good)
              : only_listens(dataplane) ? paint("listening, and enforcing nothing", Colour::bad)
                                        : paint("enforcing", Colour::good));
  for (const v1::Alarm& alarm : status.alarms()) say("%s\n", alarm_text(alarm));
  if (status.has_trial()) say("%s\n", paint(trial_text(status.trial()), Colour::bad));
  if (!status.access_problem().empty()) {
    say("%s\n", paint("access: " + status.access_problem(), Colour::bad));
  }
  for (const std::string& each : status.credential_warnings()) {
    say("%s\n", paint("warning: " + each, Colour::bad));
  }
  if (!status.audit().problem().empty()) {
    say("%s\n", paint("audit: acts are refused: " + status.audit().problem(), Colour::bad));
  }
  if (status.active().number() != 0) {
    say("policy     revision %llu of site %s, sha256 %.12s\n",
        static_cast<unsigned long long>(status.active().number()), status.active().site().c_str(),
        status.active().sha256().c_str());
  }
  print_agent(status);
  if (!status.dataplane_connected()) return;
  print_self_test(dataplane.self_test());
  say("data plane %s, up %s, %s MAC addresses learned, %s of %s buffers free\n\n",
      dataplane.version().c_str(), duration_text(dataplane.uptime_ms()).c_str(),
      grouped(dataplane.stations_learned()).c_str(), grouped(dataplane.buffers_free()).c_str(),
      grouped(dataplane.buffers_total()).c_str());
  Table ports({"PORT", "DEVICE", "LINK", "PACKETS IN", "PACKETS OUT", "MISSED", "NOT SENT"});
  for (const v1::PortStatus& port : dataplane.ports()) {
    const std::string link = port.link_held() ? "held down" : port.link_up() ? "up" : "down";
    const std::string missed = port.missed_unknown() ? "unknown" : grouped(port.missed());
    ports.add({std::to_string(port.index()), port.device(), link, grouped(port.packets_in()),
               grouped(port.packets_out()), missed, grouped(port.transmit_lost())},
              port.link_up() ? Colour::plain : Colour::bad);
  }
  ports.print("no ports");
  for (const v1::PortStatus& port : dataplane.ports()) {
    for (const std::string& problem : port.problems()) {
      const std::string line = "port " + std::to_string(port.index()) + ": " + problem;
      say("%s\n", paint(line, Colour::bad));
    }
  }
  say("\n");
  Table workers({"WORKER", "PACKETS", "FLOWS", "OF", "EVENTS SUPPRESSED"});
  for (const v1::WorkerStatus& worker : dataplane.workers()) {
    workers.add({std::to_string(worker.index()), grouped(statistic(worker, "packets")),
                 grouped(statistic(worker, "flows")), grouped(worker.flows_max()),
                 grouped(statistic(worker, "events_suppressed"))});
  }
  workers.print("no workers");
  if (!dataplane.workers().empty()) print_limits(dataplane, all_limits);
}

Json counter_json(const v1::Counter& row) {
  Json json = {{"conduit", row.conduit()},   {"rule", row.rule()},
               {"protocol", row.protocol()}, {"function", row.function()},
               {"verdict", row.verdict()},   {"reason", row.reason()}};
  if (!row.fault().empty()) json["fault"] = row.fault();
  json["messages"] = row.messages();
  json["bytes"] = row.bytes();
  return json;
}

// What was printed before, to tell what was added; nullptr where nothing was.
using CountersBefore = std::map<std::string, std::uint64_t>;

void print_counters(const Session& session, const CounterLook& look, CountersBefore* before) {
  Table table({"CONDUIT", "RULE", "PROTOCOL", "FUNCTION", "VERDICT", "REASON", "MESSAGES",
               before != nullptr ? "SINCE LAST" : "BYTES"});
  for (const auto& [name, row] : look.rows()) {
    if (session.format() == Format::json) {
      Json json = counter_json(row);
      json["time"] = iso_time(look.wall_time_ns());
      print_json(json);
      continue;
    }
    const auto or_dash = [](const std::string& text) { return text.empty() ? "-" : text; };
    const std::string reason =
        row.fault().empty() ? row.reason() : row.reason() + ":" + row.fault();
    std::string last = grouped(row.bytes());
    if (before != nullptr) {
      v1::Counter alone = row;
      alone.clear_messages();
      alone.clear_bytes();
      std::uint64_t& old = (*before)[alone.SerializeAsString()];
      last = "+" + grouped(row.messages() - old);
      old = row.messages();
    }
    table.add({or_dash(row.conduit()), row.rule() == 0 ? "-" : std::to_string(row.rule()),
               or_dash(row.protocol()), or_dash(row.function()), row.verdict(), reason,
               grouped(row.messages()), last},
              row.verdict() == "allow" ? Colour::plain : Colour::bad);
  }
  if (session.format() == Format::table) table.print("nothing has been counted yet");
  if (look.is_cut()) print_error("there are more counters than the agent lists");
  std::fflush(stdout);
}

void run_counters(Session& session, bool watch, std::uint32_t interval_ms) {
  Remote remote(session);
  CounterLook look;
  v1::Counters page;
  if (!watch) {
    const auto context = remote.context();
    const auto reader = remote.telemetry().GetCounters(context.get(), {});
    while (reader->Read(&page)) look.take(page);
    remote.expect(reader->Finish());
    print_counters(session, look, nullptr);
    return;
  }
  grpc::ClientContext context;
  v1::WatchCountersRequest request;
  request.set_interval_ms(interval_ms);
  const auto reader = remote.telemetry().WatchCounters(&context, request);
  CountersBefore before;
  while (reader->Read(&page)) {
    if (!look.take(page)) continue;
    if (session.format() == Format::table) {
      say("%s\n", paint(local_time(look.wall_time_ns()), Colour::dim));
    }
    print_counters(session, look, &before);
    if (session.format() == Format::table) say("\n");
  }
  remote.expect(reader->Finish());
}

Json flow_json(const v1::Flow& flow) {
  return {{"transport", flow.transport()},
          {"client", flow.client()},
          {"server", flow.server()},
          {"conduit", flow.conduit()},
          {"rule", flow.rule()},
          {"protocol", flow.protocol()},
          {"state", flow.state()},
          {"packets_from_client", flow.packets_from_client()},
          {"packets_from_server", flow.packets_from_server()},
          {"bytes_from_client", flow.bytes_from_client()},
          {"bytes_from_server", flow.bytes_from_server()},
          {"age_ms", flow.age_ms()},
          {"idle_ms", flow.idle_ms()},
          {"worker", flow.worker()}};
}

void run_flows(Session& session, std::uint32_t limit) {
  Remote remote(session);
  v1::ListFlowsRequest request;
  request.set_limit(limit);
  const auto context = remote.context();
  const auto reader = remote.telemetry().ListFlows(context.get(), request);
  Table table({"TRANSPORT", "CLIENT", "SERVER", "CONDUIT", "RULE", "PROTOCOL", "STATE",
               "FROM CLIENT", "FROM SERVER", "IDLE"});
  std::uint64_t shown = 0;
  std::uint64_t total = 0;
  for (v1::ListFlowsResponse page; reader->Read(&page);) {
    total = page.total();
    shown += static_cast<std::uint64_t>(page.flows_size());
    for (const v1::Flow& flow : page.flows()) {
      if (session.format() == Format::json) {
        print_json(flow_json(flow));
        continue;
      }
      table.add({flow.transport(), flow.client(), flow.server(), flow.conduit(),
                 std::to_string(flow.rule()), flow.protocol().empty() ? "-" : flow.protocol(),
                 flow.state(), grouped(flow.packets_from_client()),
                 grouped(flow.packets_from_server()), duration_text(flow.idle_ms())});
    }
  }
  remote.expect(reader->Finish());
  if (session.format() == Format::json) return;
  table.print("no sessions");
  if (total > shown) {
    say("%s of %s sessions; ask for more with --limit\n", grouped(shown).c_str(),
        grouped(total).c_str());
  }
}

void show_status(Session& session, bool all) {
  Remote remote(session);
  v1::GetStatusResponse status;
  remote.expect(remote.telemetry().GetStatus(remote.context().get(), {}, &status));
  session.format() == Format::json ? print_json(status_json(status)) : print_status(status, all);
  const bool good = status.problem().empty() && status.access_problem().empty() &&
                    status.audit().problem().empty() && status.events().problem().empty();
  if (!good) session.exit_code = kRefused;
}

}  // namespace

void run_status(Session& session) { show_status(session, false); }

void add_watch_commands(CLI::App& app, Session& session) {
  struct Arguments {
    bool watch = false;
    std::uint32_t interval_ms = 1000;
    std::uint32_t limit = 1000;
  };
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* status = app.add_subcommand(
      "status",
      "Whether the appliance enforces its policy, and how ports and workers are doing; "
      "exit code 1 if something is wrong");
  const auto all_limits = std::make_shared<bool>(false);
  status->add_flag("--limits", *all_limits, "All limits of a worker, not only those in use");
  status->callback([&session, all_limits] { show_status(session, *all_limits); });
  CLI::App* counters =
      app.add_subcommand("counters", "Count of verdicts by conduit, rule, function and reason");
  counters->add_flag("--watch", arguments->watch, "Repeat, and show increments");
  counters->add_option("--interval-ms", arguments->interval_ms, "Time between readings")
      ->check(CLI::Range(100, 3'600'000))
      ->capture_default_str();
  counters->callback(
      [&session, arguments] { run_counters(session, arguments->watch, arguments->interval_ms); });
  CLI::App* flows = app.add_subcommand("flows", "The sessions that are open");
  flows->add_option("--limit", arguments->limit, "Most sessions to list")->capture_default_str();
  flows->callback([&session, arguments] { run_flows(session, arguments->limit); });
}

}  // namespace bulkhead::controlplane
