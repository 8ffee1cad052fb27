// bulkheadctl: options and the list of commands.
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "controlplane/cli/output.h"
#include "controlplane/cli/remote.h"
#include "controlplane/cli/session.h"

namespace bulkhead::controlplane {
namespace {

constexpr const char* kDescription =
    "The operator's tool of the Bulkhead industrial firewall.\n"
    "\n"
    "A first round:\n"
    "  bulkheadctl policy check POLICY.yaml      find every mistake, with its place\n"
    "  bulkheadctl policy explain POLICY.yaml    what each grant means, in plain words\n"
    "  bulkheadctl push POLICY.yaml              check it on the appliance; nothing changes yet\n"
    "  bulkheadctl commit                        put it in force, now and after a restart\n"
    "  bulkheadctl events --follow               watch what is refused, and why\n"
    "  bulkheadctl why NUMBER --suggest          which rule it lacked, and what would grant it\n"
    "In an emergency:\n"
    "  bulkheadctl contain ZONE --level isolate --for 2h --reason TEXT\n"
    "On the appliance:\n"
    "  bulkheadctl setup                         ports, memory, keys, services; asks\n"
    "\n"
    "Exit codes: 0 done, 1 refused or the policy has errors, 2 wrong option, 3 no appliance "
    "answers, 4 a file cannot be read or written, 5 whether it was done is not known yet.";

int run(int argc, char** argv) {
  CLI::App app(kDescription);
  Session session;
  app.set_version_flag("--version", BULKHEAD_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option(
         "--server", session.server,
         "Address and port of bulkheadd; on the appliance, as root and without a certificate, "
         "unix:/var/lib/bulkhead/local.sock")
      ->envname("BULKHEAD_SERVER")
      ->capture_default_str();
  app.add_option("--pki", session.pki, "Folder with ca.crt, client.crt and client.key")
      ->envname("BULKHEAD_PKI")
      ->capture_default_str();
  app.add_option("--tls-name", session.tls_name,
                 "Name expected in the appliance's certificate, if not that of --server");
  app.add_option("--format", session.format_text,
                 "table for people, json for scripts: a line an "
                 "object")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  add_policy_commands(app, session);
  add_map_command(app, session);
  add_learn_command(app, session);
  add_commit_commands(app, session);
  add_watch_commands(app, session);
  add_event_commands(app, session);
  add_selftest_command(app, session);
  add_why_command(app, session);
  add_rules_command(app, session);
  add_contain_commands(app, session);
  add_top_command(app, session);
  add_pair_commands(app, session);
  add_access_commands(app, session);
  add_audit_commands(app, session);
  add_collector_commands(app, session);
  add_catalogue_commands(app, session);
  add_decode_command(app, session);
  add_pki_commands(app, session);
  add_setup_command(app, session);
  setenv("GRPC_VERBOSITY", "NONE", 0);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? kOk : kUsage;
  } catch (const CommandFailed& failure) {
    print_error("bulkheadctl: " + failure.text);
    return failure.exit_code;
  } catch (const std::exception& error) {
    print_error("bulkheadctl: " + std::string(error.what()));
    return kRefused;
  }
  return session.exit_code;
}

}  // namespace
}  // namespace bulkhead::controlplane

// gRPC closes connections on threads of its own, which may go on after the last call: what static
// destructors free must not be taken from them, so that none runs.
int main(int argc, char** argv) {
  const int code = bulkhead::controlplane::run(argc, argv);
  const bool flushed = std::fflush(stdout) == 0;
  const int error = errno;
  const bool written = flushed && std::ferror(stdout) == 0;
  if (!written) {
    bulkhead::controlplane::print_error(
        "bulkheadctl: the output is not whole: it could not be written" +
        (flushed ? std::string() : std::string(": ") + std::strerror(error)));
  }
  std::_Exit(written || code != 0 ? code : bulkhead::controlplane::kFileFailed);
}
