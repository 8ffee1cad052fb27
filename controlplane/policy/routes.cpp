// Takes rules apart by the ways to their clients and servers.
#include "controlplane/policy/routes.h"

#include <algorithm>
#include <set>

#include "controlplane/policy/values.h"
#include "dataplane/policy/values.h"

namespace bulkhead::controlplane {

namespace {

using protocols::Catalogue;
using protocols::FieldInfo;
using protocols::Initiator;

// The key of a field that names an end: of the addressee `route`, of the sender `source_route`.
using Key = std::string_view FieldInfo::*;

bool has_key(const Catalogue& catalogue, const std::string& key) {
  return std::any_of(catalogue.fields.begin(), catalogue.fields.end(), [&](const FieldInfo& field) {
    return field.route == key || field.source_route == key;
  });
}

// The part of an asset's route that a protocol has.
std::vector<ModelRoute> route_in(const Catalogue& catalogue, const ModelAsset& asset) {
  std::vector<ModelRoute> route;
  for (const ModelRoute& each : asset.route) {
    if (has_key(catalogue, each.key.text)) route.push_back(each);
  }
  return route;
}

// Whether a field of the route is in every message, so that one without the route is for nobody.
bool always_there(const Catalogue& catalogue, const std::vector<ModelRoute>& route) {
  return std::any_of(catalogue.fields.begin(), catalogue.fields.end(), [&](const FieldInfo& field) {
    return !field.by_name && std::any_of(route.begin(), route.end(), [&](const ModelRoute& each) {
      return field.route == each.key.text || field.source_route == each.key.text;
    });
  });
}

// The prefixes without one host: the halves that it is not in.
std::vector<wire::Prefix> without(const std::vector<wire::Prefix>& prefixes,
                                  const wire::IpAddress& host) {
  std::vector<wire::Prefix> rest;
  for (const wire::Prefix& prefix : prefixes) {
    if (!prefix.contains(host)) {
      rest.push_back(prefix);
      continue;
    }
    for (std::size_t length = prefix.length; length < wire::kPrefixLengthMax; ++length) {
      wire::Prefix half{host, static_cast<std::uint8_t>(length + 1)};
      half.address.bytes[length / 8] ^= static_cast<std::uint8_t>(0x80U >> (length % 8));
      for (std::size_t bit = length + 1; bit < wire::kPrefixLengthMax; ++bit) {
        half.address.bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80U >> (bit % 8)));
      }
      rest.push_back(half);
    }
  }
  return rest;
}

// Hosts, and by what route.
struct Way {
  std::vector<wire::Prefix> prefixes;
  std::vector<ModelRoute> route;
};

class Splitter {
 public:
  Splitter(const Model& model, const ModelConduit& conduit, const ModelRule& rule,
           Diagnostics* diagnostics)
      : model_(model),
        conduit_(conduit),
        rule_(rule),
        catalogue_(protocols::registry()[rule.protocol]->catalogue()),
        diagnostics_(diagnostics) {}

  std::vector<RulePart> split() {
    check_claims();
    const std::vector<Way> clients =
        ways_to(rule_.clients, conduit_.from, &FieldInfo::source_route);
    const std::vector<Way> servers = ways_to(rule_.servers, conduit_.to, &FieldInfo::route);
    for (const Way& client : clients) {
      for (const Way& server : servers) join(client, server);
    }
    if (diagnostics_ != nullptr) warn_of_wide_writes(servers);
    return std::move(parts_);
  }

 private:
  void tell(Position at, const std::string& message) const {
    if (diagnostics_ != nullptr) diagnostics_->error(at, message);
  }

  bool names(Key key) const {
    return std::any_of(rule_.constraints.begin(), rule_.constraints.end(),
                       [&](const ModelConstraint& constraint) {
                         return !(catalogue_.fields[constraint.field].*key).empty();
                       });
  }

  void check_claims() const {
    bool any = false;
    for (const Hosts::Item& item : rule_.clients.items) {
      if (!item.asset || !model_.assets[*item.asset].behind) continue;
      any = true;
      const ModelAsset& asset = model_.assets[*item.asset];
      const std::string& gateway = model_.assets[*asset.behind].name.text;
      if (rule_.claimed) continue;
      tell(item.at, "client " + asset.name.text + " stands behind " + gateway + ", and only " +
                        gateway + " says that a message is from it: write `claimed: true` if " +
                        "that is enough");
    }
    if (rule_.claimed && !any && !names(&FieldInfo::source_route)) {
      tell(rule_.at, "claimed: true, but no client of the rule stands behind a gateway");
    }
  }

  bool is_gateway(std::size_t index) const {
    return std::any_of(model_.assets.begin(), model_.assets.end(), [&](const ModelAsset& other) {
      return other.behind == index && always_there(catalogue_, route_in(catalogue_, other));
    });
  }

