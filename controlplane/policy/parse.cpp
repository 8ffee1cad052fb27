// Pass 1: YAML to the shape of a policy. Unknown, missing and repeated keys are reported here.
#include <set>

#include "controlplane/policy/ast.h"
#include "controlplane/yaml/yaml_reader.h"

namespace bulkhead::controlplane {

namespace {

constexpr std::size_t kTextBytesMax = 32 * 1024 * 1024;

class Parser : private YamlReader {
 public:
  explicit Parser(Diagnostics& diagnostics) : YamlReader(diagnostics) {}

  void read_zone(const Word& name, const YAML::Node& node, PolicyNode& policy) {
    ZoneNode zone;
    zone.name = name;
    read_map(node, "zone " + name.text,
             {{"target", word("target", zone.target)},
              {"port", word("port", zone.port)},
              {"vlan", words("vlan", zone.vlan)},
              {"prp", word("prp", zone.prp)},
              {"networks", words("networks", zone.networks)}});
    require(zone.port.has_value(), name, "zone", "port");
    policy.zones.push_back(std::move(zone));
  }

  void read_asset(const Word& name, const YAML::Node& node, PolicyNode& policy) {
    AssetNode asset;
    asset.name = name;
    read_map(node, "asset " + name.text,
             {{"zone", word("zone", asset.zone)},
              {"address", words("address", asset.addresses)},
              {"group", words("group", asset.groups)},
              {"mac", word("mac", asset.mac)},
              {"behind", word("behind", asset.behind)},
              {"route", [this, &asset](const YAML::Node& route) { read_route(route, asset); }}});
    if (asset.behind) {
      check_behind(asset);
    } else {
      require(asset.zone.has_value(), name, "asset", "zone");
      const bool reached =
          !asset.addresses.empty() || asset.mac.has_value() || !asset.groups.empty();
      require(reached, name, "asset", "address");
    }
    if (!asset.groups.empty() && (!asset.addresses.empty() || asset.mac)) {
      diagnostics_.error(name.at,
                         "asset " + name.text + ": a group has no address and no mac of its own");
    }
    policy.assets.push_back(std::move(asset));
  }

  void read_route(const YAML::Node& node, AssetNode& asset) {
    if (!node.IsMap() || node.size() == 0) {
      diagnostics_.error(position(node), "route must be a map, such as {unit: 7}");
      return;
    }
    std::set<std::string> seen;
    for (const auto& entry : node) {
      RouteNode route;
      route.key = {entry.first.IsScalar() ? entry.first.Scalar() : "", position(entry.first)};
      if (!seen.insert(route.key.text).second) {
        diagnostics_.error(route.key.at, "route: " + route.key.text + " stands twice");
        continue;
      }
      word("route " + route.key.text, route.value)(entry.second);
      asset.route.push_back(std::move(route));
    }
  }

  // An asset behind another is reached at that one's address, in its zone.
  void check_behind(const AssetNode& asset) {
    require(!asset.route.empty(), asset.name, "asset", "route");
    if (!asset.addresses.empty() || !asset.groups.empty() || asset.mac || asset.zone) {
      diagnostics_.error(asset.name.at, "asset " + asset.name.text + " stands behind " +
                                            asset.behind->text +
                                            ": it has that one's zone and address, and no zone, "
                                            "address, group or mac of its own");
    }
  }

  void read_where(const YAML::Node& node, RuleNode& rule) {
    if (!node.IsMap()) {
      diagnostics_.error(position(node), "where must be a map from fields to values");
      return;
    }
    std::set<std::string> seen;
    for (const auto& entry : node) {
      const Word field{entry.first.IsScalar() ? entry.first.Scalar() : "", position(entry.first)};
      if (!seen.insert(field.text).second) {
        diagnostics_.error(field.at, "where: " + field.text + " stands twice");
      } else if (field.text == "as") {
        word("as", rule.value_type)(entry.second);
      } else if (field.text == "word_order") {
        word("word_order", rule.word_order)(entry.second);
      } else {
        WhereNode where{field, {}};
        words("where " + field.text, where.values)(entry.second);
        rule.where.push_back(std::move(where));
      }
    }
  }

  // A proposed rule that nobody has looked at yet grants nothing: the policy does not compile.
  void read_reviewer(const YAML::Node& name, const RuleNode& rule) {
    std::optional<Word> reviewer;
    if (!name.IsNull()) word("reviewed_by", reviewer)(name);
    const bool empty = name.IsNull() || (reviewer && reviewer->text.empty());
    if (!empty) return;
    diagnostics_.error(rule.at,
                       "nobody has reviewed this rule: see whether what it grants is "
                       "wanted, then write who you are, `reviewed_by: NAME`, or delete it");
  }

