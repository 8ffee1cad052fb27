// Paths (CIP, appendix C): what a request addresses, the way to it beyond the host, and where a
// connection leads.
#pragma once

#include "dataplane/protocols/enip/layout.h"

namespace bulkhead::enip {

// Names that paths of one message spell stand here; good until the thread parses another.
class Names {
 public:
  void clear() { used_ = 0; }
  bool add(ByteView part);
  bool add(char c) { return add(ByteView{reinterpret_cast<const std::uint8_t*>(&c), 1}); }
  bool add_number(std::uint32_t number);
  bool add_index(std::uint32_t index) { return add('[') && add_number(index) && add(']'); }
  std::size_t used() const { return used_; }
  ByteView from(std::size_t begin) const { return {bytes_.data() + begin, used_ - begin}; }

 private:
  std::size_t used_ = 0;
  std::array<std::uint8_t, 65536> bytes_;
};

// What a request addresses. What the path does not have is negative, or empty.
struct Path {
  std::int64_t class_id = -1;  // the innermost object's, wherever it stands
  std::int64_t instance = -1;
  std::int64_t attribute = -1;
  std::int64_t member = -1;  // the last index
  // Name.Name[1].Name without the last index; after an object 107/5.Name.
  ByteView tag;
  // Several objects, each in the one before it: 104/2/107/5, or Program:Main/107/0.
  ByteView object;

  // Whether class and instance are all that the path says of the object.
  bool is_plain() const { return tag.empty() && object.empty(); }
  bool is_tag() const { return !tag.empty() || class_id == kSymbolObject; }
};
protocols::Fault parse_path(ByteView bytes, Names& names, Path& path);

void set_path(const Path& path, protocols::Operation& operation);

// Port segments (C-1.4.1), one after the other, in their one form.
struct Route {
  static constexpr std::size_t kBytesMax = 46;
  std::uint8_t size = 0;
  bool unknown = false;  // it leads somewhere, but nobody saw where
  std::array<std::uint8_t, kBytesMax> hops{};

  ByteView bytes() const { return {hops.data(), size}; }
  bool empty() const { return size == 0 && !unknown; }
  bool add(ByteView more);
  bool operator==(const Route& other) const {
    return size == other.size && unknown == other.unknown && hops == other.hops;
  }
};
// All of `bytes` is port segments, one at least.
protocols::Fault parse_route(ByteView bytes, Route& route);

// The fields of a route: one hop with a number has `port` and `link`, others have `path`.
struct RouteFields {
  std::int32_t port = -1;
  std::int32_t link = -1;
  ByteView path;

  void set(protocols::Operation& operation) const {
    if (port >= 0) operation.set(kPort, port);
    if (link >= 0) operation.set(kLink, link);
    if (!path.empty()) operation.set_name(kPath, path);
  }
};
protocols::Fault describe_route(const Route& route, Names& names, RouteFields& fields);

// CIP 3-5.5.1.10: the route, an electronic key, and what is connected at its end.
struct ConnectionPath {
  Route route;
  std::int32_t vendor = -1;  // of the electronic key
  std::int32_t device = -1;
  std::int64_t class_id = -1;
  std::int64_t instance = -1;
  ByteView tag;
  std::array<std::int64_t, 2> points = {-1, -1};
  std::uint8_t point_count = 0;
  bool has_configuration = false;
  ByteView configuration;
  ByteView key;          // what of the key stands in no field
  ByteView inhibit;      // milliseconds between productions
  ByteView application;  // all after the route and the key
};
protocols::Fault parse_connection_path(ByteView bytes, Names& names, ConnectionPath& path);

// What a reply is most likely to be of where it is not known what was asked.
std::uint16_t function_alone(std::uint8_t service);

}  // namespace bulkhead::enip
