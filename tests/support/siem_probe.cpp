// The exporter with real logs and without an appliance, driven by lines on standard input:
//
//   events N    logs N events, and answers "logged N" when they are on disk
//   audit N     appends N records of the audit log
//   status      answers a JSON array of the collectors' states
//   memory      answers the resident memory in KiB
//
// It ends in order when its input ends. usage: siem-probe FOLDER; FOLDER has collectors.yaml.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>

#include "controlplane/audit/log.h"
#include "controlplane/siem/audit_source.h"
#include "controlplane/siem/exporter.h"
#include "controlplane/siem/log_source.h"
#include "controlplane/telemetry/event_log.h"
#include "dataplane/base/clock.h"

namespace {

using namespace bulkhead;

void answer(const std::string& text) { std::cout << text << std::endl; }

void log_events(controlplane::EventLog& log, unsigned count) {
  for (unsigned i = 0; i < count; ++i) {
    v1::Event event;
    event.set_wall_time_ns(wall_now_ns());
    event.set_kind("deny");
    event.set_conduit("scada");
    event.set_rule(1);
    event.set_reason("function_not_granted");
    event.set_protocol("modbus");
    event.set_function("write_single_register");
    event.set_transport("tcp");
    event.set_source("10.20.0.10:" + std::to_string(1024 + i % 60000));
    event.set_destination("10.10.0.20:502");
    log.on_event(event);
    if (i % 1000 == 999) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  while (!log.is_settled(log.queued())) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  answer("logged " + std::to_string(log.last()));
}

std::string resident_kib() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("VmRSS:")) return line.substr(6, line.size() - 9);
  }
  return "0";
}

std::string states(const siem::Exporter& exporter) {
  controlplane::Json json = controlplane::Json::array();
  for (const v1::CollectorStatus& each : exporter.status()) {
    json.push_back({{"name", each.name()},
                    {"state", each.state()},
                    {"sent", each.sent()},
                    {"waiting", each.waiting()},
                    {"lost", each.lost()},
                    {"problem", each.problem()}});
  }
  return controlplane::json_line(json);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string folder = argv[1];
  controlplane::EventLog::Options options;
  options.folder = folder + "/events";
  options.appliance = "alpha";
  controlplane::EventLog log(options);
  audit::Log records(folder + "/audit", {});
  siem::LogSource events(log);
  siem::AuditSource audits(records);
  siem::Exporter::Options exporting;
  exporting.file = folder + "/collectors.yaml";
  exporting.places = folder + "/places.json";
  exporting.hostname = "alpha";
  exporting.period = std::chrono::milliseconds(100);
  siem::Exporter exporter(exporting, {events, audits},
                          [](const std::string& text) { std::cerr << text << std::endl; });
  const auto subscription = log.subscribe([&exporter] { exporter.wake(); });
  exporter.start();
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string word;
    unsigned count = 0;
    words >> word >> count;
    if (word == "events") log_events(log, count);
    if (word == "audit") {
      for (unsigned i = 0; i < count; ++i) {
        records.append({.kind = "event", .text = "probe"}, audit::Claim::ordinary);
      }
      answer("logged " + std::to_string(records.state().head.number));
    }
    if (word == "status") answer(states(exporter));
    if (word == "memory") answer(resident_kib());
  }
  exporter.stop();
  return 0;
}
