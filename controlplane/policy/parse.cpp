// Pass 1: YAML to the shape of a policy. Unknown, missing and repeated keys are reported here.
#include <yaml-cpp/yaml.h>

#include <functional>
#include <map>
#include <set>

#include "controlplane/policy/ast.h"
#include "controlplane/policy/yaml_shape.h"

namespace bulkhead::controlplane {

namespace {

constexpr std::size_t kTextBytesMax = 32 * 1024 * 1024;

Position position(const YAML::Node& node) {
  const YAML::Mark mark = node.Mark();
  return {static_cast<std::uint32_t>(mark.line + 1), static_cast<std::uint32_t>(mark.column + 1)};
}

using Keys = std::map<std::string, std::function<void(const YAML::Node&)>>;

class Parser {
 public:
  explicit Parser(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  // Walks a map and calls the reader of each key.
  void read_map(const YAML::Node& node, const std::string& what, const Keys& keys) {
    if (!node.IsMap()) {
      diagnostics_.error(position(node), what + " must be a map of keys and values");
      return;
    }
    std::set<std::string> seen;
    for (const auto& entry : node) {
      const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : std::string();
      if (!seen.insert(key).second) {
        diagnostics_.error(position(entry.first), what + ": key " + key + " stands twice");
        continue;
      }
      const auto reader = keys.find(key);
      if (reader == keys.end()) {
        std::vector<std::string> known;
        for (const auto& [name, unused] : keys) known.push_back(name);
        diagnostics_.error(position(entry.first),
                           what + ": unknown key " + key + did_you_mean(key, known));
        continue;
      }
      reader->second(entry.second);
    }
  }

  // Walks a map whose keys are names that the author chose.
  void read_named(const YAML::Node& node, const std::string& what,
                  const std::function<void(const Word&, const YAML::Node&)>& read) {
    if (!node.IsMap()) {
      diagnostics_.error(position(node), what + " must be a map from names to their descriptions");
      return;
    }
    std::set<std::string> seen;
    for (const auto& entry : node) {
      const Word name{entry.first.IsScalar() ? entry.first.Scalar() : "", position(entry.first)};
      if (name.text.empty()) {
        diagnostics_.error(name.at, what + ": a name is missing");
      } else if (!seen.insert(name.text).second) {
        diagnostics_.error(name.at, what + ": " + name.text + " stands twice");
      } else {
        read(name, entry.second);
      }
    }
  }

  std::function<void(const YAML::Node&)> word(const std::string& what, std::optional<Word>& out) {
    return [this, what, &out](const YAML::Node& node) {
      if (!node.IsScalar()) {
        diagnostics_.error(position(node), what + " must be a single value");
        return;
      }
      out = Word{node.Scalar(), position(node)};
    };
  }

  // One value or a list of them.
  std::function<void(const YAML::Node&)> words(const std::string& what, Words& out) {
    return [this, what, &out](const YAML::Node& node) {
      if (node.IsScalar()) {
        out.push_back({node.Scalar(), position(node)});
        return;
      }
      if (!node.IsSequence()) {
        diagnostics_.error(position(node), what + " must be a value or a list of values");
        return;
      }
      if (node.size() == 0) diagnostics_.error(position(node), what + " is an empty list");
      for (const YAML::Node& item : node) {
        if (item.IsScalar()) {
          out.push_back({item.Scalar(), position(item)});
        } else {
          diagnostics_.error(position(item), what + ": each item must be a single value");
        }
      }
    };
  }

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

  void read_rule(const YAML::Node& node, ConduitNode& conduit) {
    RuleNode rule;
    rule.at = position(node);
    read_map(node, "rule " + std::to_string(conduit.rules.size() + 1) + " of " + conduit.name.text,
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
              {"claimed", word("claimed", rule.claimed)}});
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
              {"zones", named("zones", &Parser::read_zone, policy)},
              {"assets", named("assets", &Parser::read_asset, policy)},
              {"conduits", named("conduits", &Parser::read_conduit, policy)}});
    if (!version) {
      diagnostics_.error({1, 1}, "the first line must be `bulkhead: v1`");
    } else if (version->text != "v1") {
      diagnostics_.error(version->at,
                         "unknown language version " + version->text + ": this compiler reads v1");
    }
    if (!policy.site) diagnostics_.error({1, 1}, "site is missing: name the site, `site: NAME`");
  }

 private:
  void require(bool present, const Word& name, const std::string& what, const std::string& key) {
    if (!present) diagnostics_.error(name.at, what + " " + name.text + ": " + key + " is missing");
  }

  Diagnostics& diagnostics_;
};

}  // namespace

PolicyNode parse_policy(const std::string& text, Diagnostics& diagnostics) {
  PolicyNode policy;
  if (text.size() > kTextBytesMax) {
    diagnostics.error({}, "the policy is larger than 32 MiB");
    return policy;
  }
  try {
    if (!check_yaml_shape(text, diagnostics)) return policy;
    const YAML::Node root = YAML::Load(text);
    if (!root.IsMap()) {
      diagnostics.error({1, 1}, "not a policy: expected keys such as bulkhead, site, zones");
      return policy;
    }
    Parser(diagnostics).read_policy(root, policy);
  } catch (const YAML::Exception& error) {
    const bool known = error.mark.line >= 0;
    const auto line = static_cast<std::uint32_t>(known ? error.mark.line + 1 : 0);
    const auto column = static_cast<std::uint32_t>(known ? error.mark.column + 1 : 0);
    diagnostics.error({line, column}, "not valid YAML: " + error.msg);
  }
  return policy;
}

}  // namespace bulkhead::controlplane
