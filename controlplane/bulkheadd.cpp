// bulkheadd: wiring only.
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <malloc.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cctype>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <vector>

#include "controlplane/agent/agent.h"
#include "controlplane/api/listener.h"
#include "controlplane/api/pair_service.h"
#include "controlplane/api/policy_service.h"
#include "controlplane/api/telemetry_service.h"
#include "controlplane/telemetry/event_hub.h"
#include "dataplane/base/log.h"

namespace {

using namespace bulkhead::controlplane;

enum ExitCode : int {
  kOk = 0,
  kUsage = 2,
  kStateFailed = 3,
  kListenFailed = 4,
  kPkiFailed = 5,
  kPairFailed = 6
};

struct Options {
  std::string listen = "127.0.0.1:7443";
  std::string state = "/var/lib/bulkhead";
  std::string socket = "/run/bulkhead/dataplane.sock";
  std::string pki = "/etc/bulkhead/pki";
  std::string pair_peer;  // empty: not one of a pair
  std::string pair_listen;
  std::string pair_address;
  std::uint32_t pair_priority = 100;
  bool pair_preempt = false;
  std::uint32_t pair_heartbeat_ms = 10;
};

void declare(CLI::App& app, Options& options) {
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
}

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

bulkhead::failover::Key read_pair_key(const std::string& path) {
  std::ifstream file(path);
  std::string text;
  file >> text;
  bulkhead::failover::Key key{};
  bool good = text.size() == 2 * key.size();
  for (std::size_t i = 0; good && i < key.size(); ++i) {
    const std::string digits = text.substr(2 * i, 2);
    good = std::isxdigit(static_cast<unsigned char>(digits[0])) != 0 &&
           std::isxdigit(static_cast<unsigned char>(digits[1])) != 0;
    key[i] = static_cast<std::uint8_t>(std::strtoul(digits.c_str(), nullptr, 16));
  }
  if (good) return key;
  throw std::runtime_error("cannot read a key from " + path +
                           "; make one with `bulkheadctl pki pair FOLDER` and give both appliances "
                           "the same");
}

void join_pair(const Options& options, Agent& agent) {
  if (options.pair_peer.empty()) return;
  PairOptions pair;
  pair.link.pki = options.pki;
  pair.link.self_name = common_name_of(options.pki + "/server.crt");
  pair.link.peer_name = options.pair_peer;
  pair.link.listen = endpoint_of(options.pair_listen);
  pair.link.peer = endpoint_of(options.pair_address);
  pair.key = read_pair_key(options.pki + "/pair.key");
  pair.priority = static_cast<std::uint8_t>(options.pair_priority);
  pair.preempt = options.pair_preempt;
  pair.timing = {.heartbeat_ns = options.pair_heartbeat_ms * bulkhead::kMillisecondNs};
  if (pair.link.self_name == pair.link.peer_name) {
    throw std::runtime_error(
        "both appliances of the pair are named " + options.pair_peer +
        " in their certificates; issue one each with `bulkheadctl pki server`");
  }
  agent.join_pair(pair);
}

// Reads NAME under the folder, or tells what is wrong in `problem`.
std::string pem(const Options& options, const std::string& name, std::string& problem) {
  const std::string path = options.pki + "/" + name;
  std::ifstream file(path);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  if (!file || text.find("-----BEGIN") == std::string::npos) {
    problem = "cannot read " + path + "; make certificates with `bulkheadctl pki init " +
              options.pki + "`";
  }
  return text;
}

std::shared_ptr<grpc::ServerCredentials> credentials(const Options& options, std::string& problem) {
  grpc::SslServerCredentialsOptions tls(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  tls.pem_root_certs = pem(options, "ca.crt", problem);
  tls.pem_key_cert_pairs.push_back(
      {pem(options, "server.key", problem), pem(options, "server.crt", problem)});
  return grpc::SslServerCredentials(tls);
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

// gRPC without a listener of its own: it gets connections that somebody else has accepted.
struct GrpcServer {
  explicit GrpcServer(const std::shared_ptr<grpc::ServerCredentials>& tls, Gate& gate,
                      const std::vector<grpc::Service*>& services) {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::ServerBuilder builder;
    acceptor = builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, tls);
    builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, milliseconds(kHandshakeFor));
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, limits::kCallsOfConnectionMax);
    builder.SetMaxReceiveMessageSize(limits::kMessageBytesMax);
    std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> keepers;
    keepers.push_back(std::make_unique<GateKeeper>(gate));
    builder.experimental().SetInterceptorCreators(std::move(keepers));
    for (grpc::Service* service : services) builder.RegisterService(service);
    server = builder.BuildAndStart();
  }
  void hand_over(int descriptor) const {
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
    connection.fd = descriptor;
    acceptor->HandleNewConnection(&connection);
  }

  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor;
  std::unique_ptr<grpc::Server> server;

