// Length against content, and numbers that have 32 bits.
#include "dataplane/protocols/published.h"

#include "dataplane/protocols/ber_schema.h"

namespace bulkhead::published {

using protocols::Fault;
using protocols::Frame;

Frame frame_message(ByteView bytes) {
  constexpr std::size_t kLengthEnd = 4;
  if (bytes.size() < kLengthEnd) return {Fault::none, 0, kLengthEnd};
  const std::size_t length = load_be16(bytes.data() + 2);
  if (length < kHeaderBytes || length > kMessageBytesMax) return {Fault::bad_length, 0, 0};
  return {Fault::none, length, length};
}

Fault parse_message(ByteView bytes, Message& message) {
  constexpr std::uint16_t kSimulated = 0x8000;
  ByteReader reader(bytes);
  message.appid = reader.u16();
  const std::size_t length = reader.u16();
  const std::uint16_t first_reserved = reader.u16();
  const std::size_t extension_bytes = reader.u16();
  message.simulated = first_reserved == kSimulated;
  if (!reader.ok() || bytes.size() < length) return Fault::truncated;
  if (length < kHeaderBytes || length > kMessageBytesMax) return Fault::bad_length;
  if (bytes.size() > length) return Fault::trailing_bytes;
  if ((first_reserved & ~kSimulated) != 0) return Fault::bad_value;
  // An extension that the length does not count would be taken for padding and cut off.
  const ByteView rest = reader.rest();
  if (extension_bytes > rest.size()) return Fault::bad_length;
  message.extension = rest.last(extension_bytes);
  return ber::only(rest.first(rest.size() - extension_bytes), message.apdu) ? Fault::none
                                                                            : Fault::bad_length;
}

Frame Publication::frame(ByteView bytes, const protocols::MessageContext& context) const {
  if (context.carrier != protocols::Carrier::ethernet) return {Fault::not_this_protocol, 0, 0};
  return frame_message(bytes);
}

Fault Publication::parse(protocols::Parsed& parsed, const protocols::MessageContext& context,
                         protocols::OperationList& operations) const {
  operations.clear();
  if (context.carrier != protocols::Carrier::ethernet) return Fault::not_this_protocol;
  return parse_publication(parsed, operations);
}

std::optional<protocols::Direction> Publication::encoded_direction(ByteView /*message*/) const {
  return protocols::Direction::publish;
}

// The tag of the PDU.
std::optional<std::uint16_t> Publication::claimed_code(ByteView message) const {
  Message parsed;
  if (parse_message(message, parsed) != Fault::none) return std::nullopt;
  return static_cast<std::uint16_t>(parsed.apdu.number() & 0xff);
}

std::uint64_t stream_key(std::uint16_t appid, ByteView name) {
  constexpr std::uint64_t kBasis = 0xcbf29ce484222325;
  constexpr std::uint64_t kPrime = 0x100000001b3;
  std::uint64_t key = (kBasis ^ appid) * kPrime;
  for (const std::uint8_t octet : name) key = (key ^ octet) * kPrime;
  return key;
}

std::optional<std::uint32_t> to_uint32(ByteView content) {
  constexpr std::size_t kBytesMax = 5;
  const auto value = ber::to_unsigned(content);
  if (content.size() > kBytesMax || !value || *value > 0xffffffffU) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

bool good_reference(ByteView name) {
  constexpr std::size_t kReferenceBytesMax = 129;
  return !name.empty() && name.size() <= kReferenceBytesMax &&
         ber::good_content(name, ber::Kind::visible);
}

}  // namespace bulkhead::published
