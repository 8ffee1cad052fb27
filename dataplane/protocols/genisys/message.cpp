// One message: its escapes, its checksum and its pairs of address and value.
#include "dataplane/protocols/genisys/layout.h"

namespace bulkhead::genisys {

using protocols::Fault;

namespace {

// Station, pairs and checksum, without escapes.
constexpr std::size_t kContentMax = 1 + 2 * kPairsMax + kChecksumBytes;

struct Content {
  std::array<std::uint8_t, kContentMax> octets;
  std::size_t size = 0;

  ByteView view() const { return ByteView(octets).first(size); }
};

// 5.1.1.1. A receiver adds whatever follows an escape to it: only what gives one of the characters
// that need one is meant.
Fault remove_escapes(ByteView escaped, Content& content) {
  ByteReader reader(escaped);
  while (reader.remaining() > 0) {
    std::uint8_t octet = reader.u8();
    if (octet > kEscape) return Fault::bad_value;
    if (octet == kEscape) {
      const std::uint8_t added = reader.u8();
      if (!reader.ok()) return Fault::truncated;
      if (added > kEscapedMax) return Fault::bad_value;
      octet = static_cast<std::uint8_t>(kEscape + added);
    }
    if (content.size == kContentMax) return Fault::bad_length;
    content.octets[content.size++] = octet;
  }
  return Fault::none;
}

// 5.1.1.4: x^16 + x^15 + x^2 + 1, least significant bit first.
constexpr std::array<std::uint16_t, 256> make_checksum_table() {
  std::array<std::uint16_t, 256> table{};
  for (unsigned octet = 0; octet < table.size(); ++octet) {
    unsigned rest = octet;
    for (int bit = 0; bit < 8; ++bit) rest = (rest & 1U) != 0 ? (rest >> 1) ^ 0xa001U : rest >> 1;
    table[octet] = static_cast<std::uint16_t>(rest);
  }
  return table;
}

std::uint16_t checksum(std::uint8_t code, ByteView covered, std::uint16_t start) {
  static constexpr auto kTable = make_checksum_table();
  const auto next = [](std::uint16_t rest, std::uint8_t octet) {
    return static_cast<std::uint16_t>(rest >> 8 ^ kTable[(rest ^ octet) & 0xff]);
  };
  std::uint16_t rest = next(start, code);
  for (const std::uint8_t octet : covered) rest = next(rest, octet);
  return rest;
}

// 5.1.1.4 does not say what the checksum starts with: masters and slaves that are known start with
// zeros or with ones.
bool is_checksum(std::uint8_t code, ByteView covered, std::uint16_t sent) {
  return checksum(code, covered, 0) == sent || checksum(code, covered, 0xffff) == sent;
}

constexpr bool has_pairs(std::uint8_t code) {
  return code == kIndicationData || code == kControlCheckback || code == kCommonControl ||
         code == kControlData;
}

// An address that stood twice would leave it to the receiver which value counts.
Fault read_pairs(ByteReader& reader, Message& message) {
  std::array<bool, kPairsMax> seen{};
  while (reader.remaining() > 0) {
    Pair pair;
    pair.address = reader.u8();
    pair.value = reader.u8();
    if (!reader.ok()) return Fault::truncated;
    if (pair.address > kModeAddress || seen[pair.address]) return Fault::bad_value;
    if (pair.address == kModeAddress && (pair.value & kModeReserved) != 0) return Fault::bad_value;
    seen[pair.address] = true;
    message.stored[message.pair_count++] = pair;
  }
  const bool tells_nothing = message.pair_count == 0 && message.code != kIndicationData;
  return tells_nothing ? Fault::bad_quantity : Fault::none;
}

Fault at_end(const ByteReader& reader) {
  if (!reader.ok()) return Fault::truncated;
  return reader.remaining() == 0 ? Fault::none : Fault::trailing_bytes;
}

// All but the header, of which `sent` is the checksum: 5.1.1.4.
Fault parse_checked(ByteView covered, std::uint16_t sent, Message& message) {
  message.pair_count = 0;
  ByteReader reader(covered);
  message.station = reader.u8();
  if (!reader.ok()) return Fault::truncated;
  if (!is_checksum(message.code, covered, sent)) return Fault::bad_checksum;
  const bool to_all = message.code == kCommonControl;
  if ((message.station == kAllStations) != to_all) return Fault::bad_value;
  message.secure = true;
  return has_pairs(message.code) ? read_pairs(reader, message) : at_end(reader);
}

Fault parse_escaped(ByteView body, Message& message) {
  Content content;
  const Fault escapes = remove_escapes(body, content);
  if (escapes != Fault::none) return escapes;
  if (content.size < 1 + kChecksumBytes) return Fault::truncated;
  const std::size_t covered = content.size - kChecksumBytes;
  return parse_checked(content.view().first(covered), load_le16(content.octets.data() + covered),
                       message);
}

// Masters and slaves are known that send the checksum as it is. Where it begins as an escape would,
// only one of both readings leaves whole pairs, or none.
Fault parse_with_bare_checksum(ByteView body, Message& message) {
  const std::size_t covered = body.size() - kChecksumBytes;
  Content content;
  const Fault escapes = remove_escapes(body.first(covered), content);
  if (escapes != Fault::none) return escapes;
  return parse_checked(content.view(), load_le16(body.data() + covered), message);
}

Fault parse_without_checksum(ByteView body, Message& message) {
  Content content;
  const Fault escapes = remove_escapes(body, content);
  if (escapes != Fault::none) return escapes;
  ByteReader reader(content.view());
  message.station = reader.u8();
  if (message.station == kAllStations) return Fault::bad_value;
  return at_end(reader);
}

}  // namespace

Fault parse_message(ByteView bytes, Message& message) {
  if (bytes.size() < kMessageMin || bytes.back() != kTerminator) return Fault::truncated;
  message.code = bytes[0];
  const ByteView body = bytes.subspan(1, bytes.size() - 2);
  const bool is_station = body.size() == 1 || (body.size() == 2 && body[0] == kEscape);
  if (message.code == kAcknowledge || (message.code == kPoll && is_station)) {
    return parse_without_checksum(body, message);
  }
  const Fault fault = parse_escaped(body, message);
  if (fault == Fault::none || body.size() <= kChecksumBytes) return fault;
  const std::uint8_t low = body[body.size() - 2];
  const std::uint8_t high = body.back();
  // Before the terminator an escape would take that away.
  const bool has_end = low == kTerminator || high == kTerminator || high == kEscape;
  const bool may_be_bare = !has_end && (low >= kEscape || high >= kEscape);
  const bool is_bare = may_be_bare && parse_with_bare_checksum(body, message) == Fault::none;
  return is_bare ? Fault::none : fault;
}

}  // namespace bulkhead::genisys
