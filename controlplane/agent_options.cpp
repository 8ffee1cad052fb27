// What each option says and bounds.
#include "controlplane/agent_options.h"

#include <filesystem>

namespace bulkhead::controlplane {

void declare(CLI::App& app, AgentOptions& options) {
  app.set_version_flag("--version", BULKHEAD_VERSION);
  app.set_config("--config", "", "Read options from this file, as `name = value`; flags win");
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.add_option("--listen", options.listen, "Address and port to serve on")->capture_default_str();
  app.add_option("--state", options.state, "Folder of policy revisions")->capture_default_str();
  app.add_option("--socket", options.socket, "Unix socket of bulkhead-dataplane")
      ->capture_default_str();
  app.add_option("--pki", options.pki,
                 "Folder with ca.crt, server.crt and server.key, and pair.key of one of a pair")
      ->capture_default_str();
  app.add_option("--access", options.access,
                 "File that says who may do what; if not given, access.yaml beside the folder of "
                 "--pki: /etc/bulkhead/access.yaml. Without that file only root may act, on the "
                 "local socket STATE/local.sock");
  app.add_option("--collectors", options.collectors,
                 "File that says which collectors of syslog messages get events and audit records; "
                 "if not given, collectors.yaml beside the folder of --pki");
  app.add_option(
      "--contain", options.contain,
      "File with which root contains zones when no network is left, a line each: `zone "
      "NAME LEVEL`, `conduit NAME LEVEL` or `all LEVEL`; if not given, contain beside the "
      "folder of --pki: /etc/bulkhead/contain");
  CLI::Option* peer =
      app.add_option("--pair-peer", options.pair_peer,
                     "Makes the appliance one of a pair: the common name in the other's server.crt")
          ->group("One of a pair");
  CLI::Option* listen =
      app.add_option("--pair-listen", options.pair_listen,
                     "This appliance's address and port on the pair link, TCP and UDP")
          ->group("One of a pair");
  CLI::Option* address =
      app.add_option("--pair-address", options.pair_address, "The other's address and port there")
          ->group("One of a pair");
  peer->needs(listen)->needs(address);
  listen->needs(peer);
  address->needs(peer);
  app.add_option("--pair-priority", options.pair_priority, "The greater one is preferred")
      ->check(CLI::Range(0, 255))
      ->capture_default_str()
      ->needs(peer)
      ->group("One of a pair");
  app.add_flag("--pair-preempt", options.pair_preempt,
               "Take the active one's place, once ready, if this one has the greater priority")
      ->needs(peer)
      ->group("One of a pair");
  app.add_option("--pair-heartbeat", options.pair_heartbeat_ms,
                 "Milliseconds between heartbeats; an appliance that falls silent is missed after "
                 "nine of them. Both go by the slower one's. Less than 10 is for a machine that "
                 "nothing else uses: one that stands still for so long is taken for dead")
      ->check(CLI::Range(2, 200))
      ->capture_default_str()
      ->needs(peer)
      ->group("One of a pair");
  app.add_option("--events-max", options.events_max,
                 "Bytes of disk for events, as 512M or 2G, under the folder of --state; the oldest "
                 "leave")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(std::uint64_t{32} << 20, std::uint64_t{1} << 40))
      ->default_str("512M");
  app.add_option(
         "--metrics", options.metrics,
         "Address and port of metrics for Prometheus, at /metrics: plain HTTP on a loopback "
         "address, elsewhere TLS for holders of a role; none: they are not served")
      ->capture_default_str();
  app.add_flag("--unconfined", options.unconfined,
               "Do not filter system calls and do not hide memory: for debuggers and profilers");
}

std::string path_of(const AgentOptions& options, const std::string& given, const char* name) {
  namespace fs = std::filesystem;
  if (!given.empty()) return given;
  fs::path pki = fs::path(options.pki).lexically_normal();
  if (!pki.has_filename()) pki = pki.parent_path();  // it ended with a slash
  return (pki.parent_path() / name).string();
}

}  // namespace bulkhead::controlplane
