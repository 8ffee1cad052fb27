// Hosts, services, functions, values and rates of one rule.
#include "controlplane/policy/resolve_rule.h"

#include <algorithm>
#include <array>
#include <set>

#include "controlplane/policy/changes.h"
#include "controlplane/policy/literals.h"
#include "controlplane/policy/values.h"
#include "controlplane/policy/words.h"
#include "dataplane/wire/llc.h"
#include "dataplane/wire/prp.h"

namespace bulkhead::controlplane {

namespace {

struct KnownService {
  const char* name;
  policy::Transport transport;
  std::uint16_t port;
};

// IANA's registered ports of services that zones commonly exchange.
constexpr std::array kServices = {
    KnownService{"ping", policy::Transport::icmp, 0},
    KnownService{"ssh", policy::Transport::tcp, 22},
    KnownService{"dns", policy::Transport::udp, 53},
    KnownService{"http", policy::Transport::tcp, 80},
    KnownService{"ntp", policy::Transport::udp, 123},
    KnownService{"snmp", policy::Transport::udp, 161},
    KnownService{"snmptrap", policy::Transport::udp, 162},
    KnownService{"ldaps", policy::Transport::tcp, 636},
    KnownService{"https", policy::Transport::tcp, 443},
    KnownService{"syslog", policy::Transport::udp, 514},
    KnownService{"syslog-tls", policy::Transport::tcp, 6514},
    KnownService{"rdp", policy::Transport::tcp, 3389},
};

bool inside(const std::vector<wire::Prefix>& networks, const wire::Prefix& prefix) {
  return std::any_of(networks.begin(), networks.end(), [&](const wire::Prefix& network) {
    return network.length <= prefix.length && network.contains(prefix.address);
  });
}

class RuleResolver {
 public:
  RuleResolver(const RuleNode& node, const RuleScope& scope, Diagnostics& diagnostics)
      : node_(node), scope_(scope), diagnostics_(diagnostics) {}

  ModelRule resolve() {
    rule_.at = node_.at;
    if (node_.protocol && node_.service) {
      diagnostics_.error(node_.service->at, "a rule names a protocol or a service, not both");
    } else if (node_.protocol) {
      resolve_protocol();
    } else if (node_.service) {
      resolve_service();
    } else {
      diagnostics_.error(node_.at,
                         "the rule names neither a protocol nor a service: add "
                         "`protocol: modbus` or `service: ssh`");
    }
    if (node_.rate) resolve_rate();
    if (node_.claimed) resolve_claimed();
    if (node_.essential) resolve_essential();
    resolve_hosts();
    return std::move(rule_);
  }

 private:
  void resolve_hosts() {
    if (scope_.conduit == nullptr) return;
    resolve_side(node_.clients, "client", scope_.conduit->from, rule_.clients);
    resolve_side(node_.servers, "server", scope_.conduit->to, rule_.servers);
  }

  void resolve_side(const Words& words, const std::string& side, std::size_t zone, Hosts& hosts) {
    if (words.empty()) {
      diagnostics_.error(node_.at, side +
                                       " is missing: name assets, addresses, or any for all of " +
                                       "zone " + scope_.model.zones[zone].name.text);
    }
    for (const Word& word : words) resolve_host(word, side, zone, hosts);
  }

  void resolve_asset(const Word& word, const std::string& side, std::size_t zone, std::size_t index,
                     Hosts& hosts) {
    const ModelAsset& asset = scope_.model.assets[index];
    if (asset.zone != zone) {
      diagnostics_.error(word.at, side + " " + word.text + " is in zone " +
                                      scope_.model.zones[asset.zone].name.text + ", but the " +
                                      side + "s of this conduit are in zone " +
                                      scope_.model.zones[zone].name.text);
      return;
    }
    hosts.items.back().asset = index;
    if (!asset.groups.empty()) return resolve_group(word, side, asset, hosts);
    if (is_non_ip()) return resolve_station(word, side, asset, hosts);
    const ModelAsset& reached = asset.behind ? scope_.model.assets[*asset.behind] : asset;
    if (reached.addresses.empty()) {
      diagnostics_.error(word.at, side + " " + word.text + " has no address, only a mac");
    }
    for (const wire::IpAddress& address : reached.addresses) {
      hosts.prefixes.push_back(host_prefix(address));
    }
  }

