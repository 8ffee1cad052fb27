// The redundancy control trailer and the supervision frames of PRP (IEC 62439-3:2016, 4.1.7 and
// 4.2.7). A node with two LANs sends each frame into both, with a trailer by which its receiver
// identifies the second copy.
#pragma once

#include <cstdint>

#include "dataplane/base/bytes.h"
#include "dataplane/wire/address.h"

namespace bulkhead::wire {

constexpr std::uint16_t kEtherTypePrp = 0x88fb;  // supervision; also the trailer's last two bytes
constexpr std::uint16_t kEtherTypeHsr = 0x892f;
constexpr std::size_t kPrpTrailerBytes = 6;

struct PrpTrailer {
  std::uint16_t sequence = 0;
  std::uint16_t padding = 0;  // bytes between the message and the trailer
  std::uint16_t size = 0;     // as received
  std::uint8_t lan = 0;       // 0xa or 0xb; 0: there is no trailer
  bool is_true = false;       // the size equals the frame's, counted after the EtherType
  bool is_wrong = false;      // it has the suffix of a trailer but names no LAN

  bool is_present() const { return lan != 0; }
};

// Reads the trailer of a frame. `lsdu`: all bytes after the EtherType (or length), of which the
// message takes up `used`. Receivers take a trailer whose size does not match for padding.
PrpTrailer read_prp_trailer(ByteView lsdu, std::size_t used);

// Writes the six bytes for a frame with `lsdu_bytes` after its EtherType, the trailer included. A
// size that matched is made to match again; any other stays as received.
void write_prp_trailer(const PrpTrailer& trailer, std::size_t lsdu_bytes, std::uint8_t* to);

// The announcement of a node, and of a node that a RedBox represents.
struct PrpSupervision {
  Mac node;
  Mac red_box;  // zero if there is none
};

// 01-15-4e-00-01-xx: the last byte is the network's choice.
inline bool is_prp_supervision_group(const Mac& mac) {
  return mac.bytes[0] == 0x01 && mac.bytes[1] == 0x15 && mac.bytes[2] == 0x4e &&
         mac.bytes[3] == 0x00 && mac.bytes[4] == 0x01;
}

// True for PRP version 1 only; HSR supervision is refused too. `used` is the offset after its last
// field.
bool parse_prp_supervision(ByteView payload, PrpSupervision& supervision, std::size_t& used);

}  // namespace bulkhead::wire
