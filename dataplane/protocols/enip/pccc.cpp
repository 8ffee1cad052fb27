// PCCC commands inside CIP (1770-6.5.16, chapter 7): the typed logical reads and writes have
// the elements that they reach, all others their numbers alone.
#include "dataplane/protocols/enip/services.h"

namespace bulkhead::enip {

using protocols::Fault;
using protocols::Operation;
using protocols::OperationList;

namespace {

enum Function : std::uint8_t {
  kReadTwo = 0xa1,  // with so many address fields behind the size
  kReadThree = 0xa2,
  kWriteTwo = 0xa9,
  kWriteThree = 0xaa,
  kWriteMasked = 0xab,
};

constexpr std::uint8_t kOutputs = 0x82;
constexpr std::uint8_t kInputs = 0x83;

// Words of one element of a file type; 0 where it is not known.
std::uint32_t words_of(std::uint8_t file_type) {
  switch (file_type) {
    case kOutputs:
    case kInputs:
    case 0x84:  // status
    case 0x85:  // bits
    case 0x89:  // integers
    case 0x8e:  // ASCII
      return 1;
    case 0x8a:  // floating point
    case 0x91:  // long integers
      return 2;
    case 0x86:  // timers
    case 0x87:  // counters
    case 0x88:  // control
      return 3;
    case 0x8d:  // strings
      return 42;
    default:
      return 0;
  }
}

// One octet, or 0xff and two where one is too short.
Fault read_number(ByteReader& reader, std::uint16_t& value) {
  value = reader.u8();
  if (value != 0xff) return Fault::none;
  value = reader.u16_le();
  return value >= 0xff || !reader.ok() ? Fault::none : Fault::bad_value;
}

struct Span {
  std::uint8_t file_type = 0;
  std::uint16_t element = 0;
  std::uint16_t sub_element = 0;
  std::uint8_t bytes = 0;
  bool has_sub_element = false;
};

// Every element that the bytes reach. Receivers count words from the element on, so that a
// sub-element behind the element's end would be another element's.
Fault set_reach(const Span& span, Operation& operation) {
  const std::uint32_t words_each = words_of(span.file_type);
  operation.set(kSize, span.bytes);
  if (words_each == 0) {  // only a grant on all that follows holds it
    operation.set(kElement, Range{span.element, 0xffff});
    if (span.has_sub_element) operation.set(kOffset, span.sub_element);
    return Fault::none;
  }
  if (span.bytes % 2 != 0) return Fault::bad_byte_count;
  const std::uint32_t words = span.bytes / 2U;
  const bool of_slots = span.file_type == kOutputs || span.file_type == kInputs;
  if (!of_slots && span.sub_element >= words_each) return Fault::bad_value;
  // The words behind a slot's last are the next slot's, and nobody here knows how many it has.
  const std::uint32_t behind = of_slots ? words - 1 : (span.sub_element + words - 1) / words_each;
  const std::int64_t last = std::int64_t{span.element} + behind;
  if (last > 0xffff) return Fault::address_wrap;
  operation.set(kElements, behind + 1);
  operation.set(kElement, Range{span.element, last});
  const bool divided = of_slots || words_each > 1;
  if (!span.has_sub_element || !divided) return Fault::none;
  operation.set(kOffset, span.sub_element);
  if (behind == 0) {
    operation.set(kSubElement, Range{span.sub_element, span.sub_element + words - 1});
  }
  return Fault::none;
}

Fault read_span(std::uint8_t function, ByteReader& reader, Operation& operation,
                const OperationList& operations, ByteView request) {
  Span span;
  std::uint16_t file = 0;
  span.bytes = reader.u8();
  span.has_sub_element = function != kReadTwo && function != kWriteTwo;
  if (const Fault fault = read_number(reader, file); fault != Fault::none) return fault;
  span.file_type = reader.u8();
  if (const Fault fault = read_number(reader, span.element); fault != Fault::none) return fault;
  if (span.has_sub_element) {
    const Fault fault = read_number(reader, span.sub_element);
    if (fault != Fault::none) return fault;
  }
  if (!reader.ok()) return Fault::truncated;
  if (span.bytes == 0) return Fault::bad_quantity;
  operation.set(kFileNumber, file);
  operation.set(kFileType, span.file_type);
  const bool reads = function == kReadTwo || function == kReadThree;
  const std::size_t mask_bytes = function == kWriteMasked ? 2 : 0;
  const std::size_t written = reads ? 0 : span.bytes + mask_bytes;
  if (reader.remaining() != written) return Fault::bad_byte_count;
  operations.leave_free(request.subspan(request.size() - written), "what is written");
  return set_reach(span, operation);
}

bool is_typed_logical(std::uint8_t function) {
  return function == kReadTwo || function == kReadThree || function == kWriteTwo ||
         function == kWriteThree || function == kWriteMasked;
}

}  // namespace

Fault decode_pccc(const Request& request, Operation& operation, const OperationList& operations) {
  constexpr std::uint8_t kRequestorBytes = 7;  // itself, a vendor and a serial number
  constexpr std::uint8_t kCommandMask = 0x0f;  // behind it priority and the reply's bit
  constexpr std::uint8_t kWithFunction = 0x0f;
  ByteReader reader(request.data);
  const std::uint8_t requestor_bytes = reader.u8();
  reader.skip(kRequestorBytes - 1);
  const std::uint8_t command = reader.u8();
  const std::uint8_t status = reader.u8();
  reader.skip(2);
  if (!reader.ok()) return Fault::truncated;
  if (requestor_bytes != kRequestorBytes) return Fault::bad_length;
  if (command > kCommandMask || status != 0) return Fault::bad_value;
  operations.leave_free(request.data.subspan(1, kRequestorBytes - 1), "who asks");
  operations.leave_free(request.data.subspan(reader.offset() - 2, 2), "transaction");
  operation.set(kPcccCommand, command);
  if (command == kWithFunction || command == 0x06 || command == 0x07) {
    const std::uint8_t function = reader.u8();
    if (!reader.ok()) return Fault::truncated;
    operation.set(kPcccFunction, function);
    if (command == kWithFunction && is_typed_logical(function)) {
      return read_span(function, reader, operation, operations, request.data);
    }
  }
  operations.leave_free(reader.rest(), "content of a command that is granted by its number alone");
  return Fault::none;
}

}  // namespace bulkhead::enip
