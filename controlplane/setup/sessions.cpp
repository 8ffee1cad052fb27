// Sessions, routes and addresses, from proc(5).
#include "controlplane/setup/sessions.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>

#include "dataplane/wire/text.h"

namespace bulkhead::setup {

namespace {

using wire::IpAddress;

constexpr char kEstablished[] = "01";

// IPv4 in the form of IPv6 is IPv4, as a socket of both families has it (RFC 4291, 2.5.5.2).
std::optional<IpAddress> read_address(const std::string& text) {
  constexpr std::string_view kMapped = "::ffff:";
  if (text.find('\0') != std::string::npos) return std::nullopt;
  if (const auto address = wire::read_ip(text)) return address;
  if (!text.starts_with(kMapped)) return std::nullopt;
  const auto address = wire::read_ip(text.substr(kMapped.size()));
  return address && address->is_v4() ? address : std::nullopt;
}

// The kernel prints addresses as words in its own byte order: 0100007F is 127.0.0.1 on x86.
std::optional<IpAddress> read_words(const std::string& digits) {
  constexpr std::size_t kV4Digits = 8;
  constexpr std::size_t kV6Digits = 32;
  if (digits.size() != kV4Digits && digits.size() != kV6Digits) return std::nullopt;
  if (digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) return std::nullopt;
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t word = 0; word * 8 < digits.size(); ++word) {
    const auto value =
        static_cast<std::uint32_t>(std::strtoul(digits.substr(word * 8, 8).c_str(), nullptr, 16));
    std::memcpy(&bytes[word * 4], &value, sizeof(value));
  }
  return digits.size() == kV4Digits ? IpAddress::from_v4(bytes.data())
                                    : IpAddress::from_v6(bytes.data());
}

std::optional<wire::Prefix> read_network(const std::string& text) {
  const std::size_t slash = text.find('/');
  const auto address = read_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  const int most = address->is_v4() ? 32 : 128;
  int length = most;
  if (slash != std::string::npos) {
    const std::string digits = text.substr(slash + 1);
    if (digits.empty() || digits.size() > 3 ||
        digits.find_first_not_of("0123456789") != std::string::npos) {
      return std::nullopt;
    }
    length = std::atoi(digits.c_str());
    if (length > most) return std::nullopt;
  }
  return wire::Prefix{*address, static_cast<std::uint8_t>(length + wire::kPrefixLengthMax - most)};
}

// Of its own family: ::/0 holds no IPv4 address.
bool holds(const wire::Prefix& network, const IpAddress& address) {
  return network.address.is_v4() == address.is_v4() && network.contains(address);
}

int bits_of(const std::string& mask) {
  return __builtin_popcount(static_cast<unsigned>(std::strtoul(mask.c_str(), nullptr, 16)));
}

const Port* owner_of(const std::string& address, const Facts& facts) {
  for (const Port& port : facts.ports) {
    for (const std::string& each : port.addresses) {
      if (each.substr(0, each.find('/')) == address) return &port;
    }
  }
  return nullptr;
}

// Addresses of one link name their interface: fe80::1%eth0.
std::string without_interface(const std::string& address) {
  return address.substr(0, address.find('%'));
}

bool is_established(const std::string& connection, const std::vector<TcpSession>& sessions) {
  std::istringstream words(connection);
  std::string peer;
  std::string peer_port;
  std::string own;
  unsigned port = 0;
  words >> peer >> peer_port >> own >> port;
  const std::string from = plain_address(without_interface(peer));
  const std::string to = plain_address(without_interface(own));
  return std::any_of(sessions.begin(), sessions.end(), [&](const TcpSession& each) {
    return each.peer == from && each.address == to && each.port == port;
  });
}

int parent_of(const Machine& machine, const std::string& folder) {
  std::istringstream lines(machine.read(folder + "/status").value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("PPid:")) return std::atoi(line.c_str() + 5);
  }
  return 0;
}

// The interfaces below carry what one carries: of a VLAN, a bond, a bridge.
void mark(Facts& facts, const std::string& interface, const std::string& why) {
  std::set<std::string> marked;
  std::vector<std::pair<std::string, std::string>> due = {{interface, why}};
  while (!due.empty()) {
    const auto [name, reason] = due.back();
    due.pop_back();
    if (name.empty() || !marked.insert(name).second) continue;
    for (Port& port : facts.ports) {
      if (port.interface != name) continue;
      if (port.management.empty()) port.management = reason;
      for (const std::string& lower : port.lowers)
        due.emplace_back(lower, reason + " over " + name);
    }
  }
}

}  // namespace

std::vector<TcpSession> read_tcp_sessions(const std::string& text) {
  std::vector<TcpSession> sessions;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string number;
    std::string local;
    std::string remote;
    std::string state;
    words >> number >> local >> remote >> state;
    if (state != kEstablished) continue;
    const std::size_t colon = local.find(':');
    if (colon == std::string::npos) continue;
    const auto own = read_words(local.substr(0, colon));
    const auto peer = read_words(remote.substr(0, remote.find(':')));
    if (!own || !peer) continue;
    const auto port = std::strtoul(local.substr(colon + 1).c_str(), nullptr, 16);
    sessions.push_back({to_text(*own), static_cast<std::uint16_t>(port), to_text(*peer)});
  }
  return sessions;
}

