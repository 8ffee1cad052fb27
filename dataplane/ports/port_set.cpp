// Configures ethdevs and moves bursts.
#include "dataplane/ports/port_set.h"

#include <linux/if_packet.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <optional>

#include "dataplane/ports/kernel_interface.h"

namespace bulkhead::ports {

namespace {

constexpr std::uint16_t kDescriptors = 1024;

std::string device_name(const std::string& device) { return device.substr(0, device.find(',')); }

bool is_packet_socket(const std::string& device) { return device.rfind("net_af_packet", 0) == 0; }

// The descriptors of this process that are sockets of a family, in rising order.
std::vector<int> sockets_of(int family) {
  std::vector<int> sockets;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    const int descriptor = std::atoi(entry.path().filename().c_str());
    int domain = 0;
    socklen_t length = sizeof(domain);
    const bool known = getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0;
    if (known && domain == family) sockets.push_back(descriptor);
  }
  std::sort(sockets.begin(), sockets.end());
  return sockets;
}

// Those of net_af_packet on an interface. The device keeps them to itself, but opens them in the
// order of its queues.
std::vector<int> packet_sockets(unsigned interface) {
  std::vector<int> sockets;
  for (const int descriptor : sockets_of(AF_PACKET)) {
    sockaddr_ll address{};
    socklen_t length = sizeof(address);
    const bool bound =
        getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length) == 0 &&
        interface != 0 && static_cast<unsigned>(address.sll_ifindex) == interface;
    if (bound) sockets.push_back(descriptor);
  }
  return sockets;
}

std::string failure(const std::string& device, const std::string& what, int error) {
  return "port " + device_name(device) + ": " + what + ": " + rte_strerror(-error);
}

// What a frame may take up in a buffer, with room for its Ethernet header and two tags.
std::size_t frame_room(std::uint16_t mtu) {
  constexpr std::size_t kFramingBytes = 14 + 2 * 4;
  constexpr std::size_t kStep = 1024;
  return (mtu + kFramingBytes + kStep - 1) / kStep * kStep;
}

// An interface of the kernel has an MTU that is its administrator's; other ports get theirs here.
std::string fit_mtu(const std::string& device, std::uint16_t id, unsigned interface,
                    std::uint16_t mtu) {
  if (interface == 0) {
    const int rc = rte_eth_dev_set_mtu(id, mtu);
    if (rc == 0 || (rc == -ENOTSUP && mtu <= RTE_ETHER_MTU)) return {};
    return failure(device, "cannot have an MTU of " + std::to_string(mtu), rc);
  }
  const std::uint32_t said = ports::interface_mtu(interface).value_or(mtu);
  if (said >= mtu || mtu <= RTE_ETHER_MTU) return {};
  return "port " + device_name(device) + ": its interface has an MTU of " + std::to_string(said) +
         " and is to carry " + std::to_string(mtu) + "; use `ip link set " +
         interface_name(interface) + " mtu " + std::to_string(mtu) + "`";
}

}  // namespace

Result<std::unique_ptr<PortSet>, std::string> PortSet::open(const std::vector<std::string>& devices,
                                                            std::uint16_t queues,
                                                            std::uint32_t buffers,
                                                            std::uint16_t mtu) {
  constexpr unsigned kCache = 256;
  const auto room = static_cast<std::uint16_t>(
      std::max<std::size_t>(RTE_MBUF_DEFAULT_BUF_SIZE, RTE_PKTMBUF_HEADROOM + frame_room(mtu)));
  std::unique_ptr<PortSet> set(new PortSet());
  set->buffers_ = rte_pktmbuf_pool_create("packets", buffers, kCache, 0, room, SOCKET_ID_ANY);
  if (set->buffers_ == nullptr) {
    return std::string("packet buffers: ") + rte_strerror(rte_errno) +
           "; raise memory-mib or lower buffers";
  }
  for (const std::string& device : devices) {
    std::string error = set->start(device, queues, mtu);
    if (!error.empty()) return error;
  }
  return set;
}

