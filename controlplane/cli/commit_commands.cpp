// commit, confirm, rollback, history.
#include "controlplane/cli/commit_commands.h"

#include <chrono>
#include <functional>
#include <future>

#include "controlplane/cli/remote.h"
#include "controlplane/policy/health.h"
#include "dataplane/artefact/artefact.h"
#include "dataplane/base/duration.h"

namespace bulkhead::controlplane {

namespace {

constexpr auto kProgressPeriod = std::chrono::seconds(1);

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
    if (commit.has_trial()) json["trial"] = trial_json(commit.trial());
    return print_json(json);
  }
  if (in_force) {
    say("revision %llu of site %s is in force\n",
        static_cast<unsigned long long>(commit.revision().number()),
        commit.revision().site().c_str());
  }
  if (commit.has_trial()) say("%s\n", paint(trial_text(commit.trial()), Colour::bold));
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

// Waits for a call that changes what is in force, and prints what became of it.
void carry_out(Session& session,
               const std::function<grpc::Status(Remote&, v1::CommitPolicyResponse&)>& call) {
  Remote remote(session);
  v1::CommitPolicyResponse response;
  auto done = std::async(std::launch::async, [&] { return call(remote, response); });
  std::string printed;
  while (done.wait_for(kProgressPeriod) != std::future_status::ready) {
    printed = print_progress(remote, printed);
  }
  remote.expect(done.get());
  print_commit(session, response.commit());
}

void run_confirm(Session& session) {
  carry_out(session, [](Remote& remote, v1::CommitPolicyResponse& response) {
    return remote.policy().ConfirmPolicy(remote.context().get(), {}, &response);
  });
}

void run_rollback(Session& session, std::uint64_t number) {
  carry_out(session, [number](Remote& remote, v1::CommitPolicyResponse& response) {
    v1::RollbackPolicyRequest request;
    request.set_number(number);
    return remote.policy().RollbackPolicy(remote.context().get(), request, &response);
  });
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

std::string state_of(const v1::Revision& revision, const v1::Trial& trial) {
  if (revision.active()) {
    return trial.number() == revision.number() ? "active, awaits confirmation" : "active";
  }
  if (revision.returned_wall_time_ns() != 0) return "taken back";
  return revision.committed_wall_time_ns() != 0 ? "was active" : "staged";
}

std::string at_and_by(std::uint64_t wall_time_ns, const std::string& by) {
  const std::string time = local_time(wall_time_ns);
  return time.empty() || by.empty() ? time : time + " " + by;
}

void run_history(Session& session) {
  Remote remote(session);
  v1::ListPoliciesResponse response;
  remote.expect(remote.policy().ListPolicies(remote.context().get(), {}, &response));
  const bool json = session.format() == Format::json;
  if (response.has_trial() && !json) {
    say("%s\n\n", paint(trial_text(response.trial()), Colour::bad));
  }
  Table table({"REVISION", "SITE", "STATE", "STAGED", "COMMITTED", "CONFIRMED", "TAKEN BACK",
               "SHA-256", "COMMENT"});
  for (const v1::Revision& revision : response.revisions()) {
    if (json) {
      Json line = revision_json(revision);
      if (response.trial().number() == revision.number()) {
        line["trial"] = trial_json(response.trial());
      }
      print_json(line);
      continue;
    }
    const std::string back = at_and_by(revision.returned_wall_time_ns(), revision.returned_by());
    table.add(
        {std::to_string(revision.number()), revision.site(), state_of(revision, response.trial()),
         at_and_by(revision.staged_wall_time_ns(), revision.staged_by()),
         at_and_by(revision.committed_wall_time_ns(), revision.committed_by()),
         at_and_by(revision.confirmed_wall_time_ns(), revision.confirmed_by()),
         back.empty() ? back : back + ": " + revision.returned_why(),
         revision.sha256().substr(0, 12), revision.comment()},
        revision.active() ? Colour::good : Colour::plain);
  }
  if (!json) table.print("no policy has been staged yet");
}

}  // namespace

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
  if (!revision.committed_by().empty()) json["committed_by"] = revision.committed_by();
  if (revision.confirmed_wall_time_ns() != 0) {
    json["confirmed"] = iso_time(revision.confirmed_wall_time_ns());
    json["confirmed_by"] = revision.confirmed_by();
  }
  if (revision.returned_wall_time_ns() != 0) {
    json["taken_back"] = iso_time(revision.returned_wall_time_ns());
    json["taken_back_by"] = revision.returned_by();
    json["taken_back_why"] = revision.returned_why();
  }
  if (!revision.comment().empty()) json["comment"] = revision.comment();
  return json;
}

