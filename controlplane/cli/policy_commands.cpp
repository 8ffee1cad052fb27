// policy check|compile|explain, push, commit, history.
#include "controlplane/cli/output.h"
#include "controlplane/cli/remote.h"
#include "controlplane/policy/compiler.h"
#include "dataplane/service/policy_codec.h"

namespace bulkhead::controlplane {

namespace {

// Prints diagnostics: on standard error for people, as JSON lines for scripts.
void tell_diagnostics(const Session& session, const Diagnostics& diagnostics) {
  for (const Diagnostic& each : diagnostics.list()) {
    if (session.format() == Format::table) {
      std::fprintf(stderr, "%s\n", diagnostics.to_text(each).c_str());
      continue;
    }
    print_json({{"file", diagnostics.file()},
                {"line", each.at.line},
                {"column", each.at.column},
                {"severity", each.severity == Severity::error ? "error" : "warning"},
                {"message", each.message}});
  }
}

Compilation compile_or_fail(const Session& session, const std::string& path) {
  Compilation result = compile_policy(read_file_or_fail(path), path);
  tell_diagnostics(session, result.diagnostics);
  if (result.compiled) return result;
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
  std::printf("%s: no errors: site %s, %zu zones, %zu conduits, %zu rules\n", path.c_str(),
              result.model->site.c_str(), result.model->zones.size(), result.model->conduits.size(),
              rules);
}

void run_compile(Session& session, const std::string& path, std::string out) {
  const Compilation result = compile_or_fail(session, path);
  const v1::PolicyArtefact artefact = service::seal_policy(*result.compiled);
  if (out.empty()) out = path.substr(0, path.rfind(".yaml")) + ".bhp";
  write_file_or_fail(out, artefact.SerializeAsString());
  const std::string digest = service::to_hex(artefact.sha256());
  if (session.format() == Format::json) {
    print_json({{"file", out}, {"bytes", artefact.ByteSizeLong()}, {"sha256", digest}});
  } else {
    std::printf("%s: %zu bytes, sha256 %s\n", out.c_str(), artefact.ByteSizeLong(), digest.c_str());
  }
}

void run_explain(Session& session, const std::string& path) {
  const Compilation result = compile_or_fail(session, path);
  if (session.format() == Format::table) {
    std::printf("%s", explain_policy(*result.model).c_str());
    return;
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
  *request.mutable_artefact() = service::seal_policy(*result.compiled);
  request.set_source(bytes);
  return request;
}

void print_committed(const Session& session, const v1::CommitPolicyResponse& response) {
  if (session.format() == Format::json) {
    Json json = revision_json(response.revision());
    json["generation"] = response.generation();
    print_json(json);
    return;
  }
  std::printf("revision %llu of site %s is in force\n",
              static_cast<unsigned long long>(response.revision().number()),
              response.revision().site().c_str());
}

void run_commit(Session& session, std::uint64_t number) {
  Remote remote(session);
  v1::CommitPolicyRequest request;
  request.set_number(number);
  v1::CommitPolicyResponse response;
  remote.expect(remote.policy().CommitPolicy(remote.context().get(), request, &response));
  print_committed(session, response);
}

void run_push(Session& session, const std::string& path, const std::string& comment,
              bool and_commit) {
  v1::StagePolicyRequest request = stage_request(session, path);
  request.set_comment(comment);
  Remote remote(session);
  v1::StagePolicyResponse response;
  remote.expect(remote.policy().StagePolicy(remote.context().get(), request, &response));
  if (session.format() == Format::json) {
    print_json(revision_json(response.revision()));
  } else {
    std::printf("revision %llu staged; it changes nothing until `bulkheadctl commit`\n",
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

void run_get(Session& session, std::uint64_t number, const std::string& out) {
  Remote remote(session);
  v1::GetPolicyRequest request;
  request.set_number(number);
  v1::GetPolicyResponse response;
  remote.expect(remote.policy().GetPolicy(remote.context().get(), request, &response));
  if (!out.empty()) write_file_or_fail(out, response.artefact().SerializeAsString());
  if (session.format() == Format::json) {
    Json json = revision_json(response.revision());
    json["source"] = response.source();
    print_json(json);
  } else {
    std::printf("%s", response.source().empty() ? "(pushed as a compiled policy, without source)\n"
                                                : response.source().c_str());
  }
}

}  // namespace

void add_policy_commands(CLI::App& app, Session& session) {
  struct Arguments {
    std::string path;
    std::string out;
    std::string comment;
    std::uint64_t number = 0;
    bool commit = false;
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
  CLI::App* explain = policy->add_subcommand("explain", "Tell what each grant means");
  explain->add_option("POLICY", arguments->path, "Policy file (.yaml)")->required();
  explain->callback([&session, arguments] { run_explain(session, arguments->path); });
  CLI::App* get = policy->add_subcommand("get", "Show the source of a revision on the appliance");
  get->add_option("REVISION", arguments->number, "Its number; the active one if not given");
  get->add_option("-o,--out", arguments->out, "Also write the compiled policy to this file");
  get->callback([&session, arguments] { run_get(session, arguments->number, arguments->out); });

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
  commit->callback([&session, arguments] { run_commit(session, arguments->number); });
  CLI::App* history = app.add_subcommand("history", "List the revisions on the appliance");
  history->callback([&session] { run_history(session); });
}

}  // namespace bulkhead::controlplane
