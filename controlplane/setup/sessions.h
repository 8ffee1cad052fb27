// Over which interfaces the operator may be connected: they are never taken for a zone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "controlplane/setup/facts.h"
#include "controlplane/setup/inspect.h"
#include "controlplane/setup/machine.h"

namespace bulkhead::setup {

// A TCP session that is established.
struct TcpSession {
  std::string address;  // of this machine
  std::uint16_t port = 0;
  std::string peer;
};
// As /proc/net/tcp and /proc/net/tcp6 list them.
std::vector<TcpSession> read_tcp_sessions(const std::string& text);

// A network behind an interface.
struct Route {
  std::string network;  // as 192.0.2.0/24
  std::string interface;
};
// As /proc/net/route and /proc/net/ipv6_route list them.
std::vector<Route> read_routes(const std::string& text);
std::vector<Route> read_routes6(const std::string& text);
// The interface of the longest network that holds the address; empty if none does.
std::string interface_to(const std::string& address, const std::vector<Route>& routes);

// 192.0.2.0/24 or 2001:db8::/32 holds the address; a network without a length is one address.
bool holds(const std::string& network, const std::string& address);
// An address, or one with a length of prefix that leaves no bit set.
bool is_network(const std::string& text);
bool is_address(const std::string& text);
// As the kernel writes it; empty if it is none.
std::string plain_address(const std::string& text);

// SSH_CONNECTION of the nearest process above that has one: sudo and su hand it to nobody. One
// whose session is over counts for nothing.
std::string ssh_connection_above(const Machine& machine, int process,
                                 const std::vector<TcpSession>& sessions);

// Sets `session` and each port's `management`.
void mark_management(const Machine& machine, const Surroundings& around, Facts& facts);

}  // namespace bulkhead::setup
