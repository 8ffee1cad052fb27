// Changes are made in the policy's syntax tree and compiled, so that what is granted is read from
// tables, and nothing is suggested that does not let the message pass.
#include "controlplane/learn/suggestion.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "controlplane/learn/needed.h"
#include "controlplane/learn/place.h"
#include "controlplane/learn/verdict.h"
#include "controlplane/learn/widening.h"
#include "controlplane/learn/words.h"
#include "controlplane/policy/compiler.h"
#include "dataplane/policy/classifier.h"
#include "dataplane/wire/text.h"

namespace bulkhead::learn {

namespace {

using controlplane::ConduitNode;
using controlplane::Diagnostics;
using controlplane::Model;
using controlplane::ModelAsset;
using controlplane::PolicyNode;
using controlplane::RuleNode;
using controlplane::Word;

Result<Compiled, std::string> compile(const PolicyNode& node) {
  Diagnostics diagnostics("policy");
  Model model = controlplane::resolve_policy(node, diagnostics);
  controlplane::check_policy(model, controlplane::kAnyTime, diagnostics);
  if (diagnostics.errors() != 0) return diagnostics.errors_text();
  auto tables = policy::finished(controlplane::lower_policy(model));
  if (!tables) return tables.error();
  return Compiled{std::move(model), std::move(tables).value()};
}

std::uint16_t zone_of_server(const policy::Tables& tables, std::uint16_t from,
                             const wire::IpAddress& server) {
  return policy::is_group(tables, server) ? policy::find_destination_zone(tables, from, server)
                                          : policy::find_zone(tables, server);
}

// What a rule may call the host: the assets that are reached at its address, then the address.
std::vector<std::string> names_of(const Model& model, const wire::IpAddress& host) {
  std::vector<std::string> names;
  const auto has = [&host](const std::vector<wire::IpAddress>& addresses) {
    return std::find(addresses.begin(), addresses.end(), host) != addresses.end();
  };
  for (const ModelAsset& asset : model.assets) {
    const ModelAsset& reached = asset.behind ? model.assets[*asset.behind] : asset;
    const bool station = host.is_mac() && asset.mac && *asset.mac == host.mac();
    if (has(reached.addresses) || has(reached.groups) || station) names.push_back(asset.name.text);
  }
  if (!host.is_mac()) names.push_back(quoted(wire::to_text(host)));
  return names;
}

// The rules as the parser reads them.
std::vector<RuleNode> parsed(const std::vector<ProposedRule>& rules) {
  std::string text = "bulkhead: v1\nsite: s\nconduits:\n  c:\n    from: a\n    to: b\n    allow:\n";
  for (const ProposedRule& rule : rules) {
    std::string keys;
    for (const std::string& key : rule_keys(rule)) keys += (keys.empty() ? "" : ", ") + key;
    text += "      - {" + keys + "}\n";
  }
  Diagnostics diagnostics("suggestion");
  PolicyNode node = controlplane::parse_policy(text, diagnostics);
  if (diagnostics.errors() != 0 || node.conduits.size() != 1) return {};
  return std::move(node.conduits[0].rules);
}

std::string rules_yaml(const std::vector<ProposedRule>& rules, std::size_t indent) {
  const std::string blanks(indent, ' ');
  std::string text;
  for (const ProposedRule& rule : rules) {
    bool first = true;
    for (const std::string& key : rule_keys(rule)) {
      text += blanks + (std::exchange(first, false) ? "- " : "  ") + key + "\n";
    }
  }
  return text;
}

// For a list in brackets.
std::string rules_in_brackets(const std::vector<ProposedRule>& rules) {
  std::string text;
  for (const ProposedRule& rule : rules) {
    std::string keys;
    for (const std::string& key : rule_keys(rule)) keys += (keys.empty() ? "" : ", ") + key;
    text += (text.empty() ? "{" : ",\n{") + keys + "}";
  }
  return text + "\n";
}

std::string opening_words(const policy::Rule& rule) {
  const std::string hosts = hosts_words(rule.clients, SIZE_MAX);
  const std::string others = hosts_words(rule.servers, SIZE_MAX);
  return hosts + " may open sessions to " + others + " (" +
         service_words(rule.transport, rule.ports) +
         "), and these hosts may resolve each other's addresses";
}

class Suggester {
 public:
  Suggester(const std::string& text, const RefusedTraffic& refused)
      : text_(text), refused_(refused) {}

