// Paths (CIP, appendix C): logical segments, symbols, electronic keys and routes, to their ends.
#include <algorithm>

#include "dataplane/protocols/enip/layout.h"

namespace bulkhead::enip {

using protocols::Fault;

bool Names::add(ByteView part) {
  if (part.size() > bytes_.size() - used_) return false;
  std::copy(part.begin(), part.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(used_));
  used_ += part.size();
  return true;
}

bool Names::add_index(std::uint32_t index) {
  std::array<std::uint8_t, 12> text{};
  std::size_t at = text.size();
  text[--at] = ']';
  do {
    text[--at] = static_cast<std::uint8_t>('0' + index % 10);
    index /= 10;
  } while (index > 0);
  text[--at] = '[';
  return add(ByteView(text).subspan(at));
}

namespace {

// Segment types and formats (C-1.4).
constexpr std::uint8_t kTypeMask = 0xe0;
constexpr std::uint8_t kPort = 0x00;
constexpr std::uint8_t kLogical = 0x20;
constexpr std::uint8_t kNetwork = 0x40;
constexpr std::uint8_t kSimpleData = 0x80;
constexpr std::uint8_t kSymbol = 0x91;
constexpr std::uint8_t kElectronicKey = 0x34;

class PathReader {
 public:
  PathReader(ByteView bytes, Names& names, Path& path)
      : reader_(bytes), names_(names), path_(path), begin_(names.used()) {}

  Fault read() {
    while (reader_.remaining() > 0) {
      const std::uint8_t segment = reader_.u8();
      Fault fault = Fault::unknown_object;
      switch (segment & kTypeMask) {
        case kPort:
          fault = read_port(segment);
          break;
        case kLogical:
          fault = segment == kElectronicKey ? read_key() : read_logical(segment);
          break;
        case kNetwork:
          reader_.skip(1);  // all that have no other length (C-1.4.3)
          fault = segment == 0x40 || segment == 0x41 || segment == 0x42 || segment == 0x43
                      ? Fault::none
                      : Fault::unknown_object;
          break;
        case kSimpleData:
          fault = segment == kSymbol ? read_symbol() : read_data(segment);
          break;
        default:
          break;
      }
      if (fault != Fault::none) return fault;
      if (!reader_.ok()) return Fault::truncated;
    }
    path_.tag = names_.from(begin_);
    return Fault::none;
  }

 private:
  // C-1.4.1: a port, and the address of a link behind it.
  Fault read_port(std::uint8_t segment) {
    constexpr std::uint8_t kLongAddress = 0x10;
    constexpr std::uint8_t kExtendedPort = 0x0f;
    const std::size_t length = (segment & kLongAddress) != 0 ? reader_.u8() : 1;
    if ((segment & 0x0f) == kExtendedPort) reader_.skip(2);
    reader_.skip(length);
    if ((segment & kLongAddress) != 0 && length % 2 != 0) reader_.skip(1);
    return Fault::none;
  }

  // C-1.4.2: what, in one, two or four octets.
  Fault read_logical(std::uint8_t segment) {
    std::int64_t value = 0;
    switch (segment & 0x03) {
      case 0:
        value = reader_.u8();
        break;
      case 1:
        reader_.skip(1);
        value = reader_.u16_le();
        break;
      case 2:
        reader_.skip(1);
        value = reader_.u32_le();
        break;
      default:
        return Fault::unknown_object;
    }
    switch (segment & 0x1c) {
      case 0x00:
        path_.class_id = value;
        path_.instance = path_.attribute = path_.member = -1;
        return Fault::none;
      case 0x04:
        path_.instance = value;
        return Fault::none;
      case 0x08:
        return take_member(value);
      case 0x0c:
        if (path_.connection_point_count == path_.connection_points.size()) {
          return Fault::unknown_object;
        }
        path_.connection_points[path_.connection_point_count++] = value;
        return Fault::none;
      case 0x10:
        path_.attribute = value;
        return Fault::none;
      default:
        return Fault::unknown_object;
    }
  }

  // The last index counts elements; those before it belong to the name.
  Fault take_member(std::int64_t value) {
    if (path_.member >= 0 && !flush_member()) return Fault::bad_length;
    path_.member = value;
    return Fault::none;
  }

  bool flush_member() {
    return path_.member < 0 || names_.add_index(static_cast<std::uint32_t>(path_.member));
  }

  // C-1.4.2.5: format 4: vendor, device type, product code and revision.
  Fault read_key() {
    const std::uint8_t format = reader_.u8();
    path_.vendor = reader_.u16_le();
    path_.device = reader_.u16_le();
    reader_.skip(4);
    return format == 4 || !reader_.ok() ? Fault::none : Fault::unknown_object;
  }

  Fault read_symbol() {
    const std::size_t length = reader_.u8();
    const ByteView name = reader_.take(length);
    if (length % 2 != 0) reader_.skip(1);
    if (!reader_.ok()) return Fault::truncated;
    if (length == 0) return Fault::bad_value;
    if (!flush_member()) return Fault::bad_length;
    path_.member = -1;
    const bool follows = names_.used() > begin_;
    if (follows && !names_.add('.')) return Fault::bad_length;
    return names_.add(name) ? Fault::none : Fault::bad_length;
  }

  // C-1.4.5.1: words of configuration behind a connection path.
  Fault read_data(std::uint8_t segment) {
    if (segment != kSimpleData) return Fault::unknown_object;
    reader_.skip(std::size_t{reader_.u8()} * 2);
    return Fault::none;
  }

  ByteReader reader_;
  Names& names_;
  Path& path_;
  std::size_t begin_;
};

}  // namespace

Fault parse_path(ByteView bytes, Names& names, Path& path) {
  path = Path{};
  return PathReader(bytes, names, path).read();
}

}  // namespace bulkhead::enip