std::vector<Route> read_routes(const std::string& text) {
  std::vector<Route> routes;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string interface;
    std::string destination;
    std::string mask;
    std::string skipped;
    words >> interface >> destination;
    for (int i = 0; i < 5; ++i) words >> skipped;  // gateway, flags, counts, metric
    words >> mask;
    const auto address = read_words(destination);
    if (!words || !address) continue;
    routes.push_back({to_text(*address) + "/" + std::to_string(bits_of(mask)), interface});
  }
  return routes;
}

std::vector<Route> read_routes6(const std::string& text) {
  std::vector<Route> routes;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::vector<std::string> fields;
    for (std::string word; words >> word;) fields.push_back(word);
    constexpr std::size_t kFields = 10;
    if (fields.size() != kFields || fields[0].size() != 32) continue;
    IpAddress address;
    for (std::size_t i = 0; i < address.bytes.size(); ++i) {
      address.bytes[i] =
          static_cast<std::uint8_t>(std::strtoul(fields[0].substr(2 * i, 2).c_str(), nullptr, 16));
    }
    const unsigned long length = std::strtoul(fields[1].c_str(), nullptr, 16);
    routes.push_back({to_text(address) + "/" + std::to_string(length), fields[9]});
  }
  return routes;
}

std::string interface_to(const std::string& address, const std::vector<Route>& routes) {
  std::string found;
  int longest = -1;
  const auto wanted = read_address(address);
  if (!wanted) return found;
  for (const Route& route : routes) {
    const auto network = read_network(route.network);
    // Routes to nowhere are on the loopback interface.
    if (!network || route.interface == "lo" || network->length <= longest) continue;
    if (!holds(*network, *wanted)) continue;
    longest = network->length;
    found = route.interface;
  }
  return found;
}

bool holds(const std::string& network, const std::string& address) {
  const auto all = read_network(network);
  const auto one = read_address(address);
  return all && one && holds(*all, *one);
}

bool is_network(const std::string& text) {
  const auto network = read_network(text);
  if (!network) return false;
  for (std::size_t bit = network->length; bit < wire::kPrefixLengthMax; ++bit) {
    if ((network->address.bytes[bit / 8] >> (7 - bit % 8) & 1) != 0) return false;
  }
  return true;
}

bool is_address(const std::string& text) { return read_address(text).has_value(); }

std::string plain_address(const std::string& text) {
  const auto address = read_address(text);
  return address ? to_text(*address) : std::string();
}

std::string ssh_connection_above(const Machine& machine, int process,
                                 const std::vector<TcpSession>& sessions) {
  constexpr std::string_view kVariable = "SSH_CONNECTION=";
  constexpr int kAncestorsMax = 64;
  for (int i = 0; i < kAncestorsMax && process > 1; ++i) {
    const std::string folder = "/proc/" + std::to_string(process);
    std::istringstream variables(machine.read(folder + "/environ").value_or(""));
    for (std::string each; std::getline(variables, each, '\0');) {
      if (!each.starts_with(kVariable)) continue;
      const std::string connection = each.substr(kVariable.size());
      return is_established(connection, sessions) ? connection : std::string();
    }
    process = parent_of(machine, folder);
  }
  return {};
}

void mark_management(const Machine& machine, const Surroundings& around, Facts& facts) {
  std::vector<Route> routes = read_routes(machine.read("/proc/net/route").value_or(""));
  for (Route& route : read_routes6(machine.read("/proc/net/ipv6_route").value_or(""))) {
    routes.push_back(std::move(route));
  }
  const auto mark_peer = [&](const std::string& peer, const std::string& address,
                             const std::string& what) {
    if (const Port* port = owner_of(address, facts)) mark(facts, port->interface, what);
    mark(facts, interface_to(peer, routes), what);
  };
  std::vector<TcpSession> sessions;
  for (const char* file : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    for (TcpSession& each : read_tcp_sessions(machine.read(file).value_or(""))) {
      sessions.push_back(std::move(each));
    }
  }
  std::istringstream words(around.ssh_connection.empty()
                               ? ssh_connection_above(machine, around.process, sessions)
                               : around.ssh_connection);
  std::string peer;
  std::string peer_port;
  std::string own;
  unsigned port = 0;
  words >> peer >> peer_port >> own >> port;
  for (std::string* each : {&peer, &own}) {
    const std::size_t percent = each->find('%');
    if (percent == std::string::npos) continue;
    mark(facts, each->substr(percent + 1), "this session from " + peer);
    each->resize(percent);
  }
  if (words && is_address(peer) && is_address(own) && port <= 65535) {
    facts.session = {peer, own, static_cast<std::uint16_t>(port)};
    mark_peer(peer, own, "this session from " + peer);
  }
  for (const TcpSession& each : sessions) {
    if (holds("127.0.0.0/8", each.peer) || each.peer == "::1" || each.peer == each.address) {
      continue;
    }
    mark_peer(each.peer, each.address, "a session of " + each.peer);
  }
}

}  // namespace bulkhead::setup
