// Tries a protocol's rules one after the other until each kind of message is found.
#include "dataplane/selftest/script.h"

#include <algorithm>
#include <array>
#include <bit>
#include <optional>

#include "dataplane/policy/classifier.h"
#include "dataplane/policy/reference_matcher.h"
#include "dataplane/protocols/registry.h"

namespace bulkhead::selftest {

namespace {

using policy::Conduit;
using policy::Rule;
using policy::Tables;
using protocols::Sample;

constexpr std::uint16_t kClientPort = 49'152;  // RFC 6335, 6: dynamic ports begin here

// A rule that grants the protocol, in its conduit.
struct Place {
  std::uint16_t conduit = 0;
  const Rule* rule = nullptr;
};

wire::IpAddress host_in(const wire::Prefix& prefix) {
  constexpr int kHostBitsForNetwork = 2;  // of more, the first address names the network
  wire::IpAddress address = prefix.address;
  if (wire::kPrefixLengthMax - prefix.length >= kHostBitsForNetwork) {
    address.bytes.back() = static_cast<std::uint8_t>(address.bytes.back() | 1);
  }
  return address;
}

// A host that is in one of the prefixes and in the zone; the narrower of two networks decides.
std::optional<wire::IpAddress> host_of(const Tables& tables, std::uint16_t zone,
                                       const std::vector<wire::Prefix>& prefixes) {
  const auto fits = [&](const wire::IpAddress& host) {
    return policy::find_zone(tables, host) == zone && !policy::is_group(tables, host);
  };
  for (const wire::Prefix& prefix : prefixes) {
    if (const auto host = host_in(prefix); fits(host)) return host;
    for (const wire::Prefix& network : tables.zones[zone].networks) {
      if (!prefix.contains(network.address)) continue;
      if (const auto host = host_in(network); fits(host)) return host;
    }
  }
  return std::nullopt;
}

std::optional<wire::IpAddress> group_of(const Tables& tables, std::uint16_t zone,
                                        const std::vector<wire::Prefix>& prefixes) {
  for (const wire::IpAddress& group : tables.zones[zone].groups) {
    for (const wire::Prefix& prefix : prefixes) {
      if (prefix.contains(group)) return group;
    }
  }
  // Of groups of frames the address itself says it.
  for (const wire::Prefix& prefix : prefixes) {
    const bool one = prefix.length == wire::kPrefixLengthMax && prefix.address.is_mac();
    if (one && prefix.address.mac().is_group()) return prefix.address;
  }
  return std::nullopt;
}

// The MAC address of a host that none is bound to: of none of the policy's assets.
wire::Mac unbound_mac(const Tables& tables, std::uint16_t zone_port) {
  constexpr std::uint64_t kLocal = 0x02b5'1f00'0000;  // locally administered (IEEE 802, 8.2.2)
  wire::Mac mac = wire::Mac::from_integer(kLocal + zone_port);
  const auto is_taken = [&](const policy::Binding& binding) { return binding.mac == mac; };
  for (std::uint64_t more = 0x10000; std::ranges::any_of(tables.bindings, is_taken);
       more += 0x10000) {
    mac = wire::Mac::from_integer(kLocal + more + zone_port);
  }
  return mac;
}

End end_at(const Tables& tables, std::uint16_t zone, const wire::IpAddress& address,
           std::uint16_t port) {
  End end{address, {}, tables.zones[zone].vlan, tables.zones[zone].port, port};
  const wire::Mac* bound = policy::find_binding(tables, address);
  if (address.is_mac()) {
    end.mac = address.mac();
  } else if (policy::is_group(tables, address)) {
    end.mac = wire::group_mac(address);
  } else {
    end.mac = bound != nullptr ? *bound : unbound_mac(tables, end.zone_port);
  }
  return end;
}

// Two hosts between which a rule grants the protocol, and every rule that names their session.
struct Pair {
  const Tables& tables;
  const Conduit& conduit;
  std::uint16_t conduit_index = 0;
  policy::Endpoints endpoints;
  std::vector<const Rule*> rules;  // of the protocol
  bool shares_port = false;        // with rules of other protocols
  bool to_group = false;

