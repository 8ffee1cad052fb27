// The data link layer and the transport function: frames are found, checked and put together.
#include <algorithm>

#include "dataplane/protocols/dnp3/layout.h"
#include "dataplane/protocols/planted.h"

namespace bulkhead::dnp3 {

using protocols::Fault;
using protocols::Frame;
using protocols::Mistake;

namespace {

constexpr std::size_t kCrcBytes = 2;
constexpr std::size_t kBlockBytes = 16;         // 9.2.4.1: user data in blocks, each with a CRC
constexpr std::uint8_t kLengthMin = 5;          // control, destination and source
constexpr std::uint8_t kTransportFinal = 0x80;  // 8.2.1.1
constexpr std::uint8_t kTransportFirst = 0x40;

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
  std::size_t frames = 0;
  std::uint8_t sequence = 0;
  LinkHeader link;

  // As if the frame before these bytes, which may go on a fragment, had been taken.
  void begin_at(ByteView bytes) {
    LinkHeader header;
    if (bytes.size() <= kLinkHeaderBytes || (bytes[kLinkHeaderBytes] & kTransportFirst) != 0 ||
        parse_link_header(bytes, header) != Fault::none) {
      return;
    }
    link = header;
    sequence = static_cast<std::uint8_t>(bytes[kLinkHeaderBytes] - 1) & kTransportSequence;
    frames = 1;
  }

  // Whether the frame is the next of the fragment, by its transport octet: the same way between the
  // same stations, numbered one up, and with something in it. Receivers differ in what they do with
  // the rest: some drop the frame and join what stands around it.
  bool take(const LinkHeader& header, std::uint8_t transport) {
    const bool first = (transport & kTransportFirst) != 0;
    const auto number = static_cast<std::uint8_t>(transport & kTransportSequence);
    if (first != (frames == 0) || header.data_bytes < 2) return false;
    const bool same = header.source == link.source && header.destination == link.destination &&
                      header.control == link.control;
    if (!first && (!same || number != ((sequence + 1) & kTransportSequence))) return false;
    link = header;
    sequence = number;
    ++frames;
    return true;
  }
};

// Takes a frame's blocks of user data, but for the transport octet in front.
Fault append(ByteView data, Fragment& fragment) {
  for (std::size_t skip = 1; !data.empty(); skip = 0) {
    const ByteView block = data.first(std::min(data.size(), kBlockBytes + kCrcBytes));
    if (!crc_holds(block) && !planted(Mistake::checksum_unread)) return Fault::bad_checksum;
    const std::size_t count = block.size() - kCrcBytes - skip;
    if (fragment.size + count > kFragmentBytesMax) return Fault::bad_length;
    std::copy_n(block.data() + skip, count, fragment.bytes + fragment.size);
    fragment.size += count;
    data = data.subspan(block.size());
  }
  return Fault::none;
}

// Some receivers do not know the obsolete functions: they look for start octets from the frame's
// second octet on, and shall find none inside it.
bool hides_start(const LinkHeader& header, ByteView frame) {
  const std::uint16_t code = header.code() & 0xff;
  if (code != (kPrimary | kLinkResetUserProcess) && code != kLinkNotFunctioning) return false;
  for (std::size_t i = 1; i + 1 < frame.size(); ++i) {
    if (frame[i] == 0x05 && frame[i + 1] == 0x64) return true;
  }
  return false;
}

bool is_master(protocols::Direction direction) {
  return direction == protocols::Direction::request;
}

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
  return Fault::none;
}

Fault check_link_header(const LinkHeader& header, protocols::Direction direction) {
  if (is_master(direction) != ((header.control & kDirectionFromMaster) != 0)) {
    return Fault::wrong_direction;
  }
  if (header.has_user_data() != (header.data_bytes > 0)) return Fault::bad_length;
  const std::uint8_t function = header.control & 0x0f;
  const std::uint8_t flags = header.control & (kFrameCountBit | kFrameCountValid);
  const bool primary = (header.control & kPrimary) != 0;
  // 13: what TCP and UDP carry is not confirmed by the data link layer. An outstation drops the
  // frames whose FCB is not the one that it expects.
  if (primary && function == kLinkConfirmedUserData) {
    return planted(Mistake::confirmed_link_data) ? Fault::none : Fault::bad_value;
  }
  // 9.2.4.1.3: FCV is the function's, FCB counts only with it, and a secondary station has no FCB.
  const bool counted = primary && function == kLinkTestLinkStates;
  const std::uint8_t may = !primary ? kFrameCountValid : counted ? kFrameCountBit : 0;
  if ((flags & ~may) != (counted ? kFrameCountValid : 0)) return Fault::bad_value;
  if (header.source >= kReservedFirst) return Fault::bad_value;
  if (header.destination < kReservedFirst) return Fault::none;
  // 9.2.4.1.4: to a device that has the self address, and user data to all stations; by a master.
  const bool to_self = header.destination == kSelfAddress && primary;
  const bool to_all = header.destination >= kBroadcastFirst && header.has_user_data();
  return is_master(direction) && (to_self || to_all) ? Fault::none : Fault::bad_value;
}

