// Objects that say themselves how long they are: files, applications and authentication.
#include "dataplane/protocols/dnp3/objects.h"
#include "dataplane/protocols/file_path.h"

namespace bulkhead::dnp3 {

using protocols::Fault;

namespace {

constexpr std::size_t kNameBytesMax = 255;

// Names that no receiver cuts short or reads as two: no control characters, in one piece.
bool is_name(ByteView name) {
  if (name.empty() || name.size() > kNameBytesMax) return false;
  for (const std::uint8_t octet : name) {
    if (octet < 0x20 || octet > 0x7e) return false;
  }
  return true;
}

Fault parse_name(ByteView name, FreeFormat& content) {
  content.name = name;
  return is_name(name) ? Fault::none : Fault::bad_value;
}

// Of a file, which lies where its name says; the folder in which names begin is `.` too (A.31.7).
Fault take_file_name(ByteView name, FreeFormat& content) {
  const bool is_root = name.size() == 1 && name[0] == '.';
  if (!is_root && !protocols::leads_down(name)) return Fault::bad_value;
  return parse_name(name, content);
}

// Lengths that stand in front of what they count, which is all that follows `fixed` octets.
Fault check_lengths(ByteReader& reader, std::initializer_list<std::size_t> lengths) {
  std::size_t all = 0;
  for (const std::size_t length : lengths) all += length;
  if (!reader.ok()) return Fault::truncated;
  return reader.remaining() == all ? Fault::none : Fault::bad_byte_count;
}

// A.31.2: offsets from the object's first octet, in this order and without gaps.
Fault parse_file_authentication(ByteReader& reader) {
  constexpr std::uint16_t kFixedBytes = 12;
  const std::uint16_t user_at = reader.u16_le();
  const std::uint16_t user_bytes = reader.u16_le();
  const std::uint16_t password_at = reader.u16_le();
  const std::uint16_t password_bytes = reader.u16_le();
  reader.skip(4);
  if (user_at != kFixedBytes || password_at != kFixedBytes + user_bytes) {
    return Fault::bad_byte_count;
  }
  return check_lengths(reader, {user_bytes, password_bytes});
}

// A.31.3 and A.31.7: the name stands behind what is of fixed size.
Fault parse_file_command(ByteReader& reader, FreeFormat& content) {
  constexpr std::uint16_t kFixedBytes = 26;
  constexpr std::uint16_t kModeMax = 3;
  const std::uint16_t name_at = reader.u16_le();
  const std::uint16_t name_bytes = reader.u16_le();
  reader.skip(16);  // time, permissions, authentication key and size
  content.mode = reader.u16_le();
  content.has_mode = true;
  reader.skip(4);  // block size and request identifier
  if (name_at != kFixedBytes) return Fault::bad_byte_count;
  if (const Fault fault = check_lengths(reader, {name_bytes}); fault != Fault::none) return fault;
  return content.mode <= kModeMax ? take_file_name(reader.rest(), content) : Fault::bad_value;
}

Fault parse_file_descriptor(ByteReader& reader, FreeFormat& content) {
  constexpr std::uint16_t kFixedBytes = 20;
  const std::uint16_t name_at = reader.u16_le();
  const std::uint16_t name_bytes = reader.u16_le();
  reader.skip(16);  // type, size, time, permissions and request identifier
  if (name_at != kFixedBytes) return Fault::bad_byte_count;
  if (const Fault fault = check_lengths(reader, {name_bytes}); fault != Fault::none) return fault;
  return take_file_name(reader.rest(), content);
}

Fault parse_file(std::uint8_t variation, ByteView object, FreeFormat& content) {
  ByteReader reader(object);
  switch (variation) {
    case 2:
      return parse_file_authentication(reader);
    case 3:
      return parse_file_command(reader, content);
    case 4:
      reader.skip(13);  // handle, size, block size, request identifier and status; text follows
      break;
    case 5:
      reader.skip(8);  // handle and block number; data follow
      break;
    case 6:
      reader.skip(9);
      break;
    case 7:
      return parse_file_descriptor(reader, content);
    case 8:
      return take_file_name(object, content);
    default:
      return Fault::unknown_object;
  }
  return reader.ok() ? Fault::none : Fault::truncated;
}

// A.45: a challenge, an answer, keys and users; what has no length in it fills the rest.
Fault check_authentication(std::uint8_t variation, ByteView object) {
  ByteReader reader(object);
  std::uint16_t first = 0;
  std::uint16_t second = 0;
  switch (variation) {
    case 1:
    case 12:
    case 13:
      reader.skip(variation == 1 ? 8 : 6);
      if (variation == 1) break;
      first = reader.u16_le();
      return check_lengths(reader, {first});
    case 2:
    case 6:
      reader.skip(6);
      break;
    case 5:
      reader.skip(9);
      reader.skip(reader.u16_le());  // the challenge; the MAC follows
      break;
    case 7:
      reader.skip(15);
      break;
    case 8:
      reader.skip(2);
      break;
    case 10:
      reader.skip(10);
      first = reader.u16_le();
      second = reader.u16_le();
      return check_lengths(reader, {first, second, reader.u16_le()});
    case 11:
      reader.skip(1);
      first = reader.u16_le();
      second = reader.u16_le();
      return check_lengths(reader, {first, second});
    case kAuthenticationCode:
    case 14:
    case 15:
      return object.empty() ? Fault::truncated : Fault::none;
    default:
      return Fault::unknown_object;
  }
  return reader.ok() ? Fault::none : Fault::truncated;
}

}  // namespace

Fault parse_free_format(const Header& header, ByteView object, FreeFormat& content) {
  content = FreeFormat{};
  switch (header.group) {
    case kFileObjects:
      return parse_file(header.variation, object, content);
    case kApplicationObjects:
      return parse_name(object, content);
    case kAuthenticationObjects:
      return check_authentication(header.variation, object);
    default:
      return Fault::none;
  }
}

}  // namespace bulkhead::dnp3
