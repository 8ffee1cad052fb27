// A range ends before each port that must be inspected.
#include "controlplane/learn/port_ranges.h"

#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "dataplane/protocols/registry.h"

namespace bulkhead::learn {

namespace {

// Linux's first port of clients; RFC 6335's is higher.
constexpr std::uint16_t kChosenPortMin = 32768;
constexpr std::size_t kPortsShownMax = 8;

using Ends = std::tuple<std::vector<std::string>, std::vector<std::string>, policy::Transport>;
using Ports = std::map<std::uint16_t, ProposedRule>;

bool has_chosen_port(const ProposedRule& rule) {
  const bool has_ports =
      rule.transport == policy::Transport::tcp || rule.transport == policy::Transport::udp;
  return has_ports && rule.port >= kChosenPortMin;
}

std::set<std::uint16_t> ports_of_protocols() {
  std::set<std::uint16_t> ports;
  for (const auto* protocol : protocols::registry()) {
    for (const protocols::DefaultPort& each : protocol->catalogue().ports) ports.insert(each.port);
  }
  return ports;
}

// The rules of the ports, in their order, with those between two others put together.
void add_ranges(const Ports& ports, const std::set<std::uint16_t>& others,
                std::vector<ProposedRule>& services) {
  bool fresh = true;
  for (const auto& [port, rule] : ports) {
    if (!fresh) {
      ProposedRule& range = services.back();
      const auto between = others.lower_bound(range.port);
      fresh = between != others.end() && *between <= port;
    }
    if (std::exchange(fresh, false)) {
      services.push_back(rule);
      continue;
    }
    ProposedRule& range = services.back();
    range.last_port = port;
    range.seen.add(rule.seen);
    range.widened = "all ports between those of its sessions";
  }
}

}  // namespace

void gather_ports(std::vector<ProposedRule>& services, const std::set<std::uint16_t>& others) {
  std::map<Ends, Ports> chosen;
  std::vector<ProposedRule> gathered;
  for (const ProposedRule& rule : services) {
    if (has_chosen_port(rule)) {
      chosen[{rule.clients, rule.servers, rule.transport}].emplace(rule.port, rule);
    } else {
      gathered.push_back(rule);
    }
  }
  std::set<std::uint16_t> inspected = ports_of_protocols();
  inspected.insert(others.begin(), others.end());
  for (const auto& [ends, ports] : chosen) {
    if (ports.size() > kPortsShownMax) {
      add_ranges(ports, inspected, gathered);
    } else {
      for (const auto& [port, rule] : ports) gathered.push_back(rule);
    }
  }
  services = std::move(gathered);
}

}  // namespace bulkhead::learn
