// A PCI device and its driver, through sysfs (Documentation/ABI/testing/sysfs-bus-pci).
#pragma once

#include <optional>
#include <string>

#include "controlplane/setup/machine.h"

namespace bulkhead::setup {

// Its driver; empty if it has none.
std::string driver_of(const Machine& machine, const std::string& pci);
// Takes it from its driver and gives it to this one alone, now and when it comes anew. An empty
// driver gives it back to the kernel's choice. Returns what failed.
std::optional<Problem> bind_port(Machine& machine, const std::string& pci,
                                 const std::string& driver);

}  // namespace bulkhead::setup
