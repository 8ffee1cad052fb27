// A case is read as a rule is, so that services, ports and functions mean the same in both.
#include "controlplane/cli/case_session.h"

#include <algorithm>

#include "controlplane/policy/literals.h"
#include "controlplane/policy/resolve_rule.h"

namespace bulkhead::controlplane {

namespace {

const ModelAsset* find_asset(const Model& model, const std::string& name) {
  for (const ModelAsset& asset : model.assets) {
    if (asset.name.text == name) return &asset;
  }
  return nullptr;
}

// The zone whose networks hold the address, by the longest prefix.
std::optional<std::size_t> zone_of(const Model& model, const wire::IpAddress& address) {
  std::optional<std::size_t> found;
  int longest = -1;
  for (std::size_t i = 0; i < model.zones.size(); ++i) {
    for (const wire::Prefix& network : model.zones[i].networks) {
      if (!network.contains(address) || network.length <= longest) continue;
      longest = network.length;
      found = i;
    }
  }
  return found;
}

std::string no_asset(const std::string& name, const Model& model) {
  const bool is_zone =
      std::any_of(model.zones.begin(), model.zones.end(),
                  [&name](const ModelZone& zone) { return zone.name.text == name; });
  if (is_zone || name == "any") {
    return name + (is_zone ? " is a zone" : " is no host") +
           ": a case is one message, so name an asset or an address";
  }
  std::vector<std::string> known;
  for (const ModelAsset& asset : model.assets) known.push_back(asset.name.text);
  return "unknown asset " + name + did_you_mean(name, known);
}

std::optional<CaseSession::Host> find_host(const Word& word, const Model& model, bool non_ip,
                                           Diagnostics& diagnostics) {
  CaseSession::Host host;
  host.asset = find_asset(model, word.text);
  if (host.asset == nullptr) {
    const auto address = read_address(word.text);
    const auto zone = address ? zone_of(model, *address) : std::nullopt;
    if (zone) {
      host.address = *address;
      host.zone = *zone;
      return host;
    }
    diagnostics.error(
        word.at, address ? word.text + " is in no zone of the policy" : no_asset(word.text, model));
    return std::nullopt;
  }
  const ModelAsset& reached = host.asset->behind ? model.assets[*host.asset->behind] : *host.asset;
  host.zone = reached.zone;
  host.mac = reached.mac;
  if (non_ip && reached.mac) {
    host.address = wire::IpAddress::from_mac(*reached.mac);
  } else if (!non_ip && !reached.addresses.empty()) {
    host.address = reached.addresses.front();
  } else if (!non_ip && !reached.groups.empty()) {
    host.address = reached.groups.front();
  } else {
    diagnostics.error(word.at, "asset " + word.text + " has no " + (non_ip ? "mac" : "address"));
    return std::nullopt;
  }
  return host;
}

// The case as a rule of the policy's language, so that its words are read alike.
RuleNode rule_of(const PolicyCase& each) {
  RuleNode node;
  node.at = each.at;
  node.transport = each.transport;
  if (each.server_port) node.ports = {*each.server_port};
  if (!each.protocol) {
    node.service = each.service;
    return node;
  }
  const protocols::Catalogue& catalogue = protocols::registry()[*each.protocol]->catalogue();
  node.protocol = Word{std::string(catalogue.name), each.at};
  // A message in bytes says itself which function it has.
  node.functions = {each.is_in_bytes() ? Word{std::string(catalogue.functions[0].name), each.at}
                                       : each.function};
  return node;
}

}  // namespace

std::optional<ModelRule> resolve_words(const PolicyCase& each, const Model& model,
                                       Diagnostics& diagnostics) {
  Diagnostics own(diagnostics.file());
  const Places no_assets;
  ModelRule rule = resolve_rule(rule_of(each), {model, no_assets, nullptr}, own);
  for (const Diagnostic& found : own.list()) {
    if (found.severity == Severity::error) diagnostics.error(found.at, found.message);
  }
  if (own.errors() != 0) return std::nullopt;
  return rule;
}

std::optional<CaseSession> find_session(const PolicyCase& each, const Model& model,
                                        Diagnostics& diagnostics) {
  const auto rule = resolve_words(each, model, diagnostics);
  if (!rule) return std::nullopt;
  CaseSession session;
  session.transport = rule->transport;
  if (!rule->ports.empty()) session.port = rule->ports.front().low;
  const bool non_ip = session.transport == policy::Transport::ethernet;
  const auto client = find_host(each.client, model, non_ip, diagnostics);
  const auto server = find_host(each.server, model, non_ip, diagnostics);
  if (!client || !server) return std::nullopt;
  session.client = *client;
  session.server = *server;
  return session;
}

}  // namespace bulkhead::controlplane
