// A kernel interface that is used by a zone port: its state and settings. Each call asks the
// kernel, by the interface's index, in the network namespace of the process.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bulkhead::ports {

constexpr unsigned kNoInterface = 0;

// Its name; empty if it no longer exists.
std::string interface_name(unsigned interface);
std::optional<std::uint32_t> interface_mtu(unsigned interface);
// Whether it has carrier; not while it is set down.
bool interface_has_carrier(unsigned interface);
bool interface_is_set_up(unsigned interface);
// Sets the interface up or down (then it has no carrier). False without permission.
bool set_interface(unsigned interface, bool up);

// Offloads that are on and join received frames before a packet socket sees them, by their names
// for `ethtool -K`.
std::vector<std::string> joins_frames_by(unsigned interface);
// Turns these off, if this process has permission.
void stop_joining_frames(unsigned interface);

// Frames that a packet socket lost because its ring was full, since the last call
// (PACKET_STATISTICS); nothing if the descriptor is no such socket.
std::optional<std::uint32_t> take_lost_frames(int packet_socket);
// Clears a packet socket's pending error (its interface was set down), which would wake its poller
// again and again.
void clear_error(int socket);

}  // namespace bulkhead::ports
