// Texts that setup reads and writes: wishes, options, packet filter, cores.
#include <gtest/gtest.h>

#include "controlplane/setup/config_block.h"
#include "controlplane/setup/cores.h"
#include "controlplane/setup/host_rules.h"
#include "controlplane/setup/inspect.h"
#include "controlplane/setup/wishes.h"

namespace bulkhead::setup {
namespace {

TEST(Wishes, AreReadAsTheyWereWritten) {
  Wishes wishes;
  wishes.zone_ports = {{"office", "eth1"}, {"", "0000:01:00.0"}};
  wishes.taps = {"eth3", "0000:02:00.0"};
  wishes.through = "af_xdp";
  wishes.management = "2001:db8::10";
  wishes.management_port = 8443;
  wishes.admit = {"2001:db8::/64", "192.0.2.5"};
  wishes.time_servers = {"time.example"};
  wishes.workers = 3;
  wishes.memory_mib = 2048;
  wishes.host_firewall = false;
  wishes.pair_peer = "bravo";
  const std::string text = write_wishes(wishes);
  const auto read = read_wishes(text);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(write_wishes(read.value()), text);
  EXPECT_EQ(read.value().zone_ports[0].zone, "office");
  EXPECT_EQ(read.value().zone_ports[1].device, "0000:01:00.0");
  EXPECT_EQ(read.value().taps, wishes.taps);
  EXPECT_EQ(read.value().management, "2001:db8::10");
  EXPECT_EQ(read.value().management_port, 8443);
}

TEST(Wishes, ALineThatIsNotUnderstoodIsNamed) {
  for (const char* line : {"workers = 0", "workers = 33", "colour = red", "through", "workers = 1x",
                           "management = here", "memory-mib = 63"}) {
    const auto read = read_wishes("# comment\n\n" + std::string(line) + "\n");
    ASSERT_FALSE(read.ok()) << line;
    EXPECT_NE(read.error().cause.find("line 3"), std::string::npos);
  }
  EXPECT_TRUE(read_wishes("workers = 32\nmemory-mib = 64\n").ok());
}

TEST(Wishes, Endpoints) {
  std::string address;
  EXPECT_EQ(read_endpoint("192.0.2.1:7444", address), 7444);
  EXPECT_EQ(address, "192.0.2.1");
  EXPECT_EQ(read_endpoint("[2001:db8::1]:1", address), 1);
  EXPECT_EQ(address, "2001:db8::1");
  for (const char* wrong : {"192.0.2.1", "192.0.2.1:0", "192.0.2.1:65536", "2001:db8::1:7444",
                            "[192.0.2.1]:7444", "host:7444", ":7444", "192.0.2.1:+1"}) {
    EXPECT_EQ(read_endpoint(wrong, address), 0) << wrong;
  }
  EXPECT_EQ(endpoint("2001:db8::1", 7443), "[2001:db8::1]:7443");
}

TEST(Wishes, TheManagementAddressIsAsTheKernelListsIt) {
  Wishes wishes;
  ASSERT_TRUE(read_management("2001:DB8:0:0::10", wishes));
  EXPECT_EQ(endpoint(wishes.management, wishes.management_port), "[2001:db8::10]:7443");
  ASSERT_TRUE(read_management("[2001:DB8::11]:8443", wishes));
  EXPECT_EQ(endpoint(wishes.management, wishes.management_port), "[2001:db8::11]:8443");
  ASSERT_TRUE(read_management("::ffff:192.0.2.1", wishes));
  EXPECT_EQ(wishes.management, "192.0.2.1");
  EXPECT_FALSE(read_management("2001:db8::11:8443x", wishes));
  EXPECT_EQ(wishes.management, "192.0.2.1") << "what is none changes nothing";
}

TEST(Options, StandBetweenTwoLinesAndAreReplaced) {
  const std::string people = "# mine\n#port = [\"x\"]\nbuffers = 1024\n";
  const auto once = with_options("f", people, {{"port", "[\"a\"]"}});
  ASSERT_TRUE(once.ok());
  EXPECT_TRUE(once.value().starts_with(people));
  const auto again = with_options("f", once.value() + "flows = 5\n", {{"port", "[\"b\"]"}});
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again.value().starts_with(people + "flows = 5\n"));
  EXPECT_EQ(again.value().find("\"a\""), std::string::npos);
  const auto same = with_options("f", again.value(), {{"port", "[\"b\"]"}});
  EXPECT_EQ(same.value(), again.value());
  // Without its end what follows would be lost.
  const std::string cut = once.value().substr(0, once.value().rfind("# Written"));
  EXPECT_FALSE(with_options("f", cut, {}).ok());
  const auto twice = with_options("f", "a = 1\n  port=[\"x\"]\n", {{"port", "1"}});
  ASSERT_FALSE(twice.ok());
  EXPECT_NE(twice.error().cause.find("f line 2 sets port itself"), std::string::npos);
}

TEST(HostRules, TheirDigestFollowsTheirText) {
  HostRules rules;
  rules.management = "2001:db8::10";
  rules.services = {2222, 7443};
  rules.admit = {"2001:db8::/64", "192.0.2.0/24"};
  const std::string text = write_host_rules(rules);
  EXPECT_NE(
      text.find("ip6 saddr { 2001:db8::/64 } ip6 daddr 2001:db8::10 tcp dport { 2222, 7443 }"),
      std::string::npos)
      << text;
  EXPECT_EQ(text.find("chain output"), std::string::npos)
      << "no interface of a zone is the kernel's";
  EXPECT_NE(text.find("icmpv6 type mld-listener-query ip6 saddr fe80::/10 accept\n"),
            std::string::npos);
  EXPECT_TRUE(digest_of(text).starts_with("setup "));
  rules.admit.pop_back();
  EXPECT_EQ(digest_of(write_host_rules(rules)), digest_of(text)) << "IPv4 cannot reach it";
  rules.zone_interfaces = {"eth1"};
  EXPECT_NE(digest_of(write_host_rules(rules)), digest_of(text));
}

std::vector<Cpu> threads(int cores, int nodes) {
  std::vector<Cpu> cpus;  // siblings are numbered after all cores, as Intel's are
  for (int i = 0; i < 2 * cores; ++i) {
    const int core = i % cores;
    cpus.push_back({i, core * nodes / cores, core, core * nodes / cores});
  }
  return cpus;
}

TEST(Cores, AWorkersSiblingIsNobodys) {
  const Cores cores = share_cores(threads(4, 1), 1, -1);
  EXPECT_EQ(cores.workers, std::vector<int>{3});
  EXPECT_EQ(cpu_list(cores.rest), "0-2,4-6") << "7 is the worker's sibling";
}

TEST(Cores, AreOfTheCardsNode) {
  EXPECT_EQ(share_cores(threads(8, 2), 2, 1).workers, (std::vector<int>{6, 7}));
  EXPECT_EQ(share_cores(threads(8, 2), 2, 0).workers, (std::vector<int>{2, 3}));
  EXPECT_EQ(share_cores(threads(8, 2), 3, 0).workers, (std::vector<int>{1, 2, 3}));
  const Cores many = share_cores(threads(8, 2), 4, 0);
  EXPECT_TRUE(many.workers.empty());
  EXPECT_NE(many.refused.find("NUMA node 0, and 3 are free"), std::string::npos) << many.refused;
  EXPECT_EQ(share_cores(threads(8, 2), 4, 1).refused, "");
}

TEST(Cores, OneCoreIsShared) {
  const Cores one = share_cores({{0, 0, 0, 0}, {1, 0, 0, 0}}, 1, -1);
  EXPECT_TRUE(one.workers.empty());
  EXPECT_EQ(one.refused, "");
  EXPECT_NE(one.shared, "");
  EXPECT_NE(share_cores({{0, 0, 0, 0}}, 2, -1).refused, "");
}

TEST(Cores, Lists) {
  EXPECT_EQ(cpu_list({}), "");
  EXPECT_EQ(cpu_list({0, 1, 2, 5, 7, 8}), "0-2,5,7-8");
  EXPECT_EQ(read_cpu_list("0-2,5,7-8"), (std::vector<int>{0, 1, 2, 5, 7, 8}));
  EXPECT_EQ(read_cpu_list(""), std::vector<int>{});
}

}  // namespace
}  // namespace bulkhead::setup
