// What a staged policy would refuse of sessions and messages that the active one lets pass.
#include "controlplane/revisions/preview.h"

#include <gtest/gtest.h>

#include "controlplane/policy/compiler.h"
#include "controlplane/policy/utc.h"
#include "controlplane/revisions/passed.h"
#include "dataplane/artefact/artefact.h"

namespace bulkhead::controlplane {
namespace {

policy::Tables tables_of(const std::string& rules, const std::string& more = "") {
  const Compilation result = compile_policy(
      "bulkhead: v1\nsite: s\nwritten_for: 0.2\nzones:\n"
      "  a: {port: 0, networks: [10.1.0.0/24, \"2001:db8:1::/64\"]}\n"
      "  b: {port: 1, networks: [10.2.0.0/24, \"2001:db8:2::/64\"]}\nassets:\n"
      "  hmi: {zone: a, address: 10.1.0.1}\n  eng: {zone: a, address: 10.1.0.2}\n"
      "  plc: {zone: b, address: 10.2.0.1}\n  ied: {zone: a, mac: \"02:00:00:00:00:01\"}\n"
      "  group: {zone: b, mac: \"01:0c:cd:01:00:01\"}\n" +
          more + "conduits:\n  c:\n    from: a\n    to: b\n    allow:\n" + rules,
      "p.yaml");
  EXPECT_TRUE(result.tables);
  if (!result.tables) return {};
  auto loaded = artefact::decode(artefact::encode(*result.tables));
  EXPECT_TRUE(loaded.ok());
  return std::move(loaded).value();
}

v1::Flow session(const std::string& client, const std::string& server,
                 const std::string& protocol = "modbus", const std::string& transport = "tcp") {
  v1::Flow flow;
  flow.set_client(client);
  flow.set_server(server);
  flow.set_protocol(protocol);
  flow.set_transport(transport);
  return flow;
}

const std::string kReads =
    "      - {protocol: modbus, client: hmi, server: plc, access: [read], where: {unit: 1}}\n";

TEST(Preview, WhatObservesRefusesNothing) {
  const std::string observes =
      "    mode: observe\n    until: " + utc_text(wall_clock_s() + 24 * 3600) + "\n";
  const policy::Tables staged = tables_of(kReads + observes);
  EXPECT_EQ(refusal_of(staged, session("10.1.0.2:40000", "10.2.0.1:502")), "");
  EXPECT_EQ(refusal_of(staged, session("10.2.0.1:40000", "10.1.0.1:502")), "");
  EXPECT_EQ(refusal_of(staged, session("10.9.0.1:40000", "10.2.0.1:502")), "unknown_zone");
}

TEST(Preview, SessionsThatGoOnOrEnd) {
  const policy::Tables staged =
      tables_of(kReads +
                "      - {service: ssh, client: eng, server: plc}\n"
                "      - {service: https, client: any, server: any}\n"
                "      - {protocol: goose, client: ied, server: group, access: [publish]}\n");
  EXPECT_EQ(refusal_of(staged, session("10.1.0.1:40000", "10.2.0.1:502")), "");
  EXPECT_EQ(refusal_of(staged, session("10.1.0.2:40000", "10.2.0.1:502")), "no_rule");
  EXPECT_EQ(refusal_of(staged, session("10.1.0.2:40000", "10.2.0.1:22", "")), "");
  EXPECT_EQ(refusal_of(staged, session("10.1.0.1:40000", "10.2.0.1:22", "")), "no_rule");
  EXPECT_EQ(refusal_of(staged, session("10.1.0.1:40000", "10.2.0.1:502", "dnp3")),
            "protocol_fault");
  EXPECT_EQ(refusal_of(staged, session("10.1.0.1:40000", "10.2.0.1:502", "modbus", "udp")),
            "no_rule");
  EXPECT_EQ(refusal_of(staged, session("10.2.0.1:40000", "10.1.0.1:502")), "no_conduit");
  EXPECT_EQ(refusal_of(staged, session("10.9.0.1:40000", "10.2.0.1:502")), "unknown_zone");
  EXPECT_EQ(refusal_of(staged, session("[2001:db8:1::5]:40000", "[2001:db8:2::5]:443", "")), "");
  EXPECT_EQ(refusal_of(staged, session("[2001:db8:1::5]:40000", "[2001:db8:2::5]:80", "")),
            "no_rule");
  const auto stations = [](const char* from, const char* protocol) {
    return session(from, "01:0c:cd:01:00:01", protocol, "ethernet");
  };
  EXPECT_EQ(refusal_of(staged, stations("02:00:00:00:00:01", "goose")), "");
  EXPECT_EQ(refusal_of(staged, stations("02:00:00:00:00:01", "sv")), "no_rule");
  EXPECT_EQ(refusal_of(staged, stations("02:00:00:00:00:02", "goose")), "unknown_zone");
}

TEST(Preview, HowMuchOfARuleIsGranted) {
  const policy::Tables before = tables_of(
      kReads +
      "      - {protocol: modbus, client: hmi, server: plc, functions: [write_single_register],\n"
      "         where: {unit: 1, address: 40-49, value: 0-100}, rate: 5/s}\n");
  const PassedKey read{"c", 1, "modbus", "read_holding_registers"};
  const PassedKey write{"c", 2, "modbus", "write_single_register"};
  const auto write_of = [](const std::string& where, const std::string& rest = "") {
    return tables_of(
        "      - {protocol: modbus, client: hmi, server: plc, functions: [write_single_register], "
        "where: {unit: 1, " +
        where + "}" + rest + "}\n");
  };
  EXPECT_EQ(coverage_of(before, read, before), Coverage::whole);
  EXPECT_EQ(coverage_of(before, write, before), Coverage::whole);
  EXPECT_EQ(coverage_of(before, write, tables_of(kReads)), Coverage::none);
  EXPECT_EQ(coverage_of(before, write, write_of("address: 40-60, value: 0-100")), Coverage::whole);
  EXPECT_EQ(coverage_of(before, write, write_of("address: 40-48, value: 0-100")), Coverage::part);
  EXPECT_EQ(coverage_of(before, write, write_of("address: 40-49", ", rate: 4/s")), Coverage::part);
  EXPECT_EQ(coverage_of(before, write, write_of("address: 40-49", ", rate: 6/s")), Coverage::whole);
  EXPECT_EQ(coverage_of(before, read, write_of("address: 40-49")), Coverage::none);
  const std::string other =
      "      - {protocol: modbus, client: eng, server: plc, access: [read]}\n";
  EXPECT_EQ(coverage_of(before, read, tables_of(other)), Coverage::none);
  const std::string any = "      - {protocol: modbus, client: any, server: any, access: [read]}\n";
  EXPECT_EQ(coverage_of(before, read, tables_of(any)), Coverage::whole);
  EXPECT_EQ(coverage_of(tables_of(any), read, before), Coverage::part);
  const std::string port =
      "      - {protocol: modbus, client: hmi, server: plc, access: [read], port: 1502}\n";
  EXPECT_EQ(coverage_of(before, read, tables_of(port)), Coverage::none);
}

// A range that begins elsewhere stands for other numbers.
TEST(Preview, NumbersOfSeveralAddressesBeginAlike) {
  const auto pairs = [](const std::string& address) {
    return tables_of(
        "      - {protocol: modbus, client: hmi, server: plc, functions: [16],\n"
        "         where: {value: 0-100, as: float32, address: " +
        address + "}}\n");
  };
  const PassedKey registers{"c", 1, "modbus", "write_multiple_registers"};
  EXPECT_EQ(coverage_of(pairs("42-43"), registers, pairs("40-49")), Coverage::whole);
  EXPECT_EQ(coverage_of(pairs("41-42"), registers, pairs("40-49")), Coverage::part);
  const auto reals = [](const std::string& where) {
    return tables_of(
        "      - {protocol: s7comm, client: hmi, server: plc, functions: [write_var],\n"
        "         where: {area: 0x84, db: 1, " +
        where + "}}\n");
  };
  const PassedKey real{"c", 1, "s7comm", "write_var"};
  const std::string limit = ", transport_size: 8, value: 0-100";
  const policy::Tables staged = reals("address: 20-31" + limit);
  EXPECT_EQ(coverage_of(reals("address: 24-27" + limit), real, staged), Coverage::whole);
  EXPECT_EQ(coverage_of(reals("address: 22-25" + limit), real, staged), Coverage::part);
  EXPECT_EQ(coverage_of(reals("address: 22-25" + limit), real, reals("address: 0-99")),
            Coverage::whole);
}

TEST(Preview, CountsWhatItFinds) {
  const policy::Tables before = tables_of(kReads);
  const policy::Tables staged = tables_of("      - {service: ssh, client: hmi, server: plc}\n");
  v1::PreviewPolicyResponse preview;
  add_messages(before, {{{"c", 1, "modbus", "read_coils"}, 70}}, staged, preview);
  add_messages(before, {{{"c", 1, "modbus", "read_coils"}, 30}}, before, preview);
  EXPECT_EQ(preview.messages(), 100U);
  ASSERT_EQ(preview.refused_messages_size(), 1);
  EXPECT_EQ(preview.refused_messages(0).messages(), 70U);
  EXPECT_FALSE(preview.refused_messages(0).some());
  for (int i = 0; i < 3; ++i) {
    add_session(staged, session("10.1.0.1:4000" + std::to_string(i), "10.2.0.1:502"), 2, preview);
  }
  add_session(staged, session("10.1.0.1:40000", "10.2.0.1:22", ""), 2, preview);
  for (const char* state : {"closed", "refused"}) {
    v1::Flow ended = session("10.1.0.1:40000", "10.2.0.1:502");
    ended.set_state(state);
    add_session(staged, ended, 2, preview);
  }
  EXPECT_EQ(preview.sessions(), 4U);
  EXPECT_EQ(preview.sessions_refused(), 3U);
  EXPECT_EQ(preview.refused_sessions_size(), 2);
  EXPECT_EQ(preview.refused_sessions(0).reason(), "no_rule");
}

TEST(Preview, StaysSmallWhateverItFinds) {
  const policy::Tables before = tables_of(kReads);
  const policy::Tables staged = tables_of("      - {service: ssh, client: hmi, server: plc}\n");
  Passed passed;
  for (int i = 0; i < kRefusedKindsMax + 5; ++i) {
    passed[{"c", 1, "modbus", "read_coils_" + std::to_string(i)}] = 3;
  }
  v1::PreviewPolicyResponse preview;
  add_messages(before, passed, staged, preview);
  EXPECT_EQ(preview.refused_messages_size(), kRefusedKindsMax);
  EXPECT_EQ(preview.messages_refused_beyond(), 15U);
  EXPECT_EQ(preview.messages(), 3U * (kRefusedKindsMax + 5));
}

v1::Counters page_of(std::uint64_t reads, std::uint64_t writes = 0) {
  v1::Counters counters;
  const auto add = [&](std::uint32_t rule, const char* function, const char* reason,
                       std::uint64_t messages) {
    v1::Counter* row = counters.add_rows();
    row->set_conduit("c");
    row->set_rule(rule);
    row->set_protocol("modbus");
    row->set_function(function);
    row->set_verdict(std::string_view(reason) == "no_rule" ? "deny" : "allow");
    row->set_reason(reason);
    row->set_messages(messages);
  };
  add(1, "read_coils", "granted", reads);
  add(1, "read_coils", "no_rule", 1000);
  add(1, "", "session_control", 1000);
  add(0, "read_coils", "answers_request", 1000);
  if (writes > 0) add(2, "write_single_coil", "granted", writes);
  return counters;
}

PassedOfLastDay::Look look_at(const v1::Counters& page) {
  PassedOfLastDay::Look look;
  look.add(page);
  return look;
}

PassedOfLastDay::Look counters(std::uint64_t reads, std::uint64_t writes = 0) {
  return look_at(page_of(reads, writes));
}

TEST(PassedOfLastDay, IsWhatCountersGrew) {
  constexpr TimeNs kHour = 3600 * kSecondNs;
  const PassedKey read{"c", 1, "modbus", "read_coils"};
  const PassedKey write{"c", 2, "modbus", "write_single_coil"};
  PassedOfLastDay passed;
  passed.note(kHour, "one", counters(100));
  EXPECT_TRUE(passed.all().empty()) << "nobody knows when these passed";
  passed.note(kHour + 1, "one", counters(150));
  passed.note(kHour + 2, "two", counters(160, 7));
  EXPECT_EQ(passed.all()["one"], (Passed{{read, 50}}));
  EXPECT_EQ(passed.all()["two"], (Passed{{read, 10}, {write, 7}}));
  passed.note(kHour + 3, "two", counters(5));
  EXPECT_EQ(passed.all()["two"][read], 15U) << "the data plane began anew";
  EXPECT_EQ(passed.since_wall_ns(), kHour);
  for (TimeNs hour = 2; hour <= 24; ++hour) {
    passed.note(hour * kHour, "two", counters(5 + static_cast<std::uint64_t>(hour)));
  }
  EXPECT_EQ(passed.all()["one"][read], 50U);
  passed.note(25 * kHour, "two", counters(30));
  EXPECT_TRUE(passed.all()["one"].empty()) << "a day ago";
  EXPECT_EQ(passed.since_wall_ns(), 2 * kHour);
}

TEST(PassedOfLastDay, PagesOfALookAddUpUntilItBeginsAnew) {
  const PassedKey read{"c", 1, "modbus", "read_coils"};
  PassedOfLastDay passed;
  passed.note(1, "one", {});
  PassedOfLastDay::Look look = counters(100);
  look.add(page_of(11));  // of another worker
  passed.note(2, "one", look);
  EXPECT_EQ(passed.all()["one"][read], 111U);
  v1::Counters anew = page_of(120);
  anew.set_anew(true);
  look.add(anew);
  passed.note(3, "one", look);
  EXPECT_EQ(passed.all()["one"][read], 120U);
}

TEST(PassedOfLastDay, IsBounded) {
  PassedOfLastDay passed;
  v1::Counters many;
  const auto rows = static_cast<std::uint32_t>(PassedOfLastDay::kRowsMax) + 10;
  passed.note(1, "one", look_at(many));
  for (std::uint32_t rule = 1; rule <= rows; ++rule) {
    v1::Counter* row = many.add_rows();
    row->set_rule(rule);
    row->set_reason("granted");
    row->set_messages(2);
  }
  passed.note(2, "one", look_at(many));
  EXPECT_EQ(passed.all()["one"].size(), PassedOfLastDay::kRowsMax);
  EXPECT_EQ(passed.not_distinguished(), 20U);
  PassedOfLastDay::Look look;
  v1::Counters page;
  for (std::size_t rule = 1; rule <= PassedOfLastDay::kKindsMax + 3; ++rule) {
    page.clear_rows();
    v1::Counter* row = page.add_rows();
    row->set_conduit("other");
    row->set_rule(static_cast<std::uint32_t>(rule));
    row->set_reason("granted");
    row->set_messages(1);
    look.add(page);
  }
  passed.note(3, "one", look);
  EXPECT_EQ(passed.not_distinguished(), 20U + PassedOfLastDay::kKindsMax + 3)
      << "those that a look does not tell apart too";
}

}  // namespace
}  // namespace bulkhead::controlplane
