// policy test, policy compare: what a policy makes of messages, without an appliance.
#include <chrono>
#include <ctime>
#include <filesystem>
#include <memory>
#include <utility>

#include "controlplane/cli/capture_comparison.h"
#include "controlplane/cli/case_capture.h"
#include "controlplane/cli/chosen_ports.h"
#include "controlplane/cli/compiled_file.h"
#include "controlplane/cli/diagnostics_output.h"
#include "controlplane/cli/judge_words.h"
#include "controlplane/cli/junit.h"
#include "controlplane/cli/left_out_output.h"
#include "controlplane/cli/remote.h"
#include "controlplane/cli/replay_program.h"
#include "dataplane/wire/text.h"

namespace bulkhead::controlplane {

namespace {

struct TestArguments {
  std::string policy;
  std::string cases;
  std::string junit;
  std::string replay;
};

struct CaseResult {
  CaseVerdict verdict;
  std::string broken;  // why it could not be judged
  std::string failure;
};

std::string verdict_text(const CaseVerdict& verdict) {
  std::string text = verdict.allowed ? "allowed" : "denied";
  text += ": " + verdict.reason;
  if (!verdict.fault.empty()) text += " (" + verdict.fault + ")";
  if (!verdict.conduit.empty()) text += ", conduit " + verdict.conduit;
  if (verdict.rule != 0) text += ", rule " + std::to_string(verdict.rule);
  if (!verdict.derived.empty()) text += ", derived: " + verdict.derived;
  if (!verdict.assumed.empty()) text += ", assumed: " + verdict.assumed;
  if (!verdict.sender.empty()) text += " (" + verdict.sender + ")";
  if (verdict.observed) text += ", OBSERVED: it passes whatever the rules say";
  return text;
}

// Empty if the verdict is the expected one.
std::string compare(const PolicyCase& each, const CaseVerdict& verdict) {
  if (verdict.allowed != each.expect_allow) {
    return std::string("expected to be ") + (each.expect_allow ? "allowed" : "denied") + ", is " +
           verdict_text(verdict);
  }
  if (each.rule && verdict.rule != *each.rule) {
    return "expected rule " + std::to_string(*each.rule) + ", is " + verdict_text(verdict);
  }
  if (each.reason && verdict.reason != each.reason->text) {
    return "expected " + each.reason->text + ", is " + verdict_text(verdict);
  }
  return {};
}

std::string first_error(const Diagnostics& diagnostics) {
  for (const Diagnostic& each : diagnostics.list()) {
    if (each.severity == Severity::error) return each.message;
  }
  return "cannot be judged";
}

CaseVerdict verdict_of(const Json& line) {
  CaseVerdict verdict;
  const std::string word = line.value("verdict", "");
  verdict.observed = word == "would_deny" || word == "not_judged";
  verdict.allowed = word == "allow" || verdict.observed;
  verdict.reason = line.value("reason", "");
  verdict.fault = line.value("fault", "");
  verdict.conduit = line.value("conduit", "");
  verdict.rule = line.value("rule", 0U);
  return verdict;
}

// The last verdict on a frame: on its message if it has one, else on the packet.
const Json* verdict_on(const std::vector<Json>& verdicts, std::uint32_t frame) {
  const Json* found = nullptr;
  bool message = false;
  for (const Json& line : verdicts) {
    if (line.value("frame", 0U) != frame) continue;
    const bool is_message = line.value("level", "") == "message";
    if (message && !is_message) continue;
    message = is_message;
    found = &line;
  }
  return found;
}

// Cases in bytes, all in one capture, through the data plane's pipeline.
class BytesJudge {
 public:
  BytesJudge(const TestArguments& arguments, const Model& model)
      : arguments_(arguments), model_(model) {}

  void add(const PolicyCase& each, CaseResult& result) {
    Diagnostics diagnostics(arguments_.cases);
    const auto session = find_session(each, model_, diagnostics);
    if (!session) {
      result.broken = first_error(diagnostics);
      return;
    }
    waiting_.push_back({&each, &result, capture_.add(each, *session, model_)});
  }

  void judge() {
    if (waiting_.empty()) return;
    const ReplayProgram program(arguments_.replay);
    const TemporaryFile file(capture_.bytes());
    const std::vector<Json> verdicts = program.run(arguments_.policy, file.path(), {});
    for (const Waiting& each : waiting_) settle(each, verdicts);
  }

 private:
  struct Waiting {
    const PolicyCase* each;
    CaseResult* result;
    FramedCase framed;
  };

