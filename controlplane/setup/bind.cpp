// driver_override decides which driver the next probe takes.
#include "controlplane/setup/bind.h"

namespace bulkhead::setup {

std::string driver_of(const Machine& machine, const std::string& pci) {
  return machine.link_name("/sys/bus/pci/devices/" + pci + "/driver");
}

std::optional<Problem> bind_port(Machine& machine, const std::string& pci,
                                 const std::string& driver) {
  const std::string device = "/sys/bus/pci/devices/" + pci;
  if (!machine.exists(device)) {
    return Problem{"there is no PCI device " + pci, "`bulkheadctl setup --interfaces` lists them"};
  }
  if (!driver.empty() && !machine.exists("/sys/bus/pci/drivers/" + driver)) {
    return Problem{"the kernel has no driver " + driver, "load it: modprobe " + driver};
  }
  // A lone line end takes the override away.
  if (auto failed = machine.write(device + "/driver_override", driver + "\n")) {
    return Problem{*failed, "run it as root, on the appliance itself"};
  }
  const std::string before = driver_of(machine, pci);
  if (before == driver && !driver.empty()) return std::nullopt;
  if (!before.empty()) {
    if (auto failed = machine.write(device + "/driver/unbind", pci)) {
      return Problem{*failed, "end the programs that use the device"};
    }
  }
  auto failed = machine.write("/sys/bus/pci/drivers_probe", pci);
  if (driver.empty()) return std::nullopt;
  const std::string after = driver_of(machine, pci);
  if (!failed && after == driver) return std::nullopt;
  const std::string cause = failed          ? *failed
                            : after.empty() ? driver + " does not take it"
                                            : "it went to " + after + " instead";
  return Problem{pci + " is not bound to " + driver + ": " + cause,
                 "`dmesg` has the driver's words; vfio-pci needs the IOMMU (VT-d or AMD-Vi in the "
                 "firmware, intel_iommu=on for the kernel)"};
}

}  // namespace bulkhead::setup