 private:
  static constexpr auto kHandshakeFor = limits::kHandshakeFor;
  static int milliseconds(std::chrono::milliseconds time) { return static_cast<int>(time.count()); }
};

int serve(const Options& options, Agent& agent, EventHub& events,
          const std::shared_ptr<grpc::ServerCredentials>& tls) {
  std::unique_ptr<Listener> listener;
  Work work([&listener](const std::string& peer, const std::string& name) {
    listener->prove(peer, name);
  });
  PolicyServiceImpl policy(work, agent.policies());
  TelemetryServiceImpl telemetry(work, agent.readings(), events);
  PairServiceImpl pair(work, agent.pair());
  const GrpcServer rpc(tls, work.gate, {&policy, &telemetry, &pair});
  if (rpc.server == nullptr) {
    spdlog::error("gRPC does not start with these certificates");
    return kPkiFailed;
  }
  try {
    listener = std::make_unique<Listener>(options.listen,
                                          [&rpc](int descriptor) { rpc.hand_over(descriptor); });
  } catch (const std::exception& error) {
    spdlog::error("{}", error.what());
    return kListenFailed;
  }
  agent.start();
  listener->start();
  spdlog::info("listening on {} with mutual TLS, state in {}", options.listen, options.state);
  const sigset_t signals = ending_signals();
  int received = 0;
  sigwait(&signals, &received);
  spdlog::info("stopping");
  events.end();
  rpc.server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(2));
  work.join();
  listener->stop();  // it hands over to what is destroyed next
  return kOk;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "The Bulkhead agent: keeps policy revisions, drives bulkhead-dataplane, and serves the "
      "management host over gRPC with mutual TLS.\n"
      "Exit codes: 0 stopped, 2 wrong option or config, 3 the state folder is in use or damaged, "
      "4 the address cannot be listened on, 5 a certificate or key is missing, 6 the pair's "
      "address, name or key is wrong.");
  bulkhead::start_log("bulkheadd");
  setenv("GRPC_VERBOSITY", "NONE", 0);  // we report errors ourselves, once
  Options options;
  declare(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help and --version
    spdlog::error("wrong option or config: {}; see --help", error.what());
    return kUsage;
  }
  umask(0077);  // keys and policies are nobody else's
  // What a large policy took is given back with it.
  mallopt(M_MMAP_THRESHOLD, 256 * 1024);
  mallopt(M_TRIM_THRESHOLD, 1024 * 1024);
  mallopt(M_ARENA_MAX, 64);  // a heartbeat must not wait for a question's allocation
  raise_descriptor_limit();
  // Before any thread starts, so that only sigwait hears them.
  const sigset_t signals = ending_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::string problem;
  const auto tls = credentials(options, problem);
  if (!problem.empty()) {
    spdlog::error("{}", problem);
    return kPkiFailed;
  }
  try {
    auto store = RevisionStore::open(options.state);
    if (!store) {
      spdlog::error("{}", store.error());
      return kStateFailed;
    }
    EventHub events;
    Sinks sinks;
    sinks.add(events);
    Agent agent(std::move(store).value(), options.socket, sinks);
    try {
      join_pair(options, agent);
    } catch (const std::exception& error) {
      spdlog::error("{}", error.what());
      return kPairFailed;
    }
    return serve(options, agent, events, tls);
  } catch (const std::exception& error) {
    spdlog::error("{}", error.what());
    return kStateFailed;
  }
}
