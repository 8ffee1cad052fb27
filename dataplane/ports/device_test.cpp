// Device strings: what has to be there, and which capabilities each driver needs.
#include "dataplane/ports/device.h"

#include <gtest/gtest.h>

namespace bulkhead::ports {
namespace {

TEST(Device, NamesWhatHasToBeThere) {
  EXPECT_EQ(path_of("net_af_packet0,iface=eth1,qpairs=2"), "/sys/class/net/eth1");
  EXPECT_EQ(path_of("net_af_xdp1,start_queue=0,iface=enp1s0"), "/sys/class/net/enp1s0");
  EXPECT_EQ(path_of("net_pcap0,iface=eth1"), "/sys/class/net/eth1");
  EXPECT_EQ(path_of("0000:01:00.1"), "/sys/bus/pci/devices/0000:01:00.1");
  EXPECT_EQ(path_of("01:00.0,rx=1"), "/sys/bus/pci/devices/0000:01:00.0");
  EXPECT_EQ(path_of("10000:01:00.0"), "/sys/bus/pci/devices/10000:01:00.0");
  EXPECT_EQ(path_of("net_tap0,iface=made0"), "") << "the driver makes it";
  EXPECT_EQ(path_of("net_null0"), "");
}

TEST(Device, ListsWhatIsMissing) {
  const std::vector<std::string> devices = {"net_af_packet0,iface=eth0",
                                            "net_af_packet1,iface=eth1", "0000:01:00.0"};
  const auto only_eth0 = [](const std::string& path) { return path == "/sys/class/net/eth0"; };
  EXPECT_EQ(
      missing(devices, only_eth0),
      (std::vector<std::string>{"port 1: interface eth1", "port 2: PCI device 0000:01:00.0"}));
  EXPECT_TRUE(missing(devices, [](const std::string&) { return true; }).empty());
}

TEST(Device, APciDeviceIsMissingUntilADriverIsBoundToIt) {
  const auto unbound = [](const std::string& path) { return !path.ends_with("/driver"); };
  EXPECT_EQ(missing({"net_af_packet0,iface=eth0", "0000:01:00.0,rx=1"}, unbound),
            (std::vector<std::string>{"port 1: a driver for PCI device 0000:01:00.0"}));
}

TEST(Device, NeedsWhatItsDriverNeeds) {
  const Needs packet = needs_of({"net_af_packet0,iface=eth0", "net_af_packet1,iface=eth1"});
  EXPECT_EQ(packet.to_open, capability_bit(CAP_NET_RAW) | capability_bit(CAP_NET_ADMIN) |
                                capability_bit(CAP_IPC_LOCK))
      << "rings of jumbo frames are longer than what may be locked";
  EXPECT_EQ(packet.while_open, 0U);
  const Needs xdp = needs_of({"net_af_xdp0,iface=eth0"});
  EXPECT_EQ(xdp.to_open & ~packet.to_open, capability_bit(CAP_BPF) | capability_bit(CAP_SYS_ADMIN));
  EXPECT_EQ(xdp.while_open, 0U);
  EXPECT_EQ(needs_of({"0000:01:00.0", "net_null0"}).to_open, capability_bit(CAP_IPC_LOCK));
  EXPECT_EQ(
      needs_of({"0000:01:00.0", "net_tap0,iface=eth0"}).to_open,
      capability_bit(CAP_IPC_LOCK) | capability_bit(CAP_NET_RAW) | capability_bit(CAP_NET_ADMIN))
      << "the sum";
  EXPECT_EQ(needs_of({"net_null0", "net_ring1"}).to_open, 0U);
  EXPECT_EQ(needs_of({"net_bonding0"}).to_open, ~Capabilities{0}) << "not known";
}

TEST(Device, WithoutAnIommuItsFilesAndAddressesAreRoots) {
  const auto driver_at = [](const std::string& path) {
    return std::string(path == "/sys/bus/pci/devices/0000:01:00.1" ? "uio_pci_generic"
                                                                   : "vfio-pci");
  };
  EXPECT_FALSE(any_on_uio({"0000:01:00.0", "net_af_packet0,iface=eth1"}, driver_at));
  EXPECT_TRUE(any_on_uio({"0000:01:00.0", "01:00.1"}, driver_at));
  const std::uint64_t confined = capability_bit(CAP_IPC_LOCK);
  EXPECT_EQ(needs_of({"0000:01:00.0"}, driver_at).to_open, confined);
  const Needs needs = needs_of({"0000:01:00.0", "0000:01:00.1"}, driver_at);
  EXPECT_EQ(needs.to_open, confined | capability_bit(CAP_SYS_ADMIN) |
                               capability_bit(CAP_SYS_RAWIO) | capability_bit(CAP_DAC_OVERRIDE));
  EXPECT_EQ(needs.while_open, 0U);
}

}  // namespace
}  // namespace bulkhead::ports
