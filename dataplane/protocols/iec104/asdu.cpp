// Decodes ASDUs: each information object is an operation, whichever way their addresses are given.
#include <algorithm>
#include <array>
#include <bit>

#include "dataplane/protocols/iec104/layout.h"

namespace bulkhead::iec104 {

using protocols::Direction;
using protocols::Fault;
using protocols::Operation;
using protocols::OperationList;

namespace {

constexpr std::uint32_t kObjectAddresses = 1U << 24;
constexpr std::uint8_t kSequenceBit = 0x80;
constexpr std::uint8_t kLastSection = 123;  // its checksum stands behind its qualifier

// Types by what they may be sent for.
bool is_for_all(std::uint8_t type) {  // 101, 7.2.4
  return type == 100 || type == 101 || type == 103 || type == 105;
}
bool is_of_no_object(std::uint8_t type) {  // 101, 7.3.4: the address is 0
  return type >= 100 && type <= 107 && type != 102;
}
bool may_be_deactivated(std::uint8_t type) { return type < 102 || type == 113; }

// Who may send a type for a cause (101, 7.2.3 and 7.3).
Fault check_cause(const Asdu& asdu, const TypeInfo& type, Direction direction) {
  const bool from_controlling = direction == Direction::request;
  const auto initiator = catalogue().functions[find_function(asdu.type)].initiator;
  const std::uint8_t cause = asdu.cause;
  if (cause == 0) return Fault::bad_value;
  if (from_controlling && asdu.negative) return Fault::wrong_direction;
  if (initiator == protocols::Initiator::server && from_controlling) return Fault::wrong_direction;
  const bool unknown = cause >= kUnknownFirst && cause <= kUnknownLast;
  const bool of_command = cause >= kActivation && cause <= kActivationTermination;
  if (type.element == Element::opaque && asdu.type >= 81) {
    const bool fits = cause >= kAuthenticationFirst && cause <= kAuthenticationLast;
    return fits || (unknown && !from_controlling) ? Fault::none : Fault::bad_value;
  }
  if (!type.command) {
    const bool mirrored = unknown && !from_controlling && type.element == Element::file;
    return of_command || (unknown && !mirrored) ? Fault::bad_value : Fault::none;
  }
  const bool asks = (cause == kActivation && asdu.type != 102) ||
                    (cause == kDeactivation && may_be_deactivated(asdu.type)) ||
                    (cause == kRequest && asdu.type == 102);
  const bool answers = cause == kActivationCon || cause == kDeactivationCon ||
                       cause == kActivationTermination || unknown;
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
    case Element::delay:
      return reader.u16_le();
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

// 101, 7.2.6.15 to 7.2.6.27: reserved bits are zero and reserved values are not used, so that no
// station reads a command as another.
bool is_command_octet(std::uint8_t type, std::uint8_t octet) {
  const bool single = type == 45 || type == 58;
  const std::uint8_t qualifier = octet >> 2 & 0x1f;
  const std::uint8_t value = octet & 0x03;
  const bool permitted = single ? value <= 1 : value == 1 || value == 2;
  return permitted && (qualifier <= 3 || qualifier >= 16);
}

bool is_qualifier(const TypeInfo& type, std::uint8_t octet) {
  switch (type.type) {
    case 100:  // QOI: all, or a group; or of private use
      return (octet >= 20 && octet <= 36) || octet >= 64;
    case 101: {  // QCC: a group or all of counters, and FRZ above
      const std::uint8_t request = octet & 0x3f;
      return (request >= 1 && request <= 5) || request >= 32;
    }
    case 105:  // QRP
      return octet == 1 || octet == 2 || octet >= 128;
    default:
      // QOS: seven bits behind select; QPM and QPA are of eight.
      return !type.has_qualifier || type.type >= 110 || (octet & 0x7f) == 0 || (octet & 0x7f) >= 64;
  }
}

// 101, 7.2.6.18: bits that are reserved, from the octet of the minutes on.
bool is_time(ByteView time) {
  constexpr std::array<std::uint8_t, 5> kReserved = {0x40, 0x60, 0x00, 0xf0, 0x80};
  for (std::size_t i = 0; i < kReserved.size(); ++i) {
    if ((time[i + 2] & kReserved[i]) != 0) return false;
  }
  return true;
}

// What a controlling station sends for a command.
Fault check_command(const TypeInfo& type, const Operation& operation, ByteView object) {
  if (is_of_no_object(type.type) && operation.fields[kObjectAddress].range.low != 0) {
    return Fault::bad_value;
  }
  if (type.time_bytes == 7 && !is_time(object.last(7))) return Fault::bad_value;
  if (type.element == Element::command && !is_command_octet(type.type, object[0])) {
    return Fault::bad_value;
  }
  if (type.element == Element::qualifier && !is_qualifier(type, object[0])) return Fault::bad_value;
  if (type.has_qualifier && !is_qualifier(type, object[type.value_bytes])) return Fault::bad_value;
  // A set point that is not a number has no value that a rule could name.
  if (type.element == Element::floating && !operation.has(kValue)) return Fault::bad_value;
  constexpr std::uint16_t kMinuteMs = 60'000;  // 101, 7.2.6.20
  if (type.element == Element::delay && load_le16(object.data()) >= kMinuteMs) {
    return Fault::bad_value;
  }
  const bool pattern = type.type != 104 || (object[0] == 0xaa && object[1] == 0x55);
  return pattern ? Fault::none : Fault::bad_value;  // 101, 7.2.6.14
}

void set_object(const TypeInfo& type, ByteReader reader, Operation& operation) {
  switch (type.element) {
    case Element::none:
    case Element::other:
    case Element::opaque:
      return;
    case Element::file:
    case Element::segment:
      operation.set(kFile, reader.u16_le());
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

// What qualifies a call, an acknowledgement or an announcement of a file (101, 7.2.6.28 to 32).
void set_file_qualifier(std::uint8_t type, ByteView object, Operation& operation) {
  constexpr std::uint8_t kDirectory = 126;
  if (type >= kDirectory) return;
  const std::size_t at = type == kLastSection ? object.size() - 2 : object.size() - 1;
  operation.set(kQualifier, object[at]);
}

// What of an object is content: its quality and its time, and all of it where nothing is judged.
void leave_content(const TypeInfo& type, Direction direction, ByteView object,
                   const OperationList& operations) {
  const std::size_t timeless =
      object.size() - std::min<std::size_t>(type.time_bytes, object.size());
  if (!type.command || direction == Direction::response) {
    operations.leave_free(object.subspan(timeless), "a time");
  } else if (type.time_bytes == 7) {
    constexpr std::array<std::uint8_t, 7> kUsed = {0xff, 0xff, 0xbf, 0x9f, 0xff, 0x0f, 0x7f};
    for (std::size_t i = 0; i < kUsed.size(); ++i) {
      operations.leave_free(object.subspan(timeless + i, 1), "a time", kUsed[i]);
    }
  }
  switch (type.element) {
    case Element::other:
      if (type.type != 104) operations.leave_free(object.first(timeless), "not judged");
      return;
    case Element::bit:
      return operations.leave_free(object.first(1), "quality", 0xfe);
    case Element::two_bits:
      return operations.leave_free(object.first(1), "quality", 0xfc);
    case Element::step:
      operations.leave_free(object.first(1), "a transient state", 0x80);
      return operations.leave_free(object.subspan(1, 1), "quality");
    case Element::file:
      if (type.type >= 126) return operations.leave_free(object.subspan(2), "of a directory");
      if (type.type == kLastSection) {
        operations.leave_free(object.last(1), "a section's checksum");
        object = object.first(object.size() - 1);
      }
      return operations.leave_free(object.subspan(2, object.size() - 3), "section and length");
    case Element::segment:
      return operations.leave_free(object.subspan(2, 1), "a section");
    default:
      break;
  }
  if (type.command || type.element == Element::qualifier) return;
  const std::size_t value =
      type.element == Element::normalized || type.element == Element::scaled ? 2 : 4;
  if (timeless > value) operations.leave_free(object.subspan(value, timeless - value), "quality");
  // Minus zero and zero are one value; its sign stands in the last octet.
  const bool zero = type.element == Element::floating && load_le32(object.data()) << 1 == 0;
  if (zero) operations.leave_free(object.subspan(value - 1, 1), "the sign of a zero", 0x80);
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
  asdu.structure = bytes.subspan(1, 1);
  asdu.count = structure & 0x7f;
  asdu.sequence = (structure & kSequenceBit) != 0;
  asdu.cause = cause & 0x3f;
  asdu.negative = (cause & 0x40) != 0;
  asdu.test = (cause & 0x80) != 0;
  return Fault::none;
}

namespace {

Operation* add(const Asdu& asdu, Direction direction, OperationList& operations) {
  Operation* operation = operations.add(find_function(asdu.type));
  if (operation == nullptr) return nullptr;
  operation->set(kCause, asdu.cause);
  operation->set(kNegative, asdu.negative ? 1 : 0);
  operation->set(kTest, asdu.test ? 1 : 0);
  operation->set(kOriginator, asdu.originator);
  operation->set(kCommonAddress, asdu.common_address);
  if (asdu.common_address == kToAll && direction == Direction::request) {
    operation->set(kBroadcast, 1);
  }
  return operation;
}

// 101, 7.2.2: how many objects, and whether one address stands for all of them.
Fault check_structure(const Asdu& asdu, const TypeInfo& type) {
  if (asdu.count == 0) return Fault::bad_quantity;
  if (type.single && (asdu.count != 1 || asdu.sequence)) return Fault::bad_quantity;
  // 101, 7.3.1: what has a time has an address each.
  const bool directory = type.element == Element::file;
  return asdu.sequence && type.time_bytes != 0 && !directory ? Fault::bad_quantity : Fault::none;
}

Fault decode_object(const Asdu& asdu, const TypeInfo& type, Direction direction, ByteView object,
                    Operation& operation) {
  constexpr std::uint8_t kFreezeBits = 0xc0;
  set_object(type, ByteReader(object), operation);
  if (type.element == Element::file) set_file_qualifier(asdu.type, object, operation);
  if (asdu.type == 101 && (object[0] & kFreezeBits) != 0) operation.function = find_freeze();
  // 101, 7.2.6.15: a station that confirms a command does so as it is.
  const bool single = asdu.type == 45 || asdu.type == 58;
  if (single && (object[0] & 0x02) != 0) return Fault::bad_value;
  const bool commands = type.command && direction == Direction::request;
  return commands ? check_command(type, operation, object) : Fault::none;
}

Fault decode_objects(const Asdu& asdu, const TypeInfo& type, Direction direction,
                     OperationList& operations) {
  ByteReader reader(asdu.objects);
  std::uint32_t address = 0;
  for (unsigned i = 0; i < asdu.count; ++i) {
    address = asdu.sequence && i > 0 ? address + 1 : reader.u24_le();
    if (address >= kObjectAddresses) return Fault::address_wrap;
    const ByteView object = reader.take(type.element_bytes);
    // 101, 7.3.6.6: the last octet of a segment's head counts what follows.
    if (type.element == Element::segment && reader.ok()) {
      operations.leave_free(reader.take(object.back()), "a file's content");
    }
    if (!reader.ok()) return Fault::truncated;
    Operation* operation = add(asdu, direction, operations);
    if (operation == nullptr) return Fault::too_many_operations;
    operation->set(kObjectAddress, address);
    const Fault fault = decode_object(asdu, type, direction, object, *operation);
    if (fault != Fault::none) return fault;
    leave_content(type, direction, object, operations);
  }
  return reader.remaining() == 0 ? Fault::none : Fault::trailing_bytes;
}

}  // namespace

Fault decode_asdu(const Asdu& asdu, Direction direction, OperationList& operations) {
  if (find_function(asdu.type) == kNotInCatalogue) return Fault::unknown_function;
  const TypeInfo type = type_info(asdu.type);
  if (const Fault fault = check_cause(asdu, type, direction); fault != Fault::none) return fault;
  if (direction == Direction::request && asdu.common_address == kToAll && !is_for_all(asdu.type)) {
    return Fault::bad_value;
  }
  if (type.element == Element::opaque) {
    const bool statistics = type.type == 41;
    if (!statistics && (asdu.count != 1 || asdu.sequence)) return Fault::bad_quantity;
    if (statistics) operations.leave_free(asdu.structure, "of security statistics");
    operations.leave_free(asdu.objects, "authentication");
    return add(asdu, direction, operations) != nullptr ? Fault::none : Fault::too_many_operations;
  }
  if (const Fault fault = check_structure(asdu, type); fault != Fault::none) return fault;
  if (asdu.count == 1) {
    operations.leave_free(asdu.structure, "how one address stands for one object", kSequenceBit);
  }
  return decode_objects(asdu, type, direction, operations);
}

}  // namespace bulkhead::iec104
