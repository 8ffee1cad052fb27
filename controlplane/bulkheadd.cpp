// bulkheadd: wiring only.
#include <malloc.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "controlplane/access/access_file.h"
#include "controlplane/access/expiring_callers.h"
#include "controlplane/access/pki_folder.h"
#include "controlplane/agent/agent.h"
#include "controlplane/agent_options.h"
#include "controlplane/api/access_service.h"
#include "controlplane/api/audit_service.h"
#include "controlplane/api/containment_service.h"
#include "controlplane/api/grpc_server.h"
#include "controlplane/api/listener.h"
#include "controlplane/api/local_listener.h"
#include "controlplane/api/pair_service.h"
#include "controlplane/api/periodic.h"
#include "controlplane/api/policy_service.h"
#include "controlplane/api/telemetry_service.h"
#include "controlplane/audit/event_recorder.h"
#include "controlplane/audit/peer_head.h"
#include "controlplane/audit/trail.h"
#include "controlplane/monitoring.h"
#include "controlplane/siem/collectors.h"
#include "controlplane/telemetry/event_log.h"
#include "controlplane/telemetry/notice.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"
#include "dataplane/base/secret.h"
#include "dataplane/daemon/calls.h"
#include "dataplane/daemon/notifier.h"
#include "dataplane/daemon/pulses.h"
#include "dataplane/daemon/rights.h"
#include "dataplane/daemon/wrong_option.h"

namespace {

using namespace bulkhead::controlplane;

enum ExitCode : int {
  kOk = 0,
  kUsage = 2,
  kStateFailed = 3,
  kListenFailed = 4,
  kPkiFailed = 5,
  kPairFailed = 6,
  kRightsFailed = 7
};

boost::asio::ip::tcp::endpoint endpoint_of(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  boost::system::error_code error;
  std::string host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const auto address = boost::asio::ip::make_address(host, error);
  const long port = colon == std::string::npos ? 0 : std::strtol(&text[colon + 1], nullptr, 10);
  if (error || port < 1 || port > 65535) {
    throw std::runtime_error("\"" + text +
                             "\" is no address and port, as 192.0.2.1:7444 or "
                             "[2001:db8::1]:7444");
  }
  return {address, static_cast<std::uint16_t>(port)};
}

std::optional<boost::asio::ip::tcp::endpoint> metrics_endpoint(const AgentOptions& options) {
  if (options.metrics == "none") return std::nullopt;
  return endpoint_of(options.metrics);
}

bulkhead::failover::Key read_pair_key(const std::string& path) {
  std::string text = bulkhead::read_secret(path);
  bulkhead::failover::Key key{};
  // A line of digits, as `pki pair` writes it.
  bool good = text.size() >= 2 * key.size() &&
              text.find_first_not_of(" \t\r\n", 2 * key.size()) == std::string::npos;
  for (std::size_t i = 0; good && i < key.size(); ++i) {
    const std::string digits = text.substr(2 * i, 2);  // too short to be on the heap
    good = std::isxdigit(static_cast<unsigned char>(digits[0])) != 0 &&
           std::isxdigit(static_cast<unsigned char>(digits[1])) != 0;
    key[i] = static_cast<std::uint8_t>(std::strtoul(digits.c_str(), nullptr, 16));
  }
  bulkhead::wipe(text);
  if (good) return key;
  throw std::runtime_error("cannot read a key from " + path +
                           "; make one with `bulkheadctl pki pair FOLDER` and give both appliances "
                           "the same");
}

EventLog::Options event_options(const AgentOptions& options, const std::string& appliance) {
  EventLog::Options events;
  events.folder = options.state + "/events";
  events.bytes_max = options.events_max;
  events.appliance = appliance;
  events.on_problem = [](const std::string& problem) {
    if (problem.empty()) return spdlog::info("events are kept");
    spdlog::error("events are not kept: {}", problem);
  };
  return events;
}

// The log of who did what, under the state folder.
struct Audit {
  Audit(const AgentOptions& options, Sinks& sinks)
      : trail(options.state + "/audit", log_options(sinks)),
        peer_head(options.state + "/audit/peer-head", trail) {
    recorder.record_to(trail);
  }

  bulkhead::audit::EventRecorder recorder;
  bulkhead::audit::Trail trail;
  bulkhead::audit::PeerHead peer_head;

