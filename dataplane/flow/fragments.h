// Fragmented packets: put together before they are judged, and taken apart again where they are
// longer than the wire takes. Over DPDK's rte_ip_frag, whose table is bounded in entries, fragments
// (eight a packet) and time, and which gives up a packet as soon as two of its fragments do not fit
// each other exactly (RFC 5722; RFC 8200, 4.5).
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <memory>
#include <string>

#include "dataplane/base/clock.h"
#include "dataplane/base/result.h"
#include "dataplane/flow/limits.h"

struct rte_ip_frag_tbl;
struct rte_ip_frag_death_row;

namespace bulkhead::flow {

class Reassembler {
 public:
  // `name` must be unique in the process.
  static Result<std::unique_ptr<Reassembler>, std::string> make(const std::string& name,
                                                                const Limits& limits);
  ~Reassembler();
  Reassembler(const Reassembler&) = delete;
  Reassembler& operator=(const Reassembler&) = delete;

  enum class Outcome : std::uint8_t { held, whole, conflict, no_room };

  // Takes the buffer of a fragment whose IP header at `ip_offset` was parsed: IPv4 without options,
  // or IPv6 with the fragment header first. On `whole`, `packet` is the packet in one piece.
  Outcome take(rte_mbuf* mbuf, std::uint16_t ip_offset, bool v4, TimeNs now_ns, rte_mbuf*& packet);

  // In ol_flags of packets that were put together from fragments, by whichever worker.
  static std::uint64_t whole_flag();

  // Gives back what was held too long.
  void expire(TimeNs now_ns);

 private:
  Reassembler() = default;
  rte_mbuf* flatten(rte_mbuf* chain);

  rte_ip_frag_tbl* table_ = nullptr;
  rte_mempool* whole_ = nullptr;  // buffers that hold any IP packet
  std::unique_ptr<rte_ip_frag_death_row> doomed_;
};

// The fragments of one packet on their way out.
struct Pieces {
  static constexpr std::uint16_t kMax = 64;
  rte_mbuf* mbufs[kMax];
  std::uint16_t count = 0;
};

// Takes a frame with an IP packet longer than `mtu` bytes apart, and its buffer. No pieces if no
// buffers were free. `identification` tells the fragments of one packet from others', whatever its
// sender called it.
Pieces fragment(rte_mbuf* mbuf, std::uint16_t mtu, std::uint32_t identification);

}  // namespace bulkhead::flow
