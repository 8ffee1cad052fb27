// policy check|compile|explain|get|show, push, commit, history.
#include <chrono>
#include <future>

#include "controlplane/cli/artefact_text.h"
#include "controlplane/cli/diagnostics_output.h"
#include "controlplane/cli/output.h"
#include "controlplane/cli/remote.h"
#include "controlplane/policy/compiler.h"
#include "dataplane/artefact/artefact.h"
#include "dataplane/artefact/digest.h"

namespace bulkhead::controlplane {

namespace {

constexpr auto kProgressPeriod = std::chrono::seconds(1);

Compilation compile_or_fail(const Session& session, const std::string& path) {
  Compilation result = compile_policy(read_file_or_fail(path), path);
  print_diagnostics(session, result.diagnostics);
  if (result.tables) return result;
  const std::size_t count = result.diagnostics.errors();
  throw CommandFailed{kRefused, path + " has " + std::to_string(count) +
                                    (count == 1 ? " error" : " errors") + "; nothing was changed"};
}

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
  const v1::PolicyArtefact artefact = artefact::encode(*result.tables);
  if (out.empty()) out = path.substr(0, path.rfind(".yaml")) + ".bhp";
  write_file_or_fail(out, artefact.SerializeAsString());
  const std::string digest = artefact::to_hex(artefact.sha256());
  if (session.format() == Format::json) {
    print_json({{"file", out}, {"bytes", artefact.ByteSizeLong()}, {"sha256", digest}});
  } else {
    say("%s: %zu bytes, sha256 %s\n", out.c_str(), artefact.ByteSizeLong(), digest.c_str());
  }
}

void run_explain(Session& session, const std::string& path) {
  const Compilation result = compile_or_fail(session, path);
  if (session.format() == Format::table) {
    return print_text(explain_policy(*result.model));
  }
  for (const ModelConduit& conduit : result.model->conduits) {
    for (std::size_t i = 0; i < conduit.rules.size(); ++i) {
      print_json({{"conduit", conduit.name.text},
                  {"rule", i + 1},
                  {"line", conduit.rules[i].at.line},
                  {"text", explain_rule(*result.model, conduit, i)}});
    }
  }
}

Json revision_json(const v1::Revision& revision) {
  Json json = {{"revision", revision.number()},
               {"site", revision.site()},
               {"active", revision.active()},
               {"sha256", revision.sha256()},
               {"staged", iso_time(revision.staged_wall_time_ns())},
               {"staged_by", revision.staged_by()}};
  if (revision.committed_wall_time_ns() != 0) {
    json["committed"] = iso_time(revision.committed_wall_time_ns());
  }
  if (!revision.comment().empty()) json["comment"] = revision.comment();
  return json;
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
  *request.mutable_artefact() = artefact::encode(*result.tables);
  request.set_source(bytes);
  return request;
}

// In force, or why not; exit code kNotKnown while it is under way.
void print_commit(Session& session, const v1::Commit& commit) {
  const bool in_force = commit.state() == v1::Commit::STATE_IN_FORCE;
  const bool refused = commit.state() == v1::Commit::STATE_REFUSED;
  if (!in_force) session.exit_code = refused ? kRefused : kNotKnown;
  if (session.format() == Format::json) {
    Json json = in_force ? revision_json(commit.revision()) : Json{{"revision", commit.number()}};
    json["commit"] = commit.id();
    json["state"] = in_force ? "in force" : refused ? "refused" : "not known";
    if (!commit.text().empty()) json["text"] = commit.text();
    json["generation"] = commit.generation();
    return print_json(json);
  }
  if (in_force) {
    say("revision %llu of site %s is in force\n",
        static_cast<unsigned long long>(commit.revision().number()),
        commit.revision().site().c_str());
  }
  if (commit.text().empty()) return;
  say("commit %s: %s\n", commit.id().c_str(), commit.text().c_str());
  if (session.exit_code == kNotKnown) {
    say("`bulkheadctl commit --outcome %s` says what became of it\n", commit.id().c_str());
  }
}

// Prints the present step of a commit that takes long; `printed`: the last one printed.
std::string print_progress(Remote& remote, const std::string& printed) {
  v1::Commit commit;
  const auto asked =
      remote.policy().GetCommit(remote.context().get(), v1::GetCommitRequest(), &commit);
  const bool news =
      asked.ok() && commit.state() == v1::Commit::STATE_UNDER_WAY && commit.text() != printed;
  if (!news) return printed;
  print_error("commit " + commit.id() + ": " + commit.text());
  return commit.text();
}

void run_commit(Session& session, std::uint64_t number) {
  Remote remote(session);
  v1::CommitPolicyRequest request;
  request.set_number(number);
  v1::CommitPolicyResponse response;
  auto committed = std::async(std::launch::async, [&remote, &request, &response] {
    return remote.policy().CommitPolicy(remote.context().get(), request, &response);
  });
  std::string printed;
  while (committed.wait_for(kProgressPeriod) != std::future_status::ready) {
    printed = print_progress(remote, printed);
  }
  remote.expect(committed.get());
  print_commit(session, response.commit());
}

Json refused_json(const v1::RefusedMessages& row) {
  return {{"refused", row.some() ? "some messages" : "messages"},
          {"conduit", row.conduit()},
          {"rule", row.rule()},
          {"protocol", row.protocol()},
          {"function", row.function()},
          {"messages", row.messages()}};
}

Json refused_json(const v1::RefusedSession& row) {
  return {{"refused", "session"},
          {"client", row.session().client()},
          {"server", row.session().server()},
          {"transport", row.session().transport()},
          {"conduit", row.session().conduit()},
          {"rule", row.session().rule()},
          {"protocol", row.session().protocol()},
          {"reason", row.reason()}};
}

void print_preview_json(const v1::PreviewPolicyResponse& preview) {
  for (const auto& row : preview.refused_sessions()) print_json(refused_json(row));
  for (const auto& row : preview.refused_messages()) print_json(refused_json(row));
  Json json = revision_json(preview.revision());
  json["sessions"] = preview.sessions();
  json["sessions_refused"] = preview.sessions_refused();
  json["sessions_complete"] = preview.complete();
  json["messages"] = preview.messages();
  json["messages_since"] = iso_time(preview.since_wall_time_ns());
  json["messages_refused_beyond"] = preview.messages_refused_beyond();
  json["messages_not_compared"] = preview.messages_not_compared();
  print_json(json);
}

void print_preview(const v1::PreviewPolicyResponse& preview) {
  say("revision %llu would refuse %s of %s sessions that live%s\n",
      static_cast<unsigned long long>(preview.revision().number()),
      grouped(preview.sessions_refused()), grouped(preview.sessions()),
      preview.complete() ? "" : " (more were not looked at)");
  Table sessions({"CLIENT", "SERVER", "TRANSPORT", "CONDUIT", "PROTOCOL", "REASON"});
  for (const auto& row : preview.refused_sessions()) {
    sessions.add({row.session().client(), row.session().server(), row.session().transport(),
                  row.session().conduit(), row.session().protocol(), row.reason()});
  }
  if (preview.refused_sessions_size() > 0) sessions.print("");
  const auto shown = static_cast<std::uint64_t>(preview.refused_sessions_size());
  if (shown < preview.sessions_refused()) {
    say("and %s more\n", grouped(preview.sessions_refused() - shown));
  }
  say("\nof %s messages that passed since %s it would refuse%s\n", grouped(preview.messages()),
      local_time(preview.since_wall_time_ns()), preview.refused_messages().empty() ? " none" : ":");
  Table messages({"CONDUIT", "RULE", "PROTOCOL", "FUNCTION", "MESSAGES", "REFUSED"});
  for (const auto& row : preview.refused_messages()) {
    messages.add({row.conduit(), std::to_string(row.rule()), row.protocol(), row.function(),
                  grouped(row.messages()), row.some() ? "perhaps: it grants less" : "all"});
  }
  if (!preview.refused_messages().empty()) messages.print("");
  if (preview.messages_refused_beyond() > 0) {
    say("and %s of other kinds, all or some\n", grouped(preview.messages_refused_beyond()));
  }
  if (preview.messages_not_compared() > 0) {
    say("%s messages were not compared: too many kinds of them, or their policy is not stored any "
        "more\n",
        grouped(preview.messages_not_compared()));
  }
  say("nothing was changed\n");
}

void run_preview(Session& session, std::uint64_t number) {
  Remote remote(session);
  v1::PreviewPolicyRequest request;
  request.set_number(number);
  v1::PreviewPolicyResponse preview;
  remote.expect(remote.policy().PreviewPolicy(remote.context().get(), request, &preview));
  session.format() == Format::json ? print_preview_json(preview) : print_preview(preview);
  const bool refuses = preview.sessions_refused() > 0 || !preview.refused_messages().empty();
  if (refuses) session.exit_code = kRefused;
}

void run_outcome(Session& session, const std::string& id) {
  Remote remote(session);
  v1::GetCommitRequest request;
  request.set_id(id == "last" ? "" : id);
  v1::Commit commit;
  remote.expect(remote.policy().GetCommit(remote.context().get(), request, &commit));
  print_commit(session, commit);
}

void run_push(Session& session, const std::string& path, const std::string& comment,
              bool and_commit) {
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
  if (and_commit) run_commit(session, response.revision().number());
}

void run_history(Session& session) {
  Remote remote(session);
  v1::ListPoliciesResponse response;
  remote.expect(remote.policy().ListPolicies(remote.context().get(), {}, &response));
  Table table({"REVISION", "SITE", "STATE", "STAGED", "BY", "COMMITTED", "SHA-256", "COMMENT"});
  for (const v1::Revision& revision : response.revisions()) {
    if (session.format() == Format::json) {
      print_json(revision_json(revision));
      continue;
    }
    const std::string state = revision.active()                        ? "active"
                              : revision.committed_wall_time_ns() != 0 ? "was active"
                                                                       : "staged";
    table.add({std::to_string(revision.number()), revision.site(), state,
               local_time(revision.staged_wall_time_ns()), revision.staged_by(),
               local_time(revision.committed_wall_time_ns()), revision.sha256().substr(0, 12),
               revision.comment()},
              revision.active() ? Colour::good : Colour::plain);
  }
  if (session.format() == Format::table) table.print("no policy has been staged yet");
}

// Why the text cannot be taken for what the artefact enforces; empty if it is compiled to it.
std::string not_of_artefact(const v1::GetPolicyResponse& stored) {
  if (stored.source().empty()) return "it was pushed as a compiled policy, without its text";
  const Compilation compiled = compile_policy(stored.source(), "revision");
  if (!compiled.tables) return "its text does not compile with this version";
  const std::string digest = artefact::to_hex(artefact::encode(*compiled.tables).sha256());
  if (digest == stored.revision().sha256()) return {};
  return "its text compiles to something else here: it is another text, or was compiled by another "
         "version";
}

void run_get(Session& session, std::uint64_t number, const std::string& out) {
  const v1::GetPolicyResponse stored = Remote(session).get(number);
  if (!out.empty()) write_file_or_fail(out, stored.artefact().SerializeAsString());
  const std::string wrong = not_of_artefact(stored);
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
    std::string outcome;
    std::uint64_t number = 0;
    bool commit = false;
    bool dry_run = false;
  };
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* policy = app.add_subcommand("policy", "Check, compile, explain or fetch a policy");
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
  explain->callback([&session, arguments] { run_explain(session, arguments->path); });
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
  push->add_flag("--commit", arguments->commit, "Commit it at once");
  push->callback([&session, arguments] {
    run_push(session, arguments->path, arguments->comment, arguments->commit);
  });
  CLI::App* commit = app.add_subcommand("commit", "Put a staged revision in force");
  commit->add_option("REVISION", arguments->number, "Its number; the latest if not given");
  commit->add_option(
      "--outcome", arguments->outcome,
      "Commit nothing: say what became of the commit of this name, or of the `last`");
  commit->add_flag("--dry-run", arguments->dry_run,
                   "Commit nothing: list the sessions that live, and the messages that passed in "
                   "the last day, that the revision would refuse; exit code 1 if there are any");
  commit->callback([&session, arguments] {
    if (arguments->dry_run) return run_preview(session, arguments->number);
    arguments->outcome.empty() ? run_commit(session, arguments->number)
                               : run_outcome(session, arguments->outcome);
  });
  CLI::App* history = app.add_subcommand("history", "List the revisions on the appliance");
  history->callback([&session] { run_history(session); });
}

}  // namespace bulkhead::controlplane