  static void settle(const Waiting& waiting, const std::vector<Json>& verdicts) {
    CaseResult& result = *waiting.result;
    // Of a session that does not open no message comes: what is said of its opening is the verdict.
    for (const std::uint32_t frame : waiting.framed.opening) {
      const Json* line = verdict_on(verdicts, frame);
      if (line == nullptr || verdict_of(*line).allowed) continue;
      result.verdict = verdict_of(*line);
      return;
    }
    for (std::size_t i = 0; i < waiting.framed.before.size(); ++i) {
      const Json* line = verdict_on(verdicts, waiting.framed.before[i]);
      if (line != nullptr && verdict_of(*line).allowed) continue;
      result.broken = "before: " + waiting.each->before[i].text + " is " +
                      (line == nullptr ? "no whole message" : verdict_text(verdict_of(*line)));
      return;
    }
    const Json* line = verdict_on(verdicts, waiting.framed.message);
    if (line == nullptr) {
      result.broken = "the bytes are the beginning of a longer message";
    } else {
      result.verdict = verdict_of(*line);
    }
  }

  const TestArguments& arguments_;
  const Model& model_;
  CaseCapture capture_;
  std::vector<Waiting> waiting_;
};

std::vector<CaseResult> judge_cases(const TestArguments& arguments, const Compilation& policy,
                                    const std::vector<PolicyCase>& cases) {
  auto tables = policy::finished(lower_policy(*policy.model));
  if (!tables) throw CommandFailed{kRefused, tables.error()};
  std::vector<CaseResult> results(cases.size());
  BytesJudge bytes(arguments, *policy.model);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    if (cases[i].is_in_bytes()) {
      bytes.add(cases[i], results[i]);
      continue;
    }
    Diagnostics diagnostics(arguments.cases);
    const auto verdict = judge_words(cases[i], *policy.model, tables.value(), diagnostics);
    if (verdict) {
      results[i].verdict = *verdict;
    } else {
      results[i].broken = first_error(diagnostics);
    }
  }
  bytes.judge();
  for (std::size_t i = 0; i < cases.size(); ++i) {
    results[i].failure = results[i].broken.empty() ? compare(cases[i], results[i].verdict)
                                                   : "cannot be judged: " + results[i].broken;
  }
  return results;
}

std::string now_text() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
  return text;
}

void write_junit(const TestArguments& arguments, const std::vector<PolicyCase>& cases,
                 const std::vector<CaseResult>& results, double seconds) {
  std::vector<JunitCase> list;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    list.push_back({cases[i].what, arguments.cases + ":" + std::to_string(cases[i].at.line),
                    results[i].failure, !results[i].broken.empty()});
  }
  write_file_or_fail(arguments.junit, junit_xml(arguments.policy, now_text(), seconds, list));
}

void print_case(const Session& session, const TestArguments& arguments, std::size_t index,
                const PolicyCase& each, const CaseResult& result) {
  if (session.format() == Format::json) {
    Json json = {{"case", index + 1},
                 {"line", each.at.line},
                 {"what", each.what},
                 {"expected", each.expect_allow ? "allow" : "deny"},
                 {"ok", result.failure.empty()}};
    if (result.broken.empty()) {
      json["verdict"] = result.verdict.allowed ? "allow" : "deny";
      json["reason"] = result.verdict.reason;
      json["conduit"] = result.verdict.conduit;
      json["rule"] = result.verdict.rule;
      json["derived"] = result.verdict.derived;
      json["assumed"] = result.verdict.assumed;
      json["observed"] = result.verdict.observed;
      json["judged"] = each.is_in_bytes() ? "pipeline" : "words";
    }
    if (!result.failure.empty()) json["problem"] = result.failure;
    return print_json(json);
  }
  const bool ok = result.failure.empty();
  say("%s  %s:%u: %s: %s\n", paint(ok ? "ok  " : "FAIL", ok ? Colour::good : Colour::bad),
      arguments.cases, each.at.line, each.what, ok ? verdict_text(result.verdict) : result.failure);
}

// The report would replace it, whatever name it has there.
void refuse_overwriting(const TestArguments& arguments) {
  for (const std::string& input : {arguments.policy, arguments.cases}) {
    std::error_code missing;
    if (!std::filesystem::equivalent(arguments.junit, input, missing)) continue;
    throw CommandFailed{kUsage, "--junit " + arguments.junit + " is the file " + input +
                                    " that is read: name another one"};
  }
}

