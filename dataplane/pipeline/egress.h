// Output of a pipeline.
#pragma once

#include <cstdint>

#include "dataplane/flow/fragments.h"
#include "dataplane/pipeline/verdict.h"

namespace bulkhead::pipeline {

// Fragments packets that exceed the MTU.
class Egress {
 public:
  Egress(Output& output, std::uint16_t mtu, std::uint32_t& identification)
      : output_(output), mtu_(mtu), identification_(identification) {}

  void transmit(rte_mbuf* mbuf, std::uint16_t port) {
    constexpr std::uint32_t kHeadersMax = 22;  // Ethernet with two tags
    if (mbuf->pkt_len <= mtu_ + kHeadersMax) return output_.transmit(mbuf, port);
    send_in_pieces(mbuf, port);
  }

  // Fragments a frame that is too long for a path, though not for our wire.
  flow::Pieces cut(rte_mbuf* mbuf, std::uint16_t mtu) {
    return flow::fragment(mbuf, mtu, ++identification_);
  }

  bool hand_over(rte_mbuf* mbuf) { return output_.hand_over(mbuf); }
  bool hand_to(rte_mbuf* mbuf, std::uint32_t worker) { return output_.hand_to(mbuf, worker); }
  bool consume_in_band(rte_mbuf* mbuf) { return output_.consume_in_band(mbuf); }
  void hear_query(std::uint16_t port) { output_.hear_query(port); }

 private:
  void send_in_pieces(rte_mbuf* mbuf, std::uint16_t port);

  Output& output_;
  std::uint16_t mtu_;
  std::uint32_t& identification_;
};

}  // namespace bulkhead::pipeline
