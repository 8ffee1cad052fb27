// Who asks in a capture's flows, and whether a module decodes what is asked for.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "controlplane/cli/learner.h"
#include "tests/support/spoken_operations.h"

namespace bulkhead::controlplane {
namespace {

using learn::ip;
using protocols::Carrier;

constexpr std::array<std::uint8_t, 5> kText = {'h', 'e', 'l', 'l', 'o'};
// ASHRAE 135, J.2: BVLC, Original-Unicast-NPDU, of 12 bytes; then Read-Property of device 1's name.
constexpr std::array<std::uint8_t, 17> kReadProperty = {0x81, 0x0a, 0x00, 0x11, 0x01, 0x04,
                                                        0x00, 0x05, 0x01, 0x0c, 0x0c, 0x02,
                                                        0x00, 0x00, 0x01, 0x19, 0x4d};
constexpr std::uint8_t kSyn = wire::kTcpSyn;
constexpr std::uint8_t kAck = wire::kTcpAck;
const char* const kHmi = "10.20.0.10";
const char* const kPlc = "10.10.0.20";

CapturedPacket packet_of(Carrier carrier, const std::string& from, std::uint16_t source_port,
                         const std::string& to, std::uint16_t destination_port, ByteView payload) {
  CapturedPacket packet;
  packet.carrier = carrier;
  packet.source = ip(from);
  packet.destination = ip(to);
  packet.source_port = source_port;
  packet.destination_port = destination_port;
  packet.payload = payload;
  return packet;
}

CapturedPacket datagram(const std::string& from, std::uint16_t source_port, const std::string& to,
                        std::uint16_t destination_port, ByteView payload = kText) {
  return packet_of(Carrier::udp, from, source_port, to, destination_port, payload);
}

CapturedPacket segment(const std::string& from, std::uint16_t source_port, const std::string& to,
                       std::uint16_t destination_port, std::uint8_t flags, ByteView payload = {}) {
  CapturedPacket packet = packet_of(Carrier::tcp, from, source_port, to, destination_port, payload);
  packet.tcp.flags = flags;
  return packet;
}

std::string text_of(const learn::Session& session) {
  return wire::to_text(session.client) + " > " + wire::to_text(session.server) + " " +
         std::to_string(session.port);
}

// What is learned of captures, each a list of packets: services, and what modules were given.
std::vector<std::string> learned(std::vector<std::vector<CapturedPacket>> captures) {
  learn::Observations seen(false);
  const ChosenPorts ports;
  Learner learner(ports, seen, nullptr, 0);
  TimeNs time_ns = kSecondNs;
  for (std::vector<CapturedPacket>& capture : captures) {
    learner.begin();
    std::uint32_t frame = 0;
    for (CapturedPacket& packet : capture) {
      packet.frame = ++frame;
      packet.time_ns = time_ns += kSecondNs;
      learner.take(packet);
    }
    learner.finish();
  }
  std::vector<std::string> texts;
  for (const auto& [session, count] : seen.services()) texts.push_back(text_of(session));
  for (const auto& [key, use] : seen.uses()) texts.push_back("asks " + text_of(key.session));
  for (const auto& [key, count] : seen.faults()) texts.push_back("fault " + text_of(key.session));
  return texts;
}

using Texts = std::vector<std::string>;

TEST(ServiceSessions, TheFirstDatagramAsks) {
  EXPECT_EQ(learned({{datagram(kHmi, 1024, kPlc, 5000), datagram(kPlc, 5000, kHmi, 1024)}}),
            Texts{"10.20.0.10 > 10.10.0.20 5000"});
  EXPECT_EQ(learned({{datagram(kHmi, 546, kPlc, 547)}}), Texts{"10.20.0.10 > 10.10.0.20 547"});
  EXPECT_EQ(learned({{datagram(kHmi, 50000, kPlc, 50001)}}),
            Texts{"10.20.0.10 > 10.10.0.20 50001"});
  EXPECT_EQ(learned({{datagram(kHmi, 1024, "239.1.1.1", 5000)}}),
            Texts{"10.20.0.10 > 239.1.1.1 5000"});
  EXPECT_EQ(learned({{datagram(kHmi, 1023, "239.1.1.1", 5000)}}),
            Texts{"10.20.0.10 > 239.1.1.1 5000"});
}

// A capture that begins with it.
TEST(ServiceSessions, AWellKnownPortAnswers) {
  EXPECT_EQ(learned({{datagram(kPlc, 123, kHmi, 5000), datagram(kHmi, 5000, kPlc, 123)}}),
            Texts{"10.20.0.10 > 10.10.0.20 123"});
  EXPECT_EQ(learned({{datagram(kPlc, 1023, kHmi, 1024)}}), Texts{"10.20.0.10 > 10.10.0.20 1023"});
  EXPECT_EQ(learned({{datagram(kPlc, 1024, kHmi, 1024)}}), Texts{"10.10.0.20 > 10.20.0.10 1024"});
  EXPECT_EQ(learned({{datagram(kPlc, 1023, kHmi, 1023)}}), Texts{"10.10.0.20 > 10.20.0.10 1023"});
}

TEST(ServiceSessions, ASessionGoesOnInTheNextCapture) {
  EXPECT_EQ(learned({{segment(kHmi, 1025, kPlc, 9600, kSyn)},
                     {segment(kPlc, 9600, kHmi, 1025, kAck, kText)}}),
            Texts{"10.20.0.10 > 10.10.0.20 9600"});
  EXPECT_EQ(learned({{datagram(kHmi, 1024, kPlc, 5000)}, {datagram(kPlc, 5000, kHmi, 1024)}}),
            Texts{"10.20.0.10 > 10.10.0.20 5000"});
}

TEST(ServiceSessions, ASynSaysWhoTheServerIs) {
  for (const std::uint16_t port : std::array<std::uint16_t, 3>{44818, 47808, 34962}) {
    EXPECT_EQ(learned({{segment(kHmi, port, kPlc, 9600, kSyn),
                        segment(kPlc, 9600, kHmi, port, kSyn | kAck),
                        segment(kHmi, port, kPlc, 9600, kAck, kText),
                        segment(kPlc, 9600, kHmi, port, kAck, kText)}}),
              Texts{"10.20.0.10 > 10.10.0.20 9600"})
        << port;
  }
  EXPECT_EQ(learned({{segment(kPlc, 9600, kHmi, 44818, kSyn | kAck)}}),
            Texts{"10.20.0.10 > 10.10.0.20 9600"});
  // What was guessed before is wrong.
  EXPECT_EQ(
      learned({{segment(kHmi, 40000, kPlc, 9600, kSyn), segment(kPlc, 9600, kHmi, 40000, kSyn)}}),
      (Texts{"10.10.0.20 > 10.20.0.10 40000", "10.20.0.10 > 10.10.0.20 9600"}));
}

TEST(ServiceSessions, WithoutASynAWellKnownPortIsTheServers) {
  EXPECT_EQ(learned({{segment(kHmi, 44818, kPlc, 22, kAck, kText)}}),
            Texts{"10.20.0.10 > 10.10.0.20 22"});
  EXPECT_EQ(learned({{segment(kPlc, 22, kHmi, 44818, kAck, kText)}}),
            Texts{"10.20.0.10 > 10.10.0.20 22"});
  EXPECT_EQ(learned({{segment(kHmi, 40000, kPlc, 44818, kAck, kText)}}),
            Texts{"fault 10.20.0.10 > 10.10.0.20 44818"});
  EXPECT_EQ(learned({{segment(kPlc, 44818, kHmi, 5000, kAck, kText)}}),
            Texts{"fault 10.20.0.10 > 10.10.0.20 44818"});
  // Both are ports of protocols.
  EXPECT_EQ(learned({{segment(kPlc, 502, kHmi, 44818, kAck, kText)}}),
            Texts{"fault 10.20.0.10 > 10.10.0.20 502"});
}

TEST(ServiceSessions, AClientsPortIsNoProtocol) {
  EXPECT_EQ(learned({{datagram(kHmi, 47808, kPlc, 5000), datagram(kPlc, 5000, kHmi, 47808)}}),
            Texts{"10.20.0.10 > 10.10.0.20 5000"});
  EXPECT_EQ(learned({{datagram(kPlc, 53, kHmi, 47808)}}), Texts{"10.20.0.10 > 10.10.0.20 53"});
  EXPECT_EQ(learned({{datagram(kHmi, 1000, kPlc, 47808, kReadProperty)}}),
            Texts{"asks 10.20.0.10 > 10.10.0.20 47808"});
  EXPECT_EQ(learned({{datagram(kHmi, 47808, kPlc, 47808, kReadProperty)}}),
            Texts{"asks 10.20.0.10 > 10.10.0.20 47808"});
  EXPECT_EQ(learned({{datagram(kPlc, 47808, kHmi, 50000)}}),
            Texts{"fault 10.20.0.10 > 10.10.0.20 47808"});
}

}  // namespace
}  // namespace bulkhead::controlplane
