// Rings and an eventfd.
#include "dataplane/ports/in_band_port.h"

#include <rte_mbuf.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

#include "dataplane/base/bytes.h"
#include "dataplane/ports/element_ring.h"
#include "dataplane/wire/ethernet.h"

namespace bulkhead::ports {

namespace {

constexpr unsigned kIncoming = 64;  // of each zone port
constexpr unsigned kOutgoing = 1024;
constexpr unsigned kLate = 4096;

std::uint32_t take(rte_ring* ring, std::span<rte_mbuf*> mbufs) {
  return rte_ring_sc_dequeue_burst(ring, reinterpret_cast<void**>(mbufs.data()),
                                   static_cast<unsigned>(mbufs.size()), nullptr);
}

void free_all(rte_ring* ring) {
  rte_mbuf* mbuf = nullptr;
  while (ring != nullptr && take(ring, {&mbuf, 1}) > 0) rte_pktmbuf_free(mbuf);
  rte_ring_free(ring);
}

}  // namespace

Result<std::unique_ptr<InBandPort>, std::string> InBandPort::make(std::uint16_t ports) {
  constexpr unsigned kOneToOne = RING_F_SP_ENQ | RING_F_SC_DEQ;
  std::unique_ptr<InBandPort> port(new InBandPort());
  for (std::uint16_t zone = 0; zone < ports; ++zone) {
    const std::string name = "in_band_in" + std::to_string(zone);
    port->incoming_.push_back(
        rte_ring_create(name.c_str(), kIncoming, SOCKET_ID_ANY, RING_F_SC_DEQ));
  }
  port->outgoing_ = make_element_ring("in_band_out", sizeof(Outgoing), kOutgoing, kOneToOne);
  port->late_ = rte_ring_create("late", kLate, SOCKET_ID_ANY, RING_F_SC_DEQ);
  port->brought_ = rte_ring_create("late_brought", kLate, SOCKET_ID_ANY, kOneToOne);
  port->bell_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  const bool whole = !std::ranges::count(port->incoming_, nullptr) && port->outgoing_ != nullptr &&
                     port->late_ != nullptr && port->brought_ != nullptr && port->bell_ >= 0;
  if (!whole) {
    return std::string("in-band rings: not enough memory; raise memory-mib");
  }
  return port;
}

InBandPort::~InBandPort() {
  for (rte_ring* ring : incoming_) free_all(ring);
  for (rte_ring* ring : {late_, brought_}) free_all(ring);
  Outgoing frame;
  while (outgoing_ != nullptr && take_outgoing({&frame, 1}) > 0) rte_pktmbuf_free(frame.mbuf);
  rte_ring_free(outgoing_);
  if (bell_ >= 0) close(bell_);
}

bool InBandPort::is_in_band(const rte_mbuf& mbuf) {
  constexpr std::uint16_t kTypeOffset = 12;
  return mbuf.data_len >= wire::kEthernetHeaderBytes &&
         load_be16(rte_pktmbuf_mtod_offset(&mbuf, const std::uint8_t*, kTypeOffset)) ==
             wire::kEtherTypePair;
}

bool InBandPort::give_incoming(rte_mbuf* mbuf) {
  if (mbuf->port < incoming_.size() && rte_ring_mp_enqueue(incoming_[mbuf->port], mbuf) == 0) {
    ring();
  } else {
    rte_pktmbuf_free(mbuf);
  }
  return true;
}

bool InBandPort::give_late(rte_mbuf* mbuf) {
  if (rte_ring_mp_enqueue(late_, mbuf) != 0) return false;
  ring();
  return true;
}

std::uint32_t InBandPort::take_brought(std::span<rte_mbuf*> mbufs) { return take(brought_, mbufs); }

bool InBandPort::has_brought() const { return !rte_ring_empty(brought_); }

void InBandPort::ring() {
  const std::uint64_t one = 1;
  // Fails only where the bell has rung often enough already.
  [[maybe_unused]] const ssize_t ignored = write(bell_, &one, sizeof(one));
}

std::uint32_t InBandPort::take_outgoing(std::span<Outgoing> frames) {
  return rte_ring_sc_dequeue_burst_elem(outgoing_, frames.data(), sizeof(Outgoing),
                                        static_cast<unsigned>(frames.size()), nullptr);
}

bool InBandPort::has_outgoing() const { return !rte_ring_empty(outgoing_); }

std::uint32_t InBandPort::take_incoming(std::uint16_t port, std::span<rte_mbuf*> mbufs) {
  return take(incoming_[port], mbufs);
}

bool InBandPort::has_incoming(std::uint16_t port) const { return !rte_ring_empty(incoming_[port]); }

std::uint32_t InBandPort::take_late(std::span<rte_mbuf*> mbufs) { return take(late_, mbufs); }

bool InBandPort::give_outgoing(Outgoing frame) {
  return rte_ring_sp_enqueue_elem(outgoing_, &frame, sizeof(frame)) == 0;
}

bool InBandPort::give_brought(rte_mbuf* mbuf) { return rte_ring_sp_enqueue(brought_, mbuf) == 0; }

}  // namespace bulkhead::ports
