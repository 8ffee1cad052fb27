// The zone ports: Ethernet devices with one receive and one transmit queue for each worker.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
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
  // The driver does not count frames that it lost.
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
  // Sets kernel interfaces down and up; this process itself, if not told otherwise.
  using SetInterface = std::function<bool(unsigned interface, bool up)>;
  void set_interfaces_by(SetInterface set) { set_interface_ = std::move(set); }
  // Shows or hides the port's carrier to its neighbours. False if that is not possible.
  bool show_carrier(std::uint16_t port, bool shown) const;
  // For the service thread alone.
  PortCounts counts(std::uint16_t port);
  // The kernel interface of the port; empty if there is none.
  std::string interface(std::uint16_t port) const;
  // MTU of that interface; 0 if there is none.
  std::uint32_t interface_mtu(std::uint16_t port) const;
  // Offloads that join frames, as `ethtool -K` names them: they could not be turned off at start,
  // or were turned on since.
  std::vector<std::string> joining(std::uint16_t port) const;
  // A descriptor that poll(2) finds readable while the queue has packets, -1 if the device has
  // none.
  int receive_descriptor(std::uint16_t port, std::uint16_t queue) const;
  rte_mempool* buffers() const { return buffers_; }
  // Free buffers, approximately while workers run. For any thread.
  std::uint32_t buffers_free() const;

  // A burst of frames, each whole in one buffer with its VLAN tags in it; mbuf->port is the index.
  std::uint16_t receive(std::uint16_t port, std::uint16_t queue, rte_mbuf** mbufs,
                        std::uint16_t count) const;
  // Transmits as many as the device accepts; the caller keeps the rest.
  std::uint16_t transmit(std::uint16_t port, std::uint16_t queue, rte_mbuf** mbufs,
                         std::uint16_t count) const;

 private:
  struct Port {
    std::string device;
    std::uint16_t id = 0;
    bool started = false;
    std::vector<int> sockets;  // of net_af_packet or net_af_xdp, one a queue
    unsigned interface = 0;    // kernel interface under the device, if any
    std::uint64_t lost = 0;    // by its packet sockets, as read so far
  };

  PortSet() = default;
  std::string start(const std::string& device, std::uint16_t queues, std::uint16_t mtu);

  std::vector<Port> ports_;
  rte_mempool* buffers_ = nullptr;
  SetInterface set_interface_;
};

}  // namespace bulkhead::ports