Frame frame_message(ByteView stream, const protocols::MessageContext& context) {
  const bool bounded = is_master(context.direction) || context.carrier == protocols::Carrier::udp;
  const std::size_t frames_max = bounded ? kNumberedFramesMax : SIZE_MAX;
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
    const std::size_t end = at + header.frame_bytes;
    const bool carries = header.has_user_data() && header.data_bytes > 0;
    if (carries && rest.size() <= kLinkHeaderBytes) return {Fault::none, 0, end};
    const std::uint8_t transport = carries ? rest[kLinkHeaderBytes] : std::uint8_t{0};
    // What does not go on the fragment ends it, and is a message of its own.
    if (!carries || !walk.take(header, transport)) {
      const std::size_t length = walk.frames == 0 ? end : at;
      return {Fault::none, length, length};
    }
    at = end;
    application_bytes += header.data_bytes - 1;
    if (application_bytes > kFragmentBytesMax || walk.frames > frames_max) {
      return {Fault::bad_length, 0, 0};
    }
    if ((transport & kTransportFinal) != 0) return {Fault::none, at, at};
  }
}

protocols::Part part_of(ByteView before, ByteView datagram) {
  using protocols::Part;
  if (datagram.empty()) return Part::none;
  Walk walk;
  bool final = false;
  const auto next_frame = [&](ByteView& rest) {
    LinkHeader header;
    if (final || rest.size() <= kLinkHeaderBytes) return false;
    if (parse_link_header(rest, header) != Fault::none || header.frame_bytes > rest.size()) {
      return false;
    }
    const std::uint8_t transport = rest[kLinkHeaderBytes];
    if ((header.control & 0x4f) != (kPrimary | kLinkUserData) || !walk.take(header, transport)) {
      return false;
    }
    final = (transport & kTransportFinal) != 0;
    rest = rest.subspan(header.frame_bytes);
    return true;
  };
  while (!before.empty()) {
    if (walk.frames == 0) walk.begin_at(before);
    if (!next_frame(before)) return Part::none;
  }
  const bool goes_on = walk.frames > 0;
  while (!datagram.empty()) {
    if (!next_frame(datagram)) return Part::none;
  }
  if (!goes_on) return final || walk.frames == 0 ? Part::none : Part::first;
  return final ? Part::last : Part::next;
}

std::uint64_t numbers_awaited(ByteView message) {
  std::uint64_t numbers = 0;
  for (bool first = true; message.size() > kLinkHeaderBytes; first = false) {
    LinkHeader header;
    if (parse_link_header(message, header) != Fault::none) break;
    if (!first) numbers |= std::uint64_t{1} << (message[kLinkHeaderBytes] & kTransportSequence);
    message = message.subspan(std::min(header.frame_bytes, message.size()));
  }
  return numbers;
}

Fault gather(ByteView message, protocols::Direction direction, Fragment& fragment) {
  thread_local std::array<std::uint8_t, kFragmentBytesMax> gathered;
  fragment.size = 0;
  fragment.has_application = false;
  fragment.message = message;
  fragment.bytes = gathered.data();
  Walk walk;
  bool final = false;
  for (ByteView rest = message; !rest.empty();) {
    LinkHeader header;
    if (rest.size() < kLinkHeaderBytes) return Fault::truncated;
    Fault fault = parse_link_header(rest, header);
    if (fault == Fault::none) fault = check_link_header(header, direction);
    if (fault != Fault::none) return fault;
    if (header.frame_bytes > rest.size()) return Fault::truncated;
    const bool alone = !header.has_user_data();
    if (alone && (walk.frames > 0 || header.frame_bytes < message.size())) {
      return Fault::bad_sequence;
    }
    if (alone && hides_start(header, message)) return Fault::bad_value;
    fragment.link = header;
    if (alone) return Fault::none;
    const std::uint8_t transport = rest[kLinkHeaderBytes];
    if (final || !walk.take(header, transport)) return Fault::bad_sequence;
    final = (transport & kTransportFinal) != 0;
    fault = append(rest.subspan(kLinkHeaderBytes, header.frame_bytes - kLinkHeaderBytes), fragment);
    if (fault != Fault::none) return fault;
    rest = rest.subspan(header.frame_bytes);
  }
  fragment.has_application = true;
  return final ? Fault::none : Fault::bad_sequence;
}

void leave_free(const protocols::OperationList& operations, const Fragment& fragment, ByteView part,
                std::string_view reason, std::uint8_t mask) {
  if (!operations.accounts()) return;
  const auto begin = static_cast<std::size_t>(part.data() - fragment.bytes);
  std::size_t at = 0;
  for (ByteView rest = fragment.message; rest.size() > kLinkHeaderBytes;) {
    LinkHeader header;
    parse_link_header(rest, header);
    for (std::size_t i = 1; i < header.data_bytes; ++i, ++at) {
      if (at < begin || at >= begin + part.size()) continue;
      const std::size_t octet = kLinkHeaderBytes + i + kCrcBytes * (i / kBlockBytes);
      operations.leave_free(rest.subspan(octet, 1), reason, mask);
    }
    rest = rest.subspan(header.frame_bytes);
  }
}

}  // namespace bulkhead::dnp3
