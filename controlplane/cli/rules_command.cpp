// rules: when each rule of the policy in force was last used.
#include <memory>

#include "controlplane/cli/output.h"
#include "controlplane/cli/remote.h"
#include "controlplane/cli/stored_text.h"
#include "controlplane/yaml/diagnostics.h"

namespace bulkhead::controlplane {

namespace {

struct RulesArguments {
  std::string unused;
  std::string conduit;
};

struct Rules {
  std::string sha256;
  std::vector<v1::RuleUse> uses;
  StoredText text;
};

Rules fetch(Remote& remote) {
  Rules rules;
  grpc::ClientContext context;
  const auto reader = remote.telemetry().ListRules(&context, v1::ListRulesRequest());
  v1::ListRulesResponse page;
  while (reader->Read(&page)) {
    rules.sha256 = page.policy_sha256();
    rules.uses.insert(rules.uses.end(), page.rules().begin(), page.rules().end());
  }
  remote.expect(reader->Finish());
  if (rules.uses.empty()) {
    throw CommandFailed{kRefused,
                        "the appliance does not know yet which rules are enforced: no policy is in "
                        "force, its data plane does not answer, or it has just started"};
  }
  v1::ListPoliciesResponse list;
  const auto list_context = remote.context();
  remote.expect(remote.policy().ListPolicies(list_context.get(), {}, &list));
  for (const v1::Revision& revision : list.revisions()) {
    if (revision.sha256() != rules.sha256) continue;
    rules.text = read_stored_text(remote.get(revision.number()));
    break;
  }
  return rules;
}

struct RuleText {
  std::uint32_t line = 0;
  std::string words;
};

RuleText text_of(const Rules& rules, const v1::RuleUse& use) {
  if (!rules.text.compiled) return {};
  const Model& model = *rules.text.compiled->model;
  for (const ModelConduit& conduit : model.conduits) {
    if (conduit.name.text != use.conduit()) continue;
    if (use.rule() == 0 || use.rule() > conduit.rules.size()) break;
    const std::size_t index = use.rule() - 1U;
    return {conduit.rules[index].at.line, explain_rule(model, conduit, index, Listing::classes)};
  }
  return {};
}

// Not used since then; `known`: it has been counted for all that time.
struct Unused {
  bool unused = false;
  bool known = false;
};

Unused since(const v1::RuleUse& use, std::uint64_t since_ns) {
  return {use.last_used_wall_time_ns() < since_ns, use.counted_since_wall_time_ns() <= since_ns};
}

// Else a name that is misspelt would have no rules, and all of them used.
void require_conduit(const Rules& rules, const std::string& conduit) {
  std::vector<std::string> known;
  for (const v1::RuleUse& use : rules.uses) {
    if (use.conduit() == conduit) return;
    if (known.empty() || known.back() != use.conduit()) known.push_back(use.conduit());
  }
  throw CommandFailed{kRefused, "the policy in force has no rules in a conduit " + conduit +
                                    did_you_mean(conduit, known)};
}

// The day is what counts here.
std::string day_text(std::uint64_t wall_ns) { return local_time(wall_ns).substr(0, 16); }

void run_rules(Session& session, const RulesArguments& arguments) {
  const std::uint64_t since_ns = moment_or_fail("--unused", arguments.unused);
  Remote remote(session);
  const Rules rules = fetch(remote);
  if (!arguments.conduit.empty()) require_conduit(rules, arguments.conduit);
  Table table({"CONDUIT", "RULE", "LAST USED", "COUNTED SINCE", "GRANTS"});
  std::size_t not_known = 0;
  for (const v1::RuleUse& use : rules.uses) {
    if (!arguments.conduit.empty() && use.conduit() != arguments.conduit) continue;
    const Unused unused = since(use, since_ns);
    if (since_ns != 0 && !unused.unused) continue;
    const RuleText text = text_of(rules, use);
    if (since_ns != 0 && !unused.known) ++not_known;
    if (session.format() == Format::json) {
      Json json = {{"conduit", use.conduit()}, {"rule", use.rule()}};
      json["last_used"] = use.last_used_wall_time_ns() == 0
                              ? Json(nullptr)
                              : Json(iso_time(use.last_used_wall_time_ns()));
      json["counted_since"] = iso_time(use.counted_since_wall_time_ns());
      if (since_ns != 0) json["counted_long_enough"] = unused.known;
      if (text.line != 0) json["line"] = text.line;
      if (!text.words.empty()) json["text"] = json_text(text.words);
      print_json(json);
      continue;
    }
    const bool never = use.last_used_wall_time_ns() == 0;
    table.add({use.conduit(), std::to_string(use.rule()),
               never ? "never" : day_text(use.last_used_wall_time_ns()),
               day_text(use.counted_since_wall_time_ns()) +
                   (since_ns != 0 && !unused.known ? " (too short)" : ""),
               text.words.empty() ? "(" + rules.text.problem + ")" : text.words});
  }
  if (session.format() == Format::json) return;
  table.print(since_ns == 0 ? "no rules" : "every rule was used in that time");
  if (not_known == 0) return;
  say("%zu of them have been counted for less than that: whether they are used is not known yet\n",
      not_known);
}

}  // namespace

void add_rules_command(CLI::App& app, Session& session) {
  const auto arguments = std::make_shared<RulesArguments>();
  CLI::App* command = app.add_subcommand(
      "rules",
      "When each rule of the policy in force last let something pass, and since when that has been "
      "counted: through restarts, takeovers and policies, as long as the rule grants the same in "
      "a conduit of the same name");
  command->add_option("--unused", arguments->unused,
                      "Only rules that were not used in so long, as 90d");
  command->add_option("--conduit", arguments->conduit, "Only rules of that conduit");
  command->callback([&session, arguments] { run_rules(session, *arguments); });
}

}  // namespace bulkhead::controlplane
