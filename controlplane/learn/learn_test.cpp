// What is proposed from what was seen: which rules, which of them must be looked at, and that the
// text compiles to a policy that grants just that.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "controlplane/learn/usage.h"
#include "controlplane/learn/words.h"
#include "controlplane/policy/literals.h"
#include "tests/support/learned_policies.h"

namespace bulkhead::learn {
namespace {

using controlplane::Compilation;
using controlplane::compile_policy;

TEST(Learn, TheQuickstartIsOneConduitWithTwoRules) {
  const std::string text = text_of(quickstart());
  EXPECT_EQ(text,
            "# Learned from 206 packets, 2023-11-14 22:13:20 to 2023-11-14 22:14:59 UTC:\n"
            "#   day.pcap\n"
            "# Ports of zones are a guess. A rule with an empty reviewed_by does not compile.\n"
            "bulkhead: v1\n"
            "site: \"water-works\"\n"
            "written_for: 0.2\n"
            "zones:\n"
            "  supervision: {port: 0, networks: [\"10.20.0.0/24\"]}\n"
            "  control: {port: 1, networks: [\"10.10.0.0/24\"]}\n"
            "assets:\n"
            "  host-10.10.0.20: {zone: control, address: \"10.10.0.20\"}\n"
            "  host-10.20.0.10: {zone: supervision, address: \"10.20.0.10\"}\n"
            "conduits:\n"
            "  supervision-control:\n"
            "    from: supervision\n"
            "    to: control\n"
            "    on_deny: reject\n"
            "    allow:\n"
            "      # 100 times, 2023-11-14 22:13:20 to 2023-11-14 22:14:59\n"
            "      - protocol: modbus\n"
            "        client: host-10.20.0.10\n"
            "        server: host-10.10.0.20\n"
            "        functions: [read_holding_registers]\n"
            "        where: {unit: 1, address: 0-9}\n"
            "      # 3 times, 2023-11-14 22:13:20 to 2023-11-14 22:13:20; write: look at it\n"
            "      - protocol: modbus\n"
            "        client: host-10.20.0.10\n"
            "        server: host-10.10.0.20\n"
            "        functions: [write_single_register]\n"
            "        where: {unit: 1, address: 42}\n"
            "        reviewed_by:\n");
  EXPECT_NE(errors_of(text).find("p.yaml:26:9: error: nobody has reviewed this rule"),
            std::string::npos)
      << errors_of(text);
  EXPECT_EQ(errors_of(reviewed(text)), "");
  EXPECT_EQ(text_of(quickstart()), text);
}

TEST(Learn, ValuesAreLimitedWhereThatIsAskedFor) {
  const std::string text = text_of(quickstart(true));
  EXPECT_NE(text.find("where: {unit: 1, address: 42, value: [700, 705, 710]}"), std::string::npos)
      << text;
  EXPECT_EQ(errors_of(reviewed(text)), "");
}

// The same, judged by what was proposed: all passes, and what was not there does not.
TEST(Learn, WhatWasSeenPassesAndNothingElse) {
  const Compilation compiled = compile_policy(reviewed(text_of(quickstart())), "p.yaml");
  ASSERT_TRUE(compiled.tables);
  const auto tables = policy::finished(controlplane::lower_policy(*compiled.model));
  ASSERT_TRUE(tables);
  Usage usage(tables.value());
  usage.note_operation(kPolls, modbus().protocol, read(0, 9), kStart);
  EXPECT_EQ(usage.used().at(0), (std::set<std::uint16_t>{1}));
  usage.note_operation(kPolls, modbus().protocol, Write(42, 9).operation, kStart);
  EXPECT_EQ(usage.used().at(0), (std::set<std::uint16_t>{1, 2}));
  EXPECT_TRUE(usage.refused().empty());
  usage.note_operation(kPolls, modbus().protocol, read(0, 10), kStart);
  usage.note_operation(kPolls, modbus().protocol, Write(43, 9).operation, kStart);
  Session other = kPolls;
  other.client = ip("10.20.0.11");
  usage.note_operation(other, modbus().protocol, read(0, 9), kStart);
  usage.note_service({ip("10.20.0.10"), ip("10.10.0.20"), policy::Transport::tcp, 22}, kStart);
  std::vector<Reason> reasons;
  for (const auto& [refused, seen] : usage.refused()) reasons.push_back(refused.reason);
  std::sort(reasons.begin(), reasons.end());
  EXPECT_EQ(reasons, (std::vector<Reason>{Reason::no_rule, Reason::no_rule,
                                          Reason::values_not_granted, Reason::values_not_granted}));
}

// A read that came once, and what cannot be inspected.
TEST(Learn, SingleOccurrencesAndServicesAreLookedAt) {
  Observations seen = quickstart();
  seen.note_operation(kPolls, modbus().protocol,
                      modbus().make("read_coils", {{"unit", {1, 1}}, {"address", {5, 5}}}), kStart);
  const Session telnet{ip("10.20.0.10"), ip("10.10.0.20"), policy::Transport::tcp, 23};
  for (int i = 0; i < 5; ++i) seen.note_service(telnet, kStart);
  const Proposal proposal = propose(seen, kZones);
  std::vector<std::string> reviews;
  for (const ProposedRule& rule : proposal.conduits.at(0).rules) reviews.push_back(rule.review);
  EXPECT_EQ(reviews, (std::vector<std::string>{"", "seen once", "write", "not inspected"}));
  EXPECT_EQ(proposal.apart.at(0),
            "passwords in clear text: Telnet, 10.20.0.10 to 10.10.0.20, TCP 23");
  EXPECT_EQ(errors_of(reviewed(text_of(seen))), "");
}

// FTP's data, DCOM: a port a session. What a protocol has by default, or another rule, is in no
// range.
TEST(Learn, SessionsAtChosenPortsAreFewRules) {
  Observations seen = quickstart();
  const auto at = [](std::uint16_t port) {
    return Session{ip("10.20.0.10"), ip("10.10.0.20"), policy::Transport::tcp, port};
  };
  for (std::uint16_t port = 40000; port < 50000; port += 500) seen.note_service(at(port), kStart);
  for (std::uint16_t port = 9000; port < 9004; ++port) seen.note_service(at(port), kStart);
  Session other = at(0);
  other.client = ip("10.20.0.11");
  for (std::uint16_t port = 60000; port < 60008; ++port) {
    other.port = port;
    seen.note_service(other, kStart);
  }
  const std::string text = text_of(seen);
  for (const char* service : {"tcp/9000,", "tcp/9003,", "tcp/60000,", "tcp/60007,",
                              "tcp/40000-44500\n", "tcp/45000-47500\n", "tcp/48000-49500\n"}) {
    EXPECT_NE(text.find("service: " + std::string(service)), std::string::npos) << text;
  }
  const Proposal proposal = propose(seen, kZones);
  ASSERT_EQ(proposal.conduits.at(0).rules.size(), 2U + 4U + 8U + 3U);
  const ProposedRule& range = proposal.conduits[0].rules.at(6);
  EXPECT_EQ(range.seen.count, 10U);
  EXPECT_EQ(range.review, "not inspected");
  EXPECT_EQ(range.widened, "all ports between those of its sessions");
  EXPECT_EQ(errors_of(reviewed(text)), "");
  // A session there that is inspected.
  Session polls = kPolls;
  polls.port = 41234;
  for (int i = 0; i < 2; ++i) seen.note_operation(polls, modbus().protocol, read(0, 9), kStart);
  EXPECT_NE(text_of(seen).find("service: tcp/41500-44500\n"), std::string::npos) << text_of(seen);
  EXPECT_EQ(errors_of(reviewed(text_of(seen))), "");
}

// Hosts that ask for the same are one rule; another address is another.
TEST(Learn, AlikeHostsShareARule) {
  Observations seen(false);
  for (int client = 1; client <= 3; ++client) {
    for (int server = 1; server <= 4; ++server) {
      const Session session{ip("10.20.0." + std::to_string(client)),
                            ip("10.10.0." + std::to_string(server)), policy::Transport::tcp, 502};
      for (int i = 0; i < 2; ++i) {
        seen.note_operation(session, modbus().protocol, read(0, server == 4 ? 4 : 9), kStart);
      }
    }
  }
  const Proposal proposal = propose(seen, kZones);
  ASSERT_EQ(proposal.conduits.at(0).rules.size(), 2U);
  const ProposedRule& most = proposal.conduits[0].rules[0];
  EXPECT_EQ(most.clients.size(), 3U);
  EXPECT_EQ(most.servers,
            (std::vector<std::string>{"host-10.10.0.1", "host-10.10.0.2", "host-10.10.0.3"}));
  EXPECT_EQ(most.seen.count, 18U);
  EXPECT_EQ(errors_of(text_of(seen)), "");
}

TEST(Learn, AClassThatIsUsedUpIsNamed) {
  const auto learned = [](const Operations& protocol, std::initializer_list<const char*> functions,
                          std::uint16_t port) {
    Observations seen(false);
    Session session = kPolls;
    session.port = port;
    for (const char* function : functions) {
      const auto operation = protocol.make(function, {{"station", {3, 3}}});
      for (int i = 0; i < 2; ++i) {
        seen.note_operation(session, protocol.protocol, operation, kStart);
      }
    }
    return text_of(seen);
  };
  const Operations genisys("genisys");
  const std::string all = learned(
      genisys, {"poll", "acknowledge_and_poll", "indication_recall", "indication_data"}, 10001);
  EXPECT_NE(all.find("access: [read]\n        where: {station: 3}\n"), std::string::npos) << all;
  EXPECT_EQ(errors_of(all), "");
  const std::string most =
      learned(genisys, {"poll", "acknowledge_and_poll", "indication_recall"}, 10001);
  EXPECT_NE(most.find("functions: ["), std::string::npos) << most;
  const std::string more = learned(
      genisys,
      {"poll", "acknowledge_and_poll", "indication_recall", "indication_data", "acknowledge"},
      10001);
  EXPECT_EQ(more.find("access: ["), std::string::npos) << more;
  EXPECT_EQ(errors_of(more), "");
}

// Reading is made readable by closing the smallest gaps, and says so; writing never is.
TEST(Learn, ManyRangesOfReadsAreMadeFewer) {
  Observations seen(false);
  for (int i = 0; i < 40; ++i) {
    for (int twice = 0; twice < 2; ++twice) {
      seen.note_operation(kPolls, modbus().protocol, read(i * 10, i * 10 + 4), kStart);
      seen.note_operation(kPolls, modbus().protocol, Write(i * 10, 1).operation, kStart);
    }
  }
  const Proposal proposal = propose(seen, kZones);
  const auto& rules = proposal.conduits.at(0).rules;
  ASSERT_EQ(rules.size(), 2U);
  EXPECT_EQ(rules[0].where.at(1).ranges.size(), 16U);
  EXPECT_EQ(rules[0].widened, "address");
  EXPECT_EQ(rules[1].where.at(1).ranges.size(), 40U);
  EXPECT_EQ(rules[1].widened, "");
  EXPECT_NE(text_of(seen).find("; wider than seen: address\n"), std::string::npos);
}

TEST(Learn, WhatNoRuleSaysStandsApart) {
  Observations seen = quickstart();
  seen.note_fault(kPolls, modbus().protocol, protocols::Fault::truncated, kStart);
  const Session within{ip("10.10.0.20"), ip("10.10.0.21"), policy::Transport::tcp, 502};
  seen.note_operation(within, modbus().protocol, read(0, 1), kStart);
  const Session homeless{ip("192.0.2.1"), ip("10.10.0.20"), policy::Transport::tcp, 502};
  seen.note_operation(homeless, modbus().protocol, read(0, 1), kStart);
  const Session elsewhere{ip("192.0.2.1"), ip("192.0.2.2"), policy::Transport::tcp, 502};
  seen.note_operation(elsewhere, modbus().protocol, read(0, 1), kStart);
  EXPECT_EQ(
      propose(seen, kZones).apart,
      (std::vector<std::string>{
          "not decoded: modbus, truncated, 1 message, 10.20.0.10 to 10.10.0.20, TCP 502",
          "within zone control: 1 kind of traffic, which does not pass the firewall",
          "in no zone, and not learned: 192.0.2.1", "in no zone, and not learned: 192.0.2.2"}));
}

TEST(Learn, APingIsAServiceToBeLookedAt) {
  Observations seen = quickstart();
  seen.note_service({ip("10.20.0.10"), ip("10.10.0.20"), policy::Transport::icmp, 0}, kStart);
  const std::string text = text_of(seen);
  EXPECT_NE(text.find("service: ping"), std::string::npos) << text;
  EXPECT_EQ(errors_of(reviewed(text)), "");
}

TEST(Values, AreDisjointAndSorted) {
  Values values;
  for (const Range& range : {Range{10, 12}, Range{1, 2}, Range{4, 4}, Range{3, 3}, Range{12, 20},
                             Range{22, 22}, Range{21, 21}, Range{11, 11}}) {
    values.add(range);
  }
  EXPECT_EQ(values.ranges, (std::vector<Range>{{1, 4}, {10, 22}}));
  for (std::int64_t i = 0; i < 5000; ++i) values.add(Range::point(100 + 2 * i));
  EXPECT_TRUE(values.any);
  EXPECT_TRUE(values.ranges.empty());
}

// The policy learned from one write of a real number, by its order number.
std::string learned_from_real(std::int64_t order) {
  static const Operations s7("s7comm");
  const Session session{ip("10.20.0.10"), ip("10.10.0.20"), policy::Transport::tcp, 102};
  Observations seen(true);
  seen.note_operation(
      session, s7.protocol,
      s7.make("write_var",
              {{"transport_size", {8, 8}}, {"address", {0, 3}}, {"value", {order, order}}}),
      kStart);
  return text_of(seen);
}

// What is written stands in a form that policies read, to the last bit.
TEST(Learn, RealValuesAreReadBack) {
  const auto& catalogue = protocols::registry()[*protocols::find_protocol("s7comm")]->catalogue();
  const auto value = std::find_if(catalogue.fields.begin(), catalogue.fields.end(),
                                  [](const auto& each) { return each.name == "value"; });
  for (const double number : {1.5184998373247989e+35, -1e+300, 2.5e-7, 0.5, -3.0}) {
    const std::int64_t order = float64_order(number).value();
    const std::string text = range_text({order, order}, *value);
    const auto range = controlplane::read_real_range(text, 64);
    ASSERT_TRUE(range) << text;
    EXPECT_EQ(*range, (Range{order, order})) << text;
    const std::string policy = learned_from_real(order);
    EXPECT_EQ(errors_of(reviewed(policy)), "") << policy;
  }
}

// No number of a policy's: then the rule leaves the value open, and says so.
TEST(Learn, InfiniteValuesAreLeftOpen) {
  const std::string text =
      learned_from_real(float64_order(std::numeric_limits<double>::infinity()).value());
  EXPECT_NE(text.find("value: any"), std::string::npos) << text;
  EXPECT_NE(text.find("wider than seen: value"), std::string::npos) << text;
  EXPECT_EQ(errors_of(reviewed(text)), "");
}

// Names from the wire cannot leave their quotes.
std::string learned_from_tag(const std::string& function, const std::string& tag) {
  const Operations enip("enip");
  protocols::Operation operation = enip.make(function, {});
  const auto& catalogue = protocols::registry()[enip.protocol]->catalogue();
  for (std::size_t i = 0; i < catalogue.fields.size(); ++i) {
    if (catalogue.fields[i].name != "tag") continue;
    operation.set_name(i, {reinterpret_cast<const std::uint8_t*>(tag.data()), tag.size()});
  }
  Observations seen(false);
  const Session session{ip("10.20.0.10"), ip("10.10.0.20"), policy::Transport::tcp, 44818};
  for (int i = 0; i < 2; ++i) seen.note_operation(session, enip.protocol, operation, kStart);
  return text_of(seen);
}

TEST(Learn, NamesAreForeignText) {
  const std::string text = learned_from_tag("read_tag", std::string("a\"}\n- x\\\x80\x01 #", 12));
  EXPECT_NE(text.find("where: {tag: \"a\\\"}*- x\\\\* #\"}"), std::string::npos) << text;
  EXPECT_EQ(errors_of(text), "");
}

// Patterns have no other way to state such a name, and then grant others.
TEST(Learn, ANameThatGrantsOthersSaysSo) {
  for (const char* function : {"read_tag", "write_tag"}) {
    for (const std::string& tag :
         {std::string("*"), std::string("a*b"), std::string("Gr\xc3\xb6sse"), std::string(),
          std::string(300, 'a')}) {
      const std::string text = learned_from_tag(function, tag);
      EXPECT_NE(text.find("wider than seen: tag\n"), std::string::npos) << text;
      EXPECT_EQ(errors_of(reviewed(text)), "");
    }
    EXPECT_EQ(learned_from_tag(function, "Program:Main.Speed").find("wider"), std::string::npos);
  }
  Observations seen(false);
  for (int i = 0; i < 3000; ++i) {
    seen.note_operation(kPolls, modbus().protocol,
                        Write(static_cast<std::uint16_t>(i * 2), 1).operation, kStart);
  }
  EXPECT_NE(text_of(seen).find("wider than seen: address\n"), std::string::npos)
      << "more than are kept";
}

// Each of them is asked for a register of its own, twice, and has another one written.
Observations many_devices(std::uint32_t count) {
  Observations seen(false);
  for (std::uint32_t i = 0; i < count; ++i) {
    const Session session{ip("10.20.0.10"), wire::IpAddress::from_v4_number(0x0a0a0001U + i),
                          policy::Transport::tcp, 502};
    const auto address = static_cast<std::uint16_t>(100 * i);
    for (int twice = 0; twice < 2; ++twice) {
      seen.note_operation(session, modbus().protocol, read(address, address), kStart);
    }
    seen.note_operation(session, modbus().protocol, Write(address, 7).operation, kStart);
  }
  return seen;
}

TEST(Learn, ManyDevicesAreReadByOneRuleAndWrittenByTheirOwn) {
  const Proposal few = propose(many_devices(12), kZones);
  ASSERT_EQ(few.conduits.size(), 1U);
  EXPECT_EQ(few.conduits[0].rules.size(), 24U) << "that many can be read";
  const Proposal many = propose(many_devices(13), kZones);
  ASSERT_EQ(many.conduits.size(), 1U);
  ASSERT_EQ(many.conduits[0].rules.size(), 14U);
  std::size_t reading = 0;
  for (const ProposedRule& rule : many.conduits[0].rules) {
    if (!rule.review.empty()) {
      EXPECT_EQ(rule.servers.size(), 1U) << "what writes stays as it was seen";
      EXPECT_EQ(rule.widened, "");
      continue;
    }
    ++reading;
    EXPECT_EQ(rule.servers.size(), 13U);
    EXPECT_EQ(rule.seen.count, 26U);
    EXPECT_EQ(rule.widened, "what any of these hosts was asked for, all may be");
  }
  EXPECT_EQ(reading, 1U);
  EXPECT_EQ(errors_of(reviewed(text_of(many_devices(13)))), "");
}

}  // namespace
}  // namespace bulkhead::learn