  std::vector<const Rule*> rules_of(std::uint16_t function) const {
    std::vector<const Rule*> found;
    for (const Rule* rule : rules) {
      if (rule->functions.test(function)) found.push_back(rule);
    }
    return found;
  }
  bool grants(std::uint8_t protocol, const Message& message) const {
    return policy::reference_grants(conduit, endpoints, protocol, message.operation(),
                                    [](const Rule&) { return true; });
  }
};

std::optional<Pair> pair_of(const Tables& tables, const Place& place, bool to_group) {
  const Conduit& conduit = tables.conduits[place.conduit];
  const auto client = host_of(tables, conduit.from, place.rule->clients);
  const auto server = to_group ? group_of(tables, conduit.to, place.rule->servers)
                               : host_of(tables, conduit.to, place.rule->servers);
  if (!client || !server || place.rule->ports.empty()) return std::nullopt;
  Pair pair{tables, conduit, place.conduit, {}, {}, false, to_group};
  pair.endpoints = {*client, *server, place.rule->ports.front().low, place.rule->transport};
  const policy::RuleCell cell = conduit.index.locate(pair.endpoints);
  conduit.index.each_inspecting(cell, [&](std::size_t i) {
    const Rule& rule = conduit.rules[i];
    if (rule.protocol == place.rule->protocol) pair.rules.push_back(&rule);
    pair.shares_port = pair.shares_port || rule.protocol != place.rule->protocol;
    return true;
  });
  return pair;
}

// The reference matcher takes long for patterns of many stars.
bool is_quick(const Rule* rule) {
  constexpr std::ptrdiff_t kStarsMax = 3;
  return std::ranges::all_of(rule->constraints, [](const policy::Constraint& constraint) {
    return std::ranges::all_of(constraint.patterns, [](const std::string& pattern) {
      return std::ranges::count(pattern, '*') <= kStarsMax;
    });
  });
}

// Fits the message to one of the rules that have its function; false if none grants it then.
bool fit(const Pair& pair, std::uint8_t protocol, Message& message) {
  if (!message.is_request()) return true;
  for (const Rule* rule : pair.rules_of(message.function())) {
    Message fitted = message;
    fitted.fit(*rule);
    if (!fitted.bytes() || !pair.grants(protocol, fitted)) continue;
    message = std::move(fitted);
    return true;
  }
  return false;
}

class Writer {
 public:
  Writer(const Tables& tables, std::uint8_t protocol, policy::Transport transport)
      : tables_(tables), protocol_(protocol), transport_(transport) {}

  // Looks for what is missing between two hosts of the place.
  void look(const Place& place, bool to_group) {
    const auto pair = pair_of(tables_, place, to_group);
    if (!pair || !std::ranges::all_of(pair->rules, is_quick)) return;
    for (const Sample& sample : protocols::samples_of(protocol_).all) {
      if (policy::transport_over(sample.carrier) != transport_) continue;
      if (sample.to_group != to_group) continue;
      if (!has(Kind::malformed)) {
        keep(Kind::malformed, *pair, {}, Message(protocol_, sample.messages.front()));
      }
      look(*pair, sample);
    }
  }
  bool has(Kind kind) const { return found_[static_cast<std::size_t>(kind)].has_value(); }
  bool is_done() const {
    return std::ranges::all_of(found_, [](const auto& t) { return !!t; });
  }
  std::optional<Trial> take(Kind kind) { return std::move(found_[static_cast<std::size_t>(kind)]); }

 private:
  void look(const Pair& pair, const Sample& sample) {
    std::vector<Message> messages;
    for (const protocols::SampleMessage& each : sample.messages) {
      messages.emplace_back(protocol_, each);
    }
    Message& last = messages.back();
    const auto before = std::span(messages).first(messages.size() - 1);
    const auto fits = [&](Message& message) { return fit(pair, protocol_, message); };
    if (!std::ranges::all_of(before, fits)) return;
    const std::vector<const Rule*> rules = pair.rules_of(last.function());
    // Another protocol of the port may grant what this one does not.
    if (!has(Kind::not_granted) && !pair.shares_port) {
      Message refused = last;
      if (rules.empty() || refused.unfit(rules)) keep(Kind::not_granted, pair, before, refused);
    }
    if (rules.empty() || !fits(last)) return;
    if (!has(Kind::granted)) keep(Kind::granted, pair, before, last);
  }

  void keep(Kind kind, const Pair& pair, std::span<const Message> before, const Message& last) {
    const policy::Endpoints& ends = pair.endpoints;
    SessionFrames session(end_at(tables_, pair.conduit.from, ends.client, kClientPort),
                          end_at(tables_, pair.conduit.to, ends.server, ends.server_port),
                          transport_, ends.server_port);
    session.open();
    for (const Message& message : before) session.say(message.from_client(), *message.bytes());
    const auto bytes = kind == Kind::malformed
                           ? from_hex(protocols::samples_of(protocol_).malformed)
                           : last.bytes();
    if (!bytes || bytes->empty()) return;
    session.say(last.from_client(), *bytes);
    Trial trial;
    trial.subject = {protocol_,       transport_,  kind,       pair.conduit_index,
                     last.function(), ends.client, ends.server};
    trial.frames = std::move(session.frames);
    trial.message = *bytes;
    found_[static_cast<std::size_t>(kind)] = std::move(trial);
  }

