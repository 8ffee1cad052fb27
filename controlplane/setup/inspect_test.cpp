// Facts from invented trees of sysfs and proc.
#include "controlplane/setup/inspect.h"

#include <gtest/gtest.h>

#include "controlplane/setup/invented.h"
#include "controlplane/setup/sessions.h"

namespace bulkhead::setup {
namespace {

Facts facts_of(const Tree& tree, const Surroundings& around = {}) {
  return inspect(Machine(tree.root), around);
}

TEST(Inspect, ACardHasDriverLinkNodeAndGroup) {
  const Tree tree;
  tree.card("eth1", "0000:00:05.0", "e1000e");
  tree.link("/sys/devices/pci0000:00/0000:00:05.0/iommu_group", "../../../kernel/iommu_groups/7");
  tree.folder("/sys/kernel/iommu_groups/7");
  tree.card("", "0000:00:06.0", "vfio-pci");
  tree.file("/sys/devices/pci0000:00/0000:00:07.0/class", "0x010600\n");
  tree.link("/sys/bus/pci/devices/0000:00:07.0", "../../../devices/pci0000:00/0000:00:07.0");
  const Facts facts = facts_of(tree);
  ASSERT_EQ(facts.ports.size(), 2U) << "a disk is no port";
  const Port* card = facts.find("eth1");
  ASSERT_NE(card, nullptr);
  EXPECT_EQ(card, facts.find("0000:00:05.0"));
  EXPECT_EQ(card->driver, "e1000e");
  EXPECT_EQ(card->kind, "ethernet");
  EXPECT_TRUE(card->link_up);
  EXPECT_EQ(card->speed_mbps, 1000);
  EXPECT_EQ(card->numa_node, 0);
  EXPECT_EQ(card->iommu_group, "7");
  EXPECT_TRUE(facts.has_iommu);
  EXPECT_EQ(facts.find("0000:00:06.0")->driver, "vfio-pci");
  EXPECT_EQ(facts.find("0000:00:06.0")->interface, "");
  EXPECT_EQ(facts.find(""), nullptr);
}

TEST(Inspect, VirtioStandsBetweenInterfaceAndPci) {
  const Tree tree;
  tree.card("", "0000:00:03.0", "virtio-pci");
  const std::string virtio = "/sys/devices/pci0000:00/0000:00:03.0/virtio2";
  tree.file(virtio + "/net/eth0/type", "1\n");
  tree.file("/sys/bus/virtio/drivers/virtio_net/unbind", "");
  tree.link(virtio + "/driver", "../../../../bus/virtio/drivers/virtio_net");
  tree.link(virtio + "/net/eth0/device", "../../../virtio2");
  tree.link("/sys/class/net/eth0", "../../devices/pci0000:00/0000:00:03.0/virtio2/net/eth0");
  const Facts facts = facts_of(tree);
  ASSERT_EQ(facts.ports.size(), 1U);
  EXPECT_EQ(facts.ports[0].pci, "0000:00:03.0");
  EXPECT_EQ(facts.ports[0].driver, "virtio_net");
  EXPECT_FALSE(facts.ports[0].link_up) << "it has no carrier to read";
}

TEST(Inspect, AnInterfaceInAnotherNamespaceLeavesItsFolder) {
  const Tree tree;
  tree.card("", "0000:00:05.0", "e1000e");
  tree.folder("/sys/devices/pci0000:00/0000:00:05.0/net");
  tree.card("", "0000:00:06.0", "virtio-pci");
  tree.folder("/sys/devices/pci0000:00/0000:00:06.0/virtio0/net");
  tree.card("", "0000:00:07.0", "vfio-pci");
  tree.card("eth1", "0000:00:08.0", "e1000e");
  const Facts facts = facts_of(tree);
  EXPECT_TRUE(facts.find("0000:00:05.0")->is_elsewhere);
  EXPECT_TRUE(facts.find("0000:00:06.0")->is_elsewhere);
  EXPECT_FALSE(facts.find("0000:00:07.0")->is_elsewhere);
  EXPECT_FALSE(facts.find("0000:00:08.0")->is_elsewhere);
}

void add_virtual(const Tree& tree, const std::string& name, const std::string& mark,
                 const std::string& text = "") {
  tree.file("/sys/devices/virtual/net/" + name + "/type", "1\n");
  tree.file("/sys/devices/virtual/net/" + name + "/" + mark, text);
  tree.link("/sys/class/net/" + name, "../../devices/virtual/net/" + name);
}

TEST(Inspect, KindsOfInterfaces) {
  const Tree tree;
  add_virtual(tree, "br0", "bridge/x");
  add_virtual(tree, "bond0", "bonding/x");
  add_virtual(tree, "eth1.20", "uevent", "DEVTYPE=vlan\nINTERFACE=eth1.20\n");
  add_virtual(tree, "veth3", "uevent", "INTERFACE=veth3\n");
  add_virtual(tree, "lo", "uevent");
  tree.file("/sys/devices/virtual/net/lo/type", "772\n");
  tree.file("/sys/class/net/bonding_masters", "bond0\n");
  const Facts facts = facts_of(tree);
  EXPECT_EQ(facts.ports.size(), 4U);
  EXPECT_EQ(facts.find("br0")->kind, "bridge");
  EXPECT_EQ(facts.find("bond0")->kind, "bond");
  EXPECT_EQ(facts.find("eth1.20")->kind, "vlan");
  EXPECT_EQ(facts.find("veth3")->kind, "virtual");
}

TEST(Inspect, CpusPagesAndUsers) {
  const Tree tree;
  tree.file("/sys/devices/system/cpu/online", "0-1\n");
  for (const char* cpu : {"cpu0", "cpu1"}) {
    const std::string folder = std::string("/sys/devices/system/cpu/") + cpu;
    tree.file(folder + "/topology/core_id", std::string(1, cpu[3]) + "\n");
    tree.file(folder + "/topology/physical_package_id", "0\n");
    tree.folder(folder + "/node1");
  }
  tree.file("/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages", "12\n");
  tree.file("/proc/meminfo", "MemTotal:        4096000 kB\nMemFree: 1 kB\n");
  tree.file("/usr/sbin/nft", "");
  const Facts facts = facts_of(tree);
  ASSERT_EQ(facts.cpus.size(), 2U);
  EXPECT_EQ(facts.cpus[1].core, 1);
  EXPECT_EQ(facts.cpus[1].node, 1);
  ASSERT_EQ(facts.huge_pools.size(), 1U);
  EXPECT_EQ(facts.huge_pools[0].node, 1);
  EXPECT_EQ(facts.huge_pools[0].pages, 12U);
  EXPECT_EQ(facts.memory_mib, 4000U);
  EXPECT_TRUE(facts.has_users);
  EXPECT_TRUE(facts.has_nft);
  EXPECT_FALSE(facts.has_chrony);
  EXPECT_FALSE(facts.is_live);
}

// 192.0.2.10 is 0A0200C0 as proc(5) prints it on a little-endian machine.
constexpr char kTcp[] =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
    "   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n"
    "   1: 0A0200C0:0016 050200C0:C350 01 00000000:00000000 02:00000000 00000000     0\n";
constexpr char kTcp6[] =
    "  sl  local_address                         remote_address                        st\n"
    "   0: 0000000000000000FFFF00000A0200C0:0016 0000000000000000FFFF0000050200C0:C350 01\n"
    "   1: B80D0120000000000000000001000000:0016 B80D0120000000000000000002000000:C350 01\n";
// Destination 192.0.2.0/24 on eth0, 0.0.0.0/0 on eth5.
constexpr char kRoutes[] =
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
    "eth5\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
    "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";

TEST(Sessions, AreReadAsTheKernelListsThem) {
  const auto v4 = read_tcp_sessions(kTcp);
  ASSERT_EQ(v4.size(), 1U) << "a listener is no session";
  EXPECT_EQ(v4[0].address, "192.0.2.10");
  EXPECT_EQ(v4[0].port, 22);
  EXPECT_EQ(v4[0].peer, "192.0.2.5");
  const auto v6 = read_tcp_sessions(kTcp6);
  ASSERT_EQ(v6.size(), 2U);
  EXPECT_EQ(v6[0].peer, "192.0.2.5") << "IPv4 through a socket of IPv6";
  EXPECT_EQ(v6[1].address, "2001:db8::1");
  EXPECT_TRUE(read_tcp_sessions("0: zz:1 0A0200C0:1 01\n1: 0A0200C0 0A0200C0 01\n").empty());
}

TEST(Sessions, TheLongestRouteLeadsToThePeer) {
  const auto routes = read_routes(kRoutes);
  ASSERT_EQ(routes.size(), 2U);
  EXPECT_EQ(interface_to("192.0.2.5", routes), "eth0");
  EXPECT_EQ(interface_to("203.0.113.1", routes), "eth5");
  EXPECT_EQ(interface_to("2001:db8::1", routes), "");
  const auto six = read_routes6(
      "20010db8000000000000000000000000 20 00000000000000000000000000000000 00 "
      "00000000000000000000000000000000 00000100 00000001 00000000 00000001 eth6\n"
      "20010db8000000000000000000000000 20 00000000000000000000000000000000 00\n");
  ASSERT_EQ(six.size(), 1U);
  EXPECT_EQ(interface_to("2001:db8::9", six), "eth6");
  EXPECT_EQ(interface_to("2001:db9::9", six), "");
}

TEST(Sessions, Networks) {
  EXPECT_TRUE(holds("192.0.2.0/25", "192.0.2.127"));
  EXPECT_FALSE(holds("192.0.2.0/25", "192.0.2.128"));
  EXPECT_TRUE(holds("0.0.0.0/0", "203.0.113.1"));
  EXPECT_FALSE(holds("0.0.0.0/0", "2001:db8::1"));
  EXPECT_TRUE(holds("2001:db8::1", "2001:db8:0::1"));
  for (const char* each : {"192.0.2.5", "192.0.2.0/24", "::/0", "2001:db8::/32"}) {
    EXPECT_TRUE(is_network(each)) << each;
  }
  for (const char* each : {"192.0.2.1/24", "192.0.2.0/33", "192.0.2.0/", "192.0.2.0/-1", "host",
                           "2001:db8::1/32", "192.0.2.0/24x", ""}) {
    EXPECT_FALSE(is_network(each)) << each;
  }
}

Facts connected(const std::string& ssh, const char* tcp, const char* routes = kRoutes) {
  const Tree tree;
  for (const char* name : {"eth0", "eth5", "eth1"}) add_virtual(tree, name, "uevent");
  add_virtual(tree, "eth0.7", "uevent", "DEVTYPE=vlan\n");
  tree.link("/sys/devices/virtual/net/eth0.7/lower_eth0", "../eth0");
  tree.file("/proc/net/route", routes);
  tree.file("/proc/net/tcp", tcp);
  Surroundings around;
  around.ssh_connection = ssh;
  around.addresses = {{"eth0.7", {"192.0.2.10/24"}}, {"eth5", {"203.0.113.9/24"}}};
  return facts_of(tree, around);
}

TEST(Sessions, TheirInterfacesAreTheManagements) {
  // By the variable, by the kernel's list (under sudo, which keeps no variable), by nothing.
  for (const auto& [ssh, tcp] : std::vector<std::pair<std::string, const char*>>{
           {"192.0.2.5 50000 192.0.2.10 22", ""}, {"", kTcp}}) {
    const Facts facts = connected(ssh, tcp, "");
    EXPECT_NE(facts.find("eth0.7")->management, "") << "it has the address";
    EXPECT_NE(facts.find("eth0")->management, "") << "the VLAN runs over it";
    EXPECT_EQ(facts.find("eth5")->management, "");
    EXPECT_EQ(facts.find("eth1")->management, "");
  }
  EXPECT_EQ(connected("", "").find("eth0")->management, "");
  EXPECT_NE(connected("", kTcp).find("eth0")->management, "") << "its route";
  EXPECT_EQ(connected("192.0.2.5 50000 192.0.2.10 2222", "").session.port, 2222);
  // The peer's route counts too, whatever the address.
  EXPECT_NE(connected("198.51.100.1 50000 192.0.2.10 22", "").find("eth5")->management, "");
  EXPECT_NE(connected("fe80::5%eth1 50000 fe80::1%eth1 22", "").find("eth1")->management, "");
  EXPECT_EQ(connected("one two", "").session.peer, "");
}

// Process 300 is this one; 200 is sudo, 100 the shell of a session.
Facts under_sudo(const std::string& variable, const char* tcp) {
  const Tree tree;
  add_virtual(tree, "eth0", "uevent");
  tree.file("/proc/net/tcp", tcp);
  tree.file("/proc/300/status", "Name:\tbulkheadctl\nPPid:\t200\n");
  tree.file("/proc/300/environ", std::string("HOME=/root\0SUDO_USER=joe\0", 26));
  tree.file("/proc/200/status", "Name:\tsudo\nPPid:\t100\n");
  tree.file("/proc/100/status", "Name:\tbash\nPPid:\t1\n");
  tree.file("/proc/100/environ", std::string("A=SSH_CONNECTION=1\0", 19) + variable + '\0');
  Surroundings around;
  around.process = 300;
  around.addresses = {{"eth0", {"192.0.2.10/24"}}};
  return facts_of(tree, around);
}

TEST(Sessions, SudoHidesNoSession) {
  const std::string variable = "SSH_CONNECTION=192.0.2.5 50000 192.0.2.10 22";
  const Facts facts = under_sudo(variable, kTcp);
  EXPECT_EQ(facts.session.peer, "192.0.2.5");
  EXPECT_EQ(facts.session.address, "192.0.2.10");
  EXPECT_NE(facts.find("eth0")->management.find("this session"), std::string::npos);
  // A screen that was detached has the variable of a session that is over.
  EXPECT_EQ(under_sudo(variable, "").session.peer, "");
  EXPECT_EQ(under_sudo("SSH_CONNECTION=192.0.2.6 50000 192.0.2.10 22", kTcp).session.peer, "");
  EXPECT_EQ(under_sudo("SSH_CONNECTION=192.0.2.5 50000 192.0.2.10 2222", kTcp).session.peer, "");
  EXPECT_EQ(under_sudo("SSH_CONNECTION=", kTcp).session.peer, "");
  EXPECT_EQ(under_sudo("HOME=/", kTcp).session.peer, "");
}

TEST(Inspect, PciAddresses) {
  for (const char* each : {"0000:01:00.0", "10000:e1:00.7", "0000:ff:1f.3"}) {
    EXPECT_TRUE(is_pci_address(each)) << each;
  }
  for (const char* each : {"01:00.0", "0000:01:00", "0000:01:00.0x", "0000:0g:00.0", "virtio2",
                           "pci0000:00", "0000-01:00.0", "0000:01-00.0", "eth1", ""}) {
    EXPECT_FALSE(is_pci_address(each)) << each;
  }
}

}  // namespace
}  // namespace bulkhead::setup
