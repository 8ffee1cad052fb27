// Makes frames on other threads, for a worker to send.
#pragma once

#include <rte_mbuf.h>

#include <algorithm>

#include "dataplane/base/bytes.h"

namespace bulkhead::ports {

// A buffer with the frame; nullptr if none is free, or the frame does not fit.
inline rte_mbuf* make_frame(rte_mempool* buffers, ByteView frame) {
  rte_mbuf* mbuf = rte_pktmbuf_alloc(buffers);
  if (mbuf == nullptr) return nullptr;
  char* room = rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(frame.size()));
  if (room == nullptr) {
    rte_pktmbuf_free(mbuf);
    return nullptr;
  }
  std::copy(frame.begin(), frame.end(), reinterpret_cast<std::uint8_t*>(room));
  return mbuf;
}

}  // namespace bulkhead::ports