  const Tables& tables_;
  std::uint8_t protocol_;
  policy::Transport transport_;
  std::array<std::optional<Trial>, kKindNames.size()> found_;
};

// Rules of a protocol over a transport, and what keeps others from being tested.
struct Places {
  std::vector<Place> tried;
  bool more = false;
  bool contained = false;
  bool prp = false;
};

std::string why_not(const Places& places, std::uint8_t protocol, Kind kind) {
  if (places.tried.empty() && places.contained) return "every conduit that grants it is contained";
  if (places.tried.empty() && places.prp) return "only zones with PRP have it";
  if (protocols::samples_of(protocol).all.empty()) return "the module has no sample messages";
  const std::string rules = places.more ? "the first " + std::to_string(kRulesTriedMax) + " rules"
                                        : std::string("its rules");
  if (kind == Kind::not_granted) {
    return rules + " grant every sample message, or share their port with other protocols";
  }
  return "no sample message is among what " + rules + " grant";
}

class Scripting {
 public:
  Scripting(const Tables& tables, const policy::Containment* contained)
      : tables_(tables), contained_(contained) {}

  Places places_of(std::uint8_t protocol, policy::Transport transport) const {
    Places places;
    for (std::size_t c = 0; c < tables_.conduits.size(); ++c) {
      const Conduit& conduit = tables_.conduits[c];
      for (const Rule& rule : conduit.rules) {
        if (rule.protocol != protocol || rule.transport != transport) continue;
        add(places, static_cast<std::uint16_t>(c), rule);
        if (places.more) return places;
      }
    }
    return places;
  }

 private:
  // A frame of a zone with PRP is two, with trailers.
  void add(Places& places, std::uint16_t index, const Rule& rule) const {
    const Conduit& conduit = tables_.conduits[index];
    if (contained_ != nullptr && !contained_->of(index).none()) {
      places.contained = true;
    } else if (tables_.zones[conduit.from].prp || tables_.zones[conduit.to].prp) {
      places.prp = true;
    } else if (places.tried.size() == kRulesTriedMax) {
      places.more = true;
    } else {
      places.tried.push_back({index, &rule});
    }
  }

  const Tables& tables_;
  const policy::Containment* contained_;
};

// Protocols that the policy grants, a bit each, by transport.
std::array<protocols::ProtocolSet, 4> granted_protocols(const Tables& tables) {
  std::array<protocols::ProtocolSet, 4> sets{};
  for (const Conduit& conduit : tables.conduits) {
    for (const Rule& rule : conduit.rules) {
      if (rule.protocol == protocols::kNoProtocol) continue;
      sets[static_cast<std::size_t>(rule.transport)] |= protocols::ProtocolSet{1} << rule.protocol;
    }
  }
  return sets;
}

}  // namespace

Script write_script(const Tables& tables, std::uint32_t generation,
                    const policy::Containment* contained) {
  Script script;
  script.generation = generation;
  const Scripting scripting(tables, contained);
  const auto sets = granted_protocols(tables);
  for (std::size_t t = 0; t < sets.size(); ++t) {
    const auto transport = static_cast<policy::Transport>(t);
    for (auto left = sets[t]; left != 0; left &= left - 1) {
      const auto protocol = static_cast<std::uint8_t>(std::countr_zero(left));
      const Places places = scripting.places_of(protocol, transport);
      Writer writer(tables, protocol, transport);
      for (const bool to_group : {false, true}) {
        for (const Place& place : places.tried) {
          if (!writer.is_done()) writer.look(place, to_group);
        }
      }
      for (std::size_t k = 0; k < kKindNames.size(); ++k) {
        const auto kind = static_cast<Kind>(k);
        if (auto trial = writer.take(kind)) {
          script.trials.push_back(*std::move(trial));
        } else {
          Subject subject;
          subject.protocol = protocol;
          subject.transport = transport;
          subject.kind = kind;
          subject.problem = why_not(places, protocol, kind);
          script.not_tested.push_back(std::move(subject));
        }
      }
    }
  }
  return script;
}

}  // namespace bulkhead::selftest
