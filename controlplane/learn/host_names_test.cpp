// What hosts are called by, message by message; and that foreign text stays a name.
#include "controlplane/learn/host_names.h"

#include <vector>

#include "controlplane/learn/dns_names.h"
#include "tests/support/spoken_operations.h"

namespace bulkhead::learn {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
Bytes operator+(const Bytes& a, const std::string& text) {
  return a + Bytes(text.begin(), text.end());
}

constexpr wire::Mac kStation{{2, 0, 0, 0, 0, 7}};

HostNames::Packet ethernet(std::uint16_t type, const Bytes& payload) {
  return {
      policy::Transport::ethernet, kStation, wire::IpAddress::from_mac(kStation), 0, type, payload};
}
HostNames::Packet from(policy::Transport transport, std::uint16_t port, const Bytes& payload) {
  return {transport, kStation, ip("10.10.0.20"), port, 40000, payload};
}

// What is said of a host, after each prefix of the payload too, of which none says anything else.
std::string said(const HostNames::Packet& packet, const wire::IpAddress& host) {
  HostNames names;
  for (std::size_t i = 0; i < packet.payload.size(); ++i) {
    HostNames::Packet cut = packet;
    cut.payload = packet.payload.first(i);
    HostNames of_cut;
    of_cut.note(cut);
  }
  names.note(packet);
  const auto name = names.find(host);
  return name ? name->by + ": " + name->said : "";
}

// IEEE 802.1AB, 8.5.6 and 8.5.9.
TEST(HostNames, Lldp) {
  const Bytes sysname = Bytes{0x0a, 0x05} + "plc-a";
  const Bytes management = {0x10, 0x0c, 5, 1, 10, 10, 0, 20, 2, 0, 0, 0, 1, 0};
  const Bytes end = {0, 0};
  EXPECT_EQ(said(ethernet(0x88cc, sysname + management + end), ip("10.10.0.20")), "LLDP: plc-a");
  EXPECT_EQ(said(ethernet(0x88cc, sysname + end), wire::IpAddress::from_mac(kStation)),
            "LLDP: plc-a");
  EXPECT_EQ(said(ethernet(0x88cc, sysname + end), ip("10.10.0.20")), "");
  // Without a management address: the one that its station has.
  HostNames names;
  names.note(from(policy::Transport::tcp, 502, {}));
  const Bytes whole = sysname + end;
  names.note(ethernet(0x88cc, whole));
  EXPECT_EQ(names.find(ip("10.10.0.20"))->name, "plc-a");
  HostNames::Packet routed = from(policy::Transport::tcp, 502, {});
  routed.source = ip("10.99.0.1");
  HostNames of_router;
  of_router.note(from(policy::Transport::tcp, 502, {}));
  of_router.note(routed);
  of_router.note(ethernet(0x88cc, whole));
  EXPECT_FALSE(of_router.find(ip("10.10.0.20"))) << "a router's station has many addresses";
}

// IEC 61158-6-10, 4.3.1.4: Identify's answer with NameOfStation and the IP parameters.
TEST(HostNames, ProfinetDcp) {
  const Bytes answer = Bytes{0xfe, 0xff, 5, 1, 0, 0, 0, 1, 0, 0, 0, 32, 2, 2, 0, 9, 0, 0} +
                       "io-dev1" + Bytes{0} +
                       Bytes{1, 2, 0, 14, 0, 1, 10, 10, 0, 20, 255, 255, 255, 0, 0, 0, 0, 0};
  EXPECT_EQ(said(ethernet(0x8892, answer), ip("10.10.0.20")), "PROFINET DCP: io-dev1");
  Bytes request = answer;
  request[3] = 0;
  EXPECT_EQ(said(ethernet(0x8892, request), ip("10.10.0.20")), "");
}

// RFC 1035, 4.1: a question, then its answer by a pointer to the name.
TEST(HostNames, Dns) {
  const Bytes head = {0, 1, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0};
  const Bytes question = Bytes{4} + "plc1" + Bytes{5} + "plant" + Bytes{0, 0, 1, 0, 1};
  const Bytes answer = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 10, 0, 21};
  EXPECT_EQ(said(from(policy::Transport::udp, 53, head + question + answer), ip("10.10.0.21")),
            "DNS: plc1.plant");
  Bytes query = head;
  query[2] = 1;
  EXPECT_EQ(said(from(policy::Transport::udp, 53, query + question + answer), ip("10.10.0.21")),
            "");
  const Bytes ptr_head = {0, 1, 0x81, 0x80, 0, 0, 0, 1, 0, 0, 0, 0};
  const Bytes ptr = Bytes{2} + "21" + Bytes{1} + "0" + Bytes{2} + "10" + Bytes{2} + "10" +
                    Bytes{7} + "in-addr" + Bytes{4} + "arpa" +
                    Bytes{0, 0, 12, 0, 1, 0, 0, 0, 60, 0, 6, 4} + "plc1" + Bytes{0};
  EXPECT_EQ(said(from(policy::Transport::udp, 53, ptr_head + ptr), ip("10.10.0.21")), "DNS: plc1");
}

