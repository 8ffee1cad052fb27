// The plan on invented machines: what is refused, and what is done in which order.
#include "controlplane/setup/plan.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "controlplane/setup/host_rules.h"
#include "controlplane/setup/inspect.h"
#include "controlplane/setup/units.h"

namespace bulkhead::setup {
namespace {

Port card(const std::string& interface, const std::string& pci, const std::string& driver) {
  Port port;
  port.interface = interface;
  port.pci = pci;
  port.driver = driver;
  port.kind = "ethernet";
  port.link_up = true;
  return port;
}

// Management on eth0, three cards for zones, four cores on two nodes.
Facts machine() {
  Facts facts;
  Port management = card("eth0", "0000:00:03.0", "e1000e");
  management.addresses = {"192.0.2.10/24", "fe80::1/64"};
  management.management = "this session from 192.0.2.5";
  facts.ports = {management, card("eth1", "0000:00:05.0", "igb"),
                 card("eth2", "0000:00:06.0", "virtio_net"),
                 card("eth3", "0000:00:07.0", "mlx5_core")};
  facts.addresses = {"127.0.0.1", "192.0.2.10", "fe80::1"};
  for (int i = 0; i < 4; ++i) facts.cpus.push_back({i, i / 2, i, i / 2});
  facts.huge_pools = {{0, "/sys/node0", 0}, {1, "/sys/node1", 0}};
  facts.memory_mib = 8192;
  facts.host_name = "alpha";
  facts.session = {"192.0.2.5", "192.0.2.10", 22};
  facts.has_systemd = facts.has_nft = facts.has_chrony = facts.has_users = true;
  return facts;
}

void confine(Facts& facts, const std::string& pci, const std::string& group) {
  for (Port& port : facts.ports) {
    if (port.pci != pci) continue;
    port.iommu_group = group;
    facts.groups.push_back({group, pci, port.driver, false});
  }
  facts.has_iommu = true;
}

Wishes wishes(const std::string& first = "eth1", const std::string& second = "eth2") {
  Wishes wishes;
  wishes.zone_ports = {{"office", first}, {"plant", second}};
  wishes.management = "192.0.2.10";
  wishes.admit = {"192.0.2.0/24"};
  return wishes;
}

std::string causes(const Facts& facts, const Wishes& wishes) {
  const auto planned = plan(facts, wishes);
  std::string text;
  if (planned) return text;
  for (const Problem& each : planned.error()) {
    EXPECT_NE(each.mend, "") << each.cause;
    text += each.cause + "\n";
  }
  return text;
}

std::vector<Step> steps(const Facts& facts, const Wishes& wishes) {
  auto planned = plan(facts, wishes);
  EXPECT_EQ(causes(facts, wishes), "");
  return planned ? std::move(planned).value() : std::vector<Step>();
}

std::string whats(const std::vector<Step>& steps) {
  std::string text;
  for (const Step& step : steps) text += step.what + "\n";
  return text;
}

std::string text_of(const std::vector<Step>& steps, const std::string& path) {
  for (const Step& step : steps) {
    const auto* file = std::get_if<WriteFile>(&step.deed);
    if (file != nullptr && file->path == path) return file->text;
  }
  return {};
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

#define EXPECT_HAS(text, part) EXPECT_TRUE(has(text, part)) << (text)
#define EXPECT_HAS_NOT(text, part) EXPECT_FALSE(has(text, part)) << (text)

TEST(Plan, TheManagementsInterfaceIsRefused) {
  const std::string by_name = causes(machine(), wishes("eth0"));
  EXPECT_HAS(by_name, "eth0 carries the management of this machine: this session from 192.0.2.5");
  EXPECT_HAS(causes(machine(), wishes("0000:00:03.0")), "0000:00:03.0 carries the management");
  // On a console nothing but the address tells.
  Facts facts = machine();
  facts.session = {};
  facts.ports[0].management.clear();
  EXPECT_HAS(causes(facts, wishes("eth0")), "eth0 has the management address 192.0.2.10");
}

TEST(Plan, AnInterfaceInUseIsRefused) {
  Facts facts = machine();
  facts.ports[1].addresses = {"fe80::2/64"};
  EXPECT_EQ(causes(facts, wishes()), "") << "every interface that is up has one of these";
  facts.ports[1].addresses.push_back("198.51.100.7/24");
  EXPECT_HAS(causes(facts, wishes()),
             "used by this machine itself, with the address 198.51.100.7/24");
  facts = machine();
  facts.ports[1].uppers = {"bond0"};
  EXPECT_HAS(causes(facts, wishes()), "eth1 is a part of bond0");
  facts.ports[2].kind = "bridge";
  EXPECT_HAS(causes(facts, wishes()), "eth2 is a bridge; a zone port is one link");
}

TEST(Plan, AVlanMayBeAZonePort) {
  Facts facts = machine();
  Port vlan = card("eth1.20", "", "");
  vlan.kind = "vlan";
  vlan.lowers = {"eth1"};
  facts.ports.push_back(vlan);
  EXPECT_HAS(text_of(steps(facts, wishes("eth1.20")), kDataplaneConf),
             "port = [\"net_af_packet0,iface=eth1.20\", \"net_af_packet1,iface=eth2\"]\n");
}

TEST(Plan, NamesAreNamedRight) {
  EXPECT_HAS(causes(machine(), wishes("eth9")), "there is no interface and no network device eth9");
  EXPECT_HAS(causes(machine(), wishes("eth1", "eth1")), "eth1 is named twice");
  EXPECT_HAS(causes(machine(), wishes("eth1", "0000:00:05.0")), "0000:00:05.0 is named twice");
  Wishes one = wishes();
  one.zone_ports.pop_back();
  EXPECT_HAS(causes(machine(), one), "one zone port alone joins nothing");
  one.zone_ports.clear();
  EXPECT_HAS(causes(machine(), one), "no zone port is named");
  one = wishes();
  one.zone_ports[0].zone = "of\x1b[fice";
  EXPECT_HAS(causes(machine(), one), "\"of\\x1b[fice\" is no name for a zone");
}

TEST(Plan, StrangeNamesOfInterfacesAreEscapedAndRefused) {
  for (const std::string name : {"e,iface=lo", "e\"; drop", "e\x1b[2J", "e th", "e'{}"}) {
    Facts facts = machine();
    facts.ports.push_back(card(name, "", "veth"));
    const std::string text = causes(facts, wishes(name));
    EXPECT_HAS(text, "has characters that DPDK's options cannot have");
    EXPECT_HAS_NOT(text, "\x1b");
  }
}

TEST(Plan, InterfacesStayTheKernels) {
  const std::vector<Step> planned = steps(machine(), wishes());
  EXPECT_HAS(text_of(planned, kDataplaneConf),
             "port = [\"net_af_packet0,iface=eth1\", \"net_af_packet1,iface=eth2\"]\n");
  EXPECT_EQ(text_of(planned, kPortsUnit), "");
  EXPECT_EQ(text_of(planned, kHugePages), "") << "packet sockets do without";
  EXPECT_HAS_NOT(whats(planned), "bind");
  Wishes xdp = wishes();
  xdp.through = "af_xdp";
  const std::vector<Step> of_xdp = steps(machine(), xdp);
  EXPECT_HAS(text_of(of_xdp, kDataplaneConf), "\"net_af_xdp0,iface=eth1\"");
  EXPECT_HAS(text_of(of_xdp, kDropIn), "CAP_BPF");
}

TEST(Plan, EachWorkerHasAQueueOfAnInterface) {
  Wishes two = wishes();
  two.workers = 2;
  EXPECT_HAS(text_of(steps(machine(), two), kDataplaneConf),
             "port = [\"net_af_packet0,iface=eth1,qpairs=2\", "
             "\"net_af_packet1,iface=eth2,qpairs=2\"]\n");
  two.through = "af_xdp";
  EXPECT_HAS(text_of(steps(machine(), two), kDataplaneConf),
             "\"net_af_xdp0,iface=eth1,queue_count=2\"");
}

// Beside two zone ports.
Wishes with_tap(const std::string& tap) {
  Wishes asked = wishes();
  asked.taps = {tap};
  return asked;
}

TEST(Plan, ATapStandsBesideTheZonePorts) {
  const std::vector<Step> planned = steps(machine(), with_tap("eth3"));
  EXPECT_HAS(text_of(planned, kDataplaneConf),
             "port = [\"net_af_packet0,iface=eth1\", \"net_af_packet1,iface=eth2\"]\n"
             "tap = [\"net_af_packet2,iface=eth3\"]\n");
  EXPECT_HAS(whats(planned),
             "port 1, zone plant: net_af_packet1,iface=eth2\n"
             "port 2, a tap that only listens: net_af_packet2,iface=eth3\n");
  EXPECT_HAS(text_of(planned, kWishesFile), "tap = eth3\n");
  EXPECT_HAS(text_of(planned, kHostRules), "iifname { \"eth1\", \"eth2\", \"eth3\" } drop\n");
}

TEST(Plan, ATapAloneIsAnAppliance) {
  Wishes alone = with_tap("eth1");
  alone.zone_ports.clear();
  const std::string conf = text_of(steps(machine(), alone), kDataplaneConf);
  EXPECT_HAS(conf, "tap = [\"net_af_packet0,iface=eth1\"]\n");
  EXPECT_HAS_NOT(conf, "port =");
  EXPECT_HAS(causes(machine(),
                    [] {
                      Wishes one = with_tap("eth3");
                      one.zone_ports.pop_back();
                      return one;
                    }()),
             "one zone port alone joins nothing");
}

TEST(Plan, ATapIsBoundAsAZonePortIs) {
  Facts facts = machine();
  confine(facts, "0000:00:05.0", "7");
  confine(facts, "0000:00:06.0", "8");
  Wishes asked = wishes("0000:00:05.0", "eth3");
  asked.taps = {"0000:00:06.0"};
  const std::vector<Step> planned = steps(facts, asked);
  EXPECT_HAS(text_of(planned, kDataplaneConf),
             "port = [\"0000:00:05.0\", \"net_af_packet1,iface=eth3\"]\n"
             "tap = [\"0000:00:06.0\"]\n");
  EXPECT_HAS(text_of(planned, kPortsUnit),
             "ExecStart=/usr/bin/bulkheadctl setup bind vfio-pci 0000:00:05.0 0000:00:06.0\n");
  EXPECT_HAS_NOT(text_of(planned, kDropIn), "AmbientCapabilities=\n") << "eth3 needs some";
  // An interface that is bound is gone afterwards, also the tap's.
  asked = with_tap("eth2");
  asked.zone_ports.clear();
  asked.through = "pci";
  const std::vector<Step> bound = steps(facts, asked);
  EXPECT_HAS(text_of(bound, kWishesFile), "tap = 0000:00:06.0\n");
  EXPECT_HAS(text_of(bound, kDropIn), "AmbientCapabilities=\n");
  EXPECT_HAS(whats(bound), "bind 0000:00:06.0 to vfio-pci\n");
}

TEST(Plan, ATapThatCannotBeIsRefused) {
  EXPECT_HAS(causes(machine(), with_tap("eth0")), "eth0 carries the management");
  EXPECT_HAS(causes(machine(), with_tap("eth2")), "eth2 is named twice");
  EXPECT_HAS(causes(machine(), with_tap("eth9")), "no interface and no network device eth9");
  Wishes pair = with_tap("eth3");
  pair.pair_peer = "bravo";
  pair.pair_listen = "198.51.100.1:7444";
  pair.pair_address = "198.51.100.2:7444";
  EXPECT_EQ(causes(machine(), pair), "one of a pair has no tap, and eth3 is to be one\n");
  pair.taps.clear();
  EXPECT_EQ(causes(machine(), pair), "");
  // As many ports as the data plane has, taps included.
  Facts facts = machine();
  Wishes many = wishes();
  for (int i = 0; i < 31; ++i) {
    facts.ports.push_back(card("m" + std::to_string(i), "", "veth"));
    if (i < 30) many.taps.push_back(facts.ports.back().interface);
  }
  EXPECT_EQ(causes(facts, many), "");
  many.taps.push_back("m30");
  EXPECT_HAS(causes(facts, many), "there are more than 32 ports, taps included");
}

TEST(Plan, PciPortsGoToVfioWithTheirMemoryAndRights) {
  Facts facts = machine();
  confine(facts, "0000:00:05.0", "7");
  confine(facts, "0000:00:06.0", "8");
  facts.ports[1].numa_node = facts.ports[2].numa_node = 1;
  const std::vector<Step> planned = steps(facts, wishes("0000:00:05.0", "0000:00:06.0"));
  const std::string what = whats(planned);
  EXPECT_HAS(text_of(planned, kDataplaneConf), "port = [\"0000:00:05.0\", \"0000:00:06.0\"]\n");
  EXPECT_HAS(what,
             "bind 0000:00:05.0 to vfio-pci\nbind 0000:00:06.0 to vfio-pci\n"
             "have udev read its rules anew\ngive the ports' files to the data plane\n");
  EXPECT_HAS_NOT(what, "not confined");
  EXPECT_HAS(text_of(planned, kPortsUnit),
             "ExecStart=/usr/bin/bulkheadctl setup bind vfio-pci 0000:00:05.0 0000:00:06.0\n");
  EXPECT_HAS(text_of(planned, kHugePages), "w /sys/node1 - - - - 256\n");
  EXPECT_EQ(text_of(planned, kModules), "vfio-pci\n");
  const std::string drop_in = text_of(planned, kDropIn);
  EXPECT_HAS(drop_in, "After=bulkhead-ports.service\n");
  EXPECT_HAS(drop_in, "AmbientCapabilities=\n");
  // Their cores are on the cards' node, and nothing else runs there.
  EXPECT_HAS(drop_in, "CPUAffinity=0-3\n");
  EXPECT_HAS(text_of(planned, kDataplaneConf), "worker-cpus = \"3\"\ncpus = \"0-2\"\n");
  EXPECT_HAS(text_of(planned, kAffinity), "CPUAffinity=0-2\n");
}

TEST(Plan, WithoutAnIommuDmaIsNotConfined) {
  const std::vector<Step> planned = steps(machine(), wishes("0000:00:05.0", "0000:00:06.0"));
  const std::string what = whats(planned);
  EXPECT_HAS(what, "DMA is not confined");
  EXPECT_HAS(what, "bind 0000:00:05.0 to uio_pci_generic\n");
  EXPECT_HAS(text_of(planned, kDropIn), "DeviceAllow=char-uio rw\n");
  Wishes vfio = wishes("eth1", "eth2");
  vfio.through = "vfio";
  EXPECT_HAS(causes(machine(), vfio), "there is no IOMMU for eth1, which vfio-pci needs");
  vfio.through = "pci";
  EXPECT_HAS(text_of(steps(machine(), vfio), kWishesFile), "zone-port = office=0000:00:05.0\n")
      << "the interface is gone afterwards";
  vfio.huge_pages = "no";
  EXPECT_HAS(causes(machine(), vfio), "huge pages are needed");
}

TEST(Plan, AGroupIsTakenWholeOrNotAtAll) {
  Facts facts = machine();
  confine(facts, "0000:00:05.0", "7");
  confine(facts, "0000:00:06.0", "7");
  EXPECT_EQ(causes(facts, wishes("0000:00:05.0", "0000:00:06.0")), "");
  facts.groups.push_back({"7", "0000:00:00.0", "pcieport", true});
  EXPECT_EQ(causes(facts, wishes("0000:00:05.0", "0000:00:06.0")), "") << "a bridge";
  facts.groups.push_back({"7", "0000:00:1f.0", "ahci", false});
  EXPECT_HAS(causes(facts, wishes("0000:00:05.0", "0000:00:06.0")),
             "0000:00:05.0 shares IOMMU group 7 with 0000:00:1f.0 (ahci)");
}

TEST(Plan, ACardWhoseInterfaceIsInAnotherNamespaceIsRefused) {
  Facts facts = machine();
  facts.ports[1].interface.clear();
  EXPECT_EQ(causes(facts, wishes("0000:00:05.0", "eth2")), "");
  facts.ports[1].is_elsewhere = true;
  EXPECT_HAS(causes(facts, wishes("0000:00:05.0", "eth2")),
             "the interface of 0000:00:05.0 is in another network namespace");
}

TEST(Plan, CardsThatDpdkDoesNotKnowStayTheKernels) {
  EXPECT_HAS(
      causes(machine(), wishes("eth1", "0000:00:07.0")),
      "DPDK's drivers do not take the card of 0000:00:07.0, of the kernel's driver mlx5_core");
  EXPECT_EQ(causes(machine(), wishes("eth1", "eth3")), "");
}

TEST(Plan, NobodyLocksHimselfOut) {
  Wishes narrow = wishes();
  narrow.admit = {"192.0.2.99"};
  EXPECT_HAS(causes(machine(), narrow),
             "this session comes from 192.0.2.5, which --admit does not hold");
  Facts facts = machine();
  facts.session.address = "198.51.100.1";
  EXPECT_HAS(causes(facts, wishes()), "SSH is admitted to 192.0.2.10 alone");
  narrow.host_firewall = false;
  EXPECT_EQ(causes(facts, narrow), "");
  narrow = wishes();
  narrow.admit = {"192.0.2.1/24"};
  EXPECT_HAS(causes(machine(), narrow), "\"192.0.2.1/24\" is no address and no network");
  narrow.admit = {"2001:db8::/32"};
  EXPECT_HAS(causes(machine(), narrow), "no management host is named that could reach 192.0.2.10");
}

TEST(Plan, AllThatIsMissingIsNamedAtOnce) {
  Facts facts = machine();
  facts.has_users = facts.has_nft = facts.has_chrony = false;
  facts.authority_key = "/etc/bulkhead/pki/ca.key";
  facts.addresses.clear();
  Wishes asked = wishes("eth0", "eth9");
  asked.time_servers = {"time.example"};
  asked.workers = 4;
  const std::string text = causes(facts, asked);
  for (const char* each :
       {"no users bulkhead", "needs nft", "need chrony",
        "an authority's key lies on this appliance", "no interface of this machine has the address",
        "eth0 carries", "eth9"}) {
    EXPECT_HAS(text, each);
  }
  EXPECT_HAS(causes(machine(),
                    [] {
                      Wishes many = wishes();
                      many.workers = 4;
                      return many;
                    }()),
             "4 workers need a core each, and 3 are free");
}

TEST(Plan, TheAgentStartsOnceItHasACertificate) {
  Facts facts = machine();
  EXPECT_HAS(whats(steps(facts, wishes())), "is started once this appliance has its certificate");
  facts.has_certificate = facts.has_authority = true;
  const std::string what = whats(steps(facts, wishes()));
  EXPECT_HAS(what, "start bulkheadd.service, anew if its configuration has changed");
  Wishes with = wishes();
  with.certificate_pem = "certificate";
  EXPECT_HAS(causes(machine(), with), "of no use without its authority's");
}

TEST(Plan, TheFirstAccessFileIsWrittenAndNeverReplaced) {
  Facts facts = machine();
  Wishes wanted = wishes();
  EXPECT_NE(whats(steps(facts, wanted)).find("there is no /etc/bulkhead/access.yaml: only root"),
            std::string::npos);
  wanted.first_access = "access: v1\n";
  const auto planned = steps(facts, wanted);
  const auto step = std::find_if(planned.begin(), planned.end(), [](const Step& each) {
    const auto* file = std::get_if<WriteFile>(&each.deed);
    return file != nullptr && file->path == kAccess;
  });
  ASSERT_NE(step, planned.end());
  EXPECT_EQ(std::get<WriteFile>(step->deed).text, wanted.first_access);
  EXPECT_EQ(std::get<WriteFile>(step->deed).kind.mode, 0640U) << "not for others to write";
  facts.has_access = true;
  EXPECT_EQ(whats(steps(facts, wanted)).find("access.yaml"), std::string::npos);
}

TEST(Plan, TimeIsAuthenticatedWhereTheServerCan) {
  Facts facts = machine();
  facts.nts = {{"a.example", NtsAnswer::yes}, {"b.example", NtsAnswer::unreachable}};
  Wishes asked = wishes();
  asked.time_servers = {"a.example"};
  std::vector<Step> planned = steps(facts, asked);
  EXPECT_EQ(text_of(planned, kTimeSources), "server a.example iburst nts\n");
  EXPECT_EQ(text_of(planned, kTimeRules), "authselectmode require\n");
  asked.time_servers.push_back("b.example");
  planned = steps(facts, asked);
  EXPECT_EQ(text_of(planned, kTimeSources),
            "server a.example iburst nts\nserver b.example iburst\n");
  EXPECT_EQ(text_of(planned, kTimeRules), "");
  EXPECT_HAS(whats(planned), "b.example does not answer on NTS now: its time is not authenticated");
}

TEST(Plan, WhatAnEarlierSetupWroteGoes) {
  Facts facts = machine();
  facts.earlier = {kPortsUnit, kHugePages, kTimeSources, kDropIn};
  const std::string what = whats(steps(facts, wishes()));
  for (const char* path : {kPortsUnit, kHugePages, kTimeSources}) {
    EXPECT_HAS(what, std::string("remove what an earlier setup wrote: ") + path);
  }
  EXPECT_HAS_NOT(what, std::string("remove what an earlier setup wrote: ") + kDropIn);
}

TEST(Plan, ATreeGetsFilesAlone) {
  Facts facts = machine();
  facts.is_live = facts.has_systemd = false;
  facts.addresses.clear();
  facts.session = {};
  confine(facts, "0000:00:05.0", "7");
  confine(facts, "0000:00:06.0", "8");
  for (const Step& step : steps(facts, wishes("0000:00:05.0", "0000:00:06.0"))) {
    EXPECT_FALSE(std::holds_alternative<setup::Run>(step.deed)) << step.what;
    EXPECT_FALSE(std::holds_alternative<BindPort>(step.deed)) << step.what;
    EXPECT_FALSE(std::holds_alternative<Reserve>(step.deed)) << step.what;
  }
}

TEST(Plan, WhatPeopleWroteStaysAndContradictionsAreNamed) {
  Facts facts = machine();
  facts.files[kDataplaneConf] = "# mine\nbuffers = 65536\n";
  EXPECT_TRUE(
      text_of(steps(facts, wishes()), kDataplaneConf).starts_with("# mine\nbuffers = 65536\n"));
  facts.files[kDataplaneConf] = "# mine\nport = [\"net_null0\"]\n";
  EXPECT_HAS(causes(facts, wishes()), "/etc/bulkhead/dataplane.conf line 2 sets port itself");
}

TEST(Plan, ThePacketFilterIsInForceBeforeServicesAre) {
  const std::vector<Step> planned = steps(machine(), wishes());
  const std::string what = whats(planned);
  EXPECT_LT(what.find("put the packet filter in force"), what.find("start bulkhead-dataplane"));
  const std::string rules = text_of(planned, kHostRules);
  EXPECT_HAS(rules,
             "ip saddr { 192.0.2.0/24 } ip daddr 192.0.2.10 tcp dport { 22, 7443 } accept\n");
  EXPECT_HAS(rules, "iifname { \"eth1\", \"eth2\" } drop\n");
}

TEST(Plan, ThePacketFilterOutlastsTheFlushOfOthers) {
  const std::vector<Step> planned = steps(machine(), wishes());
  const std::string text = text_of(planned, kFlushDropIn);
  EXPECT_HAS(text, "ExecStartPost=-/usr/sbin/nft -f /etc/bulkhead/host.nft\n");
  EXPECT_HAS(text, "ExecReload=-/usr/sbin/nft -f /etc/bulkhead/host.nft\n");
  const auto* reload = [&]() -> const setup::Run* {
    for (const Step& step : planned) {
      const auto* run = std::get_if<setup::Run>(&step.deed);
      if (run != nullptr && joined(run->words) == "systemctl daemon-reload") return run;
    }
    return nullptr;
  }();
  ASSERT_NE(reload, nullptr);
  EXPECT_NE(std::find(reload->after.begin(), reload->after.end(), kFlushDropIn),
            reload->after.end());
  Facts facts = machine();
  facts.earlier = {kFlushDropIn};
  Wishes without = wishes();
  without.host_firewall = false;
  EXPECT_HAS(whats(steps(facts, without)),
             std::string("remove what an earlier setup wrote: ") + kFlushDropIn);
}

TEST(Plan, OneOfAPair) {
  Wishes pair = wishes();
  pair.pair_peer = "bravo";
  EXPECT_HAS(causes(machine(), pair), "needs its own address on the pair link");
  pair.pair_listen = "198.51.100.1:7444";
  pair.pair_address = "198.51.100.2:7444";
  const std::vector<Step> planned = steps(machine(), pair);
  EXPECT_HAS(text_of(planned, kDataplaneConf), "pair = true\n");
  EXPECT_HAS(text_of(planned, kAgentConf), "pair-peer = \"bravo\"\n");
  EXPECT_HAS(text_of(planned, kHostRules),
             "ip saddr 198.51.100.2 ip daddr 198.51.100.1 meta l4proto { tcp, udp } th dport 7444 "
             "accept\n");
}

TEST(Plan, MemoryThatIsNotThereIsRefused) {
  Facts facts = machine();
  facts.memory_mib = 1023;
  EXPECT_HAS(causes(facts, wishes("0000:00:05.0", "0000:00:06.0")),
             "512 MiB of huge pages are more than half of this machine's 1023 MiB");
  facts.memory_mib = 1024;
  EXPECT_EQ(causes(facts, wishes("0000:00:05.0", "0000:00:06.0")), "");
}

}  // namespace
}  // namespace bulkhead::setup