void run_commit(Session& session, const v1::CommitPolicyRequest& request) {
  carry_out(session, [&request](Remote& remote, v1::CommitPolicyResponse& response) {
    return remote.policy().CommitPolicy(remote.context().get(), request, &response);
  });
}

namespace {

void read_confirm(const std::string& text, v1::CommitPolicyRequest& request) {
  const auto time_ns = parse_duration(text);
  if (!time_ns || *time_ns == 0) {
    throw CLI::ValidationError(
        "--confirm", "`" + text + "` is no time: write a number and s, m, h or d, such as 10m");
  }
  request.set_confirm_ms(*time_ns / kMillisecondNs);
}

// `text`: "true" where the flag stands alone.
void read_health(const std::string& text, v1::CommitPolicyRequest& request) {
  v1::HealthBounds& health = *request.mutable_health();
  if (text == "true") return;
  policy::HealthBounds bounds;
  if (std::string wrong = read_health_bounds(text, bounds); !wrong.empty()) {
    throw CLI::ValidationError("--health", wrong);
  }
  health = artefact::to_message(bounds);
}

}  // namespace

void add_confirm_options(CLI::App& command, v1::CommitPolicyRequest& request, CLI::Option* needed) {
  CLI::Option* confirm = command.add_option_function<std::string>(
      "--confirm", [&request](const std::string& text) { read_confirm(text, request); },
      "Return to the revision before, unless `bulkheadctl confirm` comes in this time "
      "(30s, 10m, 1h)");
  confirm->option_text("TIME");
  if (needed != nullptr) confirm->needs(needed);
  // A flag, so that what follows it is not taken for its value.
  const std::string help =
      "With --confirm: return before that time if sessions of granted conduits are lost, or "
      "refusals come, past the bounds that the policy states under `health`, or past these: "
      "--health=sessions_lost=20%,refusals=100/s, or one of them. Both are compared with the "
      "second before the commit, over three seconds";
  command.add_flag("--health", help)
      ->each([&request](const std::string& text) { read_health(text, request); })
      ->needs(confirm);
}

void add_commit_commands(CLI::App& app, Session& session) {
  struct Arguments {
    std::string outcome;
    std::uint64_t number = 0;
    v1::CommitPolicyRequest commit;
    bool dry_run = false;
  };
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* commit = app.add_subcommand("commit", "Put a staged revision in force");
  commit->add_option("REVISION", arguments->number, "Its number; the latest if not given");
  commit->add_option(
      "--outcome", arguments->outcome,
      "Commit nothing: say what became of the commit of this name, or of the `last`");
  commit->add_flag("--dry-run", arguments->dry_run,
                   "Commit nothing: list the sessions that live, and the messages that passed in "
                   "the last day, that the revision would refuse; exit code 1 if there are any");
  add_confirm_options(*commit, arguments->commit);
  commit->callback([&session, arguments] {
    if (arguments->dry_run) return run_preview(session, arguments->number);
    if (!arguments->outcome.empty()) return run_outcome(session, arguments->outcome);
    arguments->commit.set_number(arguments->number);
    run_commit(session, arguments->commit);
  });
  CLI::App* confirm = app.add_subcommand(
      "confirm", "Keep the revision that awaits confirmation (`commit --confirm`)");
  confirm->callback([&session] { run_confirm(session); });
  CLI::App* rollback = app.add_subcommand(
      "rollback",
      "Put a revision in force again that was confirmed here; while one awaits confirmation, the "
      "revision to which it would return, at once");
  rollback->add_option("REVISION", arguments->number, "Its number; the one before if not given");
  rollback->callback([&session, arguments] { run_rollback(session, arguments->number); });
  CLI::App* history = app.add_subcommand(
      "history",
      "List the revisions on the appliance: who staged, committed, confirmed or took back which, "
      "when and why");
  history->callback([&session] { run_history(session); });
}

}  // namespace bulkhead::controlplane
