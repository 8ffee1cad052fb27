// Which interfaces and PCI devices may be zone ports and taps, and how each is opened.
#include <algorithm>
#include <array>
#include <set>

#include "controlplane/setup/plan.h"
#include "controlplane/setup/sessions.h"
#include "dataplane/base/printable.h"

namespace bulkhead::setup {

namespace {

// Drivers of the kernel whose cards DPDK has a driver for (deploy/package/drivers).
constexpr auto kKnownDrivers = std::to_array<const char*>(
    {"e1000", "e1000e", "igb", "igc", "ixgbe", "ixgbevf", "i40e", "iavf", "ice", "bnxt_en",
     "virtio-pci", "virtio_net", "vmxnet3", "vfio-pci", "uio_pci_generic", "igb_uio"});

constexpr std::size_t kPortsMax = 32;

// As DPDK's device strings, nftables and the configuration can have it.
bool is_plain_interface(const std::string& name) {
  return !name.empty() && name.size() <= 15 &&
         name.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@") ==
             std::string::npos;
}

// Addresses that the kernel gives each interface by itself do not count.
std::string own_address(const Port& port) {
  for (const std::string& each : port.addresses) {
    const std::string address = each.substr(0, each.find('/'));
    if (!holds("fe80::/10", address)) return each;
  }
  return {};
}

bool is_bound_to(const Wishes& wishes, const std::string& name, const Port& port) {
  if (wishes.through == "af_packet" || wishes.through == "af_xdp") return false;
  return wishes.through != "auto" || name == port.pci;
}

class Choice {
 public:
  Choice(const Facts& facts, const Wishes& wishes) : facts_(facts), wishes_(wishes) {}

  void choose(const ZonePort& wish, bool is_tap);
  void check_groups();
  std::vector<ChosenPort> ports;
  std::vector<Problem> problems;

 private:
  void refuse(const std::string& cause, const std::string& mend) {
    problems.push_back({cause, mend});
  }
  bool check_use(const std::string& name, const Port& port);
  void keep(const std::string& name, const Port& port, ChosenPort chosen);
  void bind(const std::string& name, const Port& port, ChosenPort chosen);
  std::string driver_for(const std::string& name, const Port& port);

