// Hosts to zones, uses to rules, alike rules to one with several hosts.
#include "controlplane/learn/proposal.h"

#include <algorithm>
#include <cmath>

#include "controlplane/learn/port_ranges.h"
#include "controlplane/learn/words.h"
#include "controlplane/learn/zones.h"
#include "dataplane/policy/tables.h"
#include "dataplane/wire/text.h"

namespace bulkhead::learn {

namespace {

using policy::Transport;
using protocols::AccessClass;
using protocols::Catalogue;
using protocols::FunctionInfo;

// More ranges or names than these are made fewer and wider, where only reading is granted.
constexpr std::size_t kRangesShownMax = 16;
constexpr std::size_t kNamesShownMax = 16;
// More rules than these nobody reads: those for reading that differ in values alone become fewer.
constexpr std::size_t kRulesShownMax = 25;

bool is_harmless(AccessClass access) {
  return access == AccessClass::session || access == AccessClass::discover ||
         access == AccessClass::read;
}

// Why a person must look at a use; empty if none need.
std::string why_review(const FunctionInfo& function, const Seen& seen) {
  if (!is_harmless(function.access) && function.access != AccessClass::publish) {
    return std::string(protocols::describe(function.access));
  }
  return seen.count == 1 && function.access != AccessClass::session ? "seen once" : "";
}

// The ranges whose gaps are smallest become one until few are left.
void close_gaps(std::vector<Range>& ranges) {
  while (ranges.size() > kRangesShownMax) {
    std::size_t least = 0;
    for (std::size_t i = 1; i + 1 < ranges.size(); ++i) {
      if (ranges[i + 1].low - ranges[i].high < ranges[least + 1].low - ranges[least].high) {
        least = i;
      }
    }
    ranges[least].high = ranges[least + 1].high;
    ranges.erase(ranges.begin() + static_cast<std::ptrdiff_t>(least) + 1);
  }
}

std::string common_prefix(const std::set<std::string>& names) {
  const std::string& first = *names.begin();
  const std::string& last = *names.rbegin();
  const auto [a, b] = std::mismatch(first.begin(), first.end(), last.begin(), last.end());
  return {first.begin(), a};
}

// A name in each of many devices, as IEC 61850's `DEVICE/LLN0$dsAlarm`: what follows the device.
std::set<std::string> without_devices(const std::set<std::string>& names) {
  std::set<std::string> parts;
  for (const std::string& name : names) {
    const std::size_t slash = name.find('/');
    if (slash == std::string::npos) return names;
    parts.insert("*" + name.substr(slash));
  }
  return parts;
}

// Few patterns that contain the names.
std::set<std::string> patterns_of(const std::set<std::string>& names) {
  std::set<std::string> parts = without_devices(names);
  if (parts.size() > kNamesShownMax) parts = {common_prefix(parts) + "*"};
  return parts;
}

// Once, however often it is found.
void note_wider(ProposedRule& rule, const std::string& what) {
  const std::string list = ", " + rule.widened + ",";
  if (list.find(", " + what + ",") != std::string::npos) return;
  rule.widened += (rule.widened.empty() ? "" : ", ") + what;
}

// Makes a rule for reading readable; what it grants beyond what was seen is noted.
void widen(ProposedRule& rule, const Catalogue& catalogue) {
  for (auto& [field, values] : rule.where) {
    const protocols::FieldInfo& info = catalogue.fields[field];
    const bool many = values.any || values.ranges.size() > kRangesShownMax ||
                      values.names.size() > kNamesShownMax;
    if (!many) continue;
    note_wider(rule, std::string(info.name));
    if (!values.ranges.empty()) close_gaps(values.ranges);
    if (!values.names.empty() && info.patterns == nullptr) {
      values.names = patterns_of(values.names);
    } else if (!values.names.empty()) {
      values = {{}, {}, true};
    }
  }
}

// A policy has no word for infinity: then any value is granted, and that is noted.
void open_infinite(ProposedRule& rule, const Catalogue& catalogue) {
  const auto infinite = [](const Range& range) {
    return std::isinf(float64_from_order(range.low)) || std::isinf(float64_from_order(range.high));
  };
  for (auto& [field, values] : rule.where) {
    const protocols::FieldInfo& info = catalogue.fields[field];
    const bool real = info.kind == protocols::FieldKind::real;
    if (!real || std::none_of(values.ranges.begin(), values.ranges.end(), infinite)) continue;
    values = {{}, {}, true};
    note_wider(rule, std::string(info.name));
  }
}

// Names that a pattern cannot state alone: with its sign, empty, too long, or of other letters. And
// what had so many values that they were not kept.
void note_loose(ProposedRule& rule, const Catalogue& catalogue) {
  for (const auto& [field, values] : rule.where) {
    const bool loose = std::any_of(values.names.begin(), values.names.end(), [](const auto& name) {
      return name.empty() || name.find('*') != std::string::npos || pattern_of(name) != name;
    });
    if (values.any || loose) note_wider(rule, std::string(catalogue.fields[field].name));
  }
}

// All functions of a class were used, and the same was asked of each.
void name_class(ProposedRule& rule) {
  if (rule.functions.size() < 2) return;
  const auto functions = protocols::registry()[rule.protocol]->catalogue().functions;
  const AccessClass access = functions[rule.functions.front()].access;
  const auto is_alike = [access](const protocols::FunctionInfo& each) {
    return each.access == access;
  };
  const bool all_alike =
      std::all_of(rule.functions.begin(), rule.functions.end(),
                  [&](std::uint16_t function) { return is_alike(functions[function]); });
  const auto in_class = std::count_if(functions.begin(), functions.end(), is_alike);
  if (all_alike && static_cast<std::size_t>(in_class) == rule.functions.size()) {
    rule.access = protocols::describe(access);
  }
}

// The rules of one conduit, while they are put together.
class RuleBuilder {
 public:
  RuleBuilder(const Hosts& hosts, std::size_t from, std::size_t to)
      : hosts_(hosts), from_(from), to_(to) {}