  Result<std::vector<Suggestion>, std::string> run() {
    if (const std::string problem = begin(); !problem.empty()) return problem;
    std::vector<Suggestion> suggestions;
    std::string problem = "no rule can be written for it";
    for (const Guess& guess : guesses()) {
      const std::size_t before = suggestions.size();
      for (const bool with_values : {true, false}) {
        if (suggestions.size() == before) {
          suggest_rules({guess.protocol, with_values}, suggestions, problem);
        }
      }
      if (suggestions.size() > before) suggestions.back().guess = guess.words;
    }
    if (auto wider = suggest_wider()) suggestions.push_back(std::move(*wider));
    if (suggestions.empty()) return problem;
    return suggestions;
  }

 private:
  // Empty, or why there is nothing to suggest.
  std::string begin() {
    if (refused_.operations.size() > RefusedTraffic::kOperationsMax) {
      return "the message asks for too many things at once";
    }
    Diagnostics diagnostics("policy");
    node_ = controlplane::parse_policy(text_, diagnostics);
    auto compiled = diagnostics.errors() == 0
                        ? compile(node_)
                        : Result<Compiled, std::string>(diagnostics.errors_text());
    if (!compiled) return "the policy's text does not compile here: " + compiled.error();
    before_ = std::move(compiled).value();
    return find_zones();
  }

  std::string find_zones() {
    const Session& session = refused_.session;
    from_ = policy::find_zone(before_.tables, session.client);
    to_ = zone_of_server(before_.tables, from_, session.server);
    for (const auto& [zone, host] : {std::pair{from_, session.client}, {to_, session.server}}) {
      if (zone != policy::kNoZone) continue;
      return address_words(host) + " is in no zone: " +
             (host.is_mac() ? "an asset with that `mac` must come first"
                            : "a zone's `networks`, or an asset's `group`, must name it first");
    }
    if (from_ == to_) return "both hosts are in one zone: no rule decides about them";
    if (grants_all(before_.tables))
      return "the policy grants it: another rule is not what it needs";
    const policy::Conduit* conduit = policy::find_conduit(before_.tables, from_, to_);
    conduit_ = conduit == nullptr
                   ? node_.conduits.size()
                   : static_cast<std::size_t>(conduit - before_.tables.conduits.data());
    return {};
  }

  // Whether rules do: a conduit that observes passes more.
  bool grants_all(const policy::Tables& tables) const {
    if (refused_.operations.empty()) {
      const Verdict verdict = judge_service(tables, refused_.session);
      return verdict.reason == Reason::service_granted;
    }
    return std::all_of(
        refused_.operations.begin(), refused_.operations.end(),
        [&](const protocols::Operation* operation) {
          return is_allowed(
              judge_operation(tables, refused_.session, refused_.protocol, *operation).reason);
        });
  }

  bool opens() const {
    return judge_service(before_.tables, refused_.session).reason != Reason::service_granted;
  }

  // The protocol of what was refused, and why it is that.
  struct Guess {
    std::uint8_t protocol = protocols::kNoProtocol;
    std::string words;  // empty: it is known
  };

  // Of a session that was refused before its first message: what the policy's rules have on the
  // server's port, then what is usual there.
  std::vector<Guess> guesses() const {
    const Session& session = refused_.session;
    const bool known = !refused_.operations.empty() || refused_.protocol != protocols::kNoProtocol;
    if (known || session.transport == policy::Transport::icmp) return {{refused_.protocol, ""}};
    std::vector<Guess> list;
    const auto add = [&list](std::uint8_t protocol, const std::string& why) {
      const bool has = std::any_of(list.begin(), list.end(), [protocol](const Guess& each) {
        return each.protocol == protocol;
      });
      const std::string name(protocols::registry()[protocol]->catalogue().name);
      if (!has) {
        list.push_back({protocol, "no message of the session was seen: " + name +
                                      " is a guess, since " + why +
                                      ". Its first messages alone are granted here, and the "
                                      "rest is refused and can be asked about"});
      }
    };
    for (const policy::Conduit& conduit : before_.tables.conduits) {
      for (const policy::Rule& rule : conduit.rules) {
        if (serves(rule, session)) add(rule.protocol, "other rules for this server's port have it");
      }
    }
    protocols::ProtocolSet usual =
        protocols::find_protocols(policy::carrier_over(session.transport), session.port);
    for (; usual != 0; usual &= usual - 1) {
      add(static_cast<std::uint8_t>(std::countr_zero(usual)), "it is usual on this port");
    }
    if (list.empty()) return {{protocols::kNoProtocol, ""}};
    return list;
  }

