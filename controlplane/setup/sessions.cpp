// Sessions, routes and addresses, from proc(5).
#include "controlplane/setup/sessions.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <sstream>

namespace bulkhead::setup {

namespace {

constexpr char kEstablished[] = "01";

// An address as bytes; IPv4 stands at the end of 16 after ::ffff (RFC 4291, 2.5.5.2).
struct Address {
  std::array<unsigned char, 16> bytes{};
  bool is_v4 = false;
};

bool read_address(const std::string& text, Address& address) {
  if (text.find('\0') != std::string::npos) return false;
  address = {};
  if (inet_pton(AF_INET6, text.c_str(), address.bytes.data()) == 1) return true;
  address.is_v4 = true;
  address.bytes[10] = address.bytes[11] = 0xff;
  return inet_pton(AF_INET, text.c_str(), &address.bytes[12]) == 1;
}

std::string text_of(const Address& address) {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(address.is_v4 ? AF_INET : AF_INET6, &address.bytes[address.is_v4 ? 12 : 0], text,
            sizeof(text));
  return text;
}

bool is_mapped(const Address& address) {
  static constexpr unsigned char kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::memcmp(address.bytes.data(), kMapped, sizeof(kMapped)) == 0;
}

// The kernel prints addresses as words in its own byte order: 0100007F is 127.0.0.1 on x86.
bool read_words(const std::string& digits, Address& address) {
  address = {};
  address.is_v4 = digits.size() == 8;
  if (digits.size() != 8 && digits.size() != 32) return false;
  if (digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) return false;
  const std::size_t begin = address.is_v4 ? 12 : 0;
  if (address.is_v4) address.bytes[10] = address.bytes[11] = 0xff;
  for (std::size_t word = 0; word * 8 < digits.size(); ++word) {
    const auto value =
        static_cast<std::uint32_t>(std::strtoul(digits.substr(word * 8, 8).c_str(), nullptr, 16));
    std::memcpy(&address.bytes[begin + word * 4], &value, sizeof(value));
  }
  if (!address.is_v4 && is_mapped(address)) address.is_v4 = true;
  return true;
}

struct Network {
  Address address;
  int length = 0;  // of the prefix, of 128
};

bool read_network(const std::string& text, Network& network) {
  const std::size_t slash = text.find('/');
  if (!read_address(text.substr(0, slash), network.address)) return false;
  const int most = network.address.is_v4 ? 32 : 128;
  int length = most;
  if (slash != std::string::npos) {
    const std::string digits = text.substr(slash + 1);
    if (digits.empty() || digits.size() > 3 ||
        digits.find_first_not_of("0123456789") != std::string::npos) {
      return false;
    }
    length = std::atoi(digits.c_str());
    if (length > most) return false;
  }
  network.length = length + 128 - most;
  return true;
}

bool same_bits(const Address& a, const Address& b, int length) {
  for (int i = 0; i < length; ++i) {
    const unsigned shift = 7U - static_cast<unsigned>(i) % 8U;
    const auto at = static_cast<std::size_t>(i / 8);
    if ((a.bytes[at] >> shift & 1) != (b.bytes[at] >> shift & 1)) return false;
  }
  return true;
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
    Address own;
    Address peer;
    const std::size_t colon = local.find(':');
    if (colon == std::string::npos || !read_words(local.substr(0, colon), own) ||
        !read_words(remote.substr(0, remote.find(':')), peer)) {
      continue;
    }
    const auto port = std::strtoul(local.substr(colon + 1).c_str(), nullptr, 16);
    sessions.push_back({text_of(own), static_cast<std::uint16_t>(port), text_of(peer)});
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
    Address address;
    if (!words || !read_words(destination, address)) continue;
    routes.push_back({text_of(address) + "/" + std::to_string(bits_of(mask)), interface});
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
    Address address;
    for (std::size_t i = 0; i < address.bytes.size(); ++i) {
      address.bytes[i] =
          static_cast<unsigned char>(std::strtoul(fields[0].substr(2 * i, 2).c_str(), nullptr, 16));
    }
    const unsigned long length = std::strtoul(fields[1].c_str(), nullptr, 16);
    routes.push_back({text_of(address) + "/" + std::to_string(length), fields[9]});
  }
  return routes;
}

std::string interface_to(const std::string& address, const std::vector<Route>& routes) {
  std::string found;
  int longest = -1;
  Address wanted;
  if (!read_address(address, wanted)) return found;
  for (const Route& route : routes) {
    Network network;
    if (!read_network(route.network, network) || network.address.is_v4 != wanted.is_v4) continue;
    // Routes to nowhere are on the loopback interface.
    if (route.interface == "lo" || network.length <= longest) continue;
    if (!same_bits(network.address, wanted, network.length)) continue;
    longest = network.length;
    found = route.interface;
  }
  return found;
}

bool holds(const std::string& network, const std::string& address) {
  Network all;
  Address one;
  return read_network(network, all) && read_address(address, one) &&
         all.address.is_v4 == one.is_v4 && same_bits(all.address, one, all.length);
}

bool is_network(const std::string& text) {
  Network network;
  if (!read_network(text, network)) return false;
  for (int i = network.length; i < 128; ++i) {
    const unsigned shift = 7U - static_cast<unsigned>(i) % 8U;
    if ((network.address.bytes[static_cast<std::size_t>(i / 8)] >> shift & 1) != 0) return false;
  }
  return true;
}

bool is_address(const std::string& text) {
  Address address;
  return read_address(text, address);
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
  std::istringstream words(around.ssh_connection);
  std::string peer;
  std::string peer_port;
  std::string own;
  unsigned port = 0;
  words >> peer >> peer_port >> own >> port;
  // Addresses of one link name their interface: fe80::1%eth0.
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
  for (const char* file : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    for (const TcpSession& each : read_tcp_sessions(machine.read(file).value_or(""))) {
      if (holds("127.0.0.0/8", each.peer) || each.peer == "::1" || each.peer == each.address) {
        continue;
      }
      mark_peer(each.peer, each.address, "a session of " + each.peer);
    }
  }
}

}  // namespace bulkhead::setup
