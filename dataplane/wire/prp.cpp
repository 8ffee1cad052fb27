// Reads and writes what PRP adds to frames.
#include "dataplane/wire/prp.h"

namespace bulkhead::wire {

namespace {

constexpr std::uint8_t kLanA = 0xa;
constexpr std::uint8_t kLanB = 0xb;
constexpr std::uint16_t kSizeMax = 0x0fff;

// A TLV of one MAC address.
bool read_station(ByteReader& reader, Mac& mac) {
  constexpr std::uint8_t kMacBytes = 6;
  if (reader.u8() != kMacBytes) return false;
  const ByteView bytes = reader.take(kMacBytes);
  if (!reader.ok()) return false;
  mac = Mac::from(bytes.data());
  return !mac.is_group() && !mac.is_zero();
}

}  // namespace

PrpTrailer read_prp_trailer(ByteView lsdu, std::size_t used) {
  PrpTrailer trailer;
  if (lsdu.size() < used + kPrpTrailerBytes) return trailer;
  const std::uint8_t* at = lsdu.data() + lsdu.size() - kPrpTrailerBytes;
  if (load_be16(at + 4) != kEtherTypePrp) return trailer;
  const auto lan = static_cast<std::uint8_t>(at[2] >> 4);
  trailer.is_wrong = lan != kLanA && lan != kLanB;
  if (trailer.is_wrong) return trailer;
  trailer.sequence = load_be16(at);
  trailer.size = load_be16(at + 2) & kSizeMax;
  trailer.is_true = trailer.size == lsdu.size();
  trailer.lan = lan;
  trailer.padding = static_cast<std::uint16_t>(lsdu.size() - used - kPrpTrailerBytes);
  return trailer;
}

void write_prp_trailer(const PrpTrailer& trailer, std::size_t lsdu_bytes, std::uint8_t* to) {
  store_be16(to, trailer.sequence);
  const std::size_t size = trailer.is_true ? lsdu_bytes & kSizeMax : trailer.size;
  store_be16(to + 2, static_cast<std::uint16_t>(std::size_t{trailer.lan} << 12 | size));
  store_be16(to + 4, kEtherTypePrp);
}

bool parse_prp_supervision(ByteView payload, PrpSupervision& supervision, std::size_t& used) {
  constexpr std::uint16_t kPathAndVersion = 0x0001;
  constexpr std::uint8_t kEnd = 0;
  constexpr std::uint8_t kDuplicateDiscard = 20;
  constexpr std::uint8_t kDuplicateAccept = 21;
  constexpr std::uint8_t kRedBox = 30;
  supervision = PrpSupervision{};
  ByteReader reader(payload);
  if (reader.u16() != kPathAndVersion) return false;
  reader.u16();  // the sender's count
  const std::uint8_t mode = reader.u8();
  if (mode != kDuplicateDiscard && mode != kDuplicateAccept) return false;
  if (!read_station(reader, supervision.node)) return false;
  std::uint8_t type = reader.u8();
  if (type == kRedBox) {
    if (!read_station(reader, supervision.red_box)) return false;
    type = reader.u8();
  }
  const std::uint8_t length = reader.u8();
  used = reader.offset();
  return reader.ok() && type == kEnd && length == 0;
}

}  // namespace bulkhead::wire
