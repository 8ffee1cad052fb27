// Object headers and the objects behind them: every header of a fragment is walked to its end.
#include <algorithm>
#include <bit>

#include "dataplane/protocols/dnp3/pairing.h"

namespace bulkhead::dnp3 {

using protocols::Fault;
using protocols::Operation;
using protocols::OperationList;

namespace {

constexpr std::uint8_t kClassObjects = 60;
constexpr std::uint8_t kFileObjects = 70;

// An object header (4.2.2.7): what is asked of which points.
struct Header {
  std::uint8_t group = 0;
  std::uint8_t variation = 0;
  std::uint8_t prefix_bytes = 0;
  bool prefix_is_size = false;
  bool has_range = false;  // first to last are points
  std::uint32_t first = 0;
  std::uint32_t count = 0;  // of objects behind the header
  bool counted = false;     // false: all points, and no object follows
};

std::uint32_t read_number(ByteReader& reader, std::uint8_t bytes) {
  if (bytes == 1) return reader.u8();
  return bytes == 2 ? reader.u16_le() : reader.u32_le();
}

// 4.2.2.7.3: object prefix code and range specifier code.
Fault read_header(ByteReader& reader, Header& header) {
  constexpr std::uint8_t kAllObjects = 6;
  constexpr std::uint8_t kVariableFormat = 0xb;
  header = Header{};
  header.group = reader.u8();
  header.variation = reader.u8();
  const std::uint8_t qualifier = reader.u8();
  if (!reader.ok()) return Fault::truncated;
  const std::uint8_t prefix = qualifier >> 4;
  const std::uint8_t range = qualifier & 0x0f;
  if (prefix > 6) return Fault::bad_value;
  static constexpr std::array<std::uint8_t, 7> kPrefixBytes = {0, 1, 2, 4, 1, 2, 4};
  header.prefix_bytes = kPrefixBytes[prefix];
  header.prefix_is_size = prefix >= 4;
  if (range <= 5) {
    if (prefix != 0 || range > 2) return Fault::bad_value;  // virtual addresses are no points
    const auto bytes = static_cast<std::uint8_t>(1U << range);
    header.first = read_number(reader, bytes);
    const std::uint32_t last = read_number(reader, bytes);
    if (!reader.ok()) return Fault::truncated;
    if (last < header.first) return Fault::address_wrap;
    if (last - header.first == UINT32_MAX) return Fault::bad_quantity;
    header.count = last - header.first + 1;
    header.has_range = header.counted = true;
    return Fault::none;
  }
  if (range == kAllObjects) return prefix == 0 ? Fault::none : Fault::bad_value;
  const bool variable = range == kVariableFormat;
  if ((range < 7 || range > 9) && !variable) return Fault::bad_value;
  if (variable && !header.prefix_is_size) return Fault::bad_value;
  header.count = read_number(reader, variable ? 1 : static_cast<std::uint8_t>(1U << (range - 7)));
  header.counted = true;
  return reader.ok() ? Fault::none : Fault::truncated;
}

// Whether objects, and not only their numbers, follow the headers of a function.
bool carries_objects(const Application& application, const Header& header) {
  if (header.prefix_is_size) return true;
  switch (application.code) {
    case kRead:
    case kImmediateFreeze:
    case kImmediateFreezeNoResponse:
    case kFreezeClear:
    case kFreezeClearNoResponse:
    case kEnableUnsolicited:
    case kDisableUnsolicited:
    case kAssignClass:
    case kConfirm:
      return false;
    case kFreezeAtTime:
    case kFreezeAtTimeNoResponse:
      return header.group == 50;
    default:
      return header.group != kClassObjects;
  }
}

bool is_control(const Application& application) {
  return application.code >= kSelect && application.code <= kDirectOperateNoResponse;
}

class Walker {
 public:
  Walker(const Fragment& fragment, const Application& application, OperationList& operations)
      : fragment_(fragment),
        application_(application),
        operations_(operations),
        function_(find_function(application.code)),
        reader_(application.objects) {}

  Fault walk() {
    if (application_.objects.empty()) return add() != nullptr ? Fault::none : fault_;
    while (reader_.remaining() > 0) {
      Header header;
      if (const Fault fault = read_header(reader_, header); fault != Fault::none) return fault;
      if (const Fault fault = take(header); fault != Fault::none) return fault;
    }
    return reader_.ok() ? Fault::none : Fault::truncated;
  }