  void read_rule(const YAML::Node& node, ConduitNode& conduit) {
    RuleNode rule;
    rule.at = position(node);
    read_map(
        node, "rule " + std::to_string(conduit.rules.size() + 1) + " of " + conduit.name.text,
        {{"protocol", word("protocol", rule.protocol)},
         {"service", word("service", rule.service)},
         {"client", words("client", rule.clients)},
         {"server", words("server", rule.servers)},
         {"access", words("access", rule.access)},
         {"functions", words("functions", rule.functions)},
         {"where", [this, &rule](const YAML::Node& where) { read_where(where, rule); }},
         {"as", word("as", rule.value_type)},
         {"word_order", word("word_order", rule.word_order)},
         {"transport", word("transport", rule.transport)},
         {"port", words("port", rule.ports)},
         {"rate", word("rate", rule.rate)},
         {"claimed", word("claimed", rule.claimed)},
         {"essential", word("essential", rule.essential)},
         {"reviewed_by", [this, &rule](const YAML::Node& name) { read_reviewer(name, rule); }}});
    conduit.rules.push_back(std::move(rule));
  }

  void read_conduit(const Word& name, const YAML::Node& node, PolicyNode& policy) {
    ConduitNode conduit;
    conduit.name = name;
    const auto rules = [this, &conduit](const YAML::Node& list) {
      if (!list.IsSequence() && !list.IsNull()) {
        diagnostics_.error(position(list), "allow must be a list of rules");
        return;
      }
      for (const YAML::Node& item : list) read_rule(item, conduit);
    };
    read_map(node, "conduit " + name.text,
             {{"from", word("from", conduit.from)},
              {"to", word("to", conduit.to)},
              {"mode", word("mode", conduit.mode)},
              {"until", word("until", conduit.until)},
              {"ends_between", word("ends_between", conduit.ends_between)},
              {"confirm", word("confirm", conduit.confirm)},
              {"on_deny", word("on_deny", conduit.on_deny)},
              {"on_stray_answer", word("on_stray_answer", conduit.on_stray_answer)},
              {"fragments", word("fragments", conduit.fragments)},
              {"midstream", word("midstream", conduit.midstream)},
              {"fail", word("fail", conduit.fail)},
              {"link", word("link", conduit.link)},
              {"allow", rules}});
    require(conduit.from.has_value(), name, "conduit", "from");
    require(conduit.to.has_value(), name, "conduit", "to");
    policy.conduits.push_back(std::move(conduit));
  }

  void read_health(const YAML::Node& node, PolicyNode& policy) {
    HealthNode& health = policy.health.emplace();
    health.at = position(node);
    read_map(node, "health",
             {{"sessions_lost", word("sessions_lost", health.sessions_lost)},
              {"refusals", word("refusals", health.refusals)}});
  }

  void read_policy(const YAML::Node& root, PolicyNode& policy) {
    std::optional<Word> version;
    const auto named = [this](const std::string& what, auto read, PolicyNode& out) {
      return [this, what, read, &out](const YAML::Node& node) {
        read_named(node, what, [this, read, &out](const Word& name, const YAML::Node& body) {
          (this->*read)(name, body, out);
        });
      };
    };
    read_map(root, "policy",
             {{"bulkhead", word("bulkhead", version)},
              {"site", word("site", policy.site)},
              {"written_for", word("written_for", policy.written_for)},
              {"health", [this, &policy](const YAML::Node& node) { read_health(node, policy); }},
              {"containment",
               [this, &policy](const YAML::Node& node) {
                 read_map(node, "containment",
                          {{"release", word("release", policy.containment_release)}});
               }},
              {"zones", named("zones", &Parser::read_zone, policy)},
              {"assets", named("assets", &Parser::read_asset, policy)},
              {"conduits", named("conduits", &Parser::read_conduit, policy)}});
    require_v1(version, "bulkhead: v1");
    if (!policy.site) diagnostics_.error({1, 1}, "site is missing: name the site, `site: NAME`");
  }

 private:
  void require(bool present, const Word& name, const std::string& what, const std::string& key) {
    if (!present) diagnostics_.error(name.at, what + " " + name.text + ": " + key + " is missing");
  }
};

}  // namespace

PolicyNode parse_policy(const std::string& text, Diagnostics& diagnostics) {
  PolicyNode policy;
  const auto root = load_yaml(text, kTextBytesMax, "policy", "bulkhead, site, zones", diagnostics);
  if (root) Parser(diagnostics).read_policy(*root, policy);
  return policy;
}

}  // namespace bulkhead::controlplane
