// What is remembered of a session: its handle, its connections, and requests that wait for their
// replies. Plain data.
#pragma once

#include <array>

#include "dataplane/protocols/enip/opening.h"
#include "dataplane/protocols/outstanding.h"

namespace bulkhead::enip {

constexpr std::size_t kOutstandingUsual = 5;

struct Outstanding {
  std::uint32_t asked_ms = 0;
  std::uint16_t function = 0;  // of the innermost request, or of the command
  std::uint8_t service = 0;    // the reply's; 0: none is carried
  std::uint8_t how = 0;        // Carried, and behind it the place of what it opens
  std::uint64_t context = 0;   // of a connected request its sequence count, and its connection
};

// Both ways of a connection, as the reply to its opening named them, and who opened it. Its route
// stands beside it.
struct Connection {
  enum State : std::uint8_t { kNone, kAsked, kExplicit, kImplicit };
  std::uint32_t to_target = 0;
  std::uint32_t to_originator = 0;
  ConnectionName name;
  std::uint8_t state = kNone;
  std::uint8_t route_size : 7 = 0;
  std::uint8_t route_unknown : 1 = 0;
};

// One connection with a short route stands in every block, the others in the larger one.
template <std::size_t kRouteBytes>
struct Placed {
  Connection connection;
  std::array<std::uint8_t, kRouteBytes> route{};
};

struct Known {
  std::uint32_t session = 0;  // the handle; 0: none is registered
  std::uint8_t next = 0;      // of connections, round and round
  bool unseen = false;        // the beginning was not seen: any handle will do
  Placed<12> first;
};

using Session = protocols::OutstandingTable<Outstanding, Known>;

constexpr std::size_t kConnectionsMax = 31;  // of the larger block
constexpr std::size_t kSessionBytesMax = Session::bytes_for(protocols::kOutstandingMax) +
                                         kConnectionsMax * sizeof(Placed<Route::kBytesMax>);
static_assert(sizeof(Placed<Route::kBytesMax>) == 68);  // of layout 3
constexpr auto kStateLayout = Session::layout<kOutstandingUsual, 16, 40>(3, kSessionBytesMax);

Session session_in(std::span<std::byte> block);

// Both expect an encapsulated message that parse() accepted.
protocols::Fault accept_request(std::span<std::byte> block, const protocols::Parsed& request,
                                std::uint32_t now_ms);
protocols::Fault accept_reply(std::span<std::byte> block, const protocols::Parsed& reply,
                              std::uint32_t now_ms);

// By which number a reply that accept_reply() refused differs.
protocols::Difference difference(std::span<std::byte> block, const protocols::Parsed& reply);

// The function of the request that a reply answers; kNotInCatalogue if it is none's.
std::uint16_t asked_function(std::span<const std::byte> block, const Encapsulation& encapsulation,
                             const CommonPacket& packet);

// The way back of a connection; 0 if it is not known.
std::uint32_t way_back(std::span<std::byte> block, std::uint32_t to_target);

// Where messages on a connection go: false if it is not known and was opened in the session, if at
// all. In a session whose beginning was not seen the route of a connection may be unknown.
bool find_route(std::span<const std::byte> block, std::uint32_t to_target, Route& route);
// Whether the session opened a connection of this name at the end of this route.
bool has_opened(std::span<const std::byte> block, const ConnectionName& name, const Route& route);

}  // namespace bulkhead::enip