  void add(const UseKey& key, const Use& use) {
    const Catalogue& catalogue = protocols::registry()[key.protocol]->catalogue();
    const FunctionInfo& function = catalogue.functions[key.function];
    const std::string review = why_review(function, use.seen);
    // What must be looked at stands alone, so that no two together grant a third.
    const auto alone = static_cast<std::uint16_t>(review.empty() ? 0 : key.function + 1);
    ProposedRule& rule = rules_[{key.session, key.protocol, key.fields, alone}];
    rule.protocol = key.protocol;
    rule.transport = key.session.transport;
    rule.port = key.session.port;
    rule.clients = {hosts_.name_of(key.session.client, from_)};
    rule.servers = {hosts_.name_of(key.session.server, to_)};
    rule.functions.push_back(key.function);
    rule.seen.add(use.seen);
    rule.review = review;
    for (const auto& [field, values] : use.values) rule.where[field].add(values);
  }

  void add(const Session& session, const Seen& seen) {
    ProposedRule rule;
    rule.clients = {hosts_.name_of(session.client, from_)};
    rule.servers = {hosts_.name_of(session.server, to_)};
    rule.transport = session.transport;
    rule.port = session.port;
    rule.seen = seen;
    rule.review = "not inspected";
    services_.push_back(std::move(rule));
  }

  std::vector<ProposedRule> finish() {
    std::vector<ProposedRule> rules;
    for (auto& [key, rule] : rules_) {
      const Catalogue& catalogue = protocols::registry()[rule.protocol]->catalogue();
      note_loose(rule, catalogue);
      open_infinite(rule, catalogue);
      if (rule.review.empty()) widen(rule, catalogue);
      rules.push_back(std::move(rule));
    }
    std::set<std::uint16_t> inspected;
    for (const auto& [key, rule] : rules_) inspected.insert(rule.port);
    gather_ports(services_, inspected);
    rules.insert(rules.end(), services_.begin(), services_.end());
    join(rules, &ProposedRule::clients, &ProposedRule::servers);
    join(rules, &ProposedRule::servers, &ProposedRule::clients);
    if (rules.size() > kRulesShownMax) crowd(rules, &ProposedRule::servers, &ProposedRule::clients);
    if (rules.size() > kRulesShownMax) crowd(rules, &ProposedRule::clients, &ProposedRule::servers);
    for (ProposedRule& rule : rules) name_class(rule);
    return rules;
  }

