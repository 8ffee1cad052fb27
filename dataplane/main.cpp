// bulkhead-dataplane: wiring only.
#include <google/protobuf/stubs/logging.h>
#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "dataplane/base/log.h"
#include "dataplane/base/secret.h"
#include "dataplane/daemon/bypass.h"
#include "dataplane/daemon/calls.h"
#include "dataplane/daemon/notifier.h"
#include "dataplane/daemon/rights.h"
#include "dataplane/daemon/wrong_option.h"
#include "dataplane/pair/lease_thread.h"
#include "dataplane/ports/carriers.h"
#include "dataplane/ports/device.h"
#include "dataplane/ports/eal.h"
#include "dataplane/service/engine.h"
#include "dataplane/service/server.h"
#include "dataplane/service/service_thread.h"
#include "dataplane/service/watchdog.h"

namespace {

enum ExitCode : int {
  kOk = 0,
  kUsage = 2,
  kEalFailed = 3,
  kPortFailed = 4,
  kSocketFailed = 5,
  kRightsFailed = 6,
  kBypassFailed = 7,
};

struct Options {
  bulkhead::ports::EalOptions eal;  // with the devices of all ports
  bulkhead::service::EngineOptions engine;
  std::string socket = "/run/bulkhead/dataplane.sock";
  std::string huge_pages = "auto";
  bool await_ports = false;
  bool unconfined = false;
  std::vector<std::string> bypass;  // a command and its arguments; empty: ports are closed
  std::string bypass_call;
};

void declare_limits(CLI::App& app, Options& options) {
  bulkhead::flow::Limits& limits = options.engine.pipeline.limits;
  for (std::size_t i = 0; i < bulkhead::flow::kLimits.size(); ++i) {
    const bulkhead::flow::LimitInfo& info = bulkhead::flow::kLimits[i];
    const std::string option = "--" + std::string(info.name);
    app.add_option_function<std::uint64_t>(
           option, [&limits, i](const std::uint64_t& value) { set_limit(limits, i, value); },
           std::string(info.text) + ", in " + std::string(info.unit))
        ->check(CLI::Range(info.least, info.largest))
        ->default_str(std::to_string(limit_value(limits, i)))
        ->group("Limits of each worker");
  }
}

void declare(CLI::App& app, Options& options) {
  app.set_version_flag("--version", BULKHEAD_VERSION);
  app.set_config("--config", "", "Read options from this file, as `name = value`; flags win");
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.add_option("--port", options.engine.devices,
                 "A zone port, once for each, port 0 first: a DPDK device string such as "
                 "net_af_packet0,iface=eth1 or a PCI address")
      ->expected(1, 32)
      ->take_all();
  app.add_option("--tap", options.engine.taps,
                 "A port that only listens, such as at a switch's mirror port, once for each, as "
                 "--port: what the policy would refuse of what it hears is said, and nothing is "
                 "sent there. Beside zone ports, or alone; not for one of a pair")
      ->expected(1, 32)
      ->take_all();
  app.add_option("--socket", options.socket, "Unix socket for bulkheadd")->capture_default_str();
  app.add_flag(
      "--pair", options.engine.pair,
      "One of two appliances between the same zones: nothing passes until bulkheadd, which "
      "has the other's name, says so");
  app.add_option("--workers", options.engine.workers, "Worker lcores")
      ->check(CLI::Range(1U, bulkhead::ports::kWorkersMax))
      ->capture_default_str();
  app.add_option("--cpus", options.eal.cpus, "CPUs that threads may run on, as 0-3,8");
  app.add_option("--worker-cpus", options.eal.worker_cpus,
                 "Pin workers to these CPUs, one each, as 2,3");
  app.add_option("--huge-pages", options.huge_pages, "auto, yes or no")
      ->check(CLI::IsMember({"auto", "yes", "no"}))
      ->capture_default_str();
  app.add_option("--memory-mib", options.eal.memory_mib, "Memory for packets and tables")
      ->check(CLI::Range(64, 1 << 20))
      ->capture_default_str();
  app.add_option("--buffers", options.engine.buffers, "Packet buffers, all ports together")
      ->check(CLI::Range(1024, 1 << 24))
      ->capture_default_str();
  app.add_option("--mtu", options.engine.pipeline.mtu,
                 "Longest IP packet of the zone ports, in bytes; above 1500 for jumbo frames")
      ->check(CLI::Range(1280, 9200))
      ->capture_default_str();
  declare_limits(app, options);
  app.add_option(
         "--self-test-every", options.engine.self_test_every_s,
         "Seconds between two self-tests, each also behind a change of policy; 0: only when "
         "it is asked for")
      ->check(CLI::Range(0, 86'400))
      ->capture_default_str();
  app.add_flag("--await-ports", options.await_ports,
               "Wait for interfaces and PCI devices that are not there yet, instead of ending");
  app.add_option("--bypass", options.bypass,
                 "A command, with its arguments, that joins the zones around this appliance while "
                 "it does not forward: traffic then passes unseen. Its last argument is starting, "
                 "enforcing or stopped. Not for one of a pair")
      ->take_all();
  app.add_option("--call-bypass", options.bypass_call,
                 "Call that command, as the unit does, and end; without one do nothing")
      ->check(CLI::IsMember({"starting", "enforcing", "stopped"}))
      ->configurable(false);
  app.add_flag("--unconfined", options.unconfined,
               "Do not filter system calls and do not hide memory: for debuggers and profilers");
  app.add_flag("--verbose", options.eal.verbose, "Show DPDK's own messages");
}

std::optional<std::string> gather_devices(Options& options) {
  options.eal.devices = options.engine.all_devices();
  if (options.eal.devices.empty()) return "--port is missing: a device for each zone port";
  if (options.eal.devices.size() > 32) return "at most 32 ports, taps included";
  if (options.engine.pair && !options.engine.taps.empty()) {
    return "--tap is not for one of a --pair";
  }
  return std::nullopt;
}

// Limits that depend on others: what was not said follows, what cannot be is refused.
std::optional<std::string> fit_limits(const CLI::App& app, Options& options) {
  bulkhead::flow::Limits& limits = options.engine.pipeline.limits;
  // Held packets must leave buffers for those that arrive.
  const std::uint32_t room = options.engine.buffers / 2 / options.engine.workers;
  if (app.count("--segments") == 0) limits.segments = room;
  if (limits.segments > room) {
    return fmt::format(
        "--segments {} would leave too few of the {} buffers for packets that arrive; use at most "
        "{}, or raise --buffers",
        limits.segments, options.engine.buffers, room);
  }
  // A flood of openings must leave room for real sessions that open.
  if (app.count("--half-open") == 0) limits.half_open = limits.flows / 4;
  if (limits.half_open >= limits.flows) {
    return fmt::format(
        "--half-open {} would let sessions that never open fill the table of {}; use less, a "
        "quarter is usual, or raise --flows",
        limits.half_open, limits.flows);
  }
  return std::nullopt;
}

// Says what is missing at once, and once more when it is late: it may never come.
void await_ports(const Options& options, bulkhead::daemon::Notifier& notifier) {
  constexpr auto kOftenFor = std::chrono::seconds(30);
  constexpr auto kOften = std::chrono::milliseconds(250);
  constexpr auto kSeldom = std::chrono::seconds(2);
  const auto begin = std::chrono::steady_clock::now();
  const auto exists = [](const std::string& path) { return access(path.c_str(), F_OK) == 0; };
  std::vector<std::string> told;
  bool late_told = false;
  for (;;) {
    const auto missing = bulkhead::ports::missing(options.eal.devices, exists);
    if (missing.empty()) return;
    std::string text = "waiting for";
    for (const std::string& each : missing) text += (&each == missing.data() ? " " : ", ") + each;
    if (missing != told) spdlog::info("{}", text);
    told = missing;
    notifier.status(text + "; nothing passes");
    const bool late = std::chrono::steady_clock::now() - begin > kOftenFor;
    if (late && !std::exchange(late_told, true)) {
      spdlog::error("still {} after {} s; nothing passes; check the names of --port", text,
                    kOftenFor.count());
    }
    std::this_thread::sleep_for(late ? std::chrono::milliseconds(kSeldom) : kOften);
  }
}

// What the ports needed to be opened is given up, on every thread.
std::optional<std::string> give_up_rights(const Options& options) {
  const auto kept = bulkhead::ports::needs_of(options.eal.devices).while_open |
                    bulkhead::daemon::for_priorities();
  if (auto problem = bulkhead::daemon::keep_only(kept)) return problem;
  if (options.unconfined) {
    spdlog::warn("--unconfined: system calls are not filtered");
    return std::nullopt;
  }
  bulkhead::keep_memory_private();
  return bulkhead::daemon::confine(bulkhead::daemon::Program::dataplane);
}

int run(const Options& options, bulkhead::daemon::Notifier& notifier) {
  auto engine = bulkhead::service::Engine::make(options.engine);
  if (!engine) {
    spdlog::error("{}", engine.error());
    return kPortFailed;
  }
  boost::asio::io_context questions;
  bulkhead::pair::LastPairReport pair_report;
  bulkhead::service::Server server(questions, *engine.value(), options.socket,
                                   [&pair_report] { return pair_report.get(); });
  bulkhead::pair::LeaseThread lease;
  if (const auto problem = give_up_rights(options)) {
    spdlog::error("{}", *problem);
    return kRightsFailed;
  }
  const bulkhead::service::Watchdog watchdog(
      questions, notifier, *engine.value(),
      [&lease](std::function<void()> function) { lease.post(std::move(function)); });
  const bulkhead::service::ServiceThread service(questions);
  // This thread has its priority only once the others have begun.
  if (options.engine.pair) {
    lease.serve_pair(engine.value()->shared(), bulkhead::pair::pair_socket_of(options.socket),
                     pair_report);
  }
  spdlog::info("{} ports, {} workers, socket {}; nothing passes until a policy arrives",
               options.engine.devices.size(), options.engine.workers, options.socket);
  if (!options.engine.taps.empty()) {
    spdlog::warn("{} tap ports only listen: nothing is enforced there", options.engine.taps.size());
  }
  lease.run();
  spdlog::info("stopping");
  notifier.stopping();
  return kOk;
}

// A process that sets the zone ports' kernel interfaces, where there are any; it has nothing else.
std::optional<std::string> begin_carriers(Options& options) {
  std::vector<std::string> interfaces;
  for (const std::string& device : options.eal.devices) {
    const std::string interface = bulkhead::ports::interface_of(device);
    if (!interface.empty()) interfaces.push_back(interface);
  }
  if (interfaces.empty()) return std::nullopt;
  auto begun = bulkhead::ports::Carriers::begin(interfaces, [&options]() {
    bulkhead::keep_memory_private();
    const auto problem = bulkhead::daemon::keep_only(bulkhead::capability_bit(CAP_NET_ADMIN));
    if (problem || options.unconfined) return problem;
    return bulkhead::daemon::confine(bulkhead::daemon::Program::dataplane);
  });
  if (!begun) return begun.error();
  const std::shared_ptr<bulkhead::ports::Carriers> carriers = std::move(begun).value();
  options.engine.set_interface = [carriers](unsigned interface, bool up) {
    return carriers->set(interface, up);
  };
  return std::nullopt;
}

// With what the ports need alone, while there is one thread.
std::optional<std::string> start(Options& options) {
  if (auto problem = begin_carriers(options)) return problem;
  const auto needed =
      bulkhead::ports::needs_of(options.eal.devices).to_open | bulkhead::daemon::for_priorities();
  if (auto problem = bulkhead::daemon::keep_only(needed)) return problem;
  return bulkhead::ports::start_eal(options.eal);
}

int call_bypass(const Options& options) {
  const auto moment = bulkhead::daemon::bypass_moment(options.bypass_call);
  if (options.bypass.empty() || !moment) return kOk;
  spdlog::error("bypass: {}", bulkhead::daemon::become_bypass(options.bypass, *moment));
  return kBypassFailed;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "The Bulkhead data plane: stands inline between zones and lets through what its policy "
      "grants. It listens on no network; bulkheadd drives it over a Unix socket.\n"
      "Exit codes: 0 stopped, 2 wrong option or config, 3 DPDK did not start, 4 a port failed, "
      "5 the socket is in use or cannot be made, 6 rights cannot be given up, 7 the bypass's "
      "command cannot be called.");
  bulkhead::start_log("bulkhead-dataplane");
  umask(0077);                               // nobody else may drive it
  google::protobuf::SetLogHandler(nullptr);  // we report malformed messages ourselves, once
  Options options;
  declare(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help and --version
    spdlog::error("{}", bulkhead::daemon::wrong_option(app, error));
    return kUsage;
  }
  if (const auto problem = gather_devices(options)) {
    spdlog::error("{}", *problem);
    return kUsage;
  }
  options.eal.workers = options.engine.workers;
  if (options.huge_pages != "auto") {
    options.eal.huge_pages = options.huge_pages == "yes" ? bulkhead::ports::HugePages::yes
                                                         : bulkhead::ports::HugePages::no;
  }
  if (const auto problem = fit_limits(app, options)) {
    spdlog::error("{}", *problem);
    return kUsage;
  }
  if (const std::string problem =
          bulkhead::daemon::bypass_problem(options.bypass, options.engine.pair);
      !problem.empty()) {
    spdlog::error("{}", problem);
    return kUsage;
  }
  if (!options.bypass_call.empty()) return call_bypass(options);
  if (!options.bypass.empty()) {
    spdlog::warn("{} joins the zones while this program does not forward", options.bypass.front());
  }
  bulkhead::daemon::Notifier notifier;
  if (options.await_ports) await_ports(options, notifier);
  if (const auto problem = start(options)) {
    spdlog::error("{}", *problem);
    return kEalFailed;
  }
  int code = kSocketFailed;
  try {
    code = run(options, notifier);
  } catch (const std::exception& error) {
    spdlog::error("{}", error.what());
  }
  bulkhead::ports::stop_eal();
  return code;
}