 private:
  Operation* add() {
    Operation* operation = operations_.add(function_);
    if (operation == nullptr) {
      fault_ = Fault::too_many_operations;
      return nullptr;
    }
    operation->set(kSource, fragment_.link.source);
    operation->set(kDestination, fragment_.link.destination);
    if (application_.is_response()) operation->set(kIin, application_.iin);
    return operation;
  }

  Operation* add(const Header& header) {
    Operation* operation = add();
    if (operation == nullptr) return nullptr;
    operation->set(kGroup, header.group);
    operation->set(kVariation, header.variation);
    if (header.has_range) {
      operation->set(kIndex, Range{header.first, std::int64_t{header.first} + header.count - 1});
    }
    return operation;
  }

  Fault take(const Header& header) {
    if (!carries_objects(application_, header)) return take_numbers(header);
    if (!header.counted) return Fault::bad_value;  // objects, but not how many
    const ObjectSize size = size_of_object(header.group, header.variation);
    if (header.count > 0 && has_values(header)) return take_valued(header, size);
    if (size.kind == ObjectSize::bits && size.size_bits < 8) return take_packed(header, size);
    return take_plain(header, size);
  }

  // Whether each object gets an operation of its own, for it says what a point is set to.
  bool has_values(const Header& header) const {
    if (header.prefix_is_size) return false;
    if (is_control(application_)) return true;
    const bool set = header.group == 80 || header.group == 34 || header.group == 10;
    return application_.code == kWrite && set;
  }

  // Points are only named: each index of a list is a point.
  Fault take_numbers(const Header& header) {
    if (header.prefix_bytes == 0) return add(header) != nullptr ? Fault::none : fault_;
    return take_list(header, 0);
  }

  // Objects with an index in front of each, `bytes` long. Points that follow one another make one
  // operation.
  Fault take_list(const Header& header, std::size_t bytes) {
    if (header.count == 0) return add(header) != nullptr ? Fault::none : fault_;
    Operation* latest = nullptr;
    for (std::uint32_t i = 0; i < header.count; ++i) {
      const std::int64_t index = read_number(reader_, header.prefix_bytes);
      reader_.skip(bytes);
      if (!reader_.ok()) return Fault::truncated;
      if (latest != nullptr && latest->fields[kIndex].range.high + 1 == index) {
        latest->fields[kIndex].range.high = index;
        continue;
      }
      latest = add(header);
      if (latest == nullptr) return fault_;
      latest->set(kIndex, index);
    }
    return Fault::none;
  }

  // One bit or two a point, without prefixes (annex A).
  Fault take_packed(const Header& header, const ObjectSize& size) {
    if (header.prefix_bytes != 0) return Fault::bad_value;
    const std::uint64_t bits = std::uint64_t{header.count} * size.size_bits;
    reader_.skip(static_cast<std::size_t>((bits + 7) / 8));
    if (!reader_.ok()) return Fault::truncated;
    return add(header) != nullptr ? Fault::none : fault_;
  }

  Fault take_plain(const Header& header, const ObjectSize& size) {
    if (header.prefix_is_size) return take_sized(header);
    if (size.kind == ObjectSize::attribute) return take_attributes(header);
    if (size.kind != ObjectSize::bits) return Fault::unknown_object;
    const std::size_t bytes = size.size_bits / 8;
    if (header.prefix_bytes != 0) return take_list(header, bytes);
    if (header.count > reader_.remaining() / bytes) return Fault::truncated;
    reader_.skip(bytes * header.count);
    return add(header) != nullptr ? Fault::none : fault_;
  }

  // Each object says how long it is: files, authentication, and others in free format.
  Fault take_sized(const Header& header) {
    for (std::uint32_t i = 0; i < header.count; ++i) {
      reader_.skip(read_number(reader_, header.prefix_bytes));
      if (!reader_.ok()) return Fault::truncated;
    }
    return add(header) != nullptr ? Fault::none : fault_;
  }

  // Annex A.1: type, length, and so many octets.
  Fault take_attributes(const Header& header) {
    for (std::uint32_t i = 0; i < header.count; ++i) {
      reader_.skip(header.prefix_bytes);
      reader_.skip(1);
      reader_.skip(reader_.u8());
      if (!reader_.ok()) return Fault::truncated;
    }
    return add(header) != nullptr ? Fault::none : fault_;
  }

