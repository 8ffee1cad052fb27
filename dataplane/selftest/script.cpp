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
  const policy::Zone& of = tables.zones[zone];
  End end{address, {}, of.vlan, of.port, port, of.prp};
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
  // Whether the protocol has such a trial at all.
  bool wants(Kind kind) const { return kind != Kind::repeated || repeats(); }
  bool is_done() const {
    for (std::size_t k = 0; k < found_.size(); ++k) {
      if (!found_[k] && wants(static_cast<Kind>(k))) return false;
    }
    return true;
  }
  std::optional<Trial> take(Kind kind) { return std::move(found_[static_cast<std::size_t>(kind)]); }

 private:
  bool repeats() const { return protocols::samples_of(protocol_).repeats; }
  std::string_view malformed() const {
    const protocols::Samples samples = protocols::samples_of(protocol_);
    const bool framed =
        transport_ == policy::Transport::ethernet && !samples.malformed_framed.empty();
    return framed ? samples.malformed_framed : samples.malformed;
  }

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
    Message refused = last;
    const bool is_granted = !rules.empty() && fits(last);
    std::vector<Message> after_one = messages;  // the granted message before another one
    const auto again = repeats() && is_granted ? std::span<const Message>(after_one) : before;
    // Another protocol of the port may grant what this one does not.
    if (!has(Kind::not_granted) && !pair.shares_port && (rules.empty() || refused.unfit(rules))) {
      keep(Kind::not_granted, pair, again, refused);
    }
    if (!is_granted) return;
    if (!has(Kind::granted)) keep(Kind::granted, pair, before, last);
    if (repeats() && !has(Kind::repeated)) keep(Kind::repeated, pair, again, last);
  }

  void keep(Kind kind, const Pair& pair, std::span<const Message> before, const Message& last) {
    const policy::Endpoints& ends = pair.endpoints;
    SessionFrames session(end_at(tables_, pair.conduit.from, ends.client, kClientPort),
                          end_at(tables_, pair.conduit.to, ends.server, ends.server_port),
                          transport_, ends.server_port);
    session.open();
    for (const Message& message : before) session.say(message.from_client(), *message.bytes());
    const auto bytes = kind == Kind::malformed ? from_hex(malformed()) : last.bytes();
    if (!bytes || bytes->empty()) return;
    session.say(last.from_client(), *bytes);
    Trial trial;
    trial.subject = {protocol_,       transport_,  kind,        pair.conduit_index,
                     last.function(), ends.client, ends.server, ends.server_port};
    trial.trailer = session.trailer();
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
  bool half_prp = false;
};

std::string why_not(const Places& places, std::uint8_t protocol, Kind kind) {
  if (places.tried.empty() && places.contained) return "every conduit that grants it is contained";
  if (places.tried.empty() && places.half_prp) return "one of its zones has PRP, the other has not";
  if (protocols::samples_of(protocol).all.empty()) return "the module has no sample messages";
  const std::string rules = places.more ? "the first " + std::to_string(kRulesTriedMax) + " rules"
                                        : std::string("its rules");
  if (kind == Kind::not_granted) {
    return rules + " grant every sample message, or share their port with other protocols";
  }
  return "no sample message is among what " + rules + " grant";
}

// Whether a rule inspects the session.
bool protocol_has_a_say(const Conduit& conduit, const policy::Endpoints& ends) {
  bool inspects = false;
  conduit.index.each_inspecting(conduit.index.locate(ends), [&](std::size_t /*rule*/) {
    inspects = true;
    return false;
  });
  return inspects;
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
  void add(Places& places, std::uint16_t index, const Rule& rule) const {
    const Conduit& conduit = tables_.conduits[index];
    if (contained_ != nullptr && !contained_->of(index).none()) {
      places.contained = true;
    } else if (tables_.zones[conduit.from].prp != tables_.zones[conduit.to].prp) {
      places.half_prp = true;
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

// Whether a rule of any conduit between these zones names the session.
bool is_named(const Tables& tables, const Conduit& between, const policy::Endpoints& ends) {
  const auto names = [&ends](const Rule& rule) { return policy::names_session(rule, ends); };
  return std::ranges::any_of(tables.conduits, [&](const Conduit& conduit) {
    return conduit.from == between.from && conduit.to == between.to &&
           std::ranges::any_of(conduit.rules, names);
  });
}

// A port beside the rule's own, on which nothing is granted between its hosts.
std::optional<std::uint16_t> unnamed_port(const Tables& tables, const Conduit& conduit,
                                          policy::Endpoints ends) {
  constexpr std::uint16_t kTried = 64;
  for (std::uint16_t i = 1; i <= kTried; ++i) {
    ends.server_port = static_cast<std::uint16_t>(ends.server_port + 1);
    if (ends.server_port != 0 && !is_named(tables, conduit, ends)) return ends.server_port;
  }
  return std::nullopt;
}

// The packets of a plain service: of TCP, the first one is the one that is refused.
Trial service_trial(const Tables& tables, Kind kind, std::uint16_t index,
                    const policy::Endpoints& ends) {
  const Conduit& conduit = tables.conduits[index];
  SessionFrames session(end_at(tables, conduit.from, ends.client, kClientPort),
                        end_at(tables, conduit.to, ends.server, ends.server_port), ends.transport,
                        0);
  Trial trial;
  trial.subject = {protocols::kNoProtocol, ends.transport, kind, index, 0, ends.client, ends.server,
                   ends.server_port};
  trial.message = from_hex("73 65 6c 66 2d 74 65 73 74");
  session.open();
  if (kind == Kind::not_granted && ends.transport == policy::Transport::tcp) {
    session.frames.resize(1);
    trial.message.clear();
  } else {
    session.say(true, trial.message);
  }
  trial.trailer = session.trailer();
  trial.frames = std::move(session.frames);
  return trial;
}

// The first plain service over the transport whose hosts can be taken from the policy.
void write_service(const Scripting& scripting, const Tables& tables, policy::Transport transport,
                   Script& script) {
  const Places places = scripting.places_of(protocols::kNoProtocol, transport);
  for (const Place& place : places.tried) {
    const Conduit& conduit = tables.conduits[place.conduit];
    const auto client = host_of(tables, conduit.from, place.rule->clients);
    const auto server = host_of(tables, conduit.to, place.rule->servers);
    if (!client || !server || place.rule->ports.empty()) continue;
    policy::Endpoints ends{*client, *server, place.rule->ports.front().low, transport};
    // A protocol on the same port is judged by its messages.
    if (protocol_has_a_say(conduit, ends)) continue;
    script.trials.push_back(service_trial(tables, Kind::granted, place.conduit, ends));
    if (const auto port = unnamed_port(tables, conduit, ends)) {
      ends.server_port = *port;
      script.trials.push_back(service_trial(tables, Kind::not_granted, place.conduit, ends));
    }
    return;
  }
  if (places.tried.empty() && !places.contained && !places.half_prp) return;  // it grants none
  Subject subject;
  subject.protocol = protocols::kNoProtocol;
  subject.transport = transport;
  subject.kind = Kind::granted;
  subject.problem = places.tried.empty() ? why_not(places, subject.protocol, subject.kind)
                                         : "its rules name no host that a zone has";
  script.not_tested.push_back(std::move(subject));
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
        } else if (writer.wants(kind)) {
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
  for (const auto transport : {policy::Transport::tcp, policy::Transport::udp}) {
    write_service(scripting, tables, transport, script);
  }
  return script;
}

}  // namespace bulkhead::selftest