  // Its ways, and whether messages without a route are for it too.
  bool add_asset(std::size_t index, Position at, Key key, std::vector<Way>& ways) const {
    const ModelAsset& asset = model_.assets[index];
    std::vector<ModelRoute> route = route_in(catalogue_, asset);
    if (asset.behind) {
      if (route.empty()) {
        tell(at, asset.name.text + " stands behind " + model_.assets[*asset.behind].name.text +
                     " by a route that " + std::string(catalogue_.name) + " does not have" +
                     known_keys());
      }
      ways.push_back({hosts_of(model_.assets[*asset.behind]), std::move(route)});
      return false;
    }
    if (names(key)) return true;  // the author says which
    if (!route.empty()) {
      const bool direct = !always_there(catalogue_, route);
      ways.push_back({hosts_of(asset), std::move(route)});
      return direct;
    }
    if (!is_gateway(index)) return true;
    if (std::optional<ModelRoute> itself = gateway_itself(at)) {
      ways.push_back({hosts_of(asset), {*itself}});
    } else {
      tell(at, "assets stand behind " + asset.name.text +
                   ": give it a `route` that says which it " + "is itself" + known_keys() +
                   ", or name that under `where`");
    }
    return false;
  }

  std::optional<ModelRoute> gateway_itself(Position at) const {
    for (const FieldInfo& field : catalogue_.fields) {
      if (field.gateway_itself < 0) continue;
      return ModelRoute{{std::string(field.route), at}, {std::to_string(field.gateway_itself), at}};
    }
    return std::nullopt;
  }

  std::string known_keys() const {
    std::set<std::string> keys;
    for (const FieldInfo& field : catalogue_.fields) {
      if (!field.route.empty()) keys.emplace(field.route);
    }
    std::string text;
    for (const std::string& key : keys) text += (text.empty() ? " (" : ", ") + key;
    return text.empty() ? text : text + ")";
  }

  static std::vector<wire::Prefix> hosts_of(const ModelAsset& asset) {
    std::vector<wire::Prefix> hosts;
    for (const wire::IpAddress& address : asset.addresses) {
      hosts.push_back({address, wire::kPrefixLengthMax});
    }
    return hosts;
  }

  // The way without a route stands first, if there is one.
  std::vector<Way> ways_to(const Hosts& hosts, std::size_t zone, Key key) const {
    std::vector<Way> ways(1);
    for (const Hosts::Item& item : hosts.items) {
      std::vector<wire::Prefix> direct = item.prefixes;
      if (item.asset) {
        if (!add_asset(*item.asset, item.at, key, ways)) direct.clear();
      } else {
        add_inside(item, zone, key, direct, ways);
      }
      ways[0].prefixes.insert(ways[0].prefixes.end(), direct.begin(), direct.end());
    }
    if (ways[0].prefixes.empty() && ways.size() > 1) ways.erase(ways.begin());
    return ways;
  }

  // Of a network, or of all hosts of a zone, each asset is what its name means.
  void add_inside(const Hosts::Item& item, std::size_t zone, Key key,
                  std::vector<wire::Prefix>& direct, std::vector<Way>& ways) const {
    for (std::size_t i = 0; i < model_.assets.size(); ++i) {
      const ModelAsset& asset = model_.assets[i];
      const bool inside =
          asset.zone == zone && !asset.behind && !asset.addresses.empty() &&
          std::all_of(asset.addresses.begin(), asset.addresses.end(), [&](const auto& address) {
            return std::any_of(item.prefixes.begin(), item.prefixes.end(),
                               [&](const auto& prefix) { return prefix.contains(address); });
          });
      if (!inside || add_asset(i, item.at, key, ways)) continue;
      for (const wire::IpAddress& address : asset.addresses) direct = without(direct, address);
    }
  }

  // What a way says of the messages that one side begins: false if they cannot say it.
  bool constrain(const Way& way, Key key, std::vector<ModelConstraint>& constraints) const {
    for (const ModelRoute& each : way.route) {
      bool found = false;
      for (std::size_t i = 0; i < catalogue_.fields.size(); ++i) {
        if (catalogue_.fields[i].*key != each.key.text) continue;
        found = true;
        Diagnostics unused{""};
        ModelConstraint wanted =
            read_constraint({each.key, {each.value}}, catalogue_, static_cast<std::uint8_t>(i),
                            policy::ValueType::plain, unused);
        if (!narrow(std::move(wanted), each, constraints)) return false;
      }
      if (!found) return false;
    }
    return true;
  }

  // The author's own constraint on the field must leave room for the route.
  bool narrow(ModelConstraint wanted, const ModelRoute& route,
              std::vector<ModelConstraint>& constraints) const {
    const auto known = std::find_if(
        constraints.begin(), constraints.end(),
        [&](const ModelConstraint& constraint) { return constraint.field == wanted.field; });
    if (known == constraints.end()) {
      constraints.push_back(std::move(wanted));
      return true;
    }
    bool fits = false;
    for (const Range& range : known->ranges) {
      fits = fits || (!wanted.ranges.empty() && range.contains(wanted.ranges[0]));
    }
    const FieldInfo& field = catalogue_.fields[wanted.field];
    for (const std::string& pattern : known->patterns) {
      fits = fits || (!wanted.patterns.empty() &&
                      policy::contains_pattern(field, pattern, wanted.patterns[0]));
    }
    if (!fits) {
      tell(known->at, std::string(field.name) + " under `where` is not " + route.value.text +
                          ", which the route of an asset of the rule says");
    }
    *known = std::move(wanted);
    return fits;
  }

