// CIP replies: what they answer, and how it went.
#include "dataplane/protocols/enip/opening.h"

namespace bulkhead::enip {

using protocols::Fault;
using protocols::Operation;
using protocols::OperationList;

std::uint16_t function_alone(std::uint8_t service) {
  return find_service(service, is_opening(service) ? std::int32_t{kConnectionManager} : kOfTags);
}

namespace {

// A reply does not say what it was asked of. What was asked for does, unless an unconnected send
// failed on its way.
std::uint16_t function_of_reply(std::uint8_t service, std::uint16_t asked, bool inside) {
  if (asked != kNotInCatalogue) {
    if (catalogue().functions[asked].code == service) return asked;
    if (service == kUnconnectedSend && !inside) return find_service(service, kConnectionManager);
  }
  return function_alone(service);
}

Fault decode_reply(ByteView bytes, std::uint16_t asked, unsigned depth, OperationList& operations) {
  if (depth > kDepthMax) return Fault::too_deep;
  ByteReader reader(bytes);
  const std::uint8_t code = reader.u8();
  const std::uint8_t reserved = reader.u8();
  const std::uint8_t status = reader.u8();
  const ByteView extended = reader.take(std::size_t{reader.u8()} * 2);
  if (!reader.ok()) return Fault::truncated;
  if ((code & kReplyBit) == 0) return Fault::wrong_direction;
  if (reserved != 0) return Fault::bad_value;
  const auto service = static_cast<std::uint8_t>(code & ~kReplyBit);
  const std::uint16_t function = function_of_reply(service, asked, depth > 1);
  if (function == kNotInCatalogue) return Fault::unknown_function;
  Operation* operation = operations.add(function);
  if (operation == nullptr) return Fault::too_many_operations;
  operation->set(kService, service);
  operation->set(kStatus, status);
  // CIP, appendix B: a success says no more.
  if (!extended.empty() && status == 0) return Fault::bad_length;
  if (!extended.empty()) operation->set(kElements, static_cast<std::int64_t>(extended.size() / 2));
  operations.leave_free(extended, "why it failed");
  constexpr std::uint8_t kEmbeddedError = 0x1e;  // CIP, appendix B
  const bool several =
      service == kMultipleServicePacket && (status == 0 || status == kEmbeddedError);
  const ByteView data = reader.rest();
  if (!several) {
    operations.leave_free(data, "what was asked for");
    return Fault::none;
  }
  ByteReader offsets(data);
  const std::size_t count = offsets.u16_le();
  std::size_t begin = offsets.u16_le();
  if (!offsets.ok() || count == 0 || begin != 2 + 2 * count) return Fault::truncated;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t end = i + 1 < count ? offsets.u16_le() : data.size();
    if (!offsets.ok() || end <= begin || end > data.size()) return Fault::truncated;
    const Fault fault =
        decode_reply(data.subspan(begin, end - begin), asked, depth + 1, operations);
    if (fault != Fault::none) return fault;
    begin = end;
  }
  return Fault::none;
}

}  // namespace

Fault decode_cip_reply(ByteView bytes, std::uint16_t asked, OperationList& operations) {
  return decode_reply(bytes, asked, 1, operations);
}

}  // namespace bulkhead::enip
