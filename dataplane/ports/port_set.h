// The zone ports: Ethernet devices with one receive and one transmit queue for each worker.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/base/result.h"

struct rte_mbuf;
struct rte_mempool;

namespace bulkhead::ports {

struct PortCounts {
  std::uint64_t packets_in = 0;
  std::uint64_t packets_out = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t missed = 0;
  // Of frames that came faster than they were taken nothing is told here.
  bool losses_unseen = false;
};

class PortSet {
 public:
  // Opens and starts the devices; the position in the list is the zone port's index. `mtu` is of IP
  // packets, in bytes.
  static Result<std::unique_ptr<PortSet>, std::string> open(const std::vector<std::string>& devices,
                                                            std::uint16_t queues,
                                                            std::uint32_t buffers,
                                                            std::uint16_t mtu);
  ~PortSet();
  PortSet(const PortSet&) = delete;
  PortSet& operator=(const PortSet&) = delete;

  std::uint16_t size() const { return static_cast<std::uint16_t>(ports_.size()); }
  const std::string& device(std::uint16_t port) const { return ports_[port].device; }
  std::array<std::uint8_t, 6> address(std::uint16_t port) const;
  std::string mac(std::uint16_t port) const;
  // Whether the port has carrier.
  bool link_up(std::uint16_t port) const;
  // Lets those behind the port see no carrier, or see it again. False if that cannot be done.
  bool show_carrier(std::uint16_t port, bool shown) const;
  // For the service thread alone.
  PortCounts counts(std::uint16_t port);
  // The kernel's interface that the port stands on; empty if there is none.
  std::string interface(std::uint16_t port) const;
  // Of IP packets on that interface; 0 if there is none.
  std::uint32_t interface_mtu(std::uint16_t port) const;
  // What joins frames before they come here, as `ethtool -K` calls it: it could not be turned off
  // at the start, or was turned on since.
  std::vector<std::string> joining(std::uint16_t port) const;
  // A descriptor that poll(2) finds readable while the queue has packets, -1 if the device has
  // none.
  int receive_descriptor(std::uint16_t port, std::uint16_t queue) const;
  rte_mempool* buffers() const { return buffers_; }
  // How many of them nobody has; about, while workers take and give back. For any thread.
  std::uint32_t buffers_free() const;

  // A burst of frames, each whole in one buffer with its VLAN tags in it; mbuf->port is the index.
  std::uint16_t receive(std::uint16_t port, std::uint16_t queue, rte_mbuf** mbufs,
                        std::uint16_t count) const;
  // Takes what the device takes; the rest stays the caller's.
  std::uint16_t transmit(std::uint16_t port, std::uint16_t queue, rte_mbuf** mbufs,
                         std::uint16_t count) const;

 private:
  struct Port {
    std::string device;
    std::uint16_t id = 0;
    bool started = false;
    std::vector<int> sockets;  // of net_af_packet or net_af_xdp, a queue each
    unsigned interface = 0;    // of the kernel, where the device is on top of one
    std::uint64_t lost = 0;    // by its packet sockets, as far as they were asked
  };

  PortSet() = default;
  std::string start(const std::string& device, std::uint16_t queues, std::uint16_t mtu);

  std::vector<Port> ports_;
  rte_mempool* buffers_ = nullptr;
};

}  // namespace bulkhead::ports
