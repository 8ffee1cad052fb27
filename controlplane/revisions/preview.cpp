// Compares what lives and what passed with what a policy would grant.
#include "controlplane/revisions/preview.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "dataplane/policy/classifier.h"
#include "dataplane/policy/observed.h"
#include "dataplane/policy/values.h"
#include "dataplane/wire/text.h"

namespace bulkhead::controlplane {
namespace {

using policy::Conduit;
using policy::Rule;
using policy::Tables;
using policy::Transport;

struct Endpoint {
  wire::IpAddress address;
  std::uint16_t port = 0;
};

std::optional<wire::IpAddress> read_address(const std::string& text) {
  if (const auto mac = wire::read_mac(text)) return wire::IpAddress::from_mac(*mac);
  return wire::read_ip(text);
}

// As wire::to_text() writes it: ADDRESS:PORT, [ADDRESS]:PORT, or an address alone.
std::optional<Endpoint> read_endpoint(const std::string& text) {
  if (const auto alone = read_address(text)) return Endpoint{*alone, 0};
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  const auto address = read_address(host);
  Endpoint endpoint;
  const char* end = text.data() + text.size();
  if (!address || std::from_chars(text.data() + colon + 1, end, endpoint.port).ptr != end) {
    return std::nullopt;
  }
  endpoint.address = *address;
  return endpoint;
}

std::optional<Transport> read_transport(const std::string& text) {
  if (text == "tcp") return Transport::tcp;
  if (text == "udp") return Transport::udp;
  if (text == "icmp") return Transport::icmp;
  if (text == "ethernet") return Transport::ethernet;
  return std::nullopt;
}

bool lies_in(const wire::Prefix& inner, const std::vector<wire::Prefix>& outer) {
  return std::any_of(outer.begin(), outer.end(), [&](const wire::Prefix& each) {
    return each.length <= inner.length && each.contains(inner.address);
  });
}

bool lie_in(const std::vector<wire::Prefix>& inner, const std::vector<wire::Prefix>& outer) {
  return std::all_of(inner.begin(), inner.end(),
                     [&](const wire::Prefix& each) { return lies_in(each, outer); });
}

bool meet(const std::vector<wire::Prefix>& a, const std::vector<wire::Prefix>& b) {
  return std::any_of(a.begin(), a.end(), [&](const wire::Prefix& x) {
    return lies_in(x, b) || std::any_of(b.begin(), b.end(), [&](const wire::Prefix& y) {
             return x.length <= y.length && x.contains(y.address);
           });
  });
}

bool ports_lie_in(const Rule& inner, const Rule& outer) {
  return std::all_of(inner.ports.begin(), inner.ports.end(), [&](const policy::PortRange& port) {
    return std::any_of(outer.ports.begin(), outer.ports.end(), [&](const policy::PortRange& each) {
      return each.low <= port.low && port.high <= each.high;
    });
  });
}

bool ports_meet(const Rule& a, const Rule& b) {
  if (a.ports.empty() && b.ports.empty()) return true;
  return std::any_of(a.ports.begin(), a.ports.end(), [&](const policy::PortRange& port) {
    return std::any_of(b.ports.begin(), b.ports.end(), [&](const policy::PortRange& each) {
      return each.low <= port.high && port.low <= each.high;
    });
  });
}

// Whether what the one allows of a field the other allows as well.
bool values_lie_in(const protocols::FieldInfo& field, const policy::Constraint& inner,
                   const policy::Constraint& outer) {
  const auto in_ranges = [&](const Range& range) {
    return std::any_of(outer.ranges.begin(), outer.ranges.end(),
                       [&](const Range& each) { return each.contains(range); });
  };
  const auto in_patterns = [&](const std::string& pattern) {
    return std::any_of(outer.patterns.begin(), outer.patterns.end(), [&](const std::string& each) {
      return policy::contains_pattern(field, each, pattern);
    });
  };
  return std::all_of(inner.ranges.begin(), inner.ranges.end(), in_ranges) &&
         std::all_of(inner.patterns.begin(), inner.patterns.end(), in_patterns);
}

const policy::Constraint* constraint_of(const Rule& rule, std::uint8_t field) {
  const auto found =
      std::find_if(rule.constraints.begin(), rule.constraints.end(),
                   [&](const policy::Constraint& each) { return each.field == field; });
  return found == rule.constraints.end() ? nullptr : &*found;
}

bool rate_holds(const Conduit& before, const Rule& inner, const Conduit& staged,
                const Rule& outer) {
  if (outer.budget == policy::kNoBudget) return true;
  if (inner.budget == policy::kNoBudget) return false;
  const policy::RateLimit& was = before.budgets[inner.budget];
  const policy::RateLimit& is = staged.budgets[outer.budget];
  return is.interval_ns() <= was.interval_ns() && is.burst() >= was.burst();
}

// Whether elements of several addresses begin alike in both.
bool elements_lie_alike(const Rule& inner, const Rule& outer,
                        const protocols::Catalogue& catalogue) {
  const std::int64_t places = policy::element_stride(outer, catalogue);
  if (places == 1) return true;
  const std::uint8_t field = catalogue.placed_values != nullptr ? catalogue.placed_values->address
                                                                : catalogue.element_address_field;
  const policy::Constraint* is = constraint_of(outer, field);
  const policy::Constraint* was = constraint_of(inner, field);
  if (is == nullptr || was == nullptr) return false;
  return std::all_of(was->ranges.begin(), was->ranges.end(), [&](const Range& range) {
    const Range* whole = policy::find_range(is->ranges, range.low);
    return whole != nullptr && (range.low - whole->low) % places == 0;
  });
}

// Whether all that the one rule grants of its hosts and values the other grants.
bool grants_all_of(const Conduit& before, const Rule& inner, const Conduit& staged,
                   const Rule& outer) {
  const bool hosts = lie_in(inner.clients, outer.clients) && lie_in(inner.servers, outer.servers);
  const bool typed = inner.value_type == outer.value_type && inner.word_order == outer.word_order;
  if (!hosts || !ports_lie_in(inner, outer) || !rate_holds(before, inner, staged, outer)) {
    return false;
  }
  const bool values = std::all_of(
      outer.constraints.begin(), outer.constraints.end(), [&](const policy::Constraint& each) {
        const policy::Constraint* was = constraint_of(inner, each.field);
        if (was == nullptr) return false;
        const protocols::Catalogue& catalogue = protocols::registry()[inner.protocol]->catalogue();
        return values_lie_in(catalogue.fields[each.field], *was, each);
      });
  const bool placed =
      inner.protocol == protocols::kNoProtocol ||
      elements_lie_alike(inner, outer, protocols::registry()[inner.protocol]->catalogue());
  return values && placed && (outer.unnamed & ~inner.unnamed) == 0 &&
         (typed || outer.constraints.empty());
}

// What of one part of a rule, of one function of it, the staged policy grants.
Coverage coverage_of_part(const Tables& tables, const Conduit& before, const Rule& part,
                          std::uint16_t function, const Tables& staged) {
  const auto names = [&](const Rule& rule) {
    return rule.transport == part.transport && rule.protocol == part.protocol &&
           (part.protocol == protocols::kNoProtocol || rule.functions.test(function));
  };
  const auto same_zones = [&](const Conduit& each) {
    return staged.zones[each.from].name == tables.zones[before.from].name &&
           staged.zones[each.to].name == tables.zones[before.to].name;
  };
  Coverage best = Coverage::none;
  for (const Conduit& conduit : staged.conduits) {
    if (!same_zones(conduit)) continue;
    if (conduit.observe_until_s != 0) return Coverage::whole;
    for (const Rule& rule : conduit.rules) {
      if (!names(rule)) continue;
      if (grants_all_of(before, part, conduit, rule)) return Coverage::whole;
      const bool some = meet(part.clients, rule.clients) && meet(part.servers, rule.servers) &&
                        ports_meet(part, rule);
      if (some) best = Coverage::part;
    }
  }
  return best;
}

std::optional<std::uint16_t> find_function(std::uint8_t protocol, const std::string& name) {
  const auto functions = protocols::registry()[protocol]->catalogue().functions;
  for (std::size_t i = 0; i < functions.size(); ++i) {
    if (functions[i].name == name) return static_cast<std::uint16_t>(i);
  }
  return std::nullopt;
}

// Between stations: a rule that names both and the protocol, for a session's text has no EtherType.
bool grants_stations(const Conduit& conduit, const v1::Flow& session, const Endpoint& client,
                     const Endpoint& server) {
  return std::any_of(conduit.rules.begin(), conduit.rules.end(), [&](const Rule& rule) {
    const bool same =
        rule.protocol == protocols::kNoProtocol
            ? session.protocol().empty()
            : protocols::registry()[rule.protocol]->catalogue().name == session.protocol();
    return same && rule.transport == Transport::ethernet &&
           lies_in({client.address, wire::kPrefixLengthMax}, rule.clients) &&
           lies_in({server.address, wire::kPrefixLengthMax}, rule.servers);
  });
}

}  // namespace

std::string refusal_of(const Tables& staged, const v1::Flow& session) {
  const auto client = read_endpoint(session.client());
  const auto server = read_endpoint(session.server());
  const auto transport = read_transport(session.transport());
  if (!client || !server || !transport) return {};
  const std::uint16_t from = policy::find_zone(staged, client->address);
  const std::uint16_t to = policy::find_destination_zone(staged, from, server->address);
  if (from == policy::kNoZone || to == policy::kNoZone) {
    return std::string(describe(Reason::unknown_zone).name);
  }
  if (policy::observes_between(staged, from, to, {})) return {};
  if (*transport == Transport::ethernet) {
    const Conduit* conduit = policy::find_conduit(staged, from, to);
    if (conduit == nullptr) return std::string(describe(Reason::no_conduit).name);
    return grants_stations(*conduit, session, *client, *server)
               ? std::string()
               : std::string(describe(Reason::no_rule).name);
  }
  const policy::Classification found = policy::classify(
      staged, from, to, {client->address, server->address, server->port, *transport});
  if (found.reason != Reason::service_granted) return std::string(describe(found.reason).name);
  if (session.protocol().empty() || found.protocol == protocols::kNoProtocol) return {};
  const auto protocol = protocols::find_protocol(session.protocol());
  const bool read_so = protocol && (found.protocols >> *protocol & 1) != 0;
  return read_so ? std::string() : std::string(describe(Reason::protocol_fault).name);
}

Coverage coverage_of(const Tables& before, const PassedKey& passed, const Tables& staged) {
  const auto protocol = protocols::find_protocol(passed.protocol);
  std::uint16_t function = 0;
  if (protocol) {
    const auto known = find_function(*protocol, passed.function);
    if (!known) return Coverage::none;
    function = *known;
  }
  Coverage all = Coverage::whole;
  bool any = false;
  for (const Conduit& conduit : before.conduits) {
    if (conduit.name != passed.conduit) continue;
    for (std::size_t i = 0; i < conduit.rules.size(); ++i) {
      const Rule& rule = conduit.rules[i];
      const std::size_t number = rule.number == policy::kNoRule ? i + 1 : rule.number;
      if (number != passed.rule || (protocol && !rule.functions.test(function))) continue;
      const Coverage part = coverage_of_part(before, conduit, rule, function, staged);
      if (part != Coverage::whole) all = Coverage::part;
      if (part != Coverage::none) any = true;
    }
  }
  return any ? all : Coverage::none;
}

void add_messages(const Tables& before, const Passed& passed, const Tables& staged,
                  v1::PreviewPolicyResponse& preview) {
  for (const auto& [key, messages] : passed) {
    preview.set_messages(preview.messages() + messages);
    const Coverage coverage = coverage_of(before, key, staged);
    if (coverage == Coverage::whole) continue;
    if (preview.refused_messages_size() >= kRefusedKindsMax) {
      preview.set_messages_refused_beyond(preview.messages_refused_beyond() + messages);
      continue;
    }
    v1::RefusedMessages* row = preview.add_refused_messages();
    row->set_conduit(key.conduit);
    row->set_rule(key.rule);
    row->set_protocol(key.protocol);
    row->set_function(key.function);
    row->set_messages(messages);
    row->set_some(coverage == Coverage::part);
  }
}

void add_session(const Tables& staged, const v1::Flow& session, std::uint32_t limit,
                 v1::PreviewPolicyResponse& preview) {
  if (session.state() == "closed" || session.state() == "refused") return;
  preview.set_sessions(preview.sessions() + 1);
  const std::string reason = refusal_of(staged, session);
  if (reason.empty()) return;
  preview.set_sessions_refused(preview.sessions_refused() + 1);
  if (static_cast<std::uint32_t>(preview.refused_sessions_size()) >= limit) return;
  v1::RefusedSession* row = preview.add_refused_sessions();
  *row->mutable_session() = session;
  row->set_reason(reason);
}

}  // namespace bulkhead::controlplane
