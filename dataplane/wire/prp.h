// The redundancy control trailer and the supervision frames of PRP (IEC 62439-3:2016, 4.1.7 and
// 4.2.7). Who has two LANs sends each frame into both, with a trailer by which its receiver knows
// the second copy.
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
  std::uint16_t size = 0;     // as it says
  std::uint8_t lan = 0;       // 0xa or 0xb; 0: there is no trailer
  bool is_true = false;       // the size is that of the frame, from behind its EtherType
  bool is_wrong = false;      // it ends as one, but names no LAN

  bool is_present() const { return lan != 0; }
};

// The trailer at the end of a frame whose bytes behind the EtherType (or length) are `lsdu`; the
// message takes up `used` of them. One whose size is not true is none for its receivers, who take
// it for padding.
PrpTrailer read_prp_trailer(ByteView lsdu, std::size_t used);

// The six bytes, for a frame with `lsdu_bytes` behind its EtherType, the trailer among them. A size
// that was true is true again; any other stands as it came.
void write_prp_trailer(const PrpTrailer& trailer, std::size_t lsdu_bytes, std::uint8_t* to);

// What a node says of itself, and of one that a RedBox stands for.
struct PrpSupervision {
  Mac node;
  Mac red_box;  // zero if there is none
};

// 01-15-4e-00-01-xx: the last byte is the network's choice.
inline bool is_prp_supervision_group(const Mac& mac) {
  return mac.bytes[0] == 0x01 && mac.bytes[1] == 0x15 && mac.bytes[2] == 0x4e &&
         mac.bytes[3] == 0x00 && mac.bytes[4] == 0x01;
}

// Version 1 of PRP; anything else, HSR's among it, is none. `used` is where its last field ends.
bool parse_prp_supervision(ByteView payload, PrpSupervision& supervision, std::size_t& used);

}  // namespace bulkhead::wire
