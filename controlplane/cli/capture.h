// Finds the carriers of protocols in the frames of a capture.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/cli/left_out.h"
#include "dataplane/base/bytes.h"
#include "dataplane/base/clock.h"
#include "dataplane/protocols/catalogue.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/ethernet.h"
#include "dataplane/wire/transport.h"

namespace bulkhead::controlplane {

// A TCP segment, a UDP datagram, or a non-IP frame: then the endpoints are MAC addresses and the
// destination port is the EtherType. The payload lives until the next frame is read.
struct CapturedPacket {
  std::uint32_t frame = 0;  // from 1
  TimeNs time_ns = 0;
  protocols::Carrier carrier{};
  wire::IpAddress source;
  wire::IpAddress destination;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  wire::TcpHeader tcp;
  ByteView payload;
  wire::Mac source_mac;               // of an Ethernet frame; else zero
  std::optional<wire::VlanIds> vlan;  // of an Ethernet frame
};

// An ICMP echo request.
struct CapturedEcho {
  std::uint32_t frame = 0;
  TimeNs time_ns = 0;
  wire::IpAddress source;
  wire::IpAddress destination;
  std::optional<wire::VlanIds> vlan;
};

struct CapturedFrame {
  std::uint32_t number = 0;  // from 1
  TimeNs time_ns = 0;
  int link_type = 0;  // DLT_...
  ByteView bytes;
  bool snapped = false;  // longer on the wire
};

// Finds what frames carry. Checksums are ignored: captures are often taken before the hardware
// fills them in.
class FrameReader {
 public:
  // Calls one of both, or neither: then left_out() counts the frame, unless it goes with others
  // (ARP, neighbour discovery, ICMP errors and answers). It counts EtherTypes of no protocol too.
  void read(const CapturedFrame& frame, const std::function<void(const CapturedPacket&)>& take,
            const std::function<void(const CapturedEcho&)>& take_echo = {});

  const LeftOutFrames& left_out() const { return left_out_; }
  // Frames that were read, and whose VLAN tags no appliance lets pass.
  std::uint64_t foreign_tags() const { return foreign_tags_; }

 private:
  CapturedPacket packet_;
  LeftOutFrames left_out_;
  std::uint64_t foreign_tags_ = 0;
  std::vector<std::uint8_t> copy_;  // of a packet whose length is made good
};

struct CaptureRead {
  LeftOutFrames left_out;
  std::uint64_t foreign_tags = 0;
  // The file ends within a frame, as that of a program which is writing it or was killed: all
  // before was read. Names the file.
  std::string cut;
};

// Calls `take` for each packet of a file, in order, and `take_echo` for each echo request. Throws
// CommandFailed if the file cannot be read.
CaptureRead read_capture(const std::string& path,
                         const std::function<void(const CapturedPacket&)>& take,
                         const std::function<void(const CapturedEcho&)>& take_echo = {});

}  // namespace bulkhead::controlplane
