// The command line and configuration file of bulkheadd.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

namespace bulkhead::controlplane {

struct AgentOptions {
  std::string listen = "127.0.0.1:7443";
  std::string state = "/var/lib/bulkhead";
  std::string socket = "/run/bulkhead/dataplane.sock";
  std::string pki = "/etc/bulkhead/pki";
  std::string access;      // empty: access.yaml beside the folder `pki`
  std::string collectors;  // empty: collectors.yaml there
  std::string contain;     // empty: the file `contain` there
  std::string pair_peer;   // empty: not one of a pair
  std::string pair_listen;
  std::string pair_address;
  std::uint32_t pair_priority = 100;
  bool pair_preempt = false;
  std::uint32_t pair_heartbeat_ms = 10;
  std::uint64_t events_max = std::uint64_t{512} << 20;
  std::string metrics = "127.0.0.1:9464";
  bool unconfined = false;
};

void declare(CLI::App& app, AgentOptions& options);
// `given`, or a file of that name beside the folder of keys.
std::string path_of(const AgentOptions& options, const std::string& given, const char* name);

}  // namespace bulkhead::controlplane
