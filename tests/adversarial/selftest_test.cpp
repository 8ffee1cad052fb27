// The self-test of the data plane: what it sends under a policy comes out as the policy says, a
// policy that does something else is found out, and nothing else notices.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>

#include "dataplane/selftest/rehearsal.h"
#include "tests/support/appliance.h"
#include "tests/support/examples.h"

namespace bulkhead {
namespace {

using selftest::Kind;
using selftest::Outcome;
using support::Appliance;
using support::Bytes;

policy::Tables compile(const std::string& text) {
  auto compiled = controlplane::compile_policy(text, "test");
  EXPECT_TRUE(compiled.tables);
  return policy::finished(*std::move(compiled.tables)).value();
}

// `modbus tcp granted`
std::string name_of(const selftest::Subject& subject) {
  static constexpr const char* kTransports[] = {"tcp", "udp", "icmp", "ethernet"};
  return (subject.is_service()
              ? "service"
              : std::string(protocols::registry()[subject.protocol]->catalogue().name)) +
         " " + kTransports[static_cast<std::size_t>(subject.transport)] + " " +
         std::string(selftest::kKindNames[static_cast<std::size_t>(subject.kind)]);
}

// A rehearsal without a worker.
class Stage {
 public:
  Stage() {
    support::start_eal_for_tests();
    static int number = 0;
    rehearsal_ = selftest::Rehearsal::make("stage" + std::to_string(number++), {}).value();
  }

  // Problems by subject; an empty text where it is as it must be.
  std::map<std::string, std::string> run(const selftest::Script& script, pipeline::Image& image,
                                         TimeNs now_ns = 1000 * kSecondNs) {
    std::map<std::string, std::string> problems;
    if (script.trials.empty()) return problems;
    rehearsal_->begin(script);
    while (rehearsal_->is_asked()) rehearsal_->turn(image, now_ns);
    for (std::size_t i = 0; i < script.trials.size(); ++i) {
      const selftest::Subject& subject = script.trials[i].subject;
      const Outcome& outcome = rehearsal_->outcomes()[i];
      problems[name_of(subject)] = outcome.unheard ? "unheard" : problem_of(subject, outcome);
      longest = std::max(longest, outcome.cycles);
    }
    return problems;
  }

  std::uint32_t longest = 0;

