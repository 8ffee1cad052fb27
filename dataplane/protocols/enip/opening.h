// Openings and closings of connections (CIP 3-5.5.2 and 3-5.5.3).
#pragma once

#include "dataplane/protocols/enip/path.h"

namespace bulkhead::enip {

// CIP 3-5.5.2: what names a connection from its request to its close.
struct ConnectionName {
  std::uint16_t serial = 0;
  std::uint16_t vendor = 0;
  std::uint32_t originator = 0;

  bool operator==(const ConnectionName&) const = default;
};
ConnectionName read_name(ByteReader& reader);

// A forward open: plain data, but for the tag, which stands beside it. What a path does not have is
// negative.
struct ForwardOpen {
  struct Way {
    std::uint32_t connection = 0;
    std::uint32_t rpi_us = 0;
    std::uint16_t bytes = 0;
    std::uint8_t type = 0;  // 0: none, 1: multicast, 2: point to point
    std::uint8_t priority = 0;
    bool variable = false;

    bool is_like(const Way& other) const {
      return rpi_us == other.rpi_us && bytes == other.bytes && type == other.type &&
             priority == other.priority && variable == other.variable;
    }
  };
  std::array<Way, 2> ways;  // to the target, to the originator
  ConnectionName name;
  std::uint8_t service = 0;     // which opening
  std::uint8_t multiplier = 0;  // time-out: 4 packets, twice for each
  std::uint8_t trigger = 0;     // transport class and trigger
  bool has_configuration = false;
  std::uint16_t configuration_bytes = 0;
  // What flows each way; the instance of an assembly that may be taken for such too.
  std::array<std::int64_t, 2> points = {-1, -1};
  std::array<std::int64_t, 2> instances = {-1, -1};
  std::int16_t inhibit_ms = -1;
  std::int64_t class_id = -1;
  std::int64_t instance = -1;  // of the configuration
  std::int32_t key_vendor = -1;
  std::int32_t key_device = -1;
  Route route;  // of its own path
};
// CIP 3-4.4.3: whether it is of a transport class whose data travels in datagrams.
constexpr bool is_implicit(const ForwardOpen& open) { return (open.trigger & 0x0fU) <= 1; }

constexpr bool is_opening(std::uint8_t service) {
  return service == kForwardOpen || service == kLargeForwardOpen;
}

// Of a request to the connection manager. `names` holds the tag; `path` is what of its path is not
// in `open`.
protocols::Fault parse_open(const Request& request, Names& names, ForwardOpen& open,
                            ConnectionPath& path);
// Adds what it asks for, of a target at the end of `route`.
protocols::Fault add_open(const ForwardOpen& open, ByteView tag, const RouteFields& route,
                          protocols::OperationList& operations);

// What parse() keeps of a request, beside the Encapsulation and the CommonPacket: what the
// innermost request asks for.
struct Asked {
  // As its reply is listed: of a close, whose the connection is; of a packet, what is inside.
  std::uint16_t function = kNotInCatalogue;
  std::uint8_t service = 0;
};
// And if it opens a connection: where it leads, from the host on. The tag is one of Names.
struct AskedOpening {
  ForwardOpen open;
  Route route;
  ByteView tag;
};

struct ForwardClose {
  ConnectionName name;
  ConnectionPath path;
};
protocols::Fault parse_close(ByteView data, Names& names, ForwardClose& close);

// What an opening's reply says (3-5.5.2); false if it is none of a success.
struct Opened {
  std::array<std::uint32_t, 2> connections{};
  ConnectionName name;
};
bool parse_opened(ByteView reply, Opened& opened);

}  // namespace bulkhead::enip
