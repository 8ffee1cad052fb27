// Routes beyond the host, and the paths of connections, which begin with one.
#include <algorithm>

#include "dataplane/protocols/enip/path.h"
#include "dataplane/protocols/enip/segments.h"

namespace bulkhead::enip {

using protocols::Fault;

bool Route::add(ByteView more) {
  if (more.size() > kBytesMax - size) return false;
  std::copy(more.begin(), more.end(), hops.begin() + size);
  size = static_cast<std::uint8_t>(size + more.size());
  return true;
}

namespace {

constexpr std::uint8_t kLongAddress = 0x10;
constexpr std::uint8_t kExtendedPort = 0x0f;

struct Hop {
  std::uint16_t port = 0;
  std::uint8_t link = 0;  // where there is no address
  ByteView address;
};

bool is_digit(std::uint8_t c) { return c >= '0' && c <= '9'; }

// C-1.4.1: a port, and the address of a link behind it: a number, or text of a network that has
// longer addresses. Text of digits alone would be spelled as a number is.
Fault read_hop(ByteReader& reader, Hop& hop) {
  const std::uint8_t segment = reader.u8();
  const bool is_long = (segment & kLongAddress) != 0;
  const std::size_t length = is_long ? reader.u8() : 1;
  hop.port = segment & 0x0f;
  const bool is_extended = hop.port == kExtendedPort;
  if (is_extended) hop.port = reader.u16_le();
  if (is_long) {
    hop.address = reader.take(length);
    if (length % 2 != 0 && reader.u8() != 0) return Fault::bad_value;
  } else {
    hop.link = reader.u8();
  }
  if (!reader.ok()) return Fault::truncated;
  if (hop.port == 0 || (is_extended && hop.port < kExtendedPort)) return Fault::bad_value;
  if (!is_long) return Fault::none;
  if (length < 2 || std::all_of(hop.address.begin(), hop.address.end(), is_digit)) {
    return Fault::bad_value;
  }
  const bool visible = std::all_of(hop.address.begin(), hop.address.end(), [](std::uint8_t c) {
    return c > 0x20 && c <= 0x7e && c != '/';
  });
  return visible ? Fault::none : Fault::bad_value;
}

bool spell_hop(const Hop& hop, Names& names) {
  if (!names.add_number(hop.port) || !names.add('/')) return false;
  return hop.address.empty() ? names.add_number(hop.link) : names.add(hop.address);
}

class ConnectionPathReader {
 public:
  ConnectionPathReader(ByteView bytes, Names& names, ConnectionPath& path)
      : bytes_(bytes), reader_(bytes), names_(names), path_(path) {}

  Fault read() {
    if (const Fault fault = read_way(); fault != Fault::none) return fault;
    path_.application = bytes_.subspan(reader_.offset());
    if (path_.application.empty()) return Fault::bad_value;
    const bool named = path_.application[0] == kSymbol;
    const Fault fault = named ? read_name() : read_object();
    return fault != Fault::none ? fault : read_extras();
  }

 private:
  // The hops, with one electronic key in front of them or behind.
  Fault read_way() {
    while (reader_.remaining() > 0) {
      const std::size_t at = reader_.offset();
      const std::uint8_t segment = bytes_[at];
      if ((segment & kTypeMask) == kPortSegment) {
        Hop hop;
        if (const Fault fault = read_hop(reader_, hop); fault != Fault::none) return fault;
        if (!path_.route.add(bytes_.subspan(at, reader_.offset() - at))) return Fault::bad_length;
      } else if (segment == kElectronicKey) {
        if (const Fault fault = read_key(); fault != Fault::none) return fault;
      } else {
        return Fault::none;
      }
    }
    return Fault::none;
  }

  // C-1.4.2.5: format 4: vendor, device type, product code and revision.
  Fault read_key() {
    if (path_.vendor >= 0) return Fault::unknown_object;
    reader_.skip(1);
    const std::uint8_t format = reader_.u8();
    path_.vendor = reader_.u16_le();
    path_.device = reader_.u16_le();
    path_.key = reader_.take(4);
    if (!reader_.ok()) return Fault::truncated;
    return format == 4 ? Fault::none : Fault::unknown_object;
  }

