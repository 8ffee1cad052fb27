// sysfs and proc as the kernel documents them (Documentation/ABI, networking/net-sysfs).
#include "controlplane/setup/inspect.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "controlplane/setup/sessions.h"
#include "controlplane/setup/units.h"

namespace bulkhead::setup {

namespace {

constexpr char kNet[] = "/sys/class/net/";
constexpr char kPciDevices[] = "/sys/bus/pci/devices/";
constexpr char kNodes[] = "/sys/devices/system/node/";
constexpr char kCpus[] = "/sys/devices/system/cpu/";
constexpr char kHugeFolder[] = "/hugepages/hugepages-2048kB/nr_hugepages";
constexpr int kLoopback = 772;  // ARPHRD_LOOPBACK

int number_or(const std::string& text, int otherwise) {
  char* end = nullptr;
  const long value = std::strtol(text.c_str(), &end, 10);
  return text.empty() || *end != '\0' ? otherwise : static_cast<int>(value);
}

std::string kind_of(const Machine& machine, const std::string& folder) {
  if (machine.exists(folder + "/bridge")) return "bridge";
  if (machine.exists(folder + "/bonding")) return "bond";
  std::istringstream lines(machine.read(folder + "/uevent").value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (line == "DEVTYPE=vlan") return "vlan";
  }
  return machine.exists(folder + "/device") ? "ethernet" : "virtual";
}

// The nearest device on PCI above what an interface belongs to: virtio has one in between.
std::string pci_above(const Machine& machine, const std::string& folder) {
  std::vector<std::string> names = machine.resolved(folder + "/device");
  while (!names.empty() && !is_pci_address(names.back())) names.pop_back();
  return names.empty() ? std::string() : names.back();
}

// The kernel shows a card's folder of interfaces everywhere, its interfaces only in the network
// namespace that they are in.
bool has_hidden_interface(const Machine& machine, const std::string& folder) {
  const auto is_empty = [&machine](const std::string& net) {
    return machine.exists(net) && machine.list(net).empty();
  };
  if (is_empty(folder + "/net")) return true;
  const std::vector<std::string> names = machine.list(folder);
  return std::any_of(names.begin(), names.end(), [&](const std::string& each) {
    return each.starts_with("virtio") && is_empty(folder + "/" + each + "/net");
  });
}

void describe_pci(const Machine& machine, Port& port) {
  const std::string folder = kPciDevices + port.pci;
  port.numa_node = number_or(machine.read_line(folder + "/numa_node"), -1);
  port.iommu_group = machine.link_name(folder + "/iommu_group");
  if (port.driver.empty()) port.driver = machine.link_name(folder + "/driver");
}

std::vector<Port> interfaces_of(const Machine& machine, const Surroundings& around) {
  std::vector<Port> ports;
  for (const std::string& name : machine.list("/sys/class/net")) {
    const std::string folder = kNet + name;
    // Files such as bonding_masters stand beside the interfaces.
    if (!machine.exists(folder + "/type")) continue;
    if (number_or(machine.read_line(folder + "/type"), 0) == kLoopback) continue;
    Port port;
    port.interface = name;
    port.kind = kind_of(machine, folder);
    port.mac = machine.read_line(folder + "/address");
    port.link_up = machine.read_line(folder + "/carrier") == "1";
    port.speed_mbps = std::max(0, number_or(machine.read_line(folder + "/speed"), 0));
    port.driver = machine.link_name(folder + "/device/driver");
    port.pci = pci_above(machine, folder);
    if (!port.pci.empty()) describe_pci(machine, port);
    for (const std::string& each : machine.list(folder)) {
      if (each.starts_with("lower_")) port.lowers.push_back(each.substr(6));
      if (each.starts_with("upper_")) port.uppers.push_back(each.substr(6));
    }
    if (const auto found = around.addresses.find(name); found != around.addresses.end()) {
      port.addresses = found->second;
    }
    ports.push_back(std::move(port));
  }
  return ports;
}

// Network devices that the kernel has no interface for: given to vfio, or without a driver.
void add_devices(const Machine& machine, Facts& facts) {
  for (const std::string& address : machine.list("/sys/bus/pci/devices")) {
    const std::string folder = kPciDevices + address;
    const std::string device_class = machine.read_line(folder + "/class");
    const std::string group = machine.link_name(folder + "/iommu_group");
    if (!group.empty()) {
      facts.groups.push_back({group, address, machine.link_name(folder + "/driver"),
                              device_class.starts_with("0x06")});
    }
    const bool is_network = device_class.starts_with("0x02");
    if (!is_network || facts.find(address) != nullptr) continue;
    Port port;
    port.pci = address;
    port.kind = "pci";
    port.is_elsewhere = has_hidden_interface(machine, folder);
    describe_pci(machine, port);
    facts.ports.push_back(std::move(port));
  }
}

std::vector<Cpu> cpus_of(const Machine& machine) {
  std::vector<Cpu> cpus;
  for (const int number : read_cpu_list(machine.read_line(std::string(kCpus) + "online"))) {
    const std::string folder = kCpus + ("cpu" + std::to_string(number));
    Cpu cpu;
    cpu.number = number;
    cpu.package = number_or(machine.read_line(folder + "/topology/physical_package_id"), 0);
    cpu.core = number_or(machine.read_line(folder + "/topology/core_id"), number);
    for (const std::string& each : machine.list(folder)) {
      if (each.starts_with("node")) cpu.node = number_or(each.substr(4), cpu.node);
    }
    cpus.push_back(cpu);
  }
  return cpus;
}

std::vector<HugePool> huge_pools_of(const Machine& machine) {
  std::vector<HugePool> pools;
  const auto add = [&](int node, const std::string& path) {
    if (!machine.exists(path)) return;
    pools.push_back(
        {node, path, static_cast<std::uint64_t>(number_or(machine.read_line(path), 0))});
  };
  for (const std::string& name : machine.list("/sys/devices/system/node")) {
    if (!name.starts_with("node")) continue;
    if (const int node = number_or(name.substr(4), -1); node >= 0) {
      add(node, kNodes + name + kHugeFolder);
    }
  }
  if (pools.empty()) add(-1, std::string("/sys/kernel/mm") + kHugeFolder);
  return pools;
}

std::uint64_t memory_mib_of(const Machine& machine) {
  std::istringstream lines(machine.read("/proc/meminfo").value_or(""));
  unsigned long long kib = 0;
  for (std::string line; std::getline(lines, line);) {
    if (std::sscanf(line.c_str(), "MemTotal: %llu kB", &kib) == 1) break;
  }
  return kib / 1024;
}

std::string address_text(const sockaddr* address, const sockaddr* mask) {
  char text[INET6_ADDRSTRLEN] = "";
  const bool is_v4 = address->sa_family == AF_INET;
  const auto* bytes = [&](const sockaddr* from) {
    return is_v4 ? reinterpret_cast<const unsigned char*>(
                       &reinterpret_cast<const sockaddr_in*>(from)->sin_addr)
                 : reinterpret_cast<const unsigned char*>(
                       &reinterpret_cast<const sockaddr_in6*>(from)->sin6_addr);
  }(address);
  inet_ntop(address->sa_family, bytes, text, sizeof(text));
  int length = is_v4 ? 32 : 128;
  if (mask != nullptr) {
    const auto* bits = is_v4 ? reinterpret_cast<const unsigned char*>(
                                   &reinterpret_cast<const sockaddr_in*>(mask)->sin_addr)
                             : reinterpret_cast<const unsigned char*>(
                                   &reinterpret_cast<const sockaddr_in6*>(mask)->sin6_addr);
    const int bytes_max = length / 8;
    length = 0;
    for (int i = 0; i < bytes_max; ++i) length += __builtin_popcount(bits[i]);
  }
  return std::string(text) + "/" + std::to_string(length);
}

}  // namespace

Surroundings surroundings() {
  Surroundings around;
  if (const char* text = std::getenv("SSH_CONNECTION"); text != nullptr) {
    around.ssh_connection = text;
  }
  around.process = getpid();
  char name[256] = "";
  if (gethostname(name, sizeof(name) - 1) == 0) around.host_name = name;
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return around;
  for (const ifaddrs* each = all; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr) continue;
    const int family = each->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    around.addresses[each->ifa_name].push_back(address_text(each->ifa_addr, each->ifa_netmask));
  }
  freeifaddrs(all);
  return around;
}