 private:
  using Names = std::vector<std::string>;
  using Key = std::tuple<Session, std::uint8_t, std::uint32_t, std::uint16_t>;

  static bool grants_alike(const ProposedRule& a, const ProposedRule& b) {
    return a.protocol == b.protocol && a.transport == b.transport && a.port == b.port &&
           a.last_port == b.last_port && a.functions == b.functions && a.where == b.where &&
           a.review == b.review;
  }

  // Rules that differ on one side alone become one.
  static void join(std::vector<ProposedRule>& rules, Names ProposedRule::* side,
                   Names ProposedRule::* other) {
    std::vector<ProposedRule> joined;
    for (ProposedRule& rule : rules) {
      const auto alike = std::find_if(joined.begin(), joined.end(), [&](const ProposedRule& each) {
        return each.*other == rule.*other && grants_alike(each, rule);
      });
      if (alike == joined.end()) {
        joined.push_back(std::move(rule));
        continue;
      }
      Names& names = (*alike).*side;
      names.insert(names.end(), (rule.*side).begin(), (rule.*side).end());
      alike->seen.add(rule.seen);
      if (alike->widened.empty()) alike->widened = rule.widened;
    }
    rules = std::move(joined);
  }

  static bool only_reads(const ProposedRule& rule) {
    if (rule.protocol == protocols::kNoProtocol) return false;
    const Catalogue& catalogue = protocols::registry()[rule.protocol]->catalogue();
    return std::all_of(rule.functions.begin(), rule.functions.end(), [&](std::uint16_t function) {
      const AccessClass access = catalogue.functions[function].access;
      return is_harmless(access) || access == AccessClass::publish;
    });
  }

  static bool have_like_fields(const ProposedRule& a, const ProposedRule& b) {
    return std::equal(a.where.begin(), a.where.end(), b.where.begin(), b.where.end(),
                      [](const auto& one, const auto& other) { return one.first == other.first; });
  }

  // Rules for reading that differ in hosts on one side and in values become one: what one of them
  // may be asked for, all may. What writes stays as it was seen, and so does who must look at it.
  static void crowd(std::vector<ProposedRule>& rules, Names ProposedRule::* side,
                    Names ProposedRule::* other) {
    std::vector<ProposedRule> crowded;
    for (ProposedRule& rule : rules) {
      const auto alike =
          std::find_if(crowded.begin(), crowded.end(), [&](const ProposedRule& each) {
            return only_reads(rule) && each.*other == rule.*other &&
                   each.protocol == rule.protocol && each.transport == rule.transport &&
                   each.port == rule.port && each.functions == rule.functions &&
                   each.review == rule.review && have_like_fields(each, rule);
          });
      if (alike == crowded.end()) {
        crowded.push_back(std::move(rule));
        continue;
      }
      Names& names = (*alike).*side;
      for (const std::string& name : rule.*side) {
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
      }
      for (const auto& [field, values] : rule.where) alike->where[field].add(values);
      alike->seen.add(rule.seen);
      note_wider(*alike, "what any of these hosts was asked for, all may be");
    }
    for (ProposedRule& rule : crowded) {
      if (rule.protocol != protocols::kNoProtocol && rule.review.empty()) {
        widen(rule, protocols::registry()[rule.protocol]->catalogue());
      }
    }
    rules = std::move(crowded);
  }

