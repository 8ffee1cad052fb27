// access table|check|show.
#include <memory>
#include <string>

#include "controlplane/access/access_rules.h"
#include "controlplane/access/methods.h"
#include "controlplane/access/role_table.h"
#include "controlplane/cli/diagnostics_output.h"
#include "controlplane/cli/output.h"
#include "controlplane/cli/remote.h"
#include "dataplane/artefact/digest.h"

namespace bulkhead::controlplane {

namespace {

Json roles_json(Roles roles) {
  Json names = Json::array();
  for (const Role role : kRoles) {
    if (roles.has(role)) names.push_back(std::string(name_of(role)));
  }
  return names;
}

void run_table(const Session& session, bool reference) {
  if (reference) {
    print_text(role_table_markdown());
    return;
  }
  std::vector<std::string> headings = {"TO"};
  for (const Role role : kRoles) headings.emplace_back(name_of(role));
  headings.emplace_back("RPC");
  Table table(headings);
  for (const Method* method : methods::kAll) {
    const std::string name(methods::short_name(*method));
    if (session.format() == Format::json) {
      print_json({{"rpc", name},
                  {"method", std::string(method->name)},
                  {"act", std::string(method->act)},
                  {"roles", roles_json(method->roles)}});
      continue;
    }
    std::vector<std::string> cells = {std::string(method->act)};
    for (const Role role : kRoles) cells.emplace_back(method->roles.has(role) ? "yes" : "-");
    cells.push_back(name);
    table.add(std::move(cells));
  }
  if (session.format() == Format::table) table.print("");
}

void run_access_check(const Session& session, const std::string& path) {
  const std::string text = read_file_or_fail(path);
  Diagnostics diagnostics(path);
  const AccessRules rules = parse_access(text, diagnostics);
  print_diagnostics(session, diagnostics);
  const std::size_t errors = diagnostics.errors();
  if (errors > 0) {
    throw CommandFailed{kRefused, path + " has " + std::to_string(errors) +
                                      (errors == 1 ? " error" : " errors") +
                                      "; an appliance would not put it in force"};
  }
  const std::string sha256 = artefact::to_hex(artefact::sha256(text));
  if (session.format() == Format::json) {
    Json identities = Json::object();
    for (const auto& [identity, roles] : rules.identities) identities[identity] = roles_json(roles);
    return print_json({{"file", path}, {"sha256", sha256}, {"identities", identities}});
  }
  Table table({"IDENTITY", "ROLES"});
  for (const auto& [identity, roles] : rules.identities) table.add({identity, roles.text()});
  table.print("");
  say("\n%s: no errors, sha256 %s\n", path, sha256);
}

void run_show(Session& session) {
  Remote remote(session);
  v1::AccessStatus status;
  remote.expect(remote.access().GetAccess(remote.context().get(), {}, &status));
  if (!status.problem().empty()) session.exit_code = kRefused;
  if (session.format() == Format::json) {
    Json roles = Json::array();
    for (const std::string& role : status.roles()) roles.push_back(role);
    return print_json({{"identity", status.identity()},
                       {"roles", roles},
                       {"in_force", status.in_force()},
                       {"path", status.path()},
                       {"sha256", status.sha256()},
                       {"problem", status.problem()}});
  }
  std::string roles;
  for (const std::string& role : status.roles()) roles += (roles.empty() ? "" : ", ") + role;
  say("identity %s\nroles    %s\n", status.identity(), roles);
  if (status.in_force()) say("in force %s, sha256 %s\n", status.path(), status.sha256());
  if (!status.problem().empty()) {
    say("%s\n", paint("problem: " + status.problem(), Colour::bad));
  }
}

}  // namespace

void add_access_commands(CLI::App& app, Session& session) {
  CLI::App* access = app.add_subcommand("access", "Who may do what on an appliance");
  access->require_subcommand(1);
  const auto reference = std::make_shared<bool>(false);
  CLI::App* table = access->add_subcommand("table", "Show which role may do what");
  table->add_flag("--reference", *reference, "As Markdown, for the guide");
  table->callback([&session, reference] { run_table(session, *reference); });
  const auto path = std::make_shared<std::string>();
  CLI::App* check =
      access->add_subcommand("check", "Find every mistake in an access file, without an appliance");
  check->add_option("FILE", *path, "access.yaml")->required();
  check->callback([&session, path] { run_access_check(session, *path); });
  CLI::App* show = access->add_subcommand(
      "show",
      "Your identity and roles on the appliance, and the digest of the access file in force; exit "
      "code 1 if the file on its disk is not");
  show->callback([&session] { run_show(session); });
}

}  // namespace bulkhead::controlplane
