// From what is and what is wanted to the steps between, or to every reason why not. Pure.
#pragma once

#include <string>
#include <vector>

#include "controlplane/setup/facts.h"
#include "controlplane/setup/steps.h"
#include "controlplane/setup/wishes.h"
#include "dataplane/base/result.h"

namespace bulkhead::setup {

// How a zone port or a tap is opened.
struct ChosenPort {
  std::string zone;
  std::string device;     // as the data plane's option has it
  std::string pci;        // empty: the kernel keeps the interface
  std::string driver;     // that it is bound to; empty likewise
  std::string interface;  // that the kernel keeps; empty if it is bound
  int numa_node = -1;
  bool is_tap = false;  // it only listens
};

// Each zone port, then each tap, or everything that stands against one.
Result<std::vector<ChosenPort>, std::vector<Problem>> choose_ports(const Facts& facts,
                                                                   const Wishes& wishes);

Result<std::vector<Step>, std::vector<Problem>> plan(const Facts& facts, const Wishes& wishes);

}  // namespace bulkhead::setup
