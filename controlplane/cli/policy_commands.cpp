// policy check|compile|explain|get|show, push; the other commands of `policy` stand in files of
// their own.
#include "controlplane/cli/artefact_text.h"
#include "controlplane/cli/commit_commands.h"
#include "controlplane/cli/compiled_file.h"
#include "controlplane/cli/output.h"
#include "controlplane/cli/remote.h"
#include "controlplane/cli/stored_text.h"
#include "dataplane/artefact/artefact.h"
#include "dataplane/artefact/digest.h"

namespace bulkhead::controlplane {

namespace {

void run_check(Session& session, const std::string& path) {
  const Compilation result = compile_or_fail(session, path);
  std::size_t rules = 0;
  for (const ModelConduit& conduit : result.model->conduits) rules += conduit.rules.size();
  if (session.format() == Format::json) {
    print_json({{"file", path},
                {"site", result.model->site},
                {"conduits", result.model->conduits.size()},
                {"rules", rules},
                {"ok", true}});
    return;
  }
  say("%s: no errors: site %s, %zu zones, %zu conduits, %zu rules\n", path.c_str(),
      result.model->site.c_str(), result.model->zones.size(), result.model->conduits.size(), rules);
}

void run_compile(Session& session, const std::string& path, std::string out) {
  const Compilation result = compile_or_fail(session, path);
  const v1::PolicyArtefact artefact = artefact::encode(*result.tables, result.health);
  if (out.empty()) out = path.substr(0, path.rfind(".yaml")) + ".bhp";
  write_file_or_fail(out, artefact.SerializeAsString());
  const std::string digest = artefact::to_hex(artefact.sha256());
  if (session.format() == Format::json) {
    print_json({{"file", out}, {"bytes", artefact.ByteSizeLong()}, {"sha256", digest}});
  } else {
    say("%s: %zu bytes, sha256 %s\n", out.c_str(), artefact.ByteSizeLong(), digest.c_str());
  }
}

Json classes_json(const ModelRule& rule) {
  Json classes = Json::array();
  for (const protocols::AccessClass access : rule.classes) {
    classes.push_back(protocols::describe(access));
  }
  return classes;
}

Json functions_json(const ModelRule& rule) {
  Json names = Json::array();
  if (rule.protocol == protocols::kNoProtocol) return names;
  const protocols::Catalogue& catalogue = protocols::registry()[rule.protocol]->catalogue();
  for (const std::uint16_t function : rule.functions) {
    names.push_back(catalogue.functions[function].name);
  }
  return names;
}

void run_explain(Session& session, const std::string& path, Listing listing) {
  const Compilation result = compile_or_fail(session, path);
  if (session.format() == Format::table) {
    return print_text(explain_policy(*result.model, listing));
  }
  for (const ModelConduit& conduit : result.model->conduits) {
    for (std::size_t i = 0; i < conduit.rules.size(); ++i) {
      print_json({{"conduit", conduit.name.text},
                  {"rule", i + 1},
                  {"line", conduit.rules[i].at.line},
                  {"text", explain_rule(*result.model, conduit, i, listing)},
                  {"access", classes_json(conduit.rules[i])},
                  {"functions", functions_json(conduit.rules[i])}});
    }
  }
}

v1::StagePolicyRequest stage_request(const Session& session, const std::string& path) {
  v1::StagePolicyRequest request;
  const std::string bytes = read_file_or_fail(path);
  const bool compiled = path.ends_with(".bhp");
  if (compiled) {
    if (!request.mutable_artefact()->ParseFromString(bytes)) {
      throw CommandFailed{kRefused, path + " is not a compiled policy"};
    }
    return request;
  }
  const Compilation result = compile_or_fail(session, path);
  *request.mutable_artefact() = artefact::encode(*result.tables, result.health);
  request.set_source(bytes);
  return request;
}

void run_push(Session& session, const std::string& path, const std::string& comment,
              bool and_commit, v1::CommitPolicyRequest commit) {
  v1::StagePolicyRequest request = stage_request(session, path);
  request.set_comment(comment);
  Remote remote(session);
  const v1::StagePolicyResponse response = remote.stage(request);
  if (session.format() == Format::json) {
    print_json(revision_json(response.revision()));
  } else {
    say("revision %llu staged; it changes nothing until `bulkheadctl commit`\n",
        static_cast<unsigned long long>(response.revision().number()));
  }
  commit.set_number(response.revision().number());
  if (and_commit) run_commit(session, commit);
}

void run_get(Session& session, std::uint64_t number, const std::string& out) {
  const v1::GetPolicyResponse stored = Remote(session).get(number);
  if (!out.empty()) write_file_or_fail(out, stored.artefact().SerializeAsString());
  const std::string wrong = read_stored_text(stored).problem;
  const std::string revision = std::to_string(stored.revision().number());
  if (session.format() == Format::json) {
    Json json = revision_json(stored.revision());
    json["source"] = wrong.empty() ? stored.source() : "";
    if (!wrong.empty()) json["problem"] = wrong;
    print_json(json);
  } else if (wrong.empty()) {
    print_text(stored.source());
  }
  if (wrong.empty()) return;
  throw CommandFailed{kRefused, "revision " + revision + " has no text to show: " + wrong +
                                    "; `bulkheadctl policy show " + revision +
                                    "` says what it grants"};
}

// What is enforced, from the artefact itself.
void run_show(Session& session, std::uint64_t number) {
  const v1::GetPolicyResponse stored = Remote(session).get(number);
  v1::CompiledPolicy policy;
  const std::string digest = artefact::to_hex(artefact::sha256(stored.artefact().policy()));
  if (digest != stored.revision().sha256() || !policy.ParseFromString(stored.artefact().policy())) {
    throw CommandFailed{kRefused, "the artefact is not the one that the revision names"};
  }
  if (session.format() == Format::json) {
    for (const Json& line : artefact_json(policy)) print_json(line);
    return;
  }
  say("revision %llu, SHA-256 %s\n", static_cast<unsigned long long>(stored.revision().number()),
      digest.c_str());
  print_text(artefact_text(policy));
}

}  // namespace

void add_policy_commands(CLI::App& app, Session& session) {
  struct Arguments {
    std::string path;
    std::string out;
    std::string comment;
    std::uint64_t number = 0;
    v1::CommitPolicyRequest confirm;
    bool commit = false;
    bool all = false;
  };
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* policy = app.add_subcommand(
      "policy", "Check, format, test, compare, compile, explain or fetch a policy");
  policy->require_subcommand(1);
  CLI::App* check = policy->add_subcommand("check", "Find every mistake in a policy");
  check->add_option("POLICY", arguments->path, "Policy file (.yaml)")->required();
  check->callback([&session, arguments] { run_check(session, arguments->path); });
  CLI::App* compile = policy->add_subcommand("compile", "Write the compiled policy to a file");
  compile->add_option("POLICY", arguments->path, "Policy file (.yaml)")->required();
  compile->add_option("-o,--out", arguments->out, "File to write; POLICY with .bhp if not given");
  compile->callback(
      [&session, arguments] { run_compile(session, arguments->path, arguments->out); });
  CLI::App* explain = policy->add_subcommand("explain", "Explain each grant in plain words");
  explain->add_option("POLICY", arguments->path, "Policy file (.yaml)")->required();
  explain->add_flag("--all", arguments->all,
                    "Name each function of an access class, instead of their number");
  explain->callback([&session, arguments] {
    run_explain(session, arguments->path, arguments->all ? Listing::functions : Listing::classes);
  });
  add_policy_text_commands(*policy, session);
  add_policy_trial_commands(*policy, session);
  CLI::App* get = policy->add_subcommand("get", "Show the source of a revision on the appliance");
  get->add_option("REVISION", arguments->number, "Its number; the active one if not given");
  get->add_option("-o,--out", arguments->out, "Also write the compiled policy to this file");
  get->callback([&session, arguments] { run_get(session, arguments->number, arguments->out); });

  CLI::App* show = policy->add_subcommand(
      "show",
      "What a revision on the appliance grants, from what is enforced and not from its text");
  show->add_option("REVISION", arguments->number, "Its number; the active one if not given");
  show->callback([&session, arguments] { run_show(session, arguments->number); });

  CLI::App* push = app.add_subcommand(
      "push", "Compile a policy and stage it on the appliance, which checks it in full");
  push->add_option("POLICY", arguments->path, "Policy file (.yaml), or a compiled one (.bhp)")
      ->required();
  push->add_option("-m,--comment", arguments->comment, "Why, for the history");
  CLI::Option* at_once = push->add_flag("--commit", arguments->commit, "Commit it at once");
  add_confirm_options(*push, arguments->confirm, at_once);
  push->callback([&session, arguments] {
    run_push(session, arguments->path, arguments->comment, arguments->commit, arguments->confirm);
  });
}

}  // namespace bulkhead::controlplane
