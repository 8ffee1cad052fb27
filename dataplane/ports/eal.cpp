// Turns the options into EAL arguments.
#include "dataplane/ports/eal.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "dataplane/ports/device.h"

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

std::set<int> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof(set), &set);
  std::set<int> allowed;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) allowed.insert(cpu);
  }
  return allowed;
}

std::string join(const std::set<int>& cpus) {
  std::string list;
  for (const int cpu : cpus) {
    if (!list.empty()) list += ',';
    list += std::to_string(cpu);
  }
  return list;
}

// `0-3,8` as numbers in their order; nothing if it is not such a list.
std::optional<std::vector<int>> read_cpus(const std::string& text) {
  std::vector<int> cpus;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    int first = 0;
    int last = 0;
    int used = 0;
    const int read = std::sscanf(part.c_str(), "%d%n-%d%n", &first, &used, &last, &used);
    if (read == 1) last = first;
    if (read < 1 || static_cast<std::size_t>(used) != part.size() || first < 0 || last < first ||
        last >= CPU_SETSIZE) {
      return std::nullopt;
    }
    for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
  }
  return cpus;
}

std::optional<std::string> check_cpus(const std::string& option, const std::string& text,
                                      std::vector<int>& cpus) {
  const auto read = read_cpus(text);
  if (!read || read->empty()) {
    return option + " must be a list of CPUs such as 0-3,8, not `" + text + "`";
  }
  const std::set<int> allowed = allowed_cpus();
  for (const int cpu : *read) {
    if (allowed.count(cpu) == 0) {
      return option + " names CPU " + std::to_string(cpu) +
             ", which this process may not use: it may use " + join(allowed);
    }
  }
  cpus = *read;
  return std::nullopt;
}

// Lcore 0 is the main one; workers are 1 and up. Unpinned threads float over all allowed CPUs.
std::optional<std::string> map_lcores(const EalOptions& options, std::string& map) {
  std::vector<int> all;
  if (!options.cpus.empty()) {
    if (auto problem = check_cpus("--cpus", options.cpus, all)) return problem;
  }
  const std::set<int> floating =
      all.empty() ? allowed_cpus() : std::set<int>(all.begin(), all.end());
  std::vector<int> pinned;
  if (!options.worker_cpus.empty()) {
    if (auto problem = check_cpus("--worker-cpus", options.worker_cpus, pinned)) return problem;
    if (pinned.size() != options.workers) {
      return "--worker-cpus names " + std::to_string(pinned.size()) + " CPUs for " +
             std::to_string(options.workers) + " workers: name one each";
    }
    if (std::set<int>(pinned.begin(), pinned.end()).size() != pinned.size()) {
      return std::string(
          "--worker-cpus names a CPU twice: two workers on one only wait for "
          "each other");
    }
  }
  map = "0@(" + join(floating) + ")";
  for (std::uint32_t i = 1; i <= options.workers; ++i) {
    map += "," + std::to_string(i) + "@" +
           (pinned.empty() ? "(" + join(floating) + ")" : std::to_string(pinned[i - 1]));
  }
  return std::nullopt;
}

constexpr char kPrefix[] = "bulkhead";

// DPDK keeps a folder a process, and leaves it behind; those of processes that are gone go.
void remove_old_folders() {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path all = fs::path(rte_eal_get_runtime_dir()).parent_path();
  std::vector<fs::path> old;
  for (fs::directory_iterator each(all, error), end; !error && each != end; each.increment(error)) {
    const std::string name = each->path().filename().string();
    const std::string number = name.starts_with(kPrefix) ? name.substr(sizeof(kPrefix) - 1) : "";
    if (number.empty() || number.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto process = static_cast<pid_t>(std::strtol(number.c_str(), nullptr, 10));
    if (kill(process, 0) != 0 && errno == ESRCH) old.push_back(each->path());
  }
  for (const fs::path& folder : old) fs::remove_all(folder, error);
}

}  // namespace

std::optional<std::string> start_eal(const EalOptions& options) {
  const bool huge = options.huge_pages == HugePages::yes ||
                    (options.huge_pages == HugePages::automatic && huge_pages_free());
  std::string lcores;
  if (auto problem = map_lcores(options, lcores)) return problem;
  const bool physical = any_on_uio(options.devices);
  if (physical && !huge) {
    return std::string(
        "ports on uio_pci_generic need huge pages, and none are free: `bulkheadctl setup` reserves "
        "them");
  }
  std::vector<std::string> arguments = {"bulkhead-dataplane",
                                        "--no-telemetry",
                                        "--no-shconf",
                                        "--file-prefix=" + (kPrefix + std::to_string(getpid())),
                                        physical ? "--iova-mode=pa" : "--iova-mode=va",
                                        "--lcores=" + lcores,
                                        "-m",
                                        std::to_string(options.memory_mib)};
  arguments.push_back(huge ? "--in-memory" : "--no-huge");
  bool any_pci = false;
  for (const std::string& device : options.devices) {
    any_pci = any_pci || is_pci(device);
    arguments.push_back((is_pci(device) ? "--allow=" : "--vdev=") + device);
  }
  if (!any_pci) arguments.emplace_back("--no-pci");
  // Without it we report the error ourselves, once.
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
  remove_old_folders();
  return std::nullopt;
}

void stop_eal() {
  const std::filesystem::path own = rte_eal_get_runtime_dir();
  rte_eal_cleanup();
  std::error_code ignored;
  if (own.filename().string().starts_with(kPrefix)) std::filesystem::remove_all(own, ignored);
}

}  // namespace bulkhead::ports
