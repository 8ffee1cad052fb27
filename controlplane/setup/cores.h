// Which cores the workers have to themselves.
#pragma once

#include <string>
#include <vector>

#include "controlplane/setup/facts.h"

namespace bulkhead::setup {

struct Cores {
  std::vector<int> workers;  // a CPU each; empty: workers have none to themselves
  std::vector<int> rest;     // for all other programs: no CPU of a worker's core
  std::string shared;        // why workers have none; empty if they have
  std::string refused;       // why so many cannot be had; empty if they can
};

// A worker has a core of its own, on the node (-1: any), never that of the first CPU. On a machine
// of one core a single worker shares it.
Cores share_cores(const std::vector<Cpu>& cpus, unsigned workers, int node);

// 0,1,2,5 as `0-2,5`.
std::string cpu_list(const std::vector<int>& cpus);

}  // namespace bulkhead::setup
