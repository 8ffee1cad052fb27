// collectors check.
#include <memory>
#include <string>

#include "controlplane/cli/diagnostics_output.h"
#include "controlplane/cli/output.h"
#include "controlplane/cli/remote.h"
#include "controlplane/siem/collectors_config.h"

namespace bulkhead::controlplane {

namespace {

std::string endpoint_text(const siem::Collector& collector) {
  const bool is_v6 = collector.address.find(':') != std::string::npos;
  return (is_v6 ? "[" + collector.address + "]" : collector.address) + ":" +
         std::to_string(collector.port);
}

void run_collectors_check(const Session& session, const std::string& path) {
  const std::string text = read_file_or_fail(path);
  Diagnostics diagnostics(path);
  const auto collectors = siem::parse_collectors(text, diagnostics);
  print_diagnostics(session, diagnostics);
  const std::size_t errors = diagnostics.errors();
  if (errors > 0) {
    throw CommandFailed{kRefused, path + " has " + std::to_string(errors) +
                                      (errors == 1 ? " error" : " errors") +
                                      "; an appliance would not put it in force"};
  }
  Table table({"COLLECTOR", "ADDRESS", "TRANSPORT", "FORMAT", "AUDIT"});
  for (const siem::Collector& each : collectors) {
    const std::string transport(siem::name_of(each.transport));
    const std::string format(siem::name_of(each.format));
    if (session.format() == Format::json) {
      print_json({{"name", each.name},
                  {"address", endpoint_text(each)},
                  {"transport", transport},
                  {"format", format},
                  {"audit", each.audit}});
    }
    table.add({each.name, endpoint_text(each), transport, format, each.audit ? "yes" : "-"});
  }
  if (session.format() == Format::json) return;
  table.print("no collectors");
  say("\n%s: no errors\n", path);
}

}  // namespace

void add_collector_commands(CLI::App& app, Session& session) {
  CLI::App* collectors =
      app.add_subcommand("collectors", "Where an appliance sends events and audit records to");
  collectors->require_subcommand(1);
  const auto path = std::make_shared<std::string>();
  CLI::App* check = collectors->add_subcommand(
      "check", "Find every mistake in a file of collectors, without an appliance");
  check->add_option("FILE", *path, "collectors.yaml")->required();
  check->callback([&session, path] { run_collectors_check(session, *path); });
}

}  // namespace bulkhead::controlplane
