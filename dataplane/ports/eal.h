// Starts DPDK's environment: memory with or without huge pages, devices, and the lcores.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bulkhead::ports {

enum class HugePages : std::uint8_t { automatic, yes, no };

struct EalOptions {
  std::vector<std::string> devices;  // --vdev or PCI strings, in the order of zone ports
  HugePages huge_pages = HugePages::automatic;
  std::uint32_t memory_mib = 512;
  std::uint32_t workers = 1;
  std::string cpus;         // CPUs for threads, as 0-3,8; empty: this process's own
  std::string worker_cpus;  // one CPU a worker, to pin them; empty: not pinned
  bool verbose = false;
};

// What failed, or nothing. Once a process; the arguments must fit together.
std::optional<std::string> start_eal(const EalOptions& options);
void stop_eal();

}  // namespace bulkhead::ports
