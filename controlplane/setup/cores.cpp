// Cores are shared out whole: a sibling thread on a worker's core would take half of it.
#include "controlplane/setup/cores.h"

#include <algorithm>
#include <map>
#include <utility>

namespace bulkhead::setup {

namespace {

struct Core {
  int node = 0;
  std::vector<int> cpus;  // in their order
};

}  // namespace

Cores share_cores(const std::vector<Cpu>& cpus, unsigned workers, int node) {
  std::map<std::pair<int, int>, Core> by_place;
  for (const Cpu& cpu : cpus) {
    Core& core = by_place[{cpu.package, cpu.core}];
    core.node = cpu.node;
    core.cpus.push_back(cpu.number);
  }
  std::vector<Core> cores;
  for (auto& [place, core] : by_place) {
    std::sort(core.cpus.begin(), core.cpus.end());
    cores.push_back(std::move(core));
  }
  std::sort(cores.begin(), cores.end(),
            [](const Core& a, const Core& b) { return a.cpus.front() < b.cpus.front(); });
  Cores shared;
  std::vector<bool> taken(cores.size());
  // From the last one down: interrupts and services prefer the first ones.
  for (std::size_t i = cores.size(); i-- > 1 && shared.workers.size() < workers;) {
    if (node >= 0 && cores[i].node != node) continue;
    taken[i] = true;
    shared.workers.push_back(cores[i].cpus.front());
  }
  if (cores.size() <= 1 && workers == 1) {
    shared.shared = "this machine has one core, which the worker shares with everything else";
    return shared;
  }
  if (shared.workers.size() < workers) {
    const std::string where =
        node >= 0 ? " on the zone ports' NUMA node " + std::to_string(node) : "";
    shared.refused = std::to_string(workers) + " workers need a core each" + where + ", and " +
                     std::to_string(shared.workers.size()) +
                     (shared.workers.size() == 1 ? " is" : " are") +
                     " free, since the first one is for everything else";
    shared.workers.clear();
    return shared;
  }
  std::sort(shared.workers.begin(), shared.workers.end());
  for (std::size_t i = 0; i < cores.size(); ++i) {
    if (!taken[i])
      shared.rest.insert(shared.rest.end(), cores[i].cpus.begin(), cores[i].cpus.end());
  }
  std::sort(shared.rest.begin(), shared.rest.end());
  return shared;
}

std::string cpu_list(const std::vector<int>& cpus) {
  std::string text;
  for (std::size_t i = 0; i < cpus.size();) {
    std::size_t last = i;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    if (!text.empty()) text += ",";
    text += std::to_string(cpus[i]);
    if (last > i) text += "-" + std::to_string(cpus[last]);
    i = last + 1;
  }
  return text;
}

}  // namespace bulkhead::setup
