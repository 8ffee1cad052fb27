// What the kernel knows and does of an interface of its own that a zone port stands on. Each call
// asks it anew, by the interface's index, in the network namespace of the process.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bulkhead::ports {

constexpr unsigned kNoInterface = 0;

// Its name; empty if it has gone.
std::string interface_name(unsigned interface);
std::optional<std::uint32_t> interface_mtu(unsigned interface);
// Whether it has carrier; not while it is set down.
bool interface_has_carrier(unsigned interface);
bool interface_is_set_up(unsigned interface);
// False if this process may not do that. An interface that is set down shows no carrier.
bool set_interface(unsigned interface, bool up);

// What is on of that which joins received frames into longer ones before a packet socket sees them,
// by the names that `ethtool -K` takes.
std::vector<std::string> joins_frames_by(unsigned interface);
// Turns that off, if this process may.
void stop_joining_frames(unsigned interface);

// Frames that a packet socket lost because its ring was full, since the last call
// (PACKET_STATISTICS); nothing if the descriptor is no such socket.
std::optional<std::uint32_t> take_lost_frames(int packet_socket);
// Takes a packet socket's pending error, as it has one when its interface was set down: it would
// wake whoever waits for frames, again and again.
void clear_error(int socket);

}  // namespace bulkhead::ports