  Fault read_name() {
    const std::size_t begin = names_.used();
    while (reader_.remaining() > 0 && bytes_[reader_.offset()] == kSymbol) {
      reader_.skip(1);
      ByteView name;
      if (const Fault fault = read_symbol(reader_, name); fault != Fault::none) return fault;
      const bool follows = names_.used() > begin;
      if (follows && !names_.add('.')) return Fault::bad_length;
      if (!names_.add(name)) return Fault::bad_length;
    }
    path_.tag = names_.from(begin);
    return Fault::none;
  }

  bool is_logical() const {
    return reader_.remaining() > 0 && (bytes_[reader_.offset()] & kTypeMask) == kLogical;
  }

  // A class, an instance (of assemblies that of the configuration), and up to two points, each as
  // such: some receivers take instances in their place (3-5.5.1.10).
  Fault read_object() {
    for (unsigned position = 0; is_logical(); ++position) {
      const std::uint8_t segment = reader_.u8();
      std::uint32_t value = 0;
      if (const Fault fault = read_logical_value(reader_, segment, value); fault != Fault::none) {
        return fault;
      }
      const std::uint8_t type = segment & kLogicalTypeMask;
      if (position == 0) {
        if (type != kOfClass) return Fault::unknown_object;
        path_.class_id = value;
        continue;
      }
      if (position == 1 && type == kOfInstance) {
        path_.instance = value;
        continue;
      }
      if (type != kOfConnectionPoint) return Fault::unknown_object;
      if (path_.point_count == path_.points.size()) return Fault::unknown_object;
      path_.points[path_.point_count++] = value;
    }
    const bool told = path_.instance >= 0 || path_.point_count > 0;
    return told ? Fault::none : Fault::bad_value;
  }

  // C-1.4.3.4: the time between two productions; C-1.4.5.1: words of configuration. Each once.
  Fault read_extras() {
    while (reader_.remaining() > 0) {
      const std::uint8_t segment = reader_.u8();
      if (segment == kProductionInhibit && path_.inhibit.empty()) {
        path_.inhibit = reader_.take(1);
      } else if (segment == kSimpleData && !path_.has_configuration) {
        path_.has_configuration = true;
        path_.configuration = reader_.take(std::size_t{reader_.u8()} * 2);
      } else {
        return Fault::unknown_object;
      }
      if (!reader_.ok()) return Fault::truncated;
    }
    return Fault::none;
  }

  ByteView bytes_;
  ByteReader reader_;
  Names& names_;
  ConnectionPath& path_;
};

}  // namespace

Fault parse_route(ByteView bytes, Route& route) {
  if (bytes.empty()) return Fault::bad_value;
  ByteReader reader(bytes);
  while (reader.remaining() > 0) {
    if ((bytes[reader.offset()] & kTypeMask) != kPortSegment) return Fault::unknown_object;
    Hop hop;
    if (const Fault fault = read_hop(reader, hop); fault != Fault::none) return fault;
  }
  return route.add(bytes) ? Fault::none : Fault::bad_length;
}

Fault describe_route(const Route& route, Names& names, RouteFields& fields) {
  fields = RouteFields{};
  if (route.empty()) return Fault::none;
  const std::size_t begin = names.used();
  constexpr std::array<std::uint8_t, 7> kUnknown = {'u', 'n', 'k', 'n', 'o', 'w', 'n'};
  if (route.unknown && !names.add(kUnknown)) return Fault::bad_length;
  ByteReader reader(route.bytes());
  for (bool first = !route.unknown; reader.remaining() > 0; first = false) {
    Hop hop;
    if (const Fault fault = read_hop(reader, hop); fault != Fault::none) return fault;
    if (first && reader.remaining() == 0 && hop.address.empty()) {
      fields.port = hop.port;
      fields.link = hop.link;
      return Fault::none;
    }
    if (!first && !names.add('/')) return Fault::bad_length;
    if (!spell_hop(hop, names)) return Fault::bad_length;
  }
  fields.path = names.from(begin);
  return Fault::none;
}

Fault parse_connection_path(ByteView bytes, Names& names, ConnectionPath& path) {
  path = ConnectionPath{};
  return ConnectionPathReader(bytes, names, path).read();
}

}  // namespace bulkhead::enip