  const Facts& facts_;
  const Wishes& wishes_;
  std::set<const Port*> taken_;
};

// Whether the machine can spare it.
bool Choice::check_use(const std::string& name, const Port& port) {
  const std::size_t before = problems.size();
  if (!port.management.empty()) {
    refuse(name + " carries the management of this machine: " + port.management,
           "take another interface for the zone, or set up from the console");
    return false;
  }
  if (!wishes_.management.empty()) {
    for (const std::string& each : port.addresses) {
      if (each.substr(0, each.find('/')) != wishes_.management) continue;
      refuse(name + " has the management address " + wishes_.management,
             "the zones' interfaces are others than the management's");
      return false;
    }
  }
  if (port.is_elsewhere) {
    refuse("the interface of " + name + " is in another network namespace, where something uses it",
           "bring it back first (ip netns list; ip -n NAMESPACE link set INTERFACE netns 1), or "
           "take another card");
  }
  if (const std::string address = own_address(port); !address.empty()) {
    refuse(name + " is used by this machine itself, with the address " + address,
           "remove the address from its configuration first: ip addr del " + address + " dev " +
               port.interface);
  }
  for (const std::string& upper : port.uppers) {
    refuse(name + " is a part of " + upper,
           "take it out of " + upper + " first, or name " + upper + " if it is a VLAN");
  }
  if (port.kind == "bond" || port.kind == "bridge") {
    refuse(name + " is a " + port.kind + "; a zone port is one link",
           "name one of its links instead, and take it out of " + name);
  }
  return problems.size() == before;
}

void Choice::keep(const std::string& name, const Port& port, ChosenPort chosen) {
  if (port.interface.empty()) {
    return refuse("the kernel has no interface for " + name +
                      (port.driver.empty() ? "" : ", which is bound to " + port.driver),
                  "leave --through out, or give it back: driverctl unset-override " + name);
  }
  if (!is_plain_interface(port.interface)) {
    return refuse("the name of interface " + printable(port.interface) +
                      " has characters that DPDK's options cannot have",
                  "rename it: letters, digits, and ._-@ (ip link set dev OLD name NEW)");
  }
  const bool is_xdp = wishes_.through == "af_xdp";
  chosen.device = (is_xdp ? "net_af_xdp" : "net_af_packet") + std::to_string(ports.size()) +
                  ",iface=" + port.interface;
  // Each worker has a queue of its own.
  if (wishes_.workers > 1) {
    chosen.device += (is_xdp ? ",queue_count=" : ",qpairs=") + std::to_string(wishes_.workers);
  }
  chosen.interface = port.interface;
  ports.push_back(std::move(chosen));
}

std::string Choice::driver_for(const std::string& name, const Port& port) {
  const bool is_confined = !port.iommu_group.empty();
  if (wishes_.through == "uio") return "uio_pci_generic";
  if (wishes_.through == "vfio" && !is_confined) {
    refuse("there is no IOMMU for " + name + ", which vfio-pci needs",
           "enable VT-d or AMD-Vi in the firmware (and intel_iommu=on for the kernel), or use "
           "--through uio, where DMA is not confined");
    return {};
  }
  return is_confined ? "vfio-pci" : "uio_pci_generic";
}

void Choice::bind(const std::string& name, const Port& port, ChosenPort chosen) {
  if (port.pci.empty()) {
    return refuse(name + " is no device on PCI", "use --through af_packet for it");
  }
  const bool known =
      port.driver.empty() || std::any_of(kKnownDrivers.begin(), kKnownDrivers.end(),
                                         [&](const char* each) { return port.driver == each; });
  if (!known) {
    return refuse("DPDK's drivers do not take the card of " + name + ", of the kernel's driver " +
                      port.driver,
                  "leave it to the kernel: name its interface, with --through af_packet or af_xdp");
  }
  chosen.driver = driver_for(name, port);
  if (chosen.driver.empty()) return;
  chosen.device = chosen.pci = port.pci;
  ports.push_back(std::move(chosen));
}

void Choice::choose(const ZonePort& wish, bool is_tap) {
  const std::string name = printable(wish.device);
  if (!wish.zone.empty() && !is_plain_name(wish.zone)) {
    refuse("\"" + printable(wish.zone) + "\" is no name for a zone",
           "letters, digits and -_.@, a letter or digit first");
  }
  const Port* port = facts_.find(wish.device);
  if (port == nullptr) {
    return refuse("there is no interface and no network device " + name,
                  "`bulkheadctl setup --interfaces` lists them");
  }
  if (!taken_.insert(port).second) {
    return refuse(name + " is named twice",
                  std::string("each port is a link of its own") +
                      (is_tap ? ": name another one, or --tap none" : ""));
  }
  if (!check_use(name, *port)) return;
  ChosenPort chosen;
  chosen.zone = wish.zone;
  chosen.numa_node = port->numa_node;
  chosen.is_tap = is_tap;
  is_bound_to(wishes_, wish.device, *port) ? bind(name, *port, std::move(chosen))
                                           : keep(name, *port, std::move(chosen));
}

// vfio opens a device only if all of its group are its own: the others could write to its memory.
void Choice::check_groups() {
  for (const ChosenPort& chosen : ports) {
    if (chosen.driver != "vfio-pci") continue;
    const std::string& group = facts_.find(chosen.pci)->iommu_group;
    for (const GroupMember& other : facts_.groups) {
      if (other.group != group || other.is_bridge || other.pci == chosen.pci) continue;
      if (other.driver.empty() || other.driver == "vfio-pci") continue;
      const bool is_port = std::any_of(ports.begin(), ports.end(), [&](const ChosenPort& each) {
        return each.pci == other.pci;
      });
      if (is_port) continue;
      refuse(chosen.pci + " shares IOMMU group " + group + " with " + other.pci + " (" +
                 other.driver + "), which could write to its memory",
             "make both ports, use another slot, or leave it to the kernel with --through "
             "af_packet");
    }
  }
}

}  // namespace

Result<std::vector<ChosenPort>, std::vector<Problem>> choose_ports(const Facts& facts,
                                                                   const Wishes& wishes) {
  Choice choice(facts, wishes);
  if (wishes.zone_ports.empty() && wishes.taps.empty()) {
    choice.problems.push_back({"no zone port is named",
                               "--zone-port once for each, port 0 first; or --tap alone, to listen "
                               "at a mirror port; --interfaces lists them"});
  } else if (wishes.zone_ports.size() + wishes.taps.size() > kPortsMax) {
    choice.problems.push_back({"there are more than 32 ports, taps included", "name at most 32"});
  } else if (wishes.zone_ports.size() == 1) {
    choice.problems.push_back(
        {"one zone port alone joins nothing", "name the port of the other zone too"});
  }
  for (const ZonePort& each : wishes.zone_ports) choice.choose(each, false);
  for (const std::string& each : wishes.taps) choice.choose({"", each}, true);
  choice.check_groups();
  if (!choice.problems.empty()) return std::move(choice.problems);
  return std::move(choice.ports);
}

}  // namespace bulkhead::setup