  void resolve_group(const Word& word, const std::string& side, const ModelAsset& asset,
                     Hosts& hosts) {
    if (side == "client") {
      diagnostics_.error(
          word.at, "client " + word.text + " is a group of hosts, which sends nothing itself");
    } else if (rule_.transport != policy::Transport::udp) {
      diagnostics_.error(word.at, "server " + word.text +
                                      " is a group of hosts: only over UDP many are reached, and "
                                      "the rule is not for that");
    }
    for (const wire::IpAddress& group : asset.groups) hosts.prefixes.push_back(host_prefix(group));
  }

  // What Ethernet itself carries.
  bool is_non_ip() const { return rule_.transport == policy::Transport::ethernet; }

  void resolve_station(const Word& word, const std::string& side, const ModelAsset& asset,
                       Hosts& hosts) {
    if (!asset.mac) {
      diagnostics_.error(word.at, side + " " + word.text +
                                      " needs a mac: Ethernet itself carries what the rule grants");
      return;
    }
    if (asset.mac->is_group() && side == "client") {
      diagnostics_.error(
          word.at, "client " + word.text + " is a group of stations, which sends nothing itself");
    }
    hosts.prefixes.push_back(host_prefix(wire::IpAddress::from_mac(*asset.mac)));
  }

  // All stations of a zone that assets name; groups only receive.
  void resolve_any_station(const std::string& side, std::size_t zone, Hosts& hosts) {
    for (const ModelAsset& asset : scope_.model.assets) {
      if (asset.zone != zone || !asset.mac) continue;
      if (asset.mac->is_group() && side == "client") continue;
      const wire::Prefix station = host_prefix(wire::IpAddress::from_mac(*asset.mac));
      const auto known = std::find(hosts.prefixes.begin(), hosts.prefixes.end(), station);
      if (known == hosts.prefixes.end()) hosts.prefixes.push_back(station);
    }
  }

  std::vector<std::string> known_hosts() const {
    std::vector<std::string> known = {kAnyHost};
    for (const ModelAsset& asset : scope_.model.assets) known.push_back(asset.name.text);
    return known;
  }

  void resolve_host(const Word& word, const std::string& side, std::size_t zone, Hosts& hosts) {
    hosts.items.push_back({word.at, {}, std::nullopt});
    const std::size_t before = hosts.prefixes.size();
    resolve_prefixes(word, side, zone, hosts);
    hosts.items.back().prefixes.assign(hosts.prefixes.begin() + static_cast<std::ptrdiff_t>(before),
                                       hosts.prefixes.end());
  }

  void resolve_prefixes(const Word& word, const std::string& side, std::size_t zone, Hosts& hosts) {
    const ModelZone& home = scope_.model.zones[zone];
    hosts.names.push_back(word.text);
    if (word.text == kAnyHost && is_non_ip()) {
      resolve_any_station(side, zone, hosts);
      if (hosts.prefixes.empty()) {
        diagnostics_.error(word.at, "no asset of zone " + home.name.text + " has a mac");
      }
      return;
    }
    if (word.text == kAnyHost) {
      hosts.prefixes.insert(hosts.prefixes.end(), home.networks.begin(), home.networks.end());
      return;
    }
    if (const auto found = scope_.assets.find(word.text); found != scope_.assets.end()) {
      return resolve_asset(word, side, zone, found->second, hosts);
    }
    if (is_non_ip()) {
      diagnostics_.error(word.at, "unknown asset " + word.text +
                                      did_you_mean(word.text, known_hosts()) +
                                      ": stations are named by assets with a mac");
      return;
    }
    std::string problem;
    std::optional<wire::Prefix> prefix = read_network(word.text, problem);
    if (const auto address = read_address(word.text)) prefix = host_prefix(*address);
    if (!prefix) {
      diagnostics_.error(word.at, problem.empty() ? "unknown asset " + word.text +
                                                        did_you_mean(word.text, known_hosts())
                                                  : "network `" + word.text + "` " + problem);
    } else if (!inside(home.networks, *prefix)) {
      diagnostics_.error(word.at,
                         word.text + " is not inside the networks of zone " + home.name.text);
    } else {
      hosts.prefixes.push_back(*prefix);
    }
  }