  Fault take_valued(const Header& header, const ObjectSize& size) {
    if (size.kind != ObjectSize::bits) return Fault::unknown_object;
    if (size.size_bits < 8) return take_valued_bits(header, size);
    if (header.prefix_bytes == 0 && !header.has_range) return Fault::bad_value;
    for (std::uint32_t i = 0; i < header.count; ++i) {
      const std::int64_t index = header.prefix_bytes != 0
                                     ? read_number(reader_, header.prefix_bytes)
                                     : std::int64_t{header.first} + i;
      ByteReader object(reader_.take(size.size_bits / 8U));
      if (!reader_.ok()) return Fault::truncated;
      Operation* operation = add(header);
      if (operation == nullptr) return fault_;
      operation->set(kIndex, index);
      if (!set_value(header, object, *operation)) return Fault::unknown_object;
    }
    return Fault::none;
  }

  Fault take_valued_bits(const Header& header, const ObjectSize& size) {
    if (header.prefix_bytes != 0 || !header.has_range || size.size_bits != 1) {
      return Fault::bad_value;
    }
    const ByteView bytes = reader_.take((std::size_t{header.count} + 7) / 8);
    if (!reader_.ok()) return Fault::truncated;
    for (std::uint32_t i = 0; i < header.count; ++i) {
      Operation* operation = add(header);
      if (operation == nullptr) return fault_;
      operation->set(kIndex, std::int64_t{header.first} + i);
      operation->set_real(kValue, bytes[i / 8] >> (i % 8) & 1);
    }
    return Fault::none;
  }

  // What an object sets its point to (annexes A.8, A.15, A.23).
  static bool set_value(const Header& header, ByteReader& object, Operation& operation) {
    const unsigned type = header.group * 256U + header.variation;
    switch (type) {
      case 10 * 256 + 2:
        operation.set_real(kValue, object.u8() >> 7);
        return true;
      case 12 * 256 + 1:
      case 12 * 256 + 2:
        operation.set(kControlCode, object.u8());
        operation.set(kCount, object.u8());
        operation.set(kOnTime, object.u32_le());
        operation.set(kOffTime, object.u32_le());
        return true;
      case 41 * 256 + 1:
        operation.set_real(kValue, static_cast<std::int32_t>(object.u32_le()));
        return true;
      case 41 * 256 + 2:
        operation.set_real(kValue, static_cast<std::int16_t>(object.u16_le()));
        return true;
      case 34 * 256 + 1:
        operation.set_real(kValue, object.u16_le());
        return true;
      case 34 * 256 + 2:
        operation.set_real(kValue, object.u32_le());
        return true;
      case 34 * 256 + 3:
      case 41 * 256 + 3:
        operation.set_real(kValue, std::bit_cast<float>(object.u32_le()));
        return true;
      case 41 * 256 + 4:
        operation.set_real(kValue, std::bit_cast<double>(object.u64_le()));
        return true;
      default:
        return false;
    }
  }

