// One packet on its way through the pipeline: the buffer, and where its headers lie in it.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "dataplane/base/bytes.h"
#include "dataplane/flow/flow_key.h"
#include "dataplane/wire/ethernet.h"
#include "dataplane/wire/ip.h"
#include "dataplane/wire/prp.h"
#include "dataplane/wire/transport.h"

namespace bulkhead::flow {

struct Flow;

// Offsets count from the start of the frame. The buffer is one contiguous segment.
struct Packet {
  rte_mbuf* mbuf = nullptr;  // nullptr once the packet has been forwarded, held or dropped
  std::uint32_t frame = 0;   // ordinal of the frame, for replays
  std::uint16_t port = 0;    // on which it arrived
  wire::EthernetHeader ethernet;
  wire::IpHeader ip;
  wire::TcpHeader tcp;
  wire::UdpHeader udp;
  wire::IcmpHeader icmp;
  std::uint16_t ip_offset = 0;
  std::uint16_t transport_offset = 0;
  std::uint16_t payload_offset = 0;
  std::uint16_t payload_length = 0;
  FlowKey key;
  bool source_is_low = false;
  Flow* flow = nullptr;
  bool from_client = false;
  bool reassembled = false;  // from fragments
  bool about_flow = false;   // an ICMP error about the flow, not a packet of it
  wire::PrpTrailer trailer;  // cut off while the packet is judged; see put_trailer()

  std::uint8_t* bytes() const { return rte_pktmbuf_mtod(mbuf, std::uint8_t*); }
  ByteView frame_bytes() const { return {bytes(), mbuf->data_len}; }
  ByteView payload() const { return {bytes() + payload_offset, payload_length}; }
};

}  // namespace bulkhead::flow