  void resolve_protocol() {
    const auto protocol = protocols::find_protocol(node_.protocol->text);
    if (!protocol) {
      std::vector<std::string> known;
      for (const protocols::Protocol* each : protocols::registry()) {
        known.emplace_back(each->catalogue().name);
      }
      std::string hint = did_you_mean(node_.protocol->text, known);
      for (const KnownService& service : kServices) {
        if (node_.protocol->text == service.name) {
          hint = ": it is a plain service, write `service: " + node_.protocol->text + "`";
        }
      }
      diagnostics_.error(node_.protocol->at, "unknown protocol " + node_.protocol->text + hint);
      return;
    }
    rule_.protocol = *protocol;
    const protocols::Catalogue& catalogue = protocols::registry()[*protocol]->catalogue();
    resolve_transport(catalogue);
    for (const Word& word : node_.ports) resolve_port(word);
    if (node_.ports.empty()) {
      for (const protocols::DefaultPort& port : catalogue.ports) {
        if (policy::transport_over(port.carrier) == rule_.transport)
          rule_.ports.push_back({port.port, port.port});
      }
      if (rule_.ports.empty()) {
        diagnostics_.error(node_.at, "port is missing: " + node_.protocol->text +
                                         " has no usual port over this transport");
      }
    }
    resolve_functions(node_, catalogue, rule_, diagnostics_);
    if (!scope_.model.knows_classes) warn_of_changes(node_, catalogue, rule_, diagnostics_);
    resolve_where(node_, catalogue, scope_.model.knows_classes, rule_, diagnostics_);
  }

  // Where the rule names none, it is what the protocol usually has.
  void resolve_transport(const protocols::Catalogue& catalogue) {
    if (!catalogue.ports.empty())
      rule_.transport = policy::transport_over(catalogue.ports[0].carrier);
    if (!node_.transport) return;
    if (is_non_ip()) {
      diagnostics_.error(node_.transport->at,
                         "Ethernet itself carries " + std::string(catalogue.name));
      return;
    }
    std::vector<std::string> forms;
    for (const protocols::DefaultPort& port : catalogue.ports) {
      const std::string word = kTransportWords[static_cast<std::size_t>(port.carrier)];
      if (std::find(forms.begin(), forms.end(), word) == forms.end()) forms.push_back(word);
      if (node_.transport->text != word) continue;
      rule_.transport = policy::transport_over(port.carrier);
      return;
    }
    std::string forms_text;
    for (const std::string& form : forms) forms_text += (forms_text.empty() ? "" : ", ") + form;
    diagnostics_.error(node_.transport->at, std::string(catalogue.name) + " has no form over `" +
                                                node_.transport->text + "`, but over " +
                                                forms_text);
  }

  void resolve_port(const Word& word) {
    const auto range = read_integer_range(word.text);
    const Range limits{is_non_ip() ? wire::kEtherTypeMin : 1, 65535};
    if (is_non_ip() && (!range || !range->valid() || !limits.contains(*range))) {
      diagnostics_.error(word.at,
                         "an EtherType is a number from 0x0600 to 0xffff, not `" + word.text + "`");
      return;
    }
    if (is_non_ip() && range->low == wire::kEtherTypeHsr && range->high == wire::kEtherTypeHsr) {
      diagnostics_.error(word.at,
                         "frames of an HSR ring (0x892f) are always refused: their content stands "
                         "behind a tag that is not taken apart");
    }
    if (!range || !range->valid() || !limits.contains(*range)) {
      diagnostics_.error(word.at, "port must be a number from 1 to 65535 or a range, not `" +
                                      word.text + "`" + leading_zero_hint(word.text));
      return;
    }
    rule_.ports.push_back(
        {static_cast<std::uint16_t>(range->low), static_cast<std::uint16_t>(range->high)});
  }