std::string PortSet::start(const std::string& device, std::uint16_t queues, std::uint16_t mtu) {
  Port port;
  port.device = device;
  if (rte_eth_dev_get_port_by_name(device_name(device).c_str(), &port.id) != 0) {
    return "port " + device_name(device) +
           " is not there: DPDK found no such device; check the device string \"" + device +
           "\" and that its interface exists";
  }
  rte_eth_dev_info info{};
  if (const int rc = rte_eth_dev_info_get(port.id, &info); rc != 0) {
    return failure(device, "cannot be asked", rc);
  }
  if (info.max_rx_queues < queues || info.max_tx_queues < queues) {
    return "port " + device_name(device) + " has " +
           std::to_string(std::min(info.max_rx_queues, info.max_tx_queues)) + " queues for " +
           std::to_string(queues) + " workers; use fewer workers, or give it more queues " +
           "(net_af_packet: qpairs=" + std::to_string(queues) + ")";
  }
  rte_eth_conf configuration{};
  // Where the port can verify checksums it does; elsewhere the pipeline does, with the same result.
  configuration.rxmode.offloads =
      info.rx_offload_capa &
      (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM);
  int rc = rte_eth_dev_configure(port.id, queues, queues, &configuration);
  if (rc != 0) return failure(device, "cannot be configured", rc);
  port.interface = info.if_index;
  port.sockets = packet_sockets(info.if_index);
  if (std::string error = fit_mtu(device, port.id, info.if_index, mtu); !error.empty()) {
    return error;
  }
  std::uint16_t rx = kDescriptors;
  std::uint16_t tx = kDescriptors;
  rte_eth_dev_adjust_nb_rx_tx_desc(port.id, &rx, &tx);
  for (std::uint16_t queue = 0; queue < queues; ++queue) {
    const int socket = rte_eth_dev_socket_id(port.id);
    const auto node = static_cast<unsigned>(socket);
    const std::vector<int> before = sockets_of(AF_XDP);
    rc = rte_eth_rx_queue_setup(port.id, queue, rx, node, nullptr, buffers_);
    // net_af_xdp opens the socket of a queue here.
    const std::vector<int> after = sockets_of(AF_XDP);
    std::set_difference(after.begin(), after.end(), before.begin(), before.end(),
                        std::back_inserter(port.sockets));
    if (rc == 0) rc = rte_eth_tx_queue_setup(port.id, queue, tx, node, nullptr);
    if (rc == -ENOMEM && !port.sockets.empty()) {
      return "port " + device_name(device) +
             ": its frames are longer than the buffers of an MTU of " + std::to_string(mtu) +
             "; give net_af_packet framesz=" + std::to_string(frame_room(mtu)) +
             ",blocksz=" + std::to_string(frame_room(mtu) * 8);
    }
    if (rc != 0) return failure(device, "queue", rc);
  }
  rc = rte_eth_dev_start(port.id);
  if (rc != 0) return failure(device, "cannot be started", rc);
  port.started = true;
  // One that this process held down, and then had no time to let go of, would stay down.
  if (port.interface != kNoInterface && !interface_is_set_up(port.interface)) {
    set_interface(port.interface, true);
  }
  if (is_packet_socket(device)) stop_joining_frames(port.interface);
  // A bridge takes frames for all stations. Devices without the call take them anyway.
  rc = rte_eth_promiscuous_enable(port.id);
  if (rc != 0 && rc != -ENOTSUP) return failure(device, "promiscuous mode", rc);
  ports_.push_back(port);
  return {};
}

int PortSet::receive_descriptor(std::uint16_t port, std::uint16_t queue) const {
  const std::vector<int>& sockets = ports_[port].sockets;
  return queue < sockets.size() ? sockets[queue] : -1;
}

PortSet::~PortSet() {
  for (const Port& port : ports_) {
    if (!port.started) continue;
    rte_eth_dev_stop(port.id);
    rte_eth_dev_close(port.id);
  }
  rte_mempool_free(buffers_);
}

// rte_mempool_avail_count() looks at a cache, a page each, of every lcore that DPDK could have: a
// quarter of what an idle appliance cost.
std::uint32_t PortSet::buffers_free() const {
  std::uint32_t free = rte_mempool_get_ops(buffers_->ops_index)->get_count(buffers_);
  unsigned lcore = 0;
  RTE_LCORE_FOREACH(lcore) { free += rte_mempool_default_cache(buffers_, lcore)->len; }
  return std::min(free, buffers_->size);
}

