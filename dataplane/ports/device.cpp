// DPDK's device strings: `NAME,key=value,...` or a PCI address, perhaps with `,key=value` too.
#include "dataplane/ports/device.h"

#include <array>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace bulkhead::ports {

namespace {

struct Driver {
  std::string_view name;  // how the device string begins
  Needs needs;
};

// SYS_ADMIN: libxdp's dispatcher passes the kernel's verifier with it alone, and programs that an
// earlier process has left on the interface are found by number.
// IPC_LOCK: memory for the card, and rings of packet sockets, are locked beyond a limit, which the
// unit raises instead.
constexpr Capabilities kOfInterfaces = capability_bit(CAP_NET_RAW) | capability_bit(CAP_NET_ADMIN);
constexpr auto kDrivers = std::to_array<Driver>({
    {"net_af_packet", {kOfInterfaces | capability_bit(CAP_IPC_LOCK), 0}},
    {"net_af_xdp",
     {kOfInterfaces | capability_bit(CAP_BPF) | capability_bit(CAP_SYS_ADMIN) |
          capability_bit(CAP_IPC_LOCK),
      0}},
    {"net_tap", {kOfInterfaces, 0}},
    {"net_pcap", {kOfInterfaces, 0}},
    {"net_null", {}},
    {"net_ring", {}},
});

// What no row names is opened with all there is.
constexpr Needs kUnknown{~Capabilities{0}, capability_bit(CAP_NET_ADMIN)};

// Physical addresses (/proc/self/pagemap) and configuration space are for SYS_ADMIN, legacy ports
// for SYS_RAWIO, and the files of both root's.
constexpr Needs kOnUio{capability_bit(CAP_IPC_LOCK) | capability_bit(CAP_SYS_ADMIN) |
                           capability_bit(CAP_SYS_RAWIO) | capability_bit(CAP_DAC_OVERRIDE),
                       0};

Needs needs_of(const std::string& device, const DriverAt& driver_at) {
  if (is_pci(device)) {
    return any_on_uio({device}, driver_at) ? kOnUio : Needs{capability_bit(CAP_IPC_LOCK), 0};
  }
  for (const Driver& driver : kDrivers) {
    if (device.starts_with(driver.name)) return driver.needs;
  }
  return kUnknown;
}

// The value of a key in the device string; empty if it has none.
std::string value_of(const std::string& device, const std::string& key) {
  const std::size_t found = device.find("," + key + "=");
  if (found == std::string::npos) return {};
  const std::size_t begin = found + key.size() + 2;
  return device.substr(begin, device.find(',', begin) - begin);
}

}  // namespace

bool is_pci(const std::string& device) {
  return device.rfind("net_", 0) != 0 && device.find(':') != std::string::npos;
}

std::string interface_of(const std::string& device) { return value_of(device, "iface"); }

std::string path_of(const std::string& device) {
  if (is_pci(device)) {
    const std::string address = device.substr(0, device.find(','));
    constexpr std::size_t kWithoutDomain = 7;  // as 01:00.0
    const std::string domain = address.size() == kWithoutDomain ? "0000:" : "";
    return "/sys/bus/pci/devices/" + domain + address;
  }
  // A tap's is made by the driver.
  const std::string interface =
      device.starts_with("net_tap") ? std::string() : interface_of(device);
  return interface.empty() ? interface : "/sys/class/net/" + interface;
}

std::vector<std::string> missing(const std::vector<std::string>& devices,
                                 const std::function<bool(const std::string&)>& exists) {
  std::vector<std::string> missing;
  for (std::size_t port = 0; port < devices.size(); ++port) {
    const std::string path = path_of(devices[port]);
    if (path.empty()) continue;
    const bool pci = is_pci(devices[port]);
    const bool there = exists(path);
    // At start-up, and when a card is plugged in, it is bound later than it is there.
    if (there && (!pci || exists(path + "/driver"))) continue;
    missing.push_back("port " + std::to_string(port) + ": " + (there ? "a driver for " : "") +
                      (pci ? "PCI device " : "interface ") + path.substr(path.rfind('/') + 1));
  }
  return missing;
}

std::string kernel_driver(const std::string& path) {
  std::error_code error;
  const auto target = std::filesystem::read_symlink(path + "/driver", error);
  return error ? std::string() : target.filename().string();
}

bool any_on_uio(const std::vector<std::string>& devices, const DriverAt& driver_at) {
  for (const std::string& device : devices) {
    if (is_pci(device) && driver_at(path_of(device)) == "uio_pci_generic") return true;
  }
  return false;
}

Needs needs_of(const std::vector<std::string>& devices, const DriverAt& driver_at) {
  Needs all;
  for (const std::string& device : devices) {
    const Needs each = needs_of(device, driver_at);
    all.to_open |= each.to_open;
    all.while_open |= each.while_open;
  }
  return all;
}

}  // namespace bulkhead::ports