 private:
  bulkhead::audit::Log::Options log_options(Sinks& sinks) {
    sinks.add(recorder);
    bulkhead::audit::Log::Options log;
    log.on_problem = [&sinks](const std::string& problem) {
      const std::string text =
          problem.empty() ? "the audit log is written again" : "acts are refused: " + problem;
      spdlog::error("{}", text);
      notice(sinks, "audit", text);
    };
    return log;
  }
};

void join_pair(const AgentOptions& options, const CredentialsPointer& credentials,
               AccessFile& access, Audit& audit, Agent& agent) {
  if (options.pair_peer.empty()) return;
  PairOptions pair;
  pair.link.credentials = credentials;
  pair.link.peer_name = options.pair_peer;
  pair.link.listen = endpoint_of(options.pair_listen);
  pair.link.peer = endpoint_of(options.pair_address);
  pair.key = read_pair_key(options.pki + "/pair.key");
  pair.priority = static_cast<std::uint8_t>(options.pair_priority);
  pair.preempt = options.pair_preempt;
  pair.access_sha256 = [&access] {
    access.current();
    return access.state().sha256;
  };
  pair.audit_head = [&audit] { return text_of(audit.trail.log().state().head); };
  pair.on_audit_head = [&audit](const std::string& head) { audit.peer_head.note(head); };
  pair.timing = {.heartbeat_ns = options.pair_heartbeat_ms * bulkhead::kMillisecondNs};
  if (credentials->name == pair.link.peer_name) {
    throw std::runtime_error(
        "both appliances of the pair are named " + options.pair_peer +
        " in their certificates; issue one each with `bulkheadctl pki server`");
  }
  agent.join_pair(pair);
}

sigset_t ending_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

// As many descriptors as the system lets it have: connections need them.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

std::string access_path(const AgentOptions& options) {
  return path_of(options, options.access, "access.yaml");
}

// What happens to collectors is logged and no event: it would go to the collectors.
bulkhead::siem::Exporter::Options export_options(const AgentOptions& options,
                                                 const std::string& appliance) {
  bulkhead::siem::Exporter::Options out;
  out.file = path_of(options, options.collectors, "collectors.yaml");
  out.places = options.state + "/collectors.places";
  out.hostname = appliance;
  return out;
}

ContainmentKeeper::Options containment_options(const AgentOptions& options,
                                               const std::string& name) {
  return {options.state + "/containment.json", path_of(options, options.contain, "contain"), name};
}

std::string local_socket(const AgentOptions& options) { return options.state + "/local.sock"; }

// What a caller reads before anybody has been given a role.
std::string how_to_begin(const AgentOptions& options) {
  return "no access file is in force on this appliance, so that only root on it may act: write " +
         access_path(options) +
         " (`bulkheadctl setup --admin NAME` writes a first one, NAME being the URI or DNS name in "
         "the administrator's certificate), or act there with `bulkheadctl --server unix:" +
         local_socket(options) + "`";
}

// An event and a line in the log.
using Tell = std::function<void(const std::string& text)>;
Tell teller(Sinks& sinks, const std::string& kind) {
  return [&sinks, kind](const std::string& text) {
    spdlog::warn("{}", text);
    notice(sinks, kind, text);
  };
}

// Each use is an event and a line in the log.
LocalListener::Callbacks local_callbacks(GrpcServers& rpc, const Tell& tell) {
  return {
      [&rpc](int descriptor) { rpc.hand_over_local(descriptor); },
      [tell](pid_t pid) { tell("root acts on the local socket, process " + std::to_string(pid)); },
      [tell](uid_t uid, pid_t pid) {
        tell("user " + std::to_string(uid) + " was refused on the local socket, process " +
             std::to_string(pid));
      }};
}

// Nothing of the network has been read yet.
std::optional<std::string> confine(const AgentOptions& options) {
  if (!options.unconfined) return bulkhead::daemon::confine(bulkhead::daemon::Program::agent);
  spdlog::warn("--unconfined: system calls are not filtered");
  return std::nullopt;
}

// Feeds the service manager's watchdog while all threads go on.
void watch_until_signal(bulkhead::daemon::Notifier& notifier, Agent& agent, Listener& listener,
                        Periodic& looks) {
  constexpr bulkhead::TimeNs kPeriodNs = bulkhead::kSecondNs;
  bulkhead::daemon::Pulses pulses;
  agent.watch(pulses);
  pulses.watch("listener", 5 * bulkhead::kSecondNs,
               [&listener](std::function<void()> function) { listener.post(std::move(function)); });
  pulses.watch("access", 30 * bulkhead::kSecondNs,
               [&looks](std::function<void()> function) { looks.post(std::move(function)); });
  const sigset_t signals = ending_signals();
  bool ready = false;
  bool was_stuck = false;
  for (;;) {
    const std::string stuck = pulses.look(bulkhead::monotonic_now_ns());
    if (!stuck.empty() && !was_stuck) spdlog::error("{}: the watchdog is not fed", stuck);
    was_stuck = !stuck.empty();
    const std::string status = was_stuck               ? stuck
                               : agent.has_dataplane() ? "serves; the data plane is connected"
                                                       : "serves; the data plane is not there";
    if (!std::exchange(ready, true)) notifier.ready(status);
    if (!was_stuck) notifier.alive();
    notifier.status(status);
    const bulkhead::TimeNs watchdog_ns = notifier.watchdog_ns();
    const bulkhead::TimeNs period_ns =
        watchdog_ns == 0 ? kPeriodNs : std::min(kPeriodNs, watchdog_ns / 4);
    const timespec wait{static_cast<time_t>(period_ns / bulkhead::kSecondNs),
                        static_cast<long>(period_ns % bulkhead::kSecondNs)};
    if (sigtimedwait(&signals, nullptr, notifier.is_heard() ? &wait : nullptr) > 0) return;
  }
}

void record_acts(Work& work, Audit& audit) {
  work.trail = &audit.trail;
  work.peer_head = &audit.peer_head;
  record_calls(work.gate, audit.trail);
}

void note_expiry(Gate& gate, ExpiringCallers& expiring) {
  gate.on_certificate([&expiring](const std::string& identity, std::time_t until) {
    expiring.note(identity, until, std::time(nullptr));
  });
}

Services services_of(Work& work, Agent& agent, EventLog& events, AccessFile& access,
                     const std::function<void(bulkhead::v1::GetStatusResponse&)>& complete) {
  Services services;
  services.push_back(std::make_unique<PolicyServiceImpl>(work, agent.policies()));
  services.push_back(
      std::make_unique<TelemetryServiceImpl>(work, agent.readings(), events, complete));
  services.push_back(std::make_unique<PairServiceImpl>(work, agent.pair()));
  services.push_back(std::make_unique<AccessServiceImpl>(work, access));
  services.push_back(std::make_unique<AuditServiceImpl>(work));
  services.push_back(std::make_unique<ContainmentServiceImpl>(work, agent.containment()));
  return services;
}

int serve(const AgentOptions& options, const CredentialsPointer& credentials, Agent& agent,
          EventLog& events, bulkhead::siem::Collectors& collectors, Sinks& sinks,
          AlarmWatch& alarms, AccessFile& access, Audit& audit,
          bulkhead::daemon::Notifier& notifier) {
  std::unique_ptr<Listener> listener;
  Work work([&access] { return access.current(); },
            [&listener](const std::string& peer, const std::string& identity) {
              listener->prove(peer, identity);
            });
  record_acts(work, audit);
  ExpiringCallers expiring(teller(sinks, "credentials"));
  note_expiry(work.gate, expiring);
  work.gate.explain_without_rules(how_to_begin(options));
  GrpcServers* servers = nullptr;
  PkiFolder pki(options.pki, credentials,
                {[&servers, &agent](const CredentialsPointer& next) {
                   if (!servers->use(*next)) spdlog::error("gRPC refuses the new credentials");
                   agent.use(next);
                 },
                 teller(sinks, "credentials")});
  work.gate.trust([&pki] { return pki.credentials()->trust; });
  const auto complete = [&access, &agent, &alarms, &collectors, &events, &pki,
                         &work](bulkhead::v1::GetStatusResponse& status) {
    *status.mutable_containment() = agent.containment().list();
    status.set_access_problem(access.state().problem);
    *status.mutable_events() = events.status();
    collectors.describe(status);
    describe_audit(work, *status.mutable_audit());
    for (std::string& each : pki.warnings()) status.add_credential_warnings(std::move(each));
    alarms.describe(status);
  };
  GrpcServers rpc(work.gate, [&] { return services_of(work, agent, events, access, complete); });
  servers = &rpc;
  if (!rpc.use(*credentials)) {
    spdlog::error("gRPC does not start with these certificates");
    return kPkiFailed;
  }
  // What has been revoked, has expired or has lost its role ends within this time and a look's.
  Periodic looks(std::chrono::seconds(1), [&access, &pki, &work] {
    access.current();
    pki.look(std::time(nullptr));
    work.gate.reexamine();
  });
  std::unique_ptr<LocalListener> local;
  std::unique_ptr<Monitoring> monitoring;
  try {
    monitoring = std::make_unique<Monitoring>(
        Observer::Sources{agent.readings(), agent.pair(), options.state, complete,
                          [&pki] { return pki.credentials(); }},
        alarms, work.gate, metrics_endpoint(options));
    listener = std::make_unique<Listener>(
        options.listen, [&rpc](int descriptor) { rpc.hand_over(descriptor); },
        teller(sinks, "login"));
    local = std::make_unique<LocalListener>(listener->io(), local_socket(options),
                                            local_callbacks(rpc, teller(sinks, "access")));
  } catch (const std::exception& error) {
    spdlog::error("{}", error.what());
    return kListenFailed;
  }
  if (const auto wrong = confine(options)) {
    spdlog::error("{}", *wrong);
    return kRightsFailed;
  }
  if (access.current() == nullptr) spdlog::error("{}", how_to_begin(options));
  agent.start();
  local->start();
  listener->start();
  looks.start();
  collectors.start();
  monitoring->start();
  spdlog::info("listening on {} with mutual TLS, state in {}", options.listen, options.state);
  watch_until_signal(notifier, agent, *listener, looks);
  notifier.stopping();
  monitoring.reset();
  looks.stop();
  collectors.stop();
  events.end();
  rpc.shut_down();
  work.join();
  listener->stop();  // it hands over to what is destroyed next
  local.reset();     // before the listener's thread's context
  return kOk;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "The Bulkhead agent: keeps policy revisions, drives bulkhead-dataplane, and serves the "
      "management host over gRPC with mutual TLS.\n"
      "Exit codes: 0 stopped, 2 wrong option or config, 3 the state folder is in use or damaged, "
      "4 the address cannot be listened on, 5 a certificate or key is missing or does not fit, "
      "6 the pair's address, name or key is wrong, 7 rights cannot be given up.");
  bulkhead::start_log("bulkheadd");
  setenv("GRPC_VERBOSITY", "NONE", 0);  // we report errors ourselves, once
  AgentOptions options;
  declare(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help and --version
    spdlog::error("{}", bulkhead::daemon::wrong_option(app, error));
    return kUsage;
  }
  umask(0077);  // keys and policies are nobody else's
  // What a large policy took is given back with it.
  mallopt(M_MMAP_THRESHOLD, 256 * 1024);
  mallopt(M_TRIM_THRESHOLD, 1024 * 1024);
  mallopt(M_ARENA_MAX, 64);  // a heartbeat must not wait for a question's allocation
  raise_descriptor_limit();
  // The agent needs no capability: not of root either, should it have been started so.
  if (const auto wrong = bulkhead::daemon::keep_only(bulkhead::daemon::for_priorities())) {
    spdlog::error("{}", *wrong);
    return kRightsFailed;
  }
  if (!options.unconfined) bulkhead::keep_memory_private();
  bulkhead::daemon::Notifier notifier;
  // Before any thread starts, so that only sigwait hears them.
  const sigset_t signals = ending_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const auto credentials = read_credentials(options.pki);
  if (!credentials) {
    spdlog::error("{}", credentials.error());
    return kPkiFailed;
  }
  try {
    auto store = RevisionStore::open(options.state);
    if (!store) {
      spdlog::error("{}", store.error());
      return kStateFailed;
    }
    EventLog events(event_options(options, credentials.value()->name));
    Sinks sinks;
    sinks.add(events);
    AlarmWatch alarms(sinks);
    sinks.add(alarms);
    Audit audit(options, sinks);
    AccessFile access(access_path(options), teller(sinks, "access"));
    Agent agent(std::move(store).value(), options.socket, sinks,
                containment_options(options, credentials.value()->name));
    try {
      join_pair(options, credentials.value(), access, audit, agent);
    } catch (const std::exception& error) {
      spdlog::error("{}", error.what());
      return kPairFailed;
    }
    bulkhead::siem::Collectors collectors(
        events, audit.trail.log(), export_options(options, credentials.value()->name),
        [](const std::string& text) { spdlog::warn("{}", text); });
    return serve(options, credentials.value(), agent, events, collectors, sinks, alarms, access,
                 audit, notifier);
  } catch (const std::exception& error) {
    spdlog::error("{}", error.what());
    return kStateFailed;
  }
}
