// selftest.
#include <algorithm>

#include "controlplane/cli/output.h"
#include "controlplane/cli/remote.h"

namespace bulkhead::controlplane {

namespace {

std::string message_text(const v1::SelfTestRow& row) {
  if (row.kind() == "granted") return "granted, must pass";
  if (row.kind() == "repeated") return "granted again, must pass";
  return row.kind() == "malformed" ? "malformed, must not" : "not granted, must not";
}

std::string result_text(const v1::SelfTestRow& row) {
  const std::string outcome = row.outcome() == "not_tested" ? "not tested" : row.outcome();
  return row.text().empty() ? outcome : outcome + ": " + row.text();
}

Json row_json(const v1::SelfTestRow& row) {
  Json json = {
      {"protocol", row.protocol()}, {"transport", row.transport()}, {"kind", row.kind()},
      {"outcome", row.outcome()},   {"text", row.text()},           {"conduit", row.conduit()},
      {"function", row.function()}, {"client", row.client()},       {"server", row.server()}};
  return json;
}

long count_of(const v1::SelfTest& test, std::string_view outcome) {
  return std::ranges::count(test.rows(), outcome,
                            [](const v1::SelfTestRow& row) { return row.outcome(); });
}

void print_table(const v1::SelfTest& test) {
  if (test.policy_generation() == 0) {
    return say("%s\n", "no policy is in force: nothing passes, and nothing was tested");
  }
  Table table({"PROTOCOL", "MESSAGE", "FUNCTION", "CONDUIT", "RESULT"});
  for (const v1::SelfTestRow& row : test.rows()) {
    const auto or_dash = [](const std::string& text) { return text.empty() ? "-" : text; };
    const Colour colour = row.outcome() == "failed"       ? Colour::bad
                          : row.outcome() == "not_tested" ? Colour::dim
                                                          : Colour::plain;
    table.add({row.protocol() + "/" + row.transport(), message_text(row), or_dash(row.function()),
               or_dash(row.conduit()), result_text(row)},
              colour);
  }
  table.print("the policy grants no protocol that is inspected: nothing was tested");
  const long failed = count_of(test, "failed");
  const std::string counts = std::to_string(count_of(test, "passed")) + " passed, " +
                             std::to_string(failed) + " failed, " +
                             std::to_string(count_of(test, "not_tested")) + " not tested";
  say("\n%s\n", failed == 0 ? paint("self-test passed: " + counts, Colour::good)
                            : paint("self-test failed: " + counts, Colour::bad));
}

void run_selftest(Session& session) {
  Remote remote(session);
  v1::SelfTest test;
  remote.expect(remote.telemetry().RunSelfTest(remote.context().get(), {}, &test));
  if (session.format() == Format::table) {
    print_table(test);
  } else {
    for (const v1::SelfTestRow& row : test.rows()) print_json(row_json(row));
    print_json({{"self_test", test.problem().empty() ? "passed" : "failed"},
                {"problem", test.problem()},
                {"policy_generation", test.policy_generation()},
                {"passed", count_of(test, "passed")},
                {"failed", count_of(test, "failed")},
                {"not_tested", count_of(test, "not_tested")},
                {"longest_ns", test.longest_ns()},
                {"took_ns", test.took_ns()}});
  }
  if (!test.problem().empty()) session.exit_code = kRefused;
}

}  // namespace

void add_selftest_command(CLI::App& app, Session& session) {
  CLI::App* selftest = app.add_subcommand(
      "selftest",
      "Send messages through the data plane's own pipeline, under the policy in force: for each "
      "protocol that it grants one that must pass, one that it does not grant, and one that is "
      "malformed; of plain services a packet that must pass and one that must not. None reaches a "
      "port, and sessions, counters and rates are not touched. What "
      "cannot be tested is listed with the reason. Exit code 1 if something fails; the appliance "
      "then has an alarm, and of a pair the other one forwards if it is fit");
  selftest->callback([&session] { run_selftest(session); });
}

}  // namespace bulkhead::controlplane
