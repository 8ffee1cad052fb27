// Shared by all commands: the appliance's address, output format, exit codes.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

namespace bulkhead::controlplane {

enum ExitCode : int {
  kOk = 0,
  kRefused = 1,      // the policy has errors, or the appliance refused
  kUsage = 2,        // wrong option
  kUnreachable = 3,  // no appliance answers
  kFileFailed = 4,   // a file cannot be read or written
  kNotKnown = 5,     // whether it was done is not known yet
};

// Ends a command: one clear line and an exit code.
struct CommandFailed {
  int exit_code;
  std::string text;
};

enum class Format { table, json };

// Options that all commands share, and the exit code of the command that ran.
struct Session {
  std::string server = "127.0.0.1:7443";
  std::string pki = "/etc/bulkhead/pki";
  std::string tls_name;
  std::string format_text = "table";
  int exit_code = kOk;

  Format format() const { return format_text == "json" ? Format::json : Format::table; }
};

void add_policy_commands(CLI::App& app, Session& session);
// Below `policy`: schema and format; test and compare.
void add_policy_text_commands(CLI::App& policy, Session& session);
void add_policy_trial_commands(CLI::App& policy, Session& session);
void add_map_command(CLI::App& app, Session& session);
void add_learn_command(CLI::App& app, Session& session);
void add_commit_commands(CLI::App& app, Session& session);
void add_watch_commands(CLI::App& app, Session& session);
void add_event_commands(CLI::App& app, Session& session);
void add_selftest_command(CLI::App& app, Session& session);
void add_why_command(CLI::App& app, Session& session);
void add_rules_command(CLI::App& app, Session& session);
void add_contain_commands(CLI::App& app, Session& session);
void add_top_command(CLI::App& app, Session& session);
void add_pair_commands(CLI::App& app, Session& session);
void add_access_commands(CLI::App& app, Session& session);
void add_audit_commands(CLI::App& app, Session& session);
void add_collector_commands(CLI::App& app, Session& session);
void add_catalogue_commands(CLI::App& app, Session& session);
void add_pki_commands(CLI::App& app, Session& session);
void add_decode_command(CLI::App& app, Session& session);
void add_setup_command(CLI::App& app, Session& session);

// Prints what `status` does; another command may end with it.
void run_status(Session& session);

}  // namespace bulkhead::controlplane