  static bool serves(const policy::Rule& rule, const Session& session) {
    return rule.protocol != protocols::kNoProtocol && rule.transport == session.transport &&
           std::any_of(rule.servers.begin(), rule.servers.end(),
                       [&](const wire::Prefix& each) { return each.contains(session.server); }) &&
           std::any_of(rule.ports.begin(), rule.ports.end(),
                       [&](const policy::PortRange& each) { return each.contains(session.port); });
  }

  // The least that a rule for the protocol may grant; the plain service where there is none.
  static ProposedRule session_rule(ProposedRule rule) {
    if (rule.protocol == protocols::kNoProtocol) return rule;
    const auto functions = protocols::registry()[rule.protocol]->catalogue().functions;
    using protocols::AccessClass;
    for (const AccessClass access :
         {AccessClass::session, AccessClass::discover, AccessClass::read, AccessClass::publish}) {
      const bool has = std::any_of(
          functions.begin(), functions.end(),
          [access](const protocols::FunctionInfo& function) { return function.access == access; });
      if (!has) continue;
      rule.access = protocols::describe(access);
      break;
    }
    return rule;
  }

  struct Form {
    std::uint8_t protocol = protocols::kNoProtocol;
    bool with_values = true;
  };

  // A rule for each operation that is refused; equal ones once.
  std::vector<ProposedRule> rules_for(const std::string& client, const std::string& server,
                                      const Form& form) const {
    ProposedRule common;
    common.clients = {client};
    common.servers = {server};
    common.protocol = form.protocol;
    common.transport = refused_.session.transport;
    common.port = refused_.session.port;
    if (refused_.operations.empty()) return {session_rule(std::move(common))};
    std::vector<ProposedRule> rules;
    for (const protocols::Operation* operation : refused_.operations) {
      const Asked asked{refused_.session, refused_.protocol, operation};
      if (is_allowed(
              judge_operation(before_.tables, refused_.session, refused_.protocol, *operation)
                  .reason)) {
        continue;
      }
      ProposedRule rule = common;
      rule.functions = {operation->function};
      rule.where = needed_values(before_.tables, conduit_, asked, form.with_values);
      const bool known = std::any_of(rules.begin(), rules.end(), [&rule](const ProposedRule& each) {
        return each.functions == rule.functions && each.where == rule.where;
      });
      if (!known) rules.push_back(std::move(rule));
    }
    return rules;
  }

  void suggest_rules(const Form& form, std::vector<Suggestion>& suggestions,
                     std::string& problem) const {
    const std::vector<std::string> clients = names_of(before_.model, refused_.session.client);
    const std::vector<std::string> servers = names_of(before_.model, refused_.session.server);
    for (const std::string& client : clients) {
      for (const std::string& server : servers) {
        const auto rules = rules_for(client, server, form);
        auto tried = try_rules(rules);
        if (tried) return suggestions.push_back(std::move(tried).value());
        problem = tried.error();
      }
    }
  }

  Result<Suggestion, std::string> try_rules(const std::vector<ProposedRule>& rules) const {
    std::vector<RuleNode> nodes = parsed(rules);
    if (nodes.empty()) return std::string("no rule can be written for it");
    PolicyNode node = node_;
    const bool fresh = conduit_ == node.conduits.size();
    if (fresh) node.conduits.push_back(new_conduit());
    ConduitNode& conduit = node.conduits[conduit_];
    const std::size_t before = conduit.rules.size();
    for (RuleNode& rule : nodes) conduit.rules.push_back(std::move(rule));
    auto compiled = compile(node);
    if (!compiled) return compiled.error();
    if (!grants_all(compiled.value().tables)) {
      return std::string("what it asks for cannot be granted by a rule that names its fields");
    }
    Suggestion suggestion;
    suggestion.conduit = conduit.name.text;
    for (const policy::Rule& rule : compiled.value().tables.conduits[conduit_].rules) {
      if (rule.number > before) suggestion.grants.push_back(rule);
    }
    fresh ? place_conduit(conduit, rules, suggestion) : place_rules(conduit, rules, suggestion);
    describe(suggestion);
    return suggestion;
  }

