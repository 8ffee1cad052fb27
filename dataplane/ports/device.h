// What a device string names: whether the kernel has it yet, and which capabilities its driver
// needs.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "dataplane/base/capabilities.h"

namespace bulkhead::ports {

// A PCI address, not the name of a virtual device.
bool is_pci(const std::string& device);

// The path under /sys that stands once the device can be opened; empty for devices that need none.
std::string path_of(const std::string& device);

// The devices whose path is not there, as "port 1: interface eth1", and PCI devices that no driver
// is bound to. `exists` looks at a path.
std::vector<std::string> missing(const std::vector<std::string>& devices,
                                 const std::function<bool(const std::string&)>& exists);

// The kernel interface that a device string names; empty if it names none.
std::string interface_of(const std::string& device);

struct Needs {
  Capabilities to_open = 0;
  Capabilities while_open = 0;
};
// `driver_at` is the kernel's driver of the PCI device at a path under /sys.
using DriverAt = std::function<std::string(const std::string&)>;
std::string kernel_driver(const std::string& path);
Needs needs_of(const std::vector<std::string>& devices, const DriverAt& driver_at = kernel_driver);

// A PCI device on uio_pci_generic is given physical addresses: no IOMMU translates or confines
// them.
bool any_on_uio(const std::vector<std::string>& devices, const DriverAt& driver_at = kernel_driver);

}  // namespace bulkhead::ports