std::array<std::uint8_t, 6> PortSet::address(std::uint16_t port) const {
  rte_ether_addr address{};
  rte_eth_macaddr_get(ports_[port].id, &address);
  std::array<std::uint8_t, 6> bytes{};
  std::copy_n(address.addr_bytes, bytes.size(), bytes.begin());
  return bytes;
}

std::string PortSet::mac(std::uint16_t port) const {
  rte_ether_addr address{};
  rte_eth_macaddr_get(ports_[port].id, &address);
  char text[RTE_ETHER_ADDR_FMT_SIZE];
  rte_ether_format_addr(text, sizeof(text), &address);
  return text;
}

bool PortSet::link_up(std::uint16_t port) const {
  // The drivers on top of the kernel's interfaces always say up.
  if (ports_[port].interface != kNoInterface) return interface_has_carrier(ports_[port].interface);
  rte_eth_link link{};
  return rte_eth_link_get_nowait(ports_[port].id, &link) == 0 &&
         link.link_status == RTE_ETH_LINK_UP;
}

bool PortSet::show_carrier(std::uint16_t port, bool shown) const {
  const Port& each = ports_[port];
  if (each.interface != kNoInterface) {
    const bool done = set_interface_ ? set_interface_(each.interface, shown)
                                     : set_interface(each.interface, shown);
    for (const int socket : each.sockets) clear_error(socket);
    return done;
  }
  return (shown ? rte_eth_dev_set_link_up(each.id) : rte_eth_dev_set_link_down(each.id)) == 0;
}

// DPDK 22.11 does not ask the sockets of net_af_packet what they lost. Reading clears it, so
// that a release that does and this add up to the same.
PortCounts PortSet::counts(std::uint16_t port) {
  Port& each = ports_[port];
  rte_eth_stats stats{};
  rte_eth_stats_get(each.id, &stats);
  // What is lost before a device of these takes it, nobody tells.
  bool seen = each.device.rfind("net_tap", 0) != 0 && each.device.rfind("net_pcap", 0) != 0;
  if (is_packet_socket(each.device)) {
    seen = !each.sockets.empty();
    for (const int socket : each.sockets) {
      const auto lost = take_lost_frames(socket);
      each.lost += lost.value_or(0);
      seen = seen && lost.has_value();
    }
  }
  return {stats.ipackets,
          stats.opackets,
          stats.ibytes,
          stats.obytes,
          stats.imissed + stats.rx_nombuf + each.lost,
          !seen};
}

std::string PortSet::interface(std::uint16_t port) const {
  return interface_name(ports_[port].interface);
}

std::vector<std::string> PortSet::joining(std::uint16_t port) const {
  if (!is_packet_socket(ports_[port].device)) return {};
  return joins_frames_by(ports_[port].interface);
}

std::uint32_t PortSet::interface_mtu(std::uint16_t port) const {
  return ports::interface_mtu(ports_[port].interface).value_or(0);
}

std::uint16_t PortSet::receive(std::uint16_t port, std::uint16_t queue, rte_mbuf** mbufs,
                               std::uint16_t count) const {
  const std::uint16_t received = rte_eth_rx_burst(ports_[port].id, queue, mbufs, count);
  std::uint16_t kept = 0;
  for (std::uint16_t i = 0; i < received; ++i) {
    rte_mbuf* mbuf = mbufs[i];
    // net_af_packet and offloading NICs hand the outer tag beside the frame.
    if ((mbuf->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0 && rte_vlan_insert(&mbuf) != 0) {
      rte_pktmbuf_free(mbuf);
      continue;
    }
    mbuf->ol_flags &= RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK;
    mbuf->port = port;
    mbufs[kept++] = mbuf;
  }
  return kept;
}

std::uint16_t PortSet::transmit(std::uint16_t port, std::uint16_t queue, rte_mbuf** mbufs,
                                std::uint16_t count) const {
  return rte_eth_tx_burst(ports_[port].id, queue, mbufs, count);
}

}  // namespace bulkhead::ports