void run_test(Session& session, const TestArguments& arguments) {
  const auto began = std::chrono::steady_clock::now();
  refuse_overwriting(arguments);
  const Compilation policy = compile_or_fail(session, arguments.policy);
  Diagnostics diagnostics(arguments.cases);
  const std::vector<PolicyCase> cases =
      read_policy_cases(read_file_or_fail(arguments.cases), diagnostics);
  print_diagnostics(session, diagnostics);
  if (diagnostics.errors() != 0) {
    throw CommandFailed{kRefused, arguments.cases + " has mistakes; no case was judged"};
  }
  if (cases.empty()) throw CommandFailed{kRefused, arguments.cases + " has no cases"};
  const std::vector<CaseResult> results = judge_cases(arguments, policy, cases);
  std::size_t failed = 0;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    print_case(session, arguments, i, cases[i], results[i]);
    failed += results[i].failure.empty() ? 0 : 1;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  if (!arguments.junit.empty()) write_junit(arguments, cases, results, took.count());
  if (session.format() == Format::table) {
    say("%zu cases, %zu failed\n", cases.size(), failed);
  }
  if (failed != 0) session.exit_code = kRefused;
}

struct CompareArguments {
  std::string former;
  std::string later;
  std::string capture;
  std::vector<std::string> as;
};

std::string conduit_name(const policy::Tables& tables, const learn::Verdict& verdict) {
  return verdict.conduit == policy::kNoConduit ? "" : tables.conduits[verdict.conduit].name;
}

std::string compared_text(const policy::Tables& tables, const learn::Verdict& verdict) {
  CaseVerdict shown;
  shown.allowed = verdict.allowed();
  shown.reason = describe(verdict.reason).name;
  shown.conduit = conduit_name(tables, verdict);
  shown.rule = verdict.rule;
  shown.observed = verdict.observed;
  return verdict_text(shown);
}

Json compared_json(const policy::Tables& tables, const learn::Verdict& verdict) {
  Json json = {{"verdict", verdict.allowed() ? "allow" : "deny"},
               {"reason", describe(verdict.reason).name}};
  if (verdict.observed) json["observed"] = true;
  const std::string conduit = conduit_name(tables, verdict);
  if (!conduit.empty()) json["conduit"] = conduit;
  if (verdict.rule != policy::kNoRule) json["rule"] = verdict.rule;
  return json;
}

struct ComparedPolicy {
  const std::string& path;
  const policy::Tables& tables;
};

void print_compared(const Session& session, const ComparedMessage& each,
                    const ComparedPolicy& before, const ComparedPolicy& after) {
  std::string protocol = "service";
  const bool ping = each.session.transport == policy::Transport::icmp;
  std::string function = ping ? "ping" : "port " + std::to_string(each.session.port);
  if (each.protocol != protocols::kNoProtocol) {
    const protocols::Catalogue& catalogue = protocols::registry()[each.protocol]->catalogue();
    protocol = std::string(catalogue.name);
    function = std::string(catalogue.functions[each.function].name);
  }
  const std::string client = wire::to_text(each.session.client);
  const std::string server = wire::to_text(each.session.server);
  if (session.format() == Format::json) {
    print_json({{"frame", each.frame},
                {"client", client},
                {"server", server},
                {"port", each.session.port},
                {"protocol", protocol},
                {"function", function},
                {"before", compared_json(before.tables, each.before)},
                {"after", compared_json(after.tables, each.after)}});
    return;
  }
  say("frame %u  %s > %s  %s %s\n    %s: %s\n    %s: %s\n", each.frame, client, server, protocol,
      function, before.path, compared_text(before.tables, each.before), after.path,
      compared_text(after.tables, each.after));
}

policy::Tables finished_or_fail(const Session& session, const std::string& path) {
  auto tables = policy::finished(lower_policy(*compile_or_fail(session, path).model));
  if (!tables) throw CommandFailed{kRefused, path + ": " + tables.error()};
  return std::move(tables).value();
}