  void resolve_service() {
    const std::string& text = node_.service->text;
    rule_.service = text;
    refuse_inspection_keys();
    const std::size_t slash = text.find('/');
    const std::string transport = text.substr(0, slash);
    if (transport == "tcp" || transport == "udp" || transport == "ethernet") {
      rule_.transport = policy::Transport::tcp;
      if (transport == "udp") rule_.transport = policy::Transport::udp;
      if (transport == "ethernet") rule_.transport = policy::Transport::ethernet;
      if (slash != std::string::npos) {
        resolve_port({text.substr(slash + 1), node_.service->at});
      } else if (node_.ports.empty()) {
        diagnostics_.error(
            node_.service->at,
            "service " + text + " needs a port: write `service: " + text + "/8080` or add `port:`");
      }
      for (const Word& word : node_.ports) resolve_port(word);
      return;
    }
    std::vector<std::string> known;
    for (const KnownService& service : kServices) {
      known.emplace_back(service.name);
      if (text != service.name) continue;
      rule_.transport = service.transport;
      if (service.transport != policy::Transport::icmp && node_.ports.empty()) {
        rule_.ports.push_back({service.port, service.port});
      }
      for (const Word& word : node_.ports) resolve_port(word);
      return;
    }
    std::string hint = did_you_mean(text, known);
    if (protocols::find_protocol(text)) hint = ": write `protocol: " + text + "` to inspect it";
    diagnostics_.error(node_.service->at,
                       "unknown service " + text + hint +
                           (hint.empty() ? ": write tcp/PORT, udp/PORT or ethernet/TYPE" : ""));
  }

  void refuse_inspection_keys() {
    const bool inspected = !node_.access.empty() || !node_.functions.empty() ||
                           !node_.where.empty() || node_.value_type || node_.word_order;
    if (inspected) {
      diagnostics_.error(node_.at,
                         "a plain service is not looked into: access, functions, where, "
                         "as and word_order need `protocol:`");
    }
    if (node_.transport) {
      diagnostics_.error(node_.transport->at, "a service names its transport itself, as tcp/8080");
    }
    if (node_.rate) {
      diagnostics_.error(node_.rate->at, "rate counts messages and needs `protocol:`");
    }
  }

  void resolve_essential() {
    rule_.essential = node_.essential->text == "true";
    if (rule_.essential || node_.essential->text == "false") return;
    diagnostics_.error(node_.essential->at,
                       "essential must be true or false, not `" + node_.essential->text + "`");
  }

  void resolve_claimed() {
    rule_.claimed = node_.claimed->text == "true";
    if (rule_.claimed || node_.claimed->text == "false") return;
    diagnostics_.error(node_.claimed->at,
                       "claimed must be true or false, not `" + node_.claimed->text + "`");
  }

  void resolve_rate() {
    const auto rate = read_rate(node_.rate->text);
    if (!rate) {
      diagnostics_.error(node_.rate->at,
                         "rate must be COUNT/s, COUNT/min or COUNT/h, such as "
                         "5/s, not `" +
                             node_.rate->text + "`");
      return;
    }
    rule_.rate_interval_ns = rate->interval_ns;
    rule_.rate_burst = rate->burst;
    rule_.rate_text = node_.rate->text;
  }

  const RuleNode& node_;
  const RuleScope& scope_;
  Diagnostics& diagnostics_;
  ModelRule rule_;
};

}  // namespace

std::vector<std::string> plain_service_names() {
  std::vector<std::string> names;
  for (const KnownService& service : kServices) names.emplace_back(service.name);
  return names;
}

ModelRule resolve_rule(const RuleNode& node, const RuleScope& scope, Diagnostics& diagnostics) {
  return RuleResolver(node, scope, diagnostics).resolve();
}

}  // namespace bulkhead::controlplane
