// The data link layer and the transport function: frames are found, checked and put together.
#include <algorithm>

#include "dataplane/protocols/dnp3/layout.h"

namespace bulkhead::dnp3 {

using protocols::Fault;
using protocols::Frame;

namespace {

constexpr std::size_t kCrcBytes = 2;
constexpr std::size_t kBlockBytes = 16;         // 9.2.4.1: user data in blocks, each with a CRC
constexpr std::uint8_t kLengthMin = 5;          // control, destination and source
constexpr std::uint8_t kFrameCountBit = 0x20;   // alternates where frames are confirmed
constexpr std::uint8_t kTransportFinal = 0x80;  // 8.2.1.1
constexpr std::uint8_t kTransportFirst = 0x40;
constexpr std::uint8_t kTransportSequence = 0x3f;

constexpr std::array<std::uint16_t, 256> make_crc_table() {
  constexpr std::uint16_t kPolynomial = 0xa6bc;  // 0x3d65, bits reversed
  std::array<std::uint16_t, 256> table{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    unsigned rest = byte;
    for (int bit = 0; bit < 8; ++bit) {
      rest = (rest & 1U) != 0 ? (rest >> 1) ^ kPolynomial : rest >> 1;
    }
    table[byte] = static_cast<std::uint16_t>(rest);
  }
  return table;
}

bool crc_holds(ByteView bytes) {
  const std::size_t end = bytes.size() - kCrcBytes;
  return crc(bytes.first(end)) == load_le16(bytes.data() + end);
}

// What is known of a fragment while its frames are walked through.
struct Walk {
  bool begun = false;
  std::uint8_t sequence = 0;
  LinkHeader link;

  // Takes the transport octet of the next frame with user data.
  Fault take(const LinkHeader& header, std::uint8_t transport) {
    const bool first = (transport & kTransportFirst) != 0;
    const auto number = static_cast<std::uint8_t>(transport & kTransportSequence);
    if (first == begun) return Fault::bad_sequence;
    if (begun) {
      const bool same = header.source == link.source && header.destination == link.destination &&
                        ((header.control ^ link.control) & ~kFrameCountBit) == 0;
      if (!same || number != ((sequence + 1) & kTransportSequence)) return Fault::bad_sequence;
    } else {
      link = header;
    }
    begun = true;
    sequence = number;
    return Fault::none;
  }
};

}  // namespace

std::uint16_t crc(ByteView bytes) {
  static constexpr std::array<std::uint16_t, 256> kTable = make_crc_table();
  std::uint16_t rest = 0;
  for (const std::uint8_t byte : bytes) {
    rest = static_cast<std::uint16_t>((rest >> 8) ^ kTable[(rest ^ byte) & 0xff]);
  }
  return static_cast<std::uint16_t>(~rest);
}

Fault parse_link_header(ByteView bytes, LinkHeader& header) {
  if (bytes[0] != 0x05 || bytes[1] != 0x64) return Fault::not_this_protocol;
  if (bytes[2] < kLengthMin) return Fault::bad_length;
  if (!crc_holds(bytes.first(kLinkHeaderBytes))) return Fault::bad_checksum;
  header.control = bytes[3];
  header.destination = load_le16(bytes.data() + 4);
  header.source = load_le16(bytes.data() + 6);
  header.data_bytes = bytes[2] - kLengthMin;
  const std::size_t blocks = (header.data_bytes + kBlockBytes - 1) / kBlockBytes;
  header.frame_bytes = kLinkHeaderBytes + header.data_bytes + kCrcBytes * blocks;
  if (header.has_user_data() != (header.data_bytes > 0)) return Fault::bad_length;
  return Fault::none;
}

Frame frame_message(ByteView stream) {
  Walk walk;
  std::size_t application_bytes = 0;
  for (std::size_t at = 0;;) {
    const ByteView rest = stream.subspan(std::min(at, stream.size()));
    if (rest.size() >= 1 && rest[0] != 0x05) return {Fault::not_this_protocol, 0, 0};
    if (rest.size() >= 2 && rest[1] != 0x64) return {Fault::not_this_protocol, 0, 0};
    if (rest.size() < kLinkHeaderBytes) return {Fault::none, 0, at + kLinkHeaderBytes};
    LinkHeader header;
    if (const Fault fault = parse_link_header(rest, header); fault != Fault::none) {
      return {fault, 0, 0};
    }
    at += header.frame_bytes;
    if (!header.has_user_data()) {
      if (!walk.begun) return {Fault::none, at, at};
      continue;
    }
    if (rest.size() <= kLinkHeaderBytes) return {Fault::none, 0, at};
    const std::uint8_t transport = rest[kLinkHeaderBytes];
    if (const Fault fault = walk.take(header, transport); fault != Fault::none) {
      return {fault, 0, 0};
    }
    application_bytes += header.data_bytes - 1;
    if (application_bytes > kFragmentBytesMax) return {Fault::bad_length, 0, 0};
    if ((transport & kTransportFinal) != 0) return {Fault::none, at, at};
    // Frames without user data between two with it are bounded by what is held of a message.
  }
}

Fault gather(ByteView message, Fragment& fragment) {
  fragment.size = 0;
  fragment.has_application = false;
  for (ByteView rest = message; !rest.empty();) {
    LinkHeader header;
    if (rest.size() < kLinkHeaderBytes) return Fault::truncated;
    if (const Fault fault = parse_link_header(rest, header); fault != Fault::none) return fault;
    if (header.frame_bytes > rest.size()) return Fault::truncated;
    if (fragment.size == 0 && !fragment.has_application) fragment.link = header;
    ByteView data = rest.subspan(kLinkHeaderBytes, header.frame_bytes - kLinkHeaderBytes);
    bool first_block = true;
    while (!data.empty()) {
      const ByteView block = data.first(std::min(data.size(), kBlockBytes + kCrcBytes));
      if (!crc_holds(block)) return Fault::bad_checksum;
      const std::size_t skip = first_block ? 1 : 0;  // the transport octet
      const std::size_t count = block.size() - kCrcBytes - skip;
      if (fragment.size + count > kFragmentBytesMax) return Fault::bad_length;
      std::copy_n(block.data() + skip, count, fragment.bytes.data() + fragment.size);
      fragment.size += count;
      fragment.has_application = true;
      first_block = false;
      data = data.subspan(block.size());
    }
    rest = rest.subspan(header.frame_bytes);
  }
  return Fault::none;
}

}  // namespace bulkhead::dnp3
