// Only rules of which a part more is a rule again: their values are plain, and they have one route.
#include "controlplane/learn/widening.h"

#include <algorithm>

#include "controlplane/learn/needed.h"
#include "controlplane/learn/verdict.h"
#include "controlplane/learn/words.h"
#include "dataplane/policy/values.h"

namespace bulkhead::learn {

namespace {

using controlplane::PolicyNode;
using controlplane::RuleNode;
using controlplane::WhereNode;
using controlplane::Word;
using controlplane::Words;
using policy::Rule;

// The only rule of that number.
const Rule* only_part(const policy::Conduit& conduit, std::uint16_t number) {
  const Rule* found = nullptr;
  for (const Rule& rule : conduit.rules) {
    if (rule.number != number) continue;
    if (found != nullptr) return nullptr;
    found = &rule;
  }
  return found;
}

// Whether a value more is granted beside the others, whatever they are.
bool is_plain(const Rule& rule) {
  if (rule.protocol == protocols::kNoProtocol || rule.value_type != policy::ValueType::plain) {
    return false;
  }
  const protocols::PlacedValues* placed =
      protocols::registry()[rule.protocol]->catalogue().placed_values;
  return placed == nullptr || policy::find_constraint(rule, placed->value) == nullptr;
}

std::string written(const Word& word) {
  const bool plain =
      !word.text.empty() && word.text.find_first_not_of(
                                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_.-") == std::string::npos;
  return plain ? word.text : quoted(word.text);
}

std::string written(const Words& words) {
  std::vector<std::string> texts;
  for (const Word& word : words) texts.push_back(written(word));
  return list_text(texts);
}

std::string where_text(const RuleNode& rule) {
  std::string text;
  for (const WhereNode& where : rule.where) {
    text += (text.empty() ? "" : ", ") + where.field.text + ": " + written(where.values);
  }
  return "where: {" + text + "}";
}

std::string host_name(const controlplane::Model& model, const wire::IpAddress& host) {
  for (const controlplane::ModelAsset& asset : model.assets) {
    const auto& addresses = asset.addresses;
    if (std::find(addresses.begin(), addresses.end(), host) != addresses.end()) {
      return asset.name.text;
    }
  }
  return address_words(host);
}

bool same_prefixes(const std::vector<wire::Prefix>& a, const std::vector<wire::Prefix>& b) {
  return a == b;
}

bool same_constraint(const policy::Constraint& a, const policy::Constraint& b) {
  return a.field == b.field && a.ranges == b.ranges && a.patterns == b.patterns;
}

std::vector<wire::Prefix> without_prefixes(const std::vector<wire::Prefix>& all,
                                           const std::vector<wire::Prefix>& others) {
  std::vector<wire::Prefix> rest;
  for (const wire::Prefix& prefix : all) {
    if (std::find(others.begin(), others.end(), prefix) == others.end()) rest.push_back(prefix);
  }
  return rest;
}

// A value more is less than a host more, and that less than a function with all its values.
int reach_of(const std::string& key) { return key == "where" ? 0 : key == "functions" ? 2 : 1; }

// Keeps of the constraint what the other one has not.
void keep_added(policy::Constraint& constraint, const policy::Constraint& before) {
  constraint.ranges = without(std::move(constraint.ranges), before.ranges);
  std::erase_if(constraint.patterns, [&before](const std::string& pattern) {
    return std::find(before.patterns.begin(), before.patterns.end(), pattern) !=
           before.patterns.end();
  });
}

}  // namespace

std::vector<Widened> Widening::list() const {
  std::vector<Widened> list;
  const policy::Conduit& conduit = before_.tables.conduits[conduit_];
  for (std::size_t i = 0; i < policy_.conduits[conduit_].rules.size(); ++i) {
    const auto number = static_cast<std::uint16_t>(i + 1);
    const Rule* rule = only_part(conduit, number);
    if (rule == nullptr || !is_plain(*rule)) continue;
    const auto what = failed_on(*rule);
    if (!what) continue;
    if (auto widened = widen(number, *what)) list.push_back(std::move(*widened));
  }
  std::stable_sort(list.begin(), list.end(), [](const Widened& a, const Widened& b) {
    return reach_of(a.key) < reach_of(b.key);
  });
  return list;
}

// The one thing on which the rule failed, the same for all that was refused.
std::optional<std::string> Widening::failed_on(const Rule& rule) const {
  std::optional<std::string> what;
  for (const protocols::Operation* operation : refused_.operations) {
    const bool granted = is_allowed(
        judge_operation(before_.tables, refused_.session, refused_.protocol, *operation).reason);
    if (granted) continue;
    const auto failures = failures_of(rule, {refused_.session, refused_.protocol, operation});
    if (failures.size() != 1 || (what && *what != failures[0].what)) return std::nullopt;
    what = failures[0].what;
  }
  return what;
}

std::optional<Widened> Widening::widen(std::uint16_t number, const std::string& what) const {
  Widened widened{number, what, false, "", policy_};
  RuleNode& rule = widened.policy.conduits[conduit_].rules[number - 1U];
  const Session& session = refused_.session;
  if (what == "client") {
    rule.clients.push_back({host_name(before_.model, session.client), rule.at});
    widened.yaml = "client: " + written(rule.clients);
  } else if (what == "server") {
    rule.servers.push_back({host_name(before_.model, session.server), rule.at});
    widened.yaml = "server: " + written(rule.servers);
  } else if (what == "function") {
    const auto& functions = protocols::registry()[refused_.protocol]->catalogue().functions;
    for (const protocols::Operation* operation : refused_.operations) {
      rule.functions.push_back({std::string(functions[operation->function].name), rule.at});
    }
    widened.key = "functions";
    widened.is_new = policy_.conduits[conduit_].rules[number - 1U].functions.empty();
    widened.yaml = "functions: " + (rule.functions.size() == 1 ? "[" + written(rule.functions) + "]"
                                                               : written(rule.functions));
  } else {
    if (!widen_where(rule, what)) return std::nullopt;
    widened.key = "where";
    widened.yaml = where_text(rule);
  }
  return widened;
}

bool Widening::widen_where(RuleNode& rule, const std::string& field) const {
  const protocols::Catalogue& catalogue = protocols::registry()[refused_.protocol]->catalogue();
  const auto where = std::find_if(rule.where.begin(), rule.where.end(),
                                  [&](const WhereNode& each) { return each.field.text == field; });
  if (where == rule.where.end()) return false;
  for (const protocols::Operation* operation : refused_.operations) {
    const Asked asked{refused_.session, refused_.protocol, operation};
    for (const auto& [index, values] : needed_values(before_.tables, conduit_, asked, true)) {
      const protocols::FieldInfo& info = catalogue.fields[index];
      if (info.name != field) continue;
      for (const Range& range : values.ranges) {
        where->values.push_back({range_text(range, info), where->field.at});
      }
      for (const std::string& name : values.names) {
        where->values.push_back({pattern_of(name), where->field.at});
      }
    }
  }
  return true;
}

std::optional<Rule> added_by(const policy::Conduit& before, const policy::Conduit& after,
                             std::uint16_t number) {
  const Rule* was = only_part(before, number);
  const Rule* is = only_part(after, number);
  if (was == nullptr || is == nullptr || was->transport != is->transport) return std::nullopt;
  if (was->constraints.size() != is->constraints.size()) return std::nullopt;
  Rule added = *is;
  int differences = 0;
  if (!same_prefixes(was->clients, is->clients)) {
    ++differences;
    added.clients = without_prefixes(is->clients, was->clients);
  }
  if (!same_prefixes(was->servers, is->servers)) {
    ++differences;
    added.servers = without_prefixes(is->servers, was->servers);
  }
  if (was->functions != is->functions) {
    ++differences;
    added.functions = is->functions & ~was->functions;
  }
  for (std::size_t i = 0; i < is->constraints.size(); ++i) {
    if (same_constraint(was->constraints[i], is->constraints[i])) continue;
    if (was->constraints[i].field != is->constraints[i].field) return std::nullopt;
    ++differences;
    keep_added(added.constraints[i], was->constraints[i]);
  }
  if (differences != 1) return std::nullopt;
  return added;
}

}  // namespace bulkhead::learn