  void join(const Way& client, const Way& server) {
    if (client.route.empty() && server.route.empty()) {
      parts_.push_back({client.prefixes, server.prefixes, rule_.functions, rule_.constraints});
      return;
    }
    join_begun(client, &FieldInfo::source_route, server, &FieldInfo::route, Initiator::server);
    join_begun(client, &FieldInfo::route, server, &FieldInfo::source_route, Initiator::client);
  }

  // The functions that one side may send: all but those that only the other one may begin. What
  // nobody begins comes from the server.
  void join_begun(const Way& client, Key client_key, const Way& server, Key server_key,
                  Initiator other) {
    RulePart part{client.prefixes, server.prefixes, {}, rule_.constraints};
    for (const std::uint16_t function : rule_.functions) {
      const Initiator initiator = catalogue_.functions[function].initiator;
      const bool others = initiator == Initiator::nobody && other == Initiator::server;
      if (initiator != other && !others) part.functions.push_back(function);
    }
    if (part.functions.empty()) return;
    const bool told = constrain(client, client_key, part.constraints) &&
                      constrain(server, server_key, part.constraints);
    if (told) {
      parts_.push_back(std::move(part));
    } else if (other == Initiator::server && !client.route.empty()) {
      tell(rule_.at, "messages of " + std::string(catalogue_.name) +
                         " do not say who sent them behind a gateway: name the gateway as client");
    }
  }

  bool writes() const {
    using protocols::AccessClass;
    return std::any_of(rule_.functions.begin(), rule_.functions.end(), [&](std::uint16_t f) {
      const AccessClass access = catalogue_.functions[f].access;
      return access == AccessClass::write || access == AccessClass::operate ||
             access == AccessClass::configure || access == AccessClass::program ||
             access == AccessClass::control;
    });
  }

  void warn_of_wide_writes(const std::vector<Way>& servers) const {
    if (names(&FieldInfo::route) || !writes() || !servers[0].route.empty()) return;
    for (const FieldInfo& field : catalogue_.fields) {
      if (field.route.empty() || field.by_name) continue;
      diagnostics_->warning(rule_.at,
                            "the rule lets change things at any " + std::string(field.name) +
                                " that its servers forward to: name `" + std::string(field.name) +
                                "` under `where`, or give the server a `route: {" +
                                std::string(field.route) + ": ...}`");
    }
  }

  const Model& model_;
  const ModelConduit& conduit_;
  const ModelRule& rule_;
  const Catalogue& catalogue_;
  Diagnostics* diagnostics_;
  std::vector<RulePart> parts_;
};

}  // namespace

std::vector<RulePart> split_by_route(const Model& model, const ModelConduit& conduit,
                                     const ModelRule& rule, Diagnostics* diagnostics) {
  if (rule.protocol != protocols::kNoProtocol) {
    return Splitter(model, conduit, rule, diagnostics).split();
  }
  for (const Hosts* hosts : {&rule.clients, &rule.servers}) {
    for (const Hosts::Item& item : hosts->items) {
      if (diagnostics == nullptr || !item.asset || !model.assets[*item.asset].behind) continue;
      diagnostics->error(item.at, model.assets[*item.asset].name.text +
                                      " stands behind a gateway: a plain service reaches only the "
                                      "gateway, so name that");
    }
  }
  return {{rule.clients.prefixes, rule.servers.prefixes, rule.functions, rule.constraints}};
}

void check_routes(const Model& model, Diagnostics& diagnostics) {
  std::vector<std::string> known;
  for (const protocols::Protocol* protocol : protocols::registry()) {
    for (const FieldInfo& field : protocol->catalogue().fields) {
      if (!field.route.empty()) known.emplace_back(field.route);
      if (!field.source_route.empty()) known.emplace_back(field.source_route);
    }
  }
  for (const ModelAsset& asset : model.assets) {
    for (const ModelRoute& route : asset.route) {
      if (std::find(known.begin(), known.end(), route.key.text) == known.end()) {
        diagnostics.error(route.key.at, "route: no protocol has " + route.key.text +
                                            did_you_mean(route.key.text, known));
        continue;
      }
      for (const protocols::Protocol* protocol : protocols::registry()) {
        const Catalogue& catalogue = protocol->catalogue();
        for (std::size_t i = 0; i < catalogue.fields.size(); ++i) {
          if (catalogue.fields[i].route != route.key.text) continue;
          read_constraint({route.key, {route.value}}, catalogue, static_cast<std::uint8_t>(i),
                          policy::ValueType::plain, diagnostics);
        }
      }
    }
  }
}

std::string route_text(const Model& model, const ModelAsset& asset) {
  std::string text;
  for (const ModelRoute& route : asset.route) {
    text += (text.empty() ? "" : ", ") + route.key.text + " " + route.value.text;
  }
  if (asset.behind) text += " behind " + model.assets[*asset.behind].name.text;
  return text;
}

}  // namespace bulkhead::controlplane