 private:
  std::unique_ptr<selftest::Rehearsal> rehearsal_;
};

void put(pipeline::Image& image, const std::string& text, std::uint32_t generation = 1) {
  image.tables = compile(text);
  image.generation = generation;
}

constexpr const char* kSite = R"(bulkhead: v1
site: test
zones:
  supervision: {port: 0, networks: [10.20.0.0/24]}
  control: {port: 1, networks: [10.10.0.0/24]}
assets:
  plc: {zone: control, address: 10.10.0.20, mac: "02:00:00:00:10:20"}
conduits:
  scada:
    from: supervision
    to: control
    on_deny: reject
    allow:
)";

std::string site(const std::string& rules) { return kSite + rules; }

constexpr const char* kReads =
    "      - {protocol: modbus, client: any, server: plc, access: [read], where: {unit: 7, "
    "address: "
    "40-49}}\n";
constexpr const char* kEverything =
    "      - {protocol: modbus, client: any, server: plc, "
    "access: [session, discover, read, publish, write, operate, configure, program, control, "
    "diagnose, opaque]}\n";

TEST(SelfTest, EachExampleIsTestedAndPasses) {
  // What no sample message is for, by policy.
  const std::map<std::string, std::set<std::string>> kNotTested = {};
  for (const auto& each : std::filesystem::directory_iterator(BULKHEAD_POLICIES)) {
    if (!each.is_directory()) continue;
    SCOPED_TRACE(each.path().filename().string());
    pipeline::Image image;
    put(image, support::read_file(each.path() / "policy.yaml"));
    const selftest::Script script = selftest::write_script(image.tables, 1, nullptr);
    Stage stage;
    const auto problems = stage.run(script, image);
    EXPECT_GE(problems.size(), 3U);
    for (const auto& [name, problem] : problems) EXPECT_EQ(problem, "") << name;
    std::set<std::string> not_tested;
    for (const selftest::Subject& subject : script.not_tested) {
      EXPECT_NE(subject.problem, "");
      not_tested.insert(name_of(subject));
    }
    const auto expected = kNotTested.find(each.path().filename().string());
    EXPECT_EQ(not_tested,
              expected == kNotTested.end() ? std::set<std::string>{} : expected->second);
  }
}

TEST(SelfTest, EachProtocolAndTransportPassesWhereEverythingIsGranted) {
  for (std::uint8_t p = 0; p < protocols::registry().size(); ++p) {
    const protocols::Catalogue& catalogue = protocols::registry()[p]->catalogue();
    for (const char* transport : {"tcp", "udp"}) {
      const bool udp = std::string(transport) == "udp";
      const auto carried = [&](const protocols::DefaultPort& port) {
        return port.carrier == (udp ? protocols::Carrier::udp : protocols::Carrier::tcp);
      };
      if (std::ranges::none_of(catalogue.ports, carried)) continue;
      const std::string name(catalogue.name);
      SCOPED_TRACE(name + " over " + transport);
      pipeline::Image image;
      put(image, site("      - {protocol: " + name + ", transport: " + transport +
                      ", client: any, server: plc, access: [session, discover, read, publish, "
                      "write, operate, configure, program, control, diagnose, opaque]}\n"));
      const selftest::Script script = selftest::write_script(image.tables, 1, nullptr);
      Stage stage;
      const auto problems = stage.run(script, image);
      for (const auto& [subject, problem] : problems) EXPECT_EQ(problem, "") << subject;
      EXPECT_EQ(problems.count(name + " " + transport + " granted"), 1U);
      EXPECT_EQ(problems.count(name + " " + transport + " malformed"), 1U);
      EXPECT_EQ(script.not_tested.size(), 1U) << "only what everything grants";
    }
  }
}

TEST(SelfTest, AMessageIsFittedToItsRule) {
  pipeline::Image image;
  put(image, site(kReads));
  const selftest::Script script = selftest::write_script(image.tables, 1, nullptr);
  ASSERT_EQ(script.trials.size(), 4U);
  const Bytes& granted = script.trials[0].message;
  ASSERT_EQ(granted.size(), 12U);
  EXPECT_EQ(granted[6], 7) << "unit";
  EXPECT_EQ(granted[9], 40) << "address";
  Stage stage;
  for (const auto& [name, problem] : stage.run(script, image)) EXPECT_EQ(problem, "") << name;
}

// Of a policy that grants each function the refused message has other values.
TEST(SelfTest, WhereEachFunctionIsGrantedAValueIsNot) {
  pipeline::Image image;
  std::string rules = kEverything;
  rules.replace(rules.rfind('}'), 1, ", where: {unit: 0-9}}");
  put(image, site(rules));
  const selftest::Script script = selftest::write_script(image.tables, 1, nullptr);
  ASSERT_EQ(script.trials.size(), 4U);
  EXPECT_EQ(script.trials[1].subject.kind, Kind::not_granted);
  EXPECT_EQ(script.trials[1].message[6], 255);
  Stage stage;
  for (const auto& [name, problem] : stage.run(script, image)) EXPECT_EQ(problem, "") << name;
}

TEST(SelfTest, WhatTheWorkerDoesOtherwiseIsFound) {
  pipeline::Image judged;
  put(judged, site(kReads));
  const selftest::Script script = selftest::write_script(judged.tables, 1, nullptr);
  pipeline::Image generous;
  put(generous, site(kEverything));
  pipeline::Image strict;
  put(strict, site("      - {protocol: modbus, client: any, server: plc, functions: "
                   "[report_server_id]}\n"));
  Stage stage;
  EXPECT_EQ(stage.run(script, generous),
            (std::map<std::string, std::string>{{"modbus tcp granted", ""},
                                                {"modbus tcp malformed", ""},
                                                {"modbus tcp not_granted", "it passed: granted"},
                                                {"modbus tcp repeated", ""}}));
  EXPECT_EQ(stage.run(script, strict),
            (std::map<std::string, std::string>{
                {"modbus tcp granted", "it was refused: function_not_granted"},
                {"modbus tcp malformed", ""},
                {"modbus tcp not_granted",
                 "its session was refused before it: "
                 "function_not_granted"},
                {"modbus tcp repeated",
                 "its session was refused before it: "
                 "function_not_granted"}}));
  pipeline::Image other;
  put(other, site("      - {service: tcp/502, client: any, server: plc}\n"));
  EXPECT_EQ(stage.run(script, other),
            (std::map<std::string, std::string>{{"modbus tcp granted", "no verdict came of it"},
                                                {"modbus tcp malformed", "no verdict came of it"},
                                                {"modbus tcp not_granted", "no verdict came of it"},
                                                {"modbus tcp repeated", "no verdict came of it"}}))
      << "what is not inspected";
  pipeline::Image closed;
  put(closed,
      site("      - {protocol: modbus, client: any, server: plc, port: 503, access: [read]}\n"));
  for (const auto& [name, problem] : stage.run(script, closed)) {
    EXPECT_EQ(problem, "its session was refused before it: no_rule") << name;
  }
  generous.generation = 2;
  for (const auto& [name, problem] : stage.run(script, generous)) {
    EXPECT_EQ(problem, "unheard") << name;
  }
}

// The same request again, by the verdict that was remembered; another one is judged anew.
TEST(SelfTest, ARememberedVerdictIsTested) {
  pipeline::Image image;
  put(image, site(kReads));
  const selftest::Script script = selftest::write_script(image.tables, 1, nullptr);
  ASSERT_EQ(script.trials.size(), 4U);
  const selftest::Trial& refused = script.trials[1];
  const selftest::Trial& repeated = script.trials[3];
  EXPECT_EQ(repeated.subject.kind, Kind::repeated);
  EXPECT_EQ(repeated.message, script.trials[0].message);
  EXPECT_EQ(repeated.frames.size(), script.trials[0].frames.size() + 1);
  EXPECT_EQ(refused.frames.size(), repeated.frames.size()) << "it follows a granted one";
  Stage stage;
  for (int i = 0; i < 3; ++i) {
    for (const auto& [name, problem] : stage.run(script, image)) EXPECT_EQ(problem, "") << name;
  }
}

// What a mistake of the cache would be: the verdict of another request, or of another run.
TEST(SelfTest, WhatWasRememberedOfAnotherRunHidesNothing) {
  pipeline::Image image;
  put(image, site(kReads));
  const selftest::Script script = selftest::write_script(image.tables, 1, nullptr);
  Stage stage;
  stage.run(script, image);
  pipeline::Image strict;  // of the same generation
  put(strict, site("      - {protocol: modbus, client: any, server: plc, functions: "
                   "[report_server_id]}\n"));
  EXPECT_EQ(stage.run(script, strict)["modbus tcp granted"],
            "it was refused: function_not_granted");
}

constexpr const char* kServices =
    "      - {service: tcp/8080, client: any, server: plc}\n"
    "      - {service: udp/9000-9001, client: any, server: plc}\n";

TEST(SelfTest, PlainServicesAreTested) {
  pipeline::Image image;
  put(image, site(kServices));
  const selftest::Script script = selftest::write_script(image.tables, 1, nullptr);
  Stage stage;
  EXPECT_EQ(stage.run(script, image),
            (std::map<std::string, std::string>{{"service tcp granted", ""},
                                                {"service tcp not_granted", ""},
                                                {"service udp granted", ""},
                                                {"service udp not_granted", ""}}));
  EXPECT_TRUE(script.not_tested.empty());
  for (const selftest::Trial& trial : script.trials) {
    const bool tcp = trial.subject.transport == policy::Transport::tcp;
    const bool granted = trial.subject.kind == Kind::granted;
    EXPECT_EQ(trial.subject.server_port, granted ? (tcp ? 8080 : 9000) : (tcp ? 8081 : 9002));
  }
  pipeline::Image other;
  put(other, site("      - {service: tcp/8081, client: any, server: plc}\n"
                  "      - {service: udp/9002, client: any, server: plc}\n"));
  EXPECT_EQ(stage.run(script, other),
            (std::map<std::string, std::string>{
                {"service tcp granted", "its session was refused before it: no_rule"},
                {"service tcp not_granted", "it passed"},
                {"service udp granted", "it was refused: no_rule"},
                {"service udp not_granted", "it passed"}}));
}

// Each frame has the trailer of one LAN, and leaves with it.
TEST(SelfTest, ZonesWithPrpAreTested) {
  std::string text = site(std::string(kReads) + kServices);
  for (const char* zone : {"port: 0,", "port: 1,"}) {
    text.replace(text.find(zone), 8, std::string(zone) + " prp: true,");
  }
  text.replace(text.find("reject"), 6, "reset");
  pipeline::Image image;
  put(image, text);
  const selftest::Script script = selftest::write_script(image.tables, 1, nullptr);
  EXPECT_TRUE(script.not_tested.empty());
  ASSERT_EQ(script.trials.size(), 8U);
  for (const selftest::Trial& trial : script.trials) {
    const Bytes& last = trial.frames.back().bytes;
    ASSERT_EQ(trial.trailer.size(), 6U);
    EXPECT_EQ(last[last.size() - 2], 0x88);
    EXPECT_EQ(last[last.size() - 1], 0xfb);
  }
  Stage stage;
  for (const auto& [name, problem] : stage.run(script, image)) EXPECT_EQ(problem, "") << name;
  for (policy::Zone& zone : image.tables.zones) zone.prp = false;  // trailers are padding then
  image.tables.prp_ports = 0;
  EXPECT_EQ(stage.run(script, image)["modbus tcp repeated"], "");
}

// BACnet in frames of IEEE 802.3 with a length, behind the access points of 802.2.
TEST(SelfTest, BacnetOverEthernetIsTested) {
  pipeline::Image image;
  put(image, R"(bulkhead: v1
site: test
zones:
  one: {port: 0}
  two: {port: 1}
assets:
  workstation: {zone: one, mac: "02:00:00:00:20:10"}
  controller: {zone: two, mac: "02:00:00:00:10:20"}
conduits:
  field:
    from: one
    to: two
    allow:
      - {protocol: bacnet, transport: ethernet, client: workstation, server: controller,
         access: [read, discover]}
)");
  const selftest::Script script = selftest::write_script(image.tables, 1, nullptr);
  EXPECT_TRUE(script.not_tested.empty());
  Stage stage;
  EXPECT_EQ(stage.run(script, image),
            (std::map<std::string, std::string>{{"bacnet ethernet granted", ""},
                                                {"bacnet ethernet malformed", ""},
                                                {"bacnet ethernet not_granted", ""}}));
}

// A rate is neither used up by it nor in its way.
TEST(SelfTest, RatesAreNotTouched) {
  pipeline::Image image;
  std::string rules = kReads;
  rules.replace(rules.rfind('}'), 1, ", rate: 1/h}");
  put(image, site(rules));
  const policy::RateLimit& rate = image.tables.conduits[0].budgets.at(0);
  constexpr TimeNs kNow = 1000 * kSecondNs;
  const selftest::Script script = selftest::write_script(image.tables, 1, nullptr);
  Stage stage;
  for (int i = 0; i < 3; ++i) {
    for (const auto& [name, problem] : stage.run(script, image, kNow)) EXPECT_EQ(problem, "");
  }
  EXPECT_TRUE(rate.available(kNow));
  EXPECT_TRUE(rate.charge(kNow));
  EXPECT_FALSE(rate.available(kNow));
  for (const auto& [name, problem] : stage.run(script, image, kNow)) EXPECT_EQ(problem, "");
  EXPECT_FALSE(rate.available(kNow));
  EXPECT_TRUE(rate.available(kNow + 3601 * kSecondNs)) << "it is not later for it";
}

TEST(SelfTest, ContainedConduitsAreNotTested) {
  pipeline::Image image;
  put(image, site(kReads));
  const policy::Contained all[] = {
      {policy::Contained::Kind::all, "", policy::ContainmentLevel::isolate}};
  const policy::Containment containment(image.tables, all);
  const selftest::Script aware = selftest::write_script(image.tables, 1, &containment);
  EXPECT_TRUE(aware.trials.empty());
  ASSERT_EQ(aware.not_tested.size(), 4U);
  EXPECT_EQ(aware.not_tested[0].problem, "every conduit that grants it is contained");
  // One that is contained meanwhile.
  const selftest::Script script = selftest::write_script(image.tables, 1, nullptr);
  image.containment = &containment;
  Stage stage;
  for (const auto& [name, problem] : stage.run(script, image)) EXPECT_EQ(problem, "unheard");
}

// --- With workers ------------------------------------------------------------------------------

void run_in(Appliance& appliance, service::SelfTest& test, const pipeline::Image& image) {
  const std::uint64_t run = test.ask();
  for (int i = 0; i < 100 && test.ended_run() < run; ++i) {
    test.turn(image, monotonic_now_ns());
    appliance.turn();
  }
  ASSERT_GE(test.ended_run(), run);
}

TEST(SelfTest, NothingElseNoticesIt) {
  Appliance appliance(2, 256, false, site(kReads));
  service::SelfTest test(appliance.shared(), 0);
  const pipeline::Image& image = *appliance.shared().image.load();
  for (int i = 0; i < 5; ++i) run_in(appliance, test, image);
  EXPECT_EQ(test.latest().problem(), "");
  ASSERT_EQ(test.latest().rows_size(), 4);
  for (const v1::SelfTestRow& row : test.latest().rows()) {
    EXPECT_EQ(row.outcome(), "passed") << row.text();
    EXPECT_EQ(row.conduit(), "scada");
    EXPECT_EQ(row.server(), "10.10.0.20");
  }
  EXPECT_FALSE(appliance.shared().self_test_failed.load());
  EXPECT_TRUE(appliance.collect().empty());
  EXPECT_EQ(appliance.counters_rows(), 0);
  EXPECT_EQ(appliance.take_events().events_size(), 0);
  const v1::DataplaneStatus status = appliance.status();
  EXPECT_EQ(status.stations_learned(), 0U);
  for (const v1::WorkerStatus& worker : status.workers()) {
    for (const v1::Statistic& each : worker.statistics()) {
      const bool of_clock = each.name() == "silent_ms";
      EXPECT_TRUE(of_clock || each.value() == 0) << each.name() << " " << each.value();
    }
  }
}

TEST(SelfTest, AWorkerThatDoesNotRunItIsAFailure) {
  Appliance appliance(2, 256, false, site(kReads));
  service::SelfTest test(appliance.shared(), 0);
  const pipeline::Image& image = *appliance.shared().image.load();
  const TimeNs now_ns = monotonic_now_ns();
  test.ask();
  EXPECT_FALSE(test.turn(image, now_ns));
  for (int i = 0; i < 10; ++i) appliance.turn_worker(0);
  EXPECT_FALSE(test.turn(image, now_ns + service::SelfTest::kPatienceNs - 1));
  EXPECT_TRUE(test.turn(image, now_ns + service::SelfTest::kPatienceNs));
  EXPECT_EQ(test.latest().rows(0).outcome(), "failed");
  EXPECT_EQ(test.latest().rows(0).text(), "worker 1: it did not run the test in 5 s");
  EXPECT_TRUE(appliance.shared().self_test_failed.load());
  // Nothing is asked of it anew before it has done with the old one.
  test.ask();
  EXPECT_FALSE(test.turn(image, now_ns + 2 * service::SelfTest::kPatienceNs));
  run_in(appliance, test, image);
  EXPECT_EQ(test.latest().problem(), "");
  EXPECT_FALSE(appliance.shared().self_test_failed.load());
}

TEST(SelfTest, RunsAtItsPaceAndBehindAChangeOfPolicy) {
  Appliance appliance(1, 256, false, site(kReads));
  constexpr TimeNs kEvery = 60 * kSecondNs;
  service::SelfTest test(appliance.shared(), kEvery);
  TimeNs now_ns = monotonic_now_ns();
  const auto ends = [&](TimeNs at_ns) {
    for (int i = 0; i < 20; ++i) {
      if (test.turn(*appliance.shared().image.load(), at_ns)) return true;
      appliance.turn();
    }
    return false;
  };
  EXPECT_TRUE(ends(now_ns));
  EXPECT_FALSE(ends(now_ns + kEvery - 1));
  EXPECT_TRUE(ends(now_ns += kEvery));
  appliance.put_in_force(site(kEverything));
  EXPECT_TRUE(ends(now_ns + 1));
  EXPECT_EQ(test.latest().policy_generation(), 2U);
  EXPECT_EQ(test.latest().rows(1).outcome(), "passed");
  ASSERT_EQ(test.latest().rows_size(), 4);
  EXPECT_EQ(test.latest().rows(3).outcome(), "not_tested");
  EXPECT_EQ(test.latest().rows(3).kind(), "not_granted");
  service::SelfTest silent(appliance.shared(), 0);
  EXPECT_FALSE(silent.turn(*appliance.shared().image.load(), now_ns + kEvery));
}

}  // namespace
}  // namespace bulkhead