bool is_pci_address(const std::string& text) {
  // Some bridges make domains of more digits.
  const std::size_t colon = text.find(':');
  if (colon < 4 || colon > 8 || text.size() != colon + 8) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const char expected = i == colon || i == colon + 3 ? ':' : i == colon + 6 ? '.' : 'x';
    const bool is_digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (expected == 'x' ? !is_digit : c != expected) return false;
  }
  return true;
}

std::vector<int> read_cpu_list(const std::string& text) {
  constexpr int kCpusMax = 4096;
  std::vector<int> cpus;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    int first = 0;
    int last = 0;
    const int read = std::sscanf(part.c_str(), "%d-%d", &first, &last);
    if (read < 1 || first < 0) continue;
    if (read == 1) last = first;
    for (int cpu = first; cpu <= std::min(last, kCpusMax); ++cpu) cpus.push_back(cpu);
  }
  return cpus;
}

const Port* Facts::find(const std::string& interface_or_pci) const {
  for (const Port& port : ports) {
    if (!interface_or_pci.empty() &&
        (port.interface == interface_or_pci || port.pci == interface_or_pci)) {
      return &port;
    }
  }
  return nullptr;
}

Facts inspect(const Machine& machine, const Surroundings& around) {
  Facts facts;
  facts.ports = interfaces_of(machine, around);
  add_devices(machine, facts);
  facts.has_iommu = !machine.list("/sys/kernel/iommu_groups").empty();
  facts.cpus = cpus_of(machine);
  facts.huge_pools = huge_pools_of(machine);
  facts.memory_mib = memory_mib_of(machine);
  facts.host_name = around.host_name;
  facts.is_live = machine.is_live();
  facts.has_systemd = machine.is_live() && machine.exists("/run/systemd/system");
  facts.has_nft = machine.has_program("nft");
  facts.has_chrony = machine.has_program("chronyd");
  facts.has_users = machine.user("bulkhead") && machine.user("bulkhead-dp");
  facts.has_certificate = machine.exists(std::string(kPki) + "/server.crt");
  facts.has_authority = machine.exists(std::string(kPki) + "/ca.crt");
  facts.has_access = machine.exists(kAccess);
  const std::string authority_key = std::string(kPki) + "/ca.key";
  if (machine.exists(authority_key)) facts.authority_key = authority_key;
  for (const char* path : {kDataplaneConf, kAgentConf}) {
    if (auto text = machine.read(path)) facts.files[path] = std::move(*text);
  }
  for (const char* path : kOptionalFiles) {
    if (machine.exists(path)) facts.earlier.insert(path);
  }
  for (const auto& [interface, addresses] : around.addresses) {
    for (const std::string& each : addresses) {
      facts.addresses.push_back(each.substr(0, each.find('/')));
    }
  }
  mark_management(machine, around, facts);
  return facts;
}

}  // namespace bulkhead::setup