  const Hosts& hosts_;
  std::size_t from_;
  std::size_t to_;
  std::map<Key, ProposedRule> rules_;
  std::vector<ProposedRule> services_;
};

// Services whose passwords anybody on the way can read.
std::string password_service(const Session& session) {
  if (session.transport == Transport::tcp && session.port == 21) return "FTP";
  if (session.transport == Transport::tcp && session.port == 23) return "Telnet";
  if (session.transport == Transport::tcp && session.port == 80) return "HTTP";
  if (session.transport == Transport::tcp && session.port == 5900) return "VNC";
  if (session.transport == Transport::udp && (session.port == 161 || session.port == 162)) {
    return "SNMP";
  }
  return {};
}

std::string session_text(const Session& session) {
  if (session.transport == Transport::icmp) {
    return wire::to_text(session.client) + " to " + wire::to_text(session.server) + ", ICMP echo";
  }
  constexpr const char* kTransports[] = {"TCP", "UDP", "ICMP", "Ethernet"};
  return wire::to_text(session.client) + " to " + wire::to_text(session.server) + ", " +
         kTransports[static_cast<std::size_t>(session.transport)] + " " +
         std::to_string(session.port);
}

class Proposer {
 public:
  Proposer(const Observations& seen, const std::vector<ZoneWish>& wishes, const HostNames& names,
           const HostTags& tags)
      : seen_(seen), hosts_(seen, wishes, names), tags_(tags) {}

  Proposal propose() {
    out_.zones = hosts_.zones();
    out_.assets = hosts_.assets();
    for (const auto& [key, use] : seen_.uses()) add(key.session, key, use);
    for (const auto& [session, seen] : seen_.services()) {
      if (seen_.never_opened(session)) continue;
      const std::string service = password_service(session);
      if (!service.empty()) {
        out_.apart.push_back("passwords in clear text: " + service + ", " + session_text(session));
      }
      if (RuleBuilder* builder = builder_of(session)) builder->add(session, seen);
    }
    for (auto& [zones, conduit] : conduits_) {
      conduit.rules = builders_.at(zones).finish();
      out_.conduits.push_back(std::move(conduit));
    }
    list_apart();
    tag_zones();
    return std::move(out_);
  }

 private:
  using Zones = std::pair<std::size_t, std::size_t>;

  void add(const Session& session, const UseKey& key, const Use& use) {
    if (RuleBuilder* builder = builder_of(session)) builder->add(key, use);
  }

  // Nothing for what does not pass between two zones.
  RuleBuilder* builder_of(const Session& session) {
    const auto from = hosts_.zone_of(session.client);
    const auto to =
        from ? hosts_.zone_asked_from(*from, session.server) : hosts_.zone_of(session.server);
    if (!from) homeless_.insert(session.client);
    if (!to && (from || !is_group(session.server))) homeless_.insert(session.server);
    if (!from || !to) return nullptr;
    if (*from == *to) {
      within_[*from] += 1;
      return nullptr;
    }
    const Zones zones{*from, *to};
    const auto found = builders_.find(zones);
    if (found != builders_.end()) return &found->second;
    ProposedConduit& conduit = conduits_[zones];
    conduit.from = *from;
    conduit.to = *to;
    conduit.name = conduit_name(out_.zones[*from].name, out_.zones[*to].name);
    return &builders_.emplace(zones, RuleBuilder(hosts_, *from, *to)).first->second;
  }

  // Names that have the sign between them too may come to the same.
  std::string conduit_name(const std::string& from, const std::string& to) {
    std::string name = from + "-" + to;
    for (std::size_t i = conduit_names_.size() + 1;
         name.size() > policy::kNameBytesMax || conduit_names_.contains(name); ++i) {
      name = "conduit" + std::to_string(i);
    }
    conduit_names_.insert(name);
    return name;
  }

  void tag_zones() {
    std::vector<VlanTags> of_zones(out_.zones.size());
    for (const auto& [host, of_host] : tags_.hosts()) {
      const auto zone = hosts_.zone_of(host);
      if (zone) of_zones[*zone].insert(of_host.begin(), of_host.end());
    }
    for (std::size_t i = 0; i < of_zones.size(); ++i) {
      if (of_zones[i].size() == 1) out_.zones[i].vlan = *of_zones[i].begin();
    }
    while (tag_silent_zones(of_zones)) {
    }
    for (std::size_t i = 0; i < of_zones.size(); ++i) {
      if (of_zones[i].size() <= 1) continue;
      out_.apart.push_back("zone " + out_.zones[i].name + ": frames of its hosts have " +
                           tags_words(of_zones[i]) + "; its `vlan:` is for you to state");
    }
    while (untag_unlike_zones()) {
    }
  }