// A pointer to itself, forwards, or in a circle ends.
TEST(HostNames, DnsNamesEnd) {
  const Bytes head = {0, 1, 0x81, 0x80, 0, 0, 0, 1, 0, 0, 0, 0};
  const Bytes record = {0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 10, 0, 21};
  for (const Bytes& name : {Bytes{0xc0, 12}, Bytes{0xc0, 14}, Bytes{1, 'a', 0xc0, 12},
                            Bytes{0xff, 0xff}, Bytes{0x40, 1}, Bytes(300, 1)}) {
    EXPECT_TRUE(dns_names(head + name + record).empty());
  }
}

// ANSI/ASHRAE 135, 16.10.4: I-Am of device 1234, global broadcast; then routed from network 5.
TEST(HostNames, BacnetIAm) {
  const Bytes apdu = {0x10, 0, 0xc4, 2, 0, 4, 0xd2, 0x22, 5, 0xc4, 0x91, 3, 0x22, 1, 0xe1};
  const Bytes broadcast = Bytes{0x81, 0x0b, 0, 25, 1, 0x20, 0xff, 0xff, 0, 0xff} + apdu;
  EXPECT_EQ(said(from(policy::Transport::udp, 47808, broadcast), ip("10.10.0.20")),
            "the BACnet instance: device-1234");
  const Bytes routed = Bytes{0x81, 0x0b, 0, 29, 1, 8, 0, 5, 1, 9} + apdu;
  EXPECT_EQ(said(from(policy::Transport::udp, 47808, routed), ip("10.10.0.20")), "");
}

// CIP volume 2, table 2-4.4.
TEST(HostNames, CipIdentity) {
  const Bytes head = Bytes{0x63, 0, 48, 0} + Bytes(20, 0) + Bytes{1, 0, 0x0c, 0, 42, 0, 1, 0} +
                     Bytes(16, 0) + Bytes(14, 0);
  const Bytes answer = head + Bytes{9} + "1756-EN2T" + Bytes{3};
  EXPECT_EQ(said(from(policy::Transport::udp, 44818, answer), ip("10.10.0.20")),
            "CIP identity: 1756-EN2T");
}

TEST(HostNames, S7Szl) {
  const Bytes head = {3,  0,    0,  0, 2,  0xf0, 0x80, 0x32, 7,    0, 0,  0, 1, 0,
                      12, 0,    80, 0, 1,  0x12, 8,    0x12, 0x84, 1, 1,  0, 0, 0,
                      0,  0xff, 9,  0, 76, 0,    0x1c, 0,    0,    0, 34, 0, 2};
  const auto record = [](std::uint8_t index, std::string text) {
    text.resize(24, '\0');
    return Bytes{0, index} + text + Bytes(8, 0);
  };
  const auto packet = head + record(1, "SIMATIC 300(1)") + record(2, "CPU 315-2 PN/DP");
  EXPECT_EQ(said(from(policy::Transport::tcp, 102, packet), ip("10.10.0.20")),
            "S7 SZL: SIMATIC 300(1)");
  const auto unnamed = head + record(1, "") + record(2, "CPU 315-2 PN/DP");
  EXPECT_EQ(said(from(policy::Transport::tcp, 102, unnamed), ip("10.10.0.20")),
            "S7 SZL: CPU 315-2 PN/DP");
}

TEST(HostNames, WhoIsCalledTwiceHasNoName) {
  const Bytes one = Bytes{0x0a, 0x05} + "plc-a" + Bytes{0, 0};
  const Bytes two = Bytes{0x0a, 0x05} + "plc-b" + Bytes{0, 0};
  HostNames names;
  names.note(ethernet(0x88cc, one));
  names.note(ethernet(0x88cc, one));
  EXPECT_TRUE(names.find(wire::IpAddress::from_mac(kStation)));
  names.note(ethernet(0x88cc, two));
  EXPECT_FALSE(names.find(wire::IpAddress::from_mac(kStation)));
}

TEST(HostNames, ForeignTextStaysAName) {
  EXPECT_EQ(plain_name("plc-1.plant_a"), "plc-1.plant_a");
  EXPECT_EQ(plain_name("a: {zone: x}\n  evil"), "a-zone-x-evil");
  EXPECT_EQ(plain_name("\"quoted\" # no comment"), "quoted-no-comment");
  EXPECT_EQ(plain_name("--..__"), "");
  EXPECT_EQ(plain_name("1756-EN2T/D"), "host-1756-EN2T-D");
  EXPECT_EQ(plain_name("any"), "host-any");
  EXPECT_EQ(plain_name("Yes"), "host-Yes");
  EXPECT_EQ(plain_name("\xe2\x80\xae"
                       "abc"),
            "abc");
  EXPECT_EQ(plain_name(std::string(500, 'a')).size(), HostNames::kNameBytesMax);
  EXPECT_EQ(plain_name("1" + std::string(500, 'a')).size(), HostNames::kNameBytesMax);
}

}  // namespace
}  // namespace bulkhead::learn
