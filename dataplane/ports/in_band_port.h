// Connects workers and the lease thread of a pair's data plane: in-band frames of the peer in, own
// ones and announcements of MAC addresses out. Frames that arrive after a hand-over travel the same
// way to the peer's workers. No worker waits.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dataplane/base/result.h"

struct rte_mbuf;
struct rte_ring;

namespace bulkhead::ports {

class InBandPort {
 public:
  struct Outgoing {
    rte_mbuf* mbuf = nullptr;
    std::uint16_t port = 0;
  };

  // For an appliance with `ports` zone ports.
  static Result<std::unique_ptr<InBandPort>, std::string> make(std::uint16_t ports);
  ~InBandPort();
  InBandPort(const InBandPort&) = delete;
  InBandPort& operator=(const InBandPort&) = delete;

  static bool is_in_band(const rte_mbuf& mbuf);

  // For any worker. Consumes the buffer; drops it if the ring of that zone port is full.
  bool give_incoming(rte_mbuf* mbuf);
  // For any worker after a hand-over: a frame for the peer. False if there is no room; the caller
  // keeps the buffer.
  bool give_late(rte_mbuf* mbuf);
  // For the worker that processes frames from the peer's hand-over; returns their number.
  std::uint32_t take_brought(std::span<rte_mbuf*> mbufs);
  bool has_brought() const;
  // For any worker: wakes the lease thread.
  void ring();
  // For the worker that sends; returns the number of frames.
  std::uint32_t take_outgoing(std::span<Outgoing> frames);
  bool has_outgoing() const;

  // For the lease thread: readable while something has arrived.
  int bell() const { return bell_; }
  // Frames that arrived on the zone port, as many as there is room for. Each port has a ring of
  // its own, so that a flood on one does not affect the others.
  std::uint32_t take_incoming(std::uint16_t port, std::span<rte_mbuf*> mbufs);
  bool has_incoming(std::uint16_t port) const;
  std::uint32_t take_late(std::span<rte_mbuf*> mbufs);
  // Both return false if the ring is full; the caller keeps the buffer.
  bool give_outgoing(Outgoing frame);
  bool give_brought(rte_mbuf* mbuf);

 private:
  InBandPort() = default;

  std::vector<rte_ring*> incoming_;  // by zone port
  rte_ring* outgoing_ = nullptr;
  rte_ring* late_ = nullptr;
  rte_ring* brought_ = nullptr;
  int bell_ = -1;
};

}  // namespace bulkhead::ports
