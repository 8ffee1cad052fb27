// why: what was refused, which rules came near, and what would let it pass.
#include <memory>

#include "controlplane/cli/event_text.h"
#include "controlplane/cli/operation_json.h"
#include "controlplane/cli/output.h"
#include "controlplane/cli/refused_message.h"
#include "controlplane/cli/remote.h"
#include "controlplane/cli/stored_text.h"
#include "controlplane/learn/nearest.h"
#include "controlplane/learn/verdict.h"
#include "controlplane/policy/compiler.h"
#include "controlplane/telemetry/event_json.h"
#include "dataplane/artefact/artefact.h"
#include "dataplane/artefact/digest.h"
#include "dataplane/base/reason.h"

namespace bulkhead::controlplane {

namespace {

struct WhyArguments {
  std::uint64_t number = 0;
  bool suggest = false;
  std::string policy;
};

// The policy that the rules are taken from.
struct JudgingPolicy {
  std::uint64_t revision = 0;  // 0: a file
  std::string problem;         // why there is none; the rest is empty then
  std::optional<policy::Tables> tables;
  std::string source;                   // empty: there is none that fits the tables
  std::string no_source;                // why
  std::optional<Compilation> compiled;  // of the source, for places and words
};

std::string hex(const std::string& bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    text += kDigits[static_cast<std::uint8_t>(byte) >> 4];
    text += kDigits[static_cast<std::uint8_t>(byte) & 15];
  }
  return text;
}

JudgingPolicy of_file(const std::string& path) {
  JudgingPolicy policy;
  policy.source = read_file_or_fail(path);
  Compilation compiled = compile_policy(policy.source, path, kAnyTime);
  if (!compiled.model) throw CommandFailed{kRefused, compiled.diagnostics.errors_text()};
  auto tables = policy::finished(lower_policy(*compiled.model));
  if (!tables) throw CommandFailed{kRefused, tables.error()};
  policy.tables = std::move(tables).value();
  policy.compiled = std::move(compiled);
  return policy;
}

// That of the digest, from the appliance's disk.
JudgingPolicy of_digest(Remote& remote, const std::string& sha256) {
  JudgingPolicy policy;
  if (sha256.empty()) {
    policy.problem = "no policy decided about it";
    return policy;
  }
  v1::ListPoliciesResponse list;
  const auto context = remote.context();
  remote.expect(remote.policy().ListPolicies(context.get(), {}, &list));
  for (const v1::Revision& revision : list.revisions()) {
    if (revision.sha256() == sha256) policy.revision = revision.number();
  }
  if (policy.revision == 0) {
    policy.problem = "the policy that refused it, with SHA-256 " + sha256.substr(0, 12) +
                     ", is not on the appliance's disk any more; name one with --policy";
    return policy;
  }
  const v1::GetPolicyResponse stored = remote.get(policy.revision);
  auto tables = artefact::decode(stored.artefact());
  if (!tables || artefact::to_hex(stored.artefact().sha256()) != sha256) {
    policy.problem = "revision " + std::to_string(policy.revision) +
                     " cannot be read here: " + (tables ? "it is another policy" : tables.error());
    return policy;
  }
  policy.tables = std::move(tables).value();
  StoredText text = read_stored_text(stored);
  policy.no_source = text.problem;
  policy.compiled = std::move(text.compiled);
  if (policy.compiled) policy.source = stored.source();
  return policy;
}

const policy::Conduit* conduit_of(const JudgingPolicy& policy, const v1::Event& event,
                                  const RefusedMessage& message) {
  if (!policy.tables) return nullptr;
  for (const policy::Conduit& conduit : policy.tables->conduits) {
    if (!event.conduit().empty() && conduit.name == event.conduit()) return &conduit;
  }
  if (!event.conduit().empty() || !message.session()) return nullptr;
  const learn::Verdict verdict = learn::judge_service(*policy.tables, *message.session());
  return verdict.conduit == policy::kNoConduit ? nullptr
                                               : &policy.tables->conduits[verdict.conduit];
}

// Whether a rule that is written otherwise could have let it pass.
bool rules_decide(const std::string& reason) {
  for (const char* each : {"no_conduit", "no_rule", "function_not_granted", "values_not_granted",
                           "rate_exceeded", "ethertype_not_granted"}) {
    if (reason == each) return true;
  }
  return false;
}

std::string reason_text(const v1::Event& event) {
  for (const ReasonInfo& reason : kReasons) {
    if (reason.name == event.reason()) return std::string(reason.text);
  }
  return event.reason();
}

struct RuleWords {
  std::uint32_t line = 0;
  std::string text;
};

RuleWords words_of(const JudgingPolicy& policy, const policy::Conduit& conduit,
                   std::uint16_t number) {
  if (!policy.compiled) return {};
  for (const ModelConduit& each : policy.compiled->model->conduits) {
    if (each.name.text != conduit.name || number == 0 || number > each.rules.size()) continue;
    return {each.rules[number - 1U].at.line,
            explain_rule(*policy.compiled->model, each, number - 1U, Listing::classes)};
  }
  return {};
}

Json operations_json(const RefusedMessage& message) {
  Json list = Json::array();
  for (const protocols::Operation* operation : message.operations()) {
    Json json = Json::object();
    add_operation(protocols::registry()[message.protocol()]->catalogue(), *operation, json);
    json["refused"] = operation == message.refused();
    list.push_back(std::move(json));
  }
  return list;
}

Json rules_json(const JudgingPolicy& policy, const policy::Conduit& conduit,
                const learn::Nearest& nearest) {
  Json list = Json::array();
  for (const learn::NearRule& rule : nearest.rules) {
    const RuleWords words = words_of(policy, conduit, rule.number);
    Json json = {{"rule", rule.number}};
    if (words.line != 0) json["line"] = words.line;
    if (!words.text.empty()) json["text"] = json_text(words.text);
    json["failures"] = Json::array();
    for (const learn::Failure& failure : rule.failures) {
      json["failures"].push_back({{"what", failure.what},
                                  {"given", json_text(failure.given)},
                                  {"granted", json_text(failure.granted)}});
    }
    list.push_back(std::move(json));
  }
  return list;
}

Json suggestion_json(const learn::Suggestion& suggestion) {
  constexpr const char* kKinds[] = {"rule", "wider_rule", "conduit"};
  Json json = {{"kind", kKinds[static_cast<std::size_t>(suggestion.kind)]},
               {"conduit", suggestion.conduit},
               {"place", suggestion.place},
               {"yaml", json_text(suggestion.yaml)},
               {"allows", Json::array()}};
  if (suggestion.line != 0) json["line"] = suggestion.line;
  if (!suggestion.guess.empty()) json["guess"] = suggestion.guess;
  for (const std::string& each : suggestion.allows) json["allows"].push_back(json_text(each));
  return json;
}

// What is known, in the order in which it is printed.
struct Answer {
  v1::Event event;
  std::unique_ptr<RefusedMessage> message;
  JudgingPolicy policy;
  const policy::Conduit* conduit = nullptr;
  learn::Nearest nearest;
  std::vector<learn::Suggestion> suggestions;
  std::string no_suggestion;  // why there is none
};

void find_suggestions(Answer& answer) {
  if (!rules_decide(answer.event.reason())) {
    answer.no_suggestion = "no rule lets it pass: " + reason_text(answer.event);
  } else if (answer.event.reason() == "rate_exceeded") {
    answer.no_suggestion = "the policy grants it: the rule's `rate` decided, or others that use it";
  } else if (answer.policy.source.empty()) {
    answer.no_suggestion =
        answer.policy.problem.empty()
            ? "the revision has no text that could be changed: " + answer.policy.no_source
            : answer.policy.problem;
  } else if (!answer.message->session()) {
    answer.no_suggestion = answer.event.transport() == "arp"
                               ? "ARP passes between hosts that a rule names together, whatever "
                                 "it grants: what they want of each other is not known"
                               : "the event has no hosts that a rule could name";
  } else {
    const auto found = learn::suggest(
        answer.policy.source,
        {*answer.message->session(), answer.message->protocol(), answer.message->judged()});
    if (found) answer.suggestions = found.value();
    if (!found) answer.no_suggestion = found.error();
  }
}

Json answer_json(const Answer& answer, bool suggests) {
  Json json = {{"event", event_json(answer.event)}};
  Json message = {{"operations", operations_json(*answer.message)}};
  if (answer.event.has_message()) {
    message["bytes"] = hex(answer.event.message().bytes());
    message["length"] = answer.event.message().length();
  }
  if (!answer.message->remark().empty()) message["remark"] = answer.message->remark();
  json["message"] = std::move(message);
  Json policy = {{"sha256", answer.event.policy_sha256()}};
  if (answer.policy.revision != 0) policy["revision"] = answer.policy.revision;
  if (!answer.policy.problem.empty()) policy["problem"] = answer.policy.problem;
  json["policy"] = std::move(policy);
  json["rules"] = Json::array();
  if (answer.conduit != nullptr) {
    json["rules"] = rules_json(answer.policy, *answer.conduit, answer.nearest);
    json["rules_left_out"] = answer.nearest.left_out;
  }
  if (!suggests) return json;
  json["suggestions"] = Json::array();
  for (const auto& each : answer.suggestions) json["suggestions"].push_back(suggestion_json(each));
  if (!answer.no_suggestion.empty()) json["no_suggestion"] = json_text(answer.no_suggestion);
  return json;
}

std::string value_text(const Json& value) {
  if (!value.is_array()) return json_line(value);
  return value[0] == value[1] ? json_line(value[0])
                              : json_line(value[0]) + "-" + json_line(value[1]);
}

void print_bytes(const v1::RefusedMessage& message) {
  constexpr std::size_t kBytesOfLine = 16;
  say("  bytes (%zu of %u):\n", message.bytes().size(), message.length());
  for (std::size_t at = 0; at < message.bytes().size(); at += kBytesOfLine) {
    const std::string digits = hex(message.bytes().substr(at, kBytesOfLine));
    std::string line;
    for (std::size_t i = 0; i < digits.size(); i += 2) line += " " + digits.substr(i, 2);
    say("    %04zx %s\n", at, line);
  }
}

void print_message(const Answer& answer) {
  const RefusedMessage& message = *answer.message;
  if (message.protocol() == protocols::kNoProtocol) return;
  const protocols::Catalogue& catalogue = protocols::registry()[message.protocol()]->catalogue();
  for (const protocols::Operation* operation : message.operations()) {
    Json json = Json::object();
    add_operation(catalogue, *operation, json);
    const bool refused = operation == message.refused();
    const bool passed = answer.event.kind() == "would_deny";
    const std::string verdict = passed ? ": enforcing would refuse it" : ": refused";
    say("\n%s  %s %s (code %s, class %s)%s\n", refused ? paint(">", Colour::bad) : Shown{" "},
        std::string(catalogue.name), json["function"].get<std::string>(), json["code"].dump(),
        json["access"].get<std::string>(), refused ? verdict : "");
    for (const auto& [name, value] : json["fields"].items()) {
      if (name == "values") {
        say("     %-18s %s\n", name, json_line(value));
      } else {
        say("     %-18s %s\n", name, value_text(value));
      }
    }
  }
  if (!message.remark().empty()) say("  (%s)\n", message.remark());
  if (answer.event.has_message()) print_bytes(answer.event.message());
}

void print_rules(const Answer& answer) {
  if (!answer.policy.problem.empty()) {
    say("\n%s\n", answer.policy.problem);
    return;
  }
  if (!answer.message->session()) {
    say("\nThe event has no session that a rule could name.\n");
    return;
  }
  if (answer.conduit == nullptr) {
    say("\nNo conduit of the policy leads from the one zone to the other.\n");
    return;
  }
  say("\nConduit %s%s, rules that came near:\n", answer.conduit->name,
      answer.policy.revision == 0 ? std::string()
                                  : " of revision " + std::to_string(answer.policy.revision));
  for (const learn::NearRule& rule : answer.nearest.rules) {
    const RuleWords words = words_of(answer.policy, *answer.conduit, rule.number);
    say("  rule %u%s%s\n", unsigned{rule.number},
        words.line == 0 ? std::string() : " (line " + std::to_string(words.line) + ")",
        words.text.empty() ? std::string() : ": " + words.text);
    for (const learn::Failure& failure : rule.failures) {
      say("    %s  %s is %s, the rule has %s\n", paint("no", Colour::bad), failure.what,
          failure.given, failure.granted);
    }
    if (rule.failures.empty()) say("    it grants this: %s\n", reason_text(answer.event));
  }
  if (answer.nearest.rules.empty()) say("  none: the conduit has no rules\n");
  if (answer.nearest.left_out > 0) say("  %zu others did not\n", answer.nearest.left_out);
}

void print_suggestions(const Answer& answer) {
  if (!answer.no_suggestion.empty()) say("\nNo suggestion: %s.\n", answer.no_suggestion);
  bool first = true;
  for (const learn::Suggestion& suggestion : answer.suggestions) {
    say("\n%s, %s:\n\n", first ? "The smallest change that lets it pass" : "Or", suggestion.place);
    print_text(suggestion.yaml);
    say("\n  then, besides what passes now:\n");
    for (const std::string& each : suggestion.allows) say("  - %s\n", each);
    if (!suggestion.guess.empty()) say("  %s.\n", suggestion.guess);
    first = false;
  }
}

void print_answer(const Answer& answer, bool suggests) {
  say("%s\n", event_text(answer.event, terminal_columns()));
  if (answer.event.reason().empty()) return;
  say("\n%s: %s\n", answer.event.reason(), reason_text(answer.event));
  print_message(answer);
  print_rules(answer);
  if (suggests) print_suggestions(answer);
}

void run_why(Session& session, const WhyArguments& arguments) {
  Remote remote(session);
  Answer answer;
  v1::GetEventRequest request;
  request.set_number(arguments.number);
  const auto context = remote.context();
  remote.expect(remote.telemetry().GetEvent(context.get(), request, &answer.event));
  const bool is_refusal = !answer.event.reason().empty();
  answer.message = std::make_unique<RefusedMessage>(answer.event);
  if (is_refusal) {
    answer.policy = arguments.policy.empty() ? of_digest(remote, answer.event.policy_sha256())
                                             : of_file(arguments.policy);
    answer.conduit = conduit_of(answer.policy, answer.event, *answer.message);
    if (answer.conduit != nullptr && answer.message->session()) {
      answer.nearest = learn::nearest_rules(
          *answer.conduit,
          {*answer.message->session(), answer.message->protocol(), answer.message->refused()});
    }
    if (arguments.suggest) find_suggestions(answer);
  }
  if (session.format() == Format::json) {
    print_json(answer_json(answer, arguments.suggest));
  } else {
    print_answer(answer, arguments.suggest);
  }
  const bool wanting = !answer.policy.problem.empty() ||
                       (arguments.suggest && is_refusal && answer.suggestions.empty());
  if (wanting) session.exit_code = kRefused;
}

}  // namespace

void add_why_command(CLI::App& app, Session& session) {
  const auto arguments = std::make_shared<WhyArguments>();
  CLI::App* command = app.add_subcommand(
      "why",
      "Why a message was refused: its fields, each rule that came near, and the one thing on which "
      "each of them failed. The policy is the one that decided, if the appliance still has it");
  command->add_option("NUMBER", arguments->number, "Of the event, see `events`")->required();
  command->add_flag("--suggest", arguments->suggest,
                    "Also the smallest change of the policy that lets the message pass, as text to "
                    "paste, and what else passes with it; exit code 1 if there is none");
  command->add_option("--policy", arguments->policy,
                      "Ask the rules of this file instead, as one that is being written");
  command->callback([&session, arguments] { run_why(session, *arguments); });
}

}  // namespace bulkhead::controlplane
