// Reads a machine's facts from its own files.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "controlplane/setup/facts.h"
#include "controlplane/setup/machine.h"

namespace bulkhead::setup {

// What no file says.
struct Surroundings {
  std::string ssh_connection;  // the variable: peer, its port, own address, own port
  int process = 0;             // this one; those above it may have the variable where it has not
  std::map<std::string, std::vector<std::string>> addresses;  // by interface, as 192.0.2.10/24
  std::string host_name;
};
// Of the process and the machine that it runs on.
Surroundings surroundings();

inline constexpr char kDataplaneConf[] = "/etc/bulkhead/dataplane.conf";
inline constexpr char kAgentConf[] = "/etc/bulkhead/bulkheadd.conf";
inline constexpr char kAccess[] = "/etc/bulkhead/access.yaml";
inline constexpr char kPki[] = "/etc/bulkhead/pki";

Facts inspect(const Machine& machine, const Surroundings& around);

// True for an address such as 0000:01:00.0, which is how the kernel writes it.
bool is_pci_address(const std::string& text);
// `0-3,8` as numbers; what is no number is left out.
std::vector<int> read_cpu_list(const std::string& text);

}  // namespace bulkhead::setup
