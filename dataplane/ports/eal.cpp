// Turns the options into EAL arguments.
#include "dataplane/ports/eal.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <sched.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>

namespace bulkhead::ports {

namespace {

bool huge_pages_free() {
  std::ifstream meminfo("/proc/meminfo");
  for (std::string line; std::getline(meminfo, line);) {
    std::uint64_t pages = 0;
    if (std::sscanf(line.c_str(), "HugePages_Free: %lu", &pages) == 1) return pages > 0;
  }
  return false;
}

std::string allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof(set), &set);
  std::string list;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &set)) continue;
    if (!list.empty()) list += ',';
    list += std::to_string(cpu);
  }
  return list;
}

// Lcore 0 is the main one; workers are 1 and up. Unpinned threads float over all allowed CPUs.
std::string lcore_map(const EalOptions& options) {
  const std::string cpus = options.cpus.empty() ? allowed_cpus() : options.cpus;
  std::string map = "0@(" + cpus + ")";
  std::istringstream pinned(options.worker_cpus);
  for (std::uint32_t i = 1; i <= options.workers; ++i) {
    std::string cpu;
    const bool pin = static_cast<bool>(std::getline(pinned, cpu, ','));
    map += "," + std::to_string(i) + "@" + (pin ? cpu : "(" + cpus + ")");
  }
  return map;
}

bool is_pci(const std::string& device) {
  return device.rfind("net_", 0) != 0 && device.find(':') != std::string::npos;
}

}  // namespace

std::optional<std::string> start_eal(const EalOptions& options) {
  const bool huge = options.huge_pages == HugePages::yes ||
                    (options.huge_pages == HugePages::automatic && huge_pages_free());
  std::vector<std::string> arguments = {"bulkhead-dataplane",
                                        "--no-telemetry",
                                        "--no-shconf",
                                        "--file-prefix=bulkhead" + std::to_string(getpid()),
                                        "--iova-mode=va",
                                        "--lcores=" + lcore_map(options),
                                        "-m",
                                        std::to_string(options.memory_mib)};
  arguments.push_back(huge ? "--in-memory" : "--no-huge");
  bool any_pci = false;
  for (const std::string& device : options.devices) {
    any_pci = any_pci || is_pci(device);
    arguments.push_back((is_pci(device) ? "--allow=" : "--vdev=") + device);
  }
  if (!any_pci) arguments.emplace_back("--no-pci");
  // Without it, what went wrong is told once, by us.
  arguments.push_back(options.verbose ? "--log-level=info" : "--log-level=critical");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  if (rte_eal_init(static_cast<int>(arguments.size()), argv.data()) < 0) {
    return std::string("DPDK did not start: ") + rte_strerror(rte_errno) +
           (huge ? " (are there " + std::to_string(options.memory_mib) + " MiB of huge pages?)"
                 : "") +
           "; --verbose shows DPDK's own words";
  }
  return std::nullopt;
}

void stop_eal() { rte_eal_cleanup(); }

}  // namespace bulkhead::ports
