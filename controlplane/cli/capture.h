// Reads captures (pcap and pcapng, through libpcap) and finds the IP packets in their frames.
#pragma once

#include <functional>
#include <string>

#include "dataplane/base/bytes.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/transport.h"

namespace bulkhead::controlplane {

// A TCP segment or UDP datagram of a capture. The payload lives until the next frame is read.
struct CapturedPacket {
  std::uint32_t frame = 0;  // from 1
  bool is_tcp = false;
  wire::IpAddress source;
  wire::IpAddress destination;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  wire::TcpHeader tcp;
  ByteView payload;
};

// Calls `take` for each TCP and UDP packet, in order. Checksums are not looked at: captures are
// often taken before the hardware fills them in. Throws CommandFailed if the file cannot be read.
void read_capture(const std::string& path, const std::function<void(const CapturedPacket&)>& take);

}  // namespace bulkhead::controlplane
