// The frames of a session between two hosts, as they would send them: with checksums, numbers and
// the tags of their zones.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/base/bytes.h"
#include "dataplane/policy/tables.h"

namespace bulkhead::selftest {

using Bytes = std::vector<std::uint8_t>;

// One end, and the zone port that it stands behind.
struct End {
  wire::IpAddress address;
  wire::Mac mac;
  wire::VlanIds vlan;
  std::uint16_t zone_port = 0;
  std::uint16_t port = 0;  // of TCP or UDP
  bool prp = false;        // its frames have trailers, as one LAN has them (IEC 62439-3, 4.1.7)
};

struct Frame {
  Bytes bytes;
  std::uint16_t in_port = 0;   // where it arrives
  std::uint16_t out_port = 0;  // where it is to leave
};

class SessionFrames {
 public:
  // `ethertype`: of frames that carry the protocol themselves; below 1536 a service access point of
  // IEEE 802.2, whose messages begin with their length.
  SessionFrames(const End& client, const End& server, policy::Transport transport,
                std::uint16_t ethertype);

  // The handshake of TCP; nothing otherwise.
  void open();
  void say(bool from_client, ByteView message);
  // The last frame's; none if it has none.
  Bytes trailer() const;

  std::vector<Frame> frames;

 private:
  void segment(bool from_client, ByteView message, std::uint8_t flags);
  void datagram(bool from_client, ByteView message);
  void send(bool from_client, std::uint16_t ethertype, ByteView payload);
  void send_packet(bool from_client, std::uint8_t protocol, Bytes transport, std::size_t sum_at);

  End client_;
  End server_;
  policy::Transport transport_;
  std::uint16_t ethertype_;
  std::uint32_t client_next_ = 1000;
  std::uint32_t server_next_ = 900'000;
  std::uint16_t prp_sequence_ = 0;
};

}  // namespace bulkhead::selftest
