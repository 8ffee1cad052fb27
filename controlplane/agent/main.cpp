// bulkheadd: wiring only.
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdlib>
#include <fstream>

#include "controlplane/api/services.h"

namespace {

using namespace bulkhead::controlplane;

enum ExitCode : int { kOk = 0, kUsage = 2, kStateFailed = 3, kListenFailed = 4, kPkiFailed = 5 };

struct Options {
  std::string listen = "127.0.0.1:7443";
  std::string state = "/var/lib/bulkhead";
  std::string socket = "/run/bulkhead/dataplane.sock";
  std::string pki = "/etc/bulkhead/pki";
};

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

int serve(const Options& options, Agent& agent,
          const std::shared_ptr<grpc::ServerCredentials>& tls) {
  constexpr int kThreadsMax = 128;
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  PolicyServiceImpl policy(agent);
  TelemetryServiceImpl telemetry(agent);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(options.listen, tls, &port);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetMaxReceiveMessageSize(128 * 1024 * 1024);
  grpc::ResourceQuota quota("bulkheadd");
  quota.SetMaxThreads(kThreadsMax);
  builder.SetResourceQuota(quota);
  builder.RegisterService(&policy);
  builder.RegisterService(&telemetry);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    spdlog::error("cannot listen on {}: the address is in use or not ours", options.listen);
    return kListenFailed;
  }
  agent.start();
  spdlog::info("listening on {} with mutual TLS, state in {}", options.listen, options.state);
  const sigset_t signals = ending_signals();
  int received = 0;
  sigwait(&signals, &received);
  spdlog::info("stopping");
  agent.events().end();
  server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(2));
  return kOk;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "The Bulkhead agent: keeps policy revisions, drives bulkhead-dataplane, and serves the "
      "management host over gRPC with mutual TLS.\n"
      "Exit codes: 0 stopped, 2 wrong option or config, 3 the state folder is in use or damaged, "
      "4 the address cannot be listened on, 5 a certificate or key is missing.");
  spdlog::set_default_logger(spdlog::stderr_color_mt("bulkheadd"));
  setenv("GRPC_VERBOSITY", "NONE", 0);  // what goes wrong is told once, by us
  Options options;
  app.set_version_flag("--version", BULKHEAD_VERSION);
  app.set_config("--config", "", "Read options from this file, as `name = value`; flags win");
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.add_option("--listen", options.listen, "Address and port to serve on")->capture_default_str();
  app.add_option("--state", options.state, "Folder of policy revisions")->capture_default_str();
  app.add_option("--socket", options.socket, "Unix socket of bulkhead-dataplane")
      ->capture_default_str();
  app.add_option("--pki", options.pki, "Folder with ca.crt, server.crt and server.key")
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help and --version
    spdlog::error("wrong option or config: {}; see --help", error.what());
    return kUsage;
  }
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
    Agent agent(std::move(store).value(), options.socket);
    return serve(options, agent, tls);
  } catch (const std::exception& error) {
    spdlog::error("{}", error.what());
    return kStateFailed;
  }
}