void run_compare(Session& session, const CompareArguments& arguments) {
  const policy::Tables before = finished_or_fail(session, arguments.former);
  const policy::Tables after = finished_or_fail(session, arguments.later);
  const ChosenPorts ports = read_chosen_ports(arguments.as);
  CaptureComparison comparison(before, after);
  const auto decoder = std::make_unique<CaptureDecoder>(ports, comparison);
  learn::HostTags tags;
  const CaptureRead done = read_capture(
      arguments.capture,
      [&](const CapturedPacket& packet) {
        if (packet.vlan) tags.note(packet.source, *packet.vlan);
        decoder->take(packet);
      },
      [&](const CapturedEcho& echo) {
        if (echo.vlan) tags.note(echo.source, *echo.vlan);
        comparison.take(echo);
      });
  decoder->finish();
  if (!done.cut.empty()) print_cut(session, done.cut);
  std::size_t now_allowed = 0;
  for (const ComparedMessage& each : comparison.changed()) {
    now_allowed += each.after.allowed() ? 1 : 0;
    print_compared(session, each, {arguments.former, before}, {arguments.later, after});
  }
  print_left_out(session, done.left_out);
  const auto others_before = print_other_tags(session, arguments.former, before, tags);
  const auto others_after = print_other_tags(session, arguments.later, after, tags);
  const std::size_t changed = comparison.changed().size();
  if (session.format() == Format::table) {
    say("%zu messages, %zu with another verdict: %zu now allowed, %zu now denied%s\n",
        comparison.judged(), changed, now_allowed, changed - now_allowed,
        not_compared_words(done.left_out));
  }
  if (comparison.judged() == 0) {
    throw CommandFailed{kRefused, arguments.capture +
                                      " has no message that either policy judges: are its hosts in "
                                      "their zones?"};
  }
  if (changed != 0 || others_before != others_after || has_fragments(done.left_out)) {
    session.exit_code = kRefused;
  }
}

void add_compare(CLI::App& policy, Session& session) {
  const auto arguments = std::make_shared<CompareArguments>();
  CLI::App* compare = policy.add_subcommand(
      "compare",
      "Each message of a capture on which two policies have another verdict; exit code 1 if there "
      "is one, if there are IP fragments, which are not put together here, or if the capture lacks "
      "the VLANs of other zones under one policy than under the other. Messages are decoded "
      "and judged here, each by itself and within every rate, as if all before it had passed; "
      "malformed ones and answers are left out. What the whole pipeline makes of a capture under "
      "one policy, bulkhead-replay says.");
  compare->add_option("BEFORE", arguments->former, "Policy file (.yaml)")->required();
  compare->add_option("AFTER", arguments->later, "Policy file (.yaml)")->required();
  compare->add_option("CAPTURE", arguments->capture, "Capture, pcap or pcapng; - is standard input")
      ->required();
  compare->add_option("--as", arguments->as, "PROTOCOL=PORT for ports that are not the usual ones");
  compare->callback([&session, arguments] { run_compare(session, *arguments); });
}

}  // namespace

void add_policy_trial_commands(CLI::App& policy, Session& session) {
  const auto arguments = std::make_shared<TestArguments>();
  CLI::App* test = policy.add_subcommand(
      "test",
      "Judge messages and compare with what is expected; exit code 1 if one differs.\n\n"
      "CASES is a YAML file:\n\n"
      "  cases:\n"
      "    - {from: hmi, to: plc1, modbus: write_single_register,\n"
      "       unit: 1, address: 42, value: 700, expect: allow, rule: 2}\n"
      "    - {from: hmi, to: plc1, plain_service: ssh, expect: deny}\n"
      "    - {protocol: modbus, client: hmi, server: plc1, expect: deny,\n"
      "       message: \"00 01 00 00 00 06 01 05 00 01 ff 00\"}\n\n"
      "Words are the function and fields of `bulkheadctl protocols NAME`. They are judged by the "
      "compiled policy alone, here: as one operation, in an open session, within every rate. "
      "Fields that follow from those that a case states are derived, such as a quantity from a "
      "range of addresses; values that no message has together are a mistake. A field that a case "
      "leaves open may have any value: it is allowed if it passes with some value, which the "
      "output names as assumed where rules limit it; what must be denied is denied for all. Fields "
      "that a rule must name (routes, broadcasts) are absent unless stated. Fields whose names are "
      "keys here stand under `fields:`. Each key stands once.\n\n"
      "Bytes go through the data plane's whole pipeline (bulkhead-replay, package bulkhead), each "
      "case in a session of its own, after the messages under `before:` (> the client's, < the "
      "server's). Of a session that the policy does not let open, that is the verdict.\n\n"
      "Other keys: what, reason, rule, server_port, over (tcp, udp, ethernet), vlan (0: a priority "
      "tag; without it that of the client's zone), as and word_order for typed values, from: "
      "server beside client and server. policies/README.md says more.");
  test->add_option("POLICY", arguments->policy, "Policy file (.yaml)")->required();
  test->add_option("CASES", arguments->cases, "Cases file (.yaml)")->required();
  test->add_option("--junit", arguments->junit, "Also write the results to this file (JUnit XML)");
  test->add_option("--replay", arguments->replay,
                   "bulkhead-replay, if it is neither beside this program nor in PATH");
  test->callback([&session, arguments] { run_test(session, *arguments); });
  add_compare(policy, session);
}

}  // namespace bulkhead::controlplane
