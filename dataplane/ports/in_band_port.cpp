// Two rings and an eventfd.
#include "dataplane/ports/in_band_port.h"

#include <rte_mbuf.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dataplane/base/bytes.h"
#include "dataplane/wire/ethernet.h"

namespace bulkhead::ports {

namespace {

constexpr unsigned kIncoming = 256;
constexpr unsigned kOutgoing = 1024;

}  // namespace

Result<std::unique_ptr<InBandPort>, std::string> InBandPort::make() {
  rte_ring* incoming = rte_ring_create("in_band_in", kIncoming, SOCKET_ID_ANY, RING_F_SC_DEQ);
  rte_ring* outgoing = rte_ring_create_elem("in_band_out", sizeof(Outgoing), kOutgoing,
                                            SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
  const int bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  std::unique_ptr<InBandPort> port(new InBandPort(incoming, outgoing, bell));
  if (incoming == nullptr || outgoing == nullptr || bell < 0) {
    return std::string("in-band rings: not enough memory; raise memory-mib");
  }
  return port;
}

InBandPort::~InBandPort() {
  void* mbuf = nullptr;
  while (incoming_ != nullptr && rte_ring_sc_dequeue(incoming_, &mbuf) == 0) {
    rte_pktmbuf_free(static_cast<rte_mbuf*>(mbuf));
  }
  Outgoing frame;
  while (outgoing_ != nullptr && take_outgoing({&frame, 1}) > 0) rte_pktmbuf_free(frame.mbuf);
  rte_ring_free(incoming_);
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
  if (rte_ring_mp_enqueue(incoming_, mbuf) != 0) rte_pktmbuf_free(mbuf);
  ring();
  return true;
}

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

std::uint32_t InBandPort::take_incoming(std::span<rte_mbuf*> mbufs) {
  return rte_ring_sc_dequeue_burst(incoming_, reinterpret_cast<void**>(mbufs.data()),
                                   static_cast<unsigned>(mbufs.size()), nullptr);
}

bool InBandPort::give_outgoing(Outgoing frame) {
  return rte_ring_sp_enqueue_elem(outgoing_, &frame, sizeof(frame)) == 0;
}

}  // namespace bulkhead::ports