  const Fragment& fragment_;
  const Application& application_;
  OperationList& operations_;
  std::uint16_t function_;
  ByteReader reader_;
  Fault fault_ = Fault::none;
};

struct GroupSizes {
  std::uint8_t group;
  std::array<std::uint8_t, 13> bytes;  // by variation; 0: there is none
};

// Annex A. Bits: see size_of_object().
constexpr std::array kGroups = {
    GroupSizes{1, {0, 0, 1}},
    GroupSizes{2, {0, 1, 7, 3}},
    GroupSizes{3, {0, 0, 1}},
    GroupSizes{4, {0, 1, 7, 3}},
    GroupSizes{10, {0, 0, 1}},
    GroupSizes{11, {0, 1, 7}},
    GroupSizes{12, {0, 11, 11}},
    GroupSizes{13, {0, 1, 7}},
    GroupSizes{20, {0, 5, 3, 5, 3, 4, 2, 4, 2}},
    GroupSizes{21, {0, 5, 3, 5, 3, 11, 9, 11, 9, 4, 2, 4, 2}},
    GroupSizes{22, {0, 5, 3, 5, 3, 11, 9, 11, 9}},
    GroupSizes{23, {0, 5, 3, 5, 3, 11, 9, 11, 9}},
    GroupSizes{30, {0, 5, 3, 4, 2, 5, 9}},
    GroupSizes{31, {0, 5, 3, 11, 9, 4, 2, 5, 9}},
    GroupSizes{32, {0, 5, 3, 11, 9, 5, 9, 11, 15}},
    GroupSizes{33, {0, 5, 3, 11, 9, 5, 9, 11, 15}},
    GroupSizes{34, {0, 2, 4, 4}},
    GroupSizes{40, {0, 5, 3, 5, 9}},
    GroupSizes{41, {0, 5, 3, 5, 9}},
    GroupSizes{42, {0, 5, 3, 11, 9, 5, 9, 11, 15}},
    GroupSizes{43, {0, 5, 3, 11, 9, 5, 9, 11, 15}},
    GroupSizes{50, {0, 6, 10, 6, 11}},
    GroupSizes{51, {0, 6, 6}},
    GroupSizes{52, {0, 2, 2}},
    GroupSizes{81, {0, 3}},
    GroupSizes{101, {0, 2, 4, 8}},
    GroupSizes{102, {0, 1}},
    GroupSizes{120, {0, 0, 0, 6}},
    GroupSizes{121, {0, 7}},
    GroupSizes{122, {0, 13, 7}},
};

// Octet strings and virtual terminals: the variation is their length (annexes A.44 to A.47).
bool is_string(std::uint8_t group) { return group >= 110 && group <= 113; }

}  // namespace

ObjectSize size_of_object(std::uint8_t group, std::uint8_t variation) {
  if (group == 0) return {ObjectSize::attribute, 0};
  if (is_string(group) && variation > 0)
    return {ObjectSize::bits, static_cast<std::uint16_t>(variation * 8)};
  if (group == kFileObjects) return {ObjectSize::free_format, 0};
  if (variation == 1 && (group == 1 || group == 10 || group == 80)) return {ObjectSize::bits, 1};
  if (group == 12 && variation == 3) return {ObjectSize::bits, 1};
  if (group == 3 && variation == 1) return {ObjectSize::bits, 2};
  for (const GroupSizes& known : kGroups) {
    if (known.group != group || variation >= known.bytes.size()) continue;
    const std::uint8_t bytes = known.bytes[variation];
    if (bytes == 0) break;
    return {ObjectSize::bits, static_cast<std::uint16_t>(bytes * 8)};
  }
  return {};
}

// FNV-1a over headers and objects, each object's last octet, its status, left out.
std::uint64_t digest_of_controls(ByteView objects) {
  constexpr std::uint64_t kBasis = 0xcbf29ce484222325ULL;
  constexpr std::uint64_t kPrime = 0x100000001b3ULL;
  std::uint64_t digest = kBasis;
  const auto add = [&digest](ByteView bytes) {
    for (const std::uint8_t byte : bytes) digest = (digest ^ byte) * kPrime;
  };
  ByteReader reader(objects);
  while (reader.remaining() > 0) {
    const std::size_t begin = reader.offset();
    Header header;
    if (read_header(reader, header) != Fault::none || header.prefix_is_size) return 0;
    add(objects.subspan(begin, reader.offset() - begin));
    const ObjectSize size = size_of_object(header.group, header.variation);
    if (size.kind != ObjectSize::bits) return 0;
    if (size.size_bits < 8) {
      add(reader.take((std::size_t{header.count} * size.size_bits + 7) / 8));
    } else {
      for (std::uint32_t i = 0; i < header.count && reader.ok(); ++i) {
        add(reader.take(std::size_t{header.prefix_bytes} + size.size_bits / 8U - 1));
        reader.skip(1);
      }
    }
    if (!reader.ok()) return 0;
  }
  return digest;
}

Fault parse_application(const Fragment& fragment, Application& application) {
  ByteReader reader(fragment.view());
  application.control = reader.u8();
  application.code = reader.u8();
  if (application.is_response()) application.iin = reader.u16();
  application.objects = reader.rest();
  return reader.ok() ? Fault::none : Fault::truncated;
}

Fault decode_objects(const Fragment& fragment, const Application& application,
                     OperationList& operations) {
  return Walker(fragment, application, operations).walk();
}

}  // namespace bulkhead::dnp3