  // Hosts that only listen, or whose side was not recorded: what is sent to them has the tags that
  // an appliance lets reach them.
  bool tag_silent_zones(std::vector<VlanTags>& of_zones) {
    bool changed = false;
    for (const ProposedConduit& conduit : out_.conduits) {
      for (const auto& [silent, other] :
           {std::pair{conduit.from, conduit.to}, std::pair{conduit.to, conduit.from}}) {
        if (!of_zones[silent].empty() || of_zones[other].size() != 1) continue;
        of_zones[silent] = of_zones[other];
        out_.zones[silent].vlan = *of_zones[other].begin();
        changed = true;
      }
    }
    return changed;
  }

  // An appliance bridges: zones of one conduit that had different tags would not compile.
  bool untag_unlike_zones() {
    bool changed = false;
    for (const ProposedConduit& conduit : out_.conduits) {
      ProposedZone& from = out_.zones[conduit.from];
      ProposedZone& to = out_.zones[conduit.to];
      if (from.vlan == to.vlan) continue;
      out_.apart.push_back("zones " + from.name + " and " + to.name + ": frames have " +
                           tags_words({from.vlan}) + " and " + tags_words({to.vlan}) +
                           ", which an appliance does not change; their `vlan:` is for you to "
                           "state");
      from.vlan = to.vlan = {};
      changed = true;
    }
    return changed;
  }

  // Attempts, as of a scanner, are no use of a service.
  void list_never_opened() {
    std::map<std::pair<wire::IpAddress, wire::IpAddress>, std::vector<std::string>> ports;
    for (const auto& [session, seen] : seen_.services()) {
      if (!seen_.never_opened(session)) continue;
      ports[{session.client, session.server}].push_back(std::to_string(session.port));
    }
    for (const auto& [hosts, list] : ports) {
      out_.apart.push_back("never opened, and not learned: " + wire::to_text(hosts.first) + " to " +
                           wire::to_text(hosts.second) + ", TCP " + words_for_people(list));
    }
  }

  void list_homeless() {
    std::vector<std::string> link_local;
    for (const wire::IpAddress& address : homeless_) {
      if (!address.is_mac() && address.is_link_local()) {
        link_local.push_back(wire::to_text(address));
      } else {
        out_.apart.push_back("in no zone, and not learned: " + wire::to_text(address));
      }
    }
    if (link_local.empty()) return;
    out_.apart.push_back("in no zone, and not learned: " + std::to_string(link_local.size()) +
                         " link-local address" + (link_local.size() == 1 ? " (" : "es (") +
                         words_for_people(link_local) + ")");
  }

  void list_apart() {
    for (const auto& [key, seen] : seen_.faults()) {
      out_.apart.push_back(
          "not decoded: " + std::string(protocols::registry()[key.protocol]->catalogue().name) +
          ", " + std::string(protocols::describe(key.fault).name) + ", " +
          std::to_string(seen.count) + (seen.count == 1 ? " message, " : " messages, ") +
          session_text(key.session));
    }
    for (const auto& [zone, count] : within_) {
      out_.apart.push_back("within zone " + out_.zones[zone].name + ": " + std::to_string(count) +
                           (count == 1 ? " kind" : " kinds") +
                           " of traffic, which does not pass the firewall");
    }
    list_never_opened();
    list_homeless();
    if (seen_.dropped() > 0) {
      out_.apart.push_back("too much to be learned at once: " + std::to_string(seen_.dropped()) +
                           " messages are left out; learn from parts of the capture");
    }
  }

  const Observations& seen_;
  Hosts hosts_;
  const HostTags& tags_;
  Proposal out_;
  std::map<Zones, ProposedConduit> conduits_;
  std::map<Zones, RuleBuilder> builders_;
  std::set<std::string> conduit_names_;
  std::map<std::size_t, std::size_t> within_;
  std::set<wire::IpAddress> homeless_;
};

}  // namespace

Proposal propose(const Observations& seen, const std::vector<ZoneWish>& wishes,
                 const HostNames& names, const HostTags& tags) {
  return Proposer(seen, wishes, names, tags).propose();
}

}  // namespace bulkhead::learn
