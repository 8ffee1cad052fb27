// Between the workers and the service thread of an appliance that is one of a pair: what the peer
// says through the zones comes in, and what this one says, or announces of stations, goes out.
// Frames that still come to one that has handed over go the same way to the peer's workers. No
// worker waits.
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

  // Of an appliance with so many zone ports.
  static Result<std::unique_ptr<InBandPort>, std::string> make(std::uint16_t ports);
  ~InBandPort();
  InBandPort(const InBandPort&) = delete;
  InBandPort& operator=(const InBandPort&) = delete;

  static bool is_in_band(const rte_mbuf& mbuf);

  // For any worker. Takes the buffer, and drops it if the service thread is behind with the frames
  // of that zone port.
  bool give_incoming(rte_mbuf* mbuf);
  // For any worker of an appliance that has handed over: a frame for the peer. False if there is no
  // room; the buffer stays the caller's.
  bool give_late(rte_mbuf* mbuf);
  // For the worker that takes what came to the peer; returns how many there are.
  std::uint32_t take_brought(std::span<rte_mbuf*> mbufs);
  bool has_brought() const;
  // For any worker: something else has come for the service thread.
  void ring();
  // For the worker that sends; returns how many there are.
  std::uint32_t take_outgoing(std::span<Outgoing> frames);
  bool has_outgoing() const;

  // For the service thread: readable while something has come in.
  int bell() const { return bell_; }
  // What has come in through the zone port, at most as many as there is room for. Each has a ring
  // of its own: whoever fills one keeps nothing from the others.
  std::uint32_t take_incoming(std::uint16_t port, std::span<rte_mbuf*> mbufs);
  bool has_incoming(std::uint16_t port) const;
  std::uint32_t take_late(std::span<rte_mbuf*> mbufs);
  // Both false if the ring is full; the buffer stays the caller's.
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
