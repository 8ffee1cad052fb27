// What objects set their points to, and whether two requests set the same.
#include <bit>

#include "dataplane/protocols/dnp3/objects.h"
#include "dataplane/protocols/dnp3/pairing.h"

namespace bulkhead::dnp3 {

using protocols::Fault;
using protocols::Operation;

namespace {

// A.8.1: the trip-close code and the operation type are of those that are defined, nothing is
// queued, and no request has a status.
Fault set_relay(ByteReader& object, Operation& operation) {
  constexpr std::uint8_t kOperationTypeMax = 4;
  constexpr std::uint8_t kQueue = 0x10;
  const std::uint8_t code = object.u8();
  operation.set(kControlCode, code);
  operation.set(kCount, object.u8());
  operation.set(kOnTime, object.u32_le());
  operation.set(kOffTime, object.u32_le());
  const bool defined = (code & 0x0f) <= kOperationTypeMax && code >> 6 != 3 && (code & kQueue) == 0;
  return defined && object.u8() == 0 ? Fault::none : Fault::bad_value;
}

}  // namespace

Fault set_value(const Header& header, ByteView bytes, Operation& operation) {
  ByteReader object(bytes);
  const unsigned type = header.group * 256U + header.variation;
  const bool has_status = header.group == 41;
  switch (type) {
    case 12 * 256 + 1:
      return set_relay(object, operation);
    case 41 * 256 + 1:
      operation.set_real(kValue, static_cast<std::int32_t>(object.u32_le()));
      break;
    case 41 * 256 + 2:
      operation.set_real(kValue, static_cast<std::int16_t>(object.u16_le()));
      break;
    case 34 * 256 + 1:
      operation.set_real(kValue, object.u16_le());
      break;
    case 34 * 256 + 2:
      operation.set_real(kValue, object.u32_le());
      break;
    case 34 * 256 + 3:
    case 41 * 256 + 3:
      operation.set_real(kValue, std::bit_cast<float>(object.u32_le()));
      break;
    case 41 * 256 + 4:
      operation.set_real(kValue, std::bit_cast<double>(object.u64_le()));
      break;
    case 102 * 256 + 1:
      operation.set_real(kValue, object.u8());
      break;
    default:
      return Fault::unknown_object;
  }
  // What is no number has no value that a rule could name, and receivers treat it as they like.
  if (!operation.has(kValue)) return Fault::bad_value;
  return !has_status || object.u8() == 0 ? Fault::none : Fault::bad_value;
}

// FNV-1a over headers and objects, each object's last octet, its status, left out.
std::uint64_t digest_of_controls(ByteView objects) {
  constexpr std::uint64_t kBasis = 0xcbf29ce484222325ULL;
  constexpr std::uint64_t kPrime = 0x100000001b3ULL;
  constexpr std::size_t kAggressiveBytes = 6;
  std::uint64_t digest = kBasis;
  const auto add = [&digest](ByteView bytes) {
    for (const std::uint8_t byte : bytes) digest = (digest ^ byte) * kPrime;
  };
  ByteReader reader(objects);
  while (reader.remaining() > 0) {
    const std::size_t begin = reader.offset();
    Header header;
    if (read_header(reader, header) != Fault::none) return 0;
    if (header.group == kAuthenticationObjects) {  // authenticates only this message
      reader.skip(header.form == Form::sized ? reader.u16_le() : kAggressiveBytes);
      continue;
    }
    if (header.form == Form::sized) return 0;
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

FileHandle file_handle_of(ByteView objects) {
  constexpr std::size_t kAggressiveBytes = 6;
  constexpr std::size_t kStatusAt = 12;
  ByteReader reader(objects);
  Header header;
  if (read_header(reader, header) != Fault::none) return {};
  if (header.is(kAuthenticationObjects, kAggressiveRequest)) {
    reader.skip(kAggressiveBytes);
    if (read_header(reader, header) != Fault::none) return {};
  }
  const bool has_handle = header.is(kFileObjects, 4) || header.is(kFileObjects, 5);
  if (!has_handle || header.form != Form::sized) return {};
  const ByteView object = reader.take(reader.u16_le());
  if (object.size() <= kStatusAt && header.variation == 4) return {};
  FileHandle file;
  file.handle = ByteReader(object).u32_le();
  file.status = header.variation == 4 ? object[kStatusAt] : std::uint8_t{0};
  file.known = object.size() >= 4;
  return file;
}

}  // namespace bulkhead::dnp3