  ConduitNode new_conduit() const {
    ConduitNode conduit;
    const std::string& from = before_.model.zones[from_].name.text;
    const std::string& to = before_.model.zones[to_].name.text;
    std::string name = from + "-" + to;
    const auto taken = [&](const std::string& text) {
      return std::any_of(node_.conduits.begin(), node_.conduits.end(),
                         [&](const ConduitNode& each) { return each.name.text == text; });
    };
    for (int i = 1; taken(name) || name.size() > policy::kNameBytesMax; ++i) {
      name = "conduit" + std::to_string(i);
    }
    conduit.name.text = name;
    conduit.from = Word{from, {}};
    conduit.to = Word{to, {}};
    conduit.on_deny = Word{"reject", {}};
    return conduit;
  }

  void place_rules(const ConduitNode& conduit, const std::vector<ProposedRule>& rules,
                   Suggestion& suggestion) const {
    suggestion.kind = Suggestion::Kind::rule;
    const auto place = after_rules(text_, node_.conduits[conduit_]);
    suggestion.place = "after the last rule of conduit " + conduit.name.text;
    if (place) {
      suggestion.line = place->line;
      suggestion.place += ", line " + std::to_string(place->line);
    } else {
      suggestion.place = "within the brackets of `allow: []` of conduit " + conduit.name.text;
    }
    suggestion.yaml = place ? rules_yaml(rules, place->indent) : rules_in_brackets(rules);
  }

  void place_conduit(const ConduitNode& conduit, const std::vector<ProposedRule>& rules,
                     Suggestion& suggestion) const {
    suggestion.kind = Suggestion::Kind::conduit;
    const auto place = after_conduits(text_, node_);
    suggestion.place = "after the last of `conduits`";
    if (place) {
      suggestion.line = place->line;
      suggestion.place += ", line " + std::to_string(place->line);
    }
    const std::size_t indent = place ? place->indent : 2;
    const std::string blanks(indent, ' ');
    suggestion.yaml = blanks + conduit.name.text + ":\n" + blanks +
                      "  from: " + conduit.from->text + "\n" + blanks +
                      "  to: " + conduit.to->text + "\n" + blanks + "  on_deny: reject\n" + blanks +
                      "  allow:\n" + rules_yaml(rules, indent + 4);
  }

  void describe(Suggestion& suggestion) const {
    for (const policy::Rule& rule : suggestion.grants) {
      suggestion.allows.push_back(grant_words(rule));
    }
    if (!suggestion.grants.empty() && opens()) {
      suggestion.allows.push_back(opening_words(suggestion.grants.front()));
    }
  }

  // The rule that failed on one thing alone, with that added.
  std::optional<Suggestion> suggest_wider() const {
    if (conduit_ >= node_.conduits.size()) return std::nullopt;
    const Widening widening(before_, node_, conduit_, refused_);
    for (const Widened& widened : widening.list()) {
      auto compiled = compile(widened.policy);
      if (!compiled || !grants_all(compiled.value().tables)) continue;
      auto added = added_by(before_.tables.conduits[conduit_],
                            compiled.value().tables.conduits[conduit_], widened.rule);
      if (!added) continue;
      const ConduitNode& conduit = node_.conduits[conduit_];
      Suggestion suggestion;
      suggestion.kind = Suggestion::Kind::wider_rule;
      suggestion.conduit = conduit.name.text;
      suggestion.line = conduit.rules[widened.rule - 1U].at.line;
      suggestion.place =
          "in rule " + std::to_string(widened.rule) + " of conduit " + conduit.name.text +
          ", line " + std::to_string(suggestion.line) +
          (widened.is_new ? ", beside its `access`" : ", in place of its `" + widened.key + "`");
      suggestion.yaml = widened.yaml + "\n";
      suggestion.grants = {std::move(*added)};
      describe(suggestion);
      return suggestion;
    }
    return std::nullopt;
  }

  const std::string& text_;
  const RefusedTraffic& refused_;
  PolicyNode node_;
  Compiled before_;
  std::uint16_t from_ = policy::kNoZone;
  std::uint16_t to_ = policy::kNoZone;
  std::size_t conduit_ = 0;  // the number of conduits: it would be a new one
};

}  // namespace

Result<std::vector<Suggestion>, std::string> suggest(const std::string& policy_text,
                                                     const RefusedTraffic& refused) {
  return Suggester(policy_text, refused).run();
}

}  // namespace bulkhead::learn
