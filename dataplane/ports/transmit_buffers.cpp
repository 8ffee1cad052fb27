// A port that is short of descriptors is tried a few times, never waited for.
#include "dataplane/ports/transmit_buffers.h"

#include <rte_mbuf.h>

namespace bulkhead::ports {

void TransmitBuffers::add(rte_mbuf* mbuf, std::uint16_t port) {
  // A policy for more ports than this appliance has; or a tap port, which only listens.
  if (port >= shared_.ports.size() || (shared_.taps >> port & 1) != 0) {
    rte_pktmbuf_free(mbuf);
    return;
  }
  Buffer& buffer = buffers_[port];
  buffer.mbufs[buffer.count++] = mbuf;
  if (buffer.count == kBurst) flush(port);
}

void TransmitBuffers::flush() {
  for (std::uint16_t port = 0; port < shared_.ports.size(); ++port) {
    if (buffers_[port].count > 0) flush(port);
  }
}

void TransmitBuffers::flush(std::uint16_t port) {
  constexpr int kTriesMax = 8;
  Buffer& buffer = buffers_[port];
  std::uint16_t sent = 0;
  const bool down = (shared_.ports_down.load(std::memory_order_relaxed) >> port & 1) != 0;
  for (int tries = 0; !down && sent < buffer.count && tries < kTriesMax; ++tries) {
    sent = static_cast<std::uint16_t>(
        sent + shared_.ports.transmit(port, queue_, buffer.mbufs.data() + sent,
                                      static_cast<std::uint16_t>(buffer.count - sent)));
  }
  if (sent < buffer.count) {
    stats_.transmit_lost[port].fetch_add(buffer.count - sent, std::memory_order_relaxed);
    rte_pktmbuf_free_bulk(buffer.mbufs.data() + sent, buffer.count - sent);
  }
  buffer.count = 0;
}

}  // namespace bulkhead::ports
