// Decodes ASDUs: each information object is an operation, whichever way their addresses are given.
#include <bit>

#include "dataplane/protocols/iec104/layout.h"

namespace bulkhead::iec104 {

using protocols::Direction;
using protocols::Fault;
using protocols::Operation;
using protocols::OperationList;

namespace {

constexpr std::uint32_t kObjectAddresses = 1U << 24;

// Who may send a type for a cause (101, 7.2.3 and 7.3).
Fault check_direction(const Asdu& asdu, const TypeInfo& type, Direction direction) {
  const bool from_controlling = direction == Direction::request;
  const auto initiator = catalogue().functions[find_function(asdu.type)].initiator;
  if (asdu.cause == 0) return Fault::bad_value;
  if (from_controlling && asdu.negative) return Fault::wrong_direction;
  if (initiator == protocols::Initiator::server && from_controlling) return Fault::wrong_direction;
  if (!type.command) return Fault::none;
  const bool asks = asdu.cause == kActivation || asdu.cause == kDeactivation ||
                    (asdu.cause == kRequest && asdu.type == 102);
  const bool unknown = asdu.cause >= kUnknownFirst && asdu.cause <= kUnknownLast;
  const bool answers = asdu.cause == kActivationCon || asdu.cause == kDeactivationCon ||
                       asdu.cause == kActivationTermination || unknown;
  if (asks == answers) return Fault::bad_value;
  return asks == from_controlling ? Fault::none : Fault::wrong_direction;
}

double read_value(Element element, ByteReader& reader) {
  constexpr double kNormalizedOne = 32768;  // 101, 7.2.6.6
  switch (element) {
    case Element::bit:
      return reader.u8() & 0x01;
    case Element::two_bits:
      return reader.u8() & 0x03;
    case Element::step: {
      const int raw = reader.u8() & 0x7f;  // 101, 7.2.6.5: seven bits with a sign
      return raw >= 64 ? raw - 128 : raw;
    }
    case Element::bitstring:
      return reader.u32_le();
    case Element::normalized:
      return static_cast<std::int16_t>(reader.u16_le()) / kNormalizedOne;
    case Element::scaled:
      return static_cast<std::int16_t>(reader.u16_le());
    case Element::counter:
      return static_cast<std::int32_t>(reader.u32_le());
    default:
      return static_cast<double>(std::bit_cast<float>(reader.u32_le()));
  }
}

// 101, 7.2.6.15 to 7.2.6.17: the value, four bits above it say how, the highest selects.
void set_command(std::uint8_t type, std::uint8_t octet, Operation& operation) {
  const bool single = type == 45 || type == 58;
  operation.set_real(kValue, octet & (single ? 0x01 : 0x03));
  operation.set(kQualifier, octet >> 2 & 0x1f);
  operation.set(kSelect, octet >> 7);
}

void set_object(const TypeInfo& type, ByteReader reader, Operation& operation) {
  switch (type.element) {
    case Element::none:
    case Element::other:
    case Element::segment:
    case Element::opaque:
      return;
    case Element::command:
      return set_command(type.type, reader.u8(), operation);
    case Element::qualifier:
      operation.set(kQualifier, reader.u8());
      return;
    default:
      operation.set_real(kValue, read_value(type.element, reader));
  }
  if (!type.has_qualifier) return;
  const std::uint8_t octet = reader.u8();
  const bool parameter = type.type >= 110;  // 101, 7.2.6.24: QPM has no select
  operation.set(kQualifier, parameter ? octet : octet & 0x7f);
  if (!parameter) operation.set(kSelect, octet >> 7);
}

}  // namespace

Fault parse_asdu(ByteView bytes, Asdu& asdu) {
  ByteReader reader(bytes);
  asdu.type = reader.u8();
  const std::uint8_t structure = reader.u8();
  const std::uint8_t cause = reader.u8();
  asdu.originator = reader.u8();
  asdu.common_address = reader.u16_le();
  asdu.objects = reader.rest();
  if (!reader.ok()) return Fault::truncated;
  asdu.count = structure & 0x7f;
  asdu.sequence = (structure & 0x80) != 0;
  asdu.cause = cause & 0x3f;
  asdu.negative = (cause & 0x40) != 0;
  asdu.test = (cause & 0x80) != 0;
  return Fault::none;
}

namespace {

Operation* add(const Asdu& asdu, OperationList& operations) {
  Operation* operation = operations.add(find_function(asdu.type));
  if (operation == nullptr) return nullptr;
  operation->set(kCause, asdu.cause);
  operation->set(kNegative, asdu.negative ? 1 : 0);
  operation->set(kTest, asdu.test ? 1 : 0);
  operation->set(kOriginator, asdu.originator);
  operation->set(kCommonAddress, asdu.common_address);
  return operation;
}

}  // namespace

Fault decode_asdu(const Asdu& asdu, Direction direction, OperationList& operations) {
  if (find_function(asdu.type) == kNotInCatalogue) return Fault::unknown_function;
  const TypeInfo type = type_info(asdu.type);
  if (const Fault fault = check_direction(asdu, type, direction); fault != Fault::none) {
    return fault;
  }
  if (type.element == Element::opaque) {
    return add(asdu, operations) != nullptr ? Fault::none : Fault::too_many_operations;
  }
  if (asdu.count == 0) return Fault::bad_quantity;
  if (type.command && (asdu.count != 1 || asdu.sequence)) return Fault::bad_quantity;
  ByteReader reader(asdu.objects);
  std::uint32_t address = 0;
  for (unsigned i = 0; i < asdu.count; ++i) {
    address = asdu.sequence && i > 0 ? address + 1 : reader.u24_le();
    if (address >= kObjectAddresses) return Fault::address_wrap;
    ByteView object = reader.take(type.element_bytes);
    // 101, 7.3.6.6: the last octet of a segment's head counts what follows.
    if (type.element == Element::segment && reader.ok()) reader.skip(object.back());
    if (!reader.ok()) return Fault::truncated;
    Operation* operation = add(asdu, operations);
    if (operation == nullptr) return Fault::too_many_operations;
    operation->set(kObjectAddress, address);
    set_object(type, ByteReader(object), *operation);
  }
  return reader.remaining() == 0 ? Fault::none : Fault::trailing_bytes;
}

}  // namespace bulkhead::iec104
