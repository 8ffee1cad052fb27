// Requests that are not read whole: a write of one node, or a call of one method, whose last value
// is one string of bytes or array of numbers. All that policy judges stands before that value's
// length, and behind it stands nothing. No server acts on a message before its last chunk, and
// that one passes only where all chunks have as many bytes as the value was said to have.
#include <algorithm>
#include <array>

#include "dataplane/protocols/opcua/body.h"
#include "dataplane/protocols/opcua/handles.h"

namespace bulkhead::opcua {

using protocols::Fault;

namespace {

constexpr std::size_t kLengthBytes = 4;
// How many bytes each element of a value has by its encoding (6, 5.2.2.16): a string has octets.
// Arrays of truths are read one by one, arrays with dimensions go on behind their elements.
std::size_t element_bytes(std::uint8_t encoding) {
  constexpr std::uint8_t kArray = 0x80;
  constexpr std::uint8_t kString = 12;
  constexpr std::uint8_t kBytes = 15;
  constexpr std::uint8_t kXml = 16;
  if (encoding == kString || encoding == kBytes || encoding == kXml) return 1;
  return (encoding & 0xc0) == kArray ? width_of(encoding & 0x3f) : 0;
}

// Up to the encoding of the value.
void skip_to_value(BodyReader& reader) {
  constexpr std::uint8_t kValueAlone = 0x01;  // 6, 5.2.2.17: no status, and no times
  const std::uint32_t type = reader.type_id();
  skip_request_header(reader);
  if (reader.u32() != 1) reader.fail(Fault::too_long);
  reader.node_id();
  if (type == kWrite) {
    reader.u32();
    reader.string();
    if (reader.u8() != kValueAlone) reader.fail(Fault::too_long);
    return;
  }
  if (type != kCall) reader.fail(Fault::too_long);
  reader.node_id();
  const std::uint32_t arguments = reader.u32();
  if (arguments == 0 || arguments > kHeadBytes) reader.fail(Fault::too_long);
  for (std::uint32_t left = arguments; left > 1 && reader.ok(); --left) reader.variant();
}

}  // namespace

Fault find_long(const Message& message, LongRequest& found) {
  found = LongRequest{};
  if (message.kind != Kind::message || message.aborted) return Fault::too_long;
  const ByteView first = message.first.first(std::min(message.first.size(), kHeadBytes));
  BodyReader reader(first);
  skip_to_value(reader);
  if (!reader.ok() || reader.stepped_over()) return Fault::too_long;
  const std::size_t width = element_bytes(reader.u8());
  found.head = first.first(reader.offset());
  const std::uint64_t length = reader.u32();
  if (!reader.ok() || width == 0 || length == 0 || length > kLongBytesMax) return Fault::too_long;
  found.total = reader.offset() + length * width;
  const bool fits =
      message.unfinished ? message.body_bytes < found.total : message.body_bytes == found.total;
  return fits && found.total <= kLongBytesMax ? Fault::none : Fault::too_long;
}

// The same request with an empty value is judged in its place.
Fault decode_long(const Message& message, const LongRequest& request, const Handles& handles,
                  protocols::OperationList& operations) {
  thread_local std::array<std::uint8_t, kHeadBytes + kLengthBytes> shorter;
  const std::size_t size = request.head.size() + kLengthBytes;
  std::copy(request.head.begin(), request.head.end(), shorter.begin());
  std::fill_n(shorter.begin() + static_cast<std::ptrdiff_t>(request.head.size()), kLengthBytes,
              std::uint8_t{0});
  operations.copied(ByteView(shorter).first(size), message.first.first(size));
  Message judged = message;
  judged.body = ByteView(shorter).first(size);
  std::size_t remaining = 0;
  std::uint16_t code = 0;
  const Fault fault =
      decode_body(judged, protocols::Direction::request, handles, &operations, remaining, code);
  if (fault != Fault::none) return fault;
  operations.leave_free(message.first.subspan(size), kLongValue);
  const bool joined = message.chunks > 1;
  if (joined) operations.leave_free(message.body.subspan(message.first.size()), kLongValue);
  return remaining == 0 ? Fault::none : Fault::too_long;
}

}  // namespace bulkhead::opcua
