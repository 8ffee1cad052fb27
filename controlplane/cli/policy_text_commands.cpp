// policy schema, policy format: policies as text.
#include <memory>

#include "controlplane/cli/diagnostics_output.h"
#include "controlplane/cli/policy_schema.h"
#include "controlplane/cli/remote.h"
#include "controlplane/policy/format.h"

namespace bulkhead::controlplane {

namespace {

struct FormatArguments {
  std::vector<std::string> paths;
  bool check = false;
  bool show = false;
};

// What became of one file.
void print_formatted(const Session& session, const std::string& path, bool changed, bool check) {
  if (session.format() == Format::json) {
    print_json({{"file", path}, {"changed", changed}, {"written", changed && !check}});
  } else if (changed) {
    say("%s: %s\n", path, check ? "is laid out differently" : "formatted");
  }
}

void run_format(Session& session, const FormatArguments& arguments) {
  for (const std::string& path : arguments.paths) {
    const std::string text = read_file_or_fail(path);
    Diagnostics diagnostics(path);
    const auto formatted = format_policy(text, diagnostics);
    print_diagnostics(session, diagnostics);
    if (!formatted) {
      session.exit_code = kRefused;
      continue;
    }
    if (arguments.show) {
      if (session.format() == Format::json) {
        print_json({{"file", path}, {"text", json_text(*formatted)}});
      } else {
        print_text(*formatted);
      }
      continue;
    }
    const bool changed = *formatted != text;
    if (changed && !arguments.check) replace_file_or_fail(path, *formatted);
    if (changed && arguments.check) session.exit_code = kRefused;
    print_formatted(session, path, changed, arguments.check);
  }
}

void add_format(CLI::App& policy, Session& session) {
  const auto arguments = std::make_shared<FormatArguments>();
  CLI::App* format = policy.add_subcommand(
      "format",
      "Lay policy files out alike, in place: keys in one order, short rules on one line. Comments "
      "stay, and what the policy grants is the same. Anchors keep their order of keys; tags and "
      "block scalars (| and >) are refused.");
  format->add_option("POLICY", arguments->paths, "Policy files (.yaml)")->required();
  CLI::Option* check = format->add_flag("--check", arguments->check,
                                        "Change nothing; exit code 1 if a file would be changed");
  format->add_flag("--show", arguments->show, "Print the result instead of writing it")
      ->excludes(check);
  format->callback([&session, arguments] { run_format(session, *arguments); });
}

}  // namespace

void add_policy_text_commands(CLI::App& policy, Session& session) {
  CLI::App* schema = policy.add_subcommand(
      "schema",
      "The JSON Schema (2020-12) of policy files, with the functions and fields of all protocols, "
      "for editors that complete and check. With yaml-language-server, begin a policy with\n\n"
      "  # yaml-language-server: $schema=policy.schema.json\n\n"
      "What compiles is valid by it; `policy check` finds more.");
  schema->callback([] { say("%s\n", Shown{policy_schema().dump(2)}); });
  add_format(policy, session);
}

}  // namespace bulkhead::controlplane
