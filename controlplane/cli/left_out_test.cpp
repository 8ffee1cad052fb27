// Frames that hold nothing to decode are counted by kind, and a capture that ends within a frame is
// read up to there. Also what of a comparison needs whole frames: pings.
#include "controlplane/cli/left_out.h"

#include <gtest/gtest.h>
#include <pcap/pcap.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "controlplane/cli/capture_comparison.h"
#include "controlplane/policy/compiler.h"
#include "tests/support/spoken_operations.h"

namespace bulkhead::controlplane {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Texts = std::vector<std::string>;

constexpr std::uint8_t kGre = 47;

// Ethernet II with the EtherType, then what follows.
Bytes frame_of(std::uint16_t ethertype, const Bytes& rest, const Bytes& tag = {}) {
  Bytes frame = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
  frame.insert(frame.end(), tag.begin(), tag.end());
  frame.push_back(static_cast<std::uint8_t>(ethertype >> 8));
  frame.push_back(static_cast<std::uint8_t>(ethertype));
  frame.insert(frame.end(), rest.begin(), rest.end());
  return frame;
}

// RFC 791, 3.1: from 10.20.0.10 to 10.10.0.20. `offset` has the flags too.
Bytes ipv4(std::uint8_t protocol, const Bytes& payload, std::uint16_t offset = 0,
           std::uint8_t words = 5) {
  Bytes packet = {static_cast<std::uint8_t>(0x40 | words),
                  0,
                  0,
                  static_cast<std::uint8_t>(words * 4U + payload.size()),
                  0,
                  1,
                  static_cast<std::uint8_t>(offset >> 8),
                  static_cast<std::uint8_t>(offset),
                  64,
                  protocol,
                  0,
                  0,
                  10,
                  20,
                  0,
                  10,
                  10,
                  10,
                  0,
                  20};
  packet.resize(words * 4U, 1);  // RFC 791: No Operation
  packet.insert(packet.end(), payload.begin(), payload.end());
  return frame_of(0x0800, packet);
}

// RFC 8200, 3: from fe80::1 to ff02::1.
Bytes ipv6(std::uint8_t protocol, const Bytes& payload) {
  Bytes packet(40);
  packet[0] = 0x60;
  packet[5] = static_cast<std::uint8_t>(payload.size());
  packet[6] = protocol;
  packet[7] = 255;
  packet[8] = 0xfe;
  packet[9] = 0x80;
  packet[23] = 1;
  packet[24] = 0xff;
  packet[25] = 0x02;
  packet[39] = 1;
  packet.insert(packet.end(), payload.begin(), payload.end());
  return frame_of(0x86dd, packet);
}

const Bytes kEchoRequest = {8, 0, 0, 0, 0, 1, 0, 1};

// What is said of the frame; nothing if it is not left out.
std::string said_of(const Bytes& frame, int link_type = DLT_EN10MB) {
  FrameReader reader;
  reader.read({1, 1, link_type, frame}, [](const CapturedPacket&) {});
  std::string text;
  for (const auto& [what, count] : reader.left_out()) text += left_out_text(what, count);
  return text;
}

TEST(LeftOut, IsCountedByKind) {
  EXPECT_EQ(said_of(ipv4(17, Bytes(16), 0x2000)),
            "not decoded: IP fragments, 1 frame; `fragments: reassemble` in a conduit lets them "
            "pass");
  EXPECT_EQ(said_of(ipv4(17, Bytes(16), 0x0001)), said_of(ipv4(17, Bytes(16), 0x2000)));
  EXPECT_EQ(said_of(ipv4(kGre, Bytes(8))),
            "not decoded: GRE (IP protocol 47), 1 frame; no policy grants them");
  EXPECT_EQ(said_of(ipv4(200, Bytes(8))),
            "not decoded: IP protocol 200, 1 frame; no policy grants them");
  EXPECT_EQ(said_of(ipv4(17, Bytes(16), 0, 6)),
            "not decoded: IP options or extension headers, 1 frame; no policy grants them");
  EXPECT_EQ(said_of(ipv4(17, Bytes(3))), "not decoded: malformed, 1 frame; no policy grants them");
  EXPECT_EQ(said_of(ipv4(1, {13, 0, 0, 0})),
            "not decoded: ICMP type 13, 1 frame; no policy grants them");
  EXPECT_EQ(said_of(ipv6(58, {143, 0, 0, 0})),
            "not decoded: ICMPv6 type 143, 1 frame; no policy grants them");
  EXPECT_EQ(said_of(frame_of(0x8892, Bytes(46))),
            "not decoded: PROFINET RT (EtherType 0x8892), 1 frame; `service: ethernet/0x8892` in a "
            "rule lets them pass");
  EXPECT_EQ(said_of(frame_of(0x9999, Bytes(46))).substr(0, 37),
            "not decoded: EtherType 0x9999, 1 fram");
  EXPECT_EQ(said_of(Bytes(20), DLT_USB_LINUX),
            "not decoded: frames of link type 189, 1 frame; no policy grants them");
}

// Of a recording with a snap length.
TEST(LeftOut, AFrameThatWasRecordedInPartIsNotCalledMalformed) {
  const Bytes whole = ipv4(17, {0x13, 0x88, 0x13, 0x89, 0, 12, 0, 0, 1, 2, 3, 4});
  FrameReader reader;
  std::size_t packets = 0;
  const auto count = [&packets](const CapturedPacket&) { ++packets; };
  reader.read({1, 1, DLT_EN10MB, ByteView(whole).first(whole.size() - 1), true}, count);
  reader.read({2, 1, DLT_EN10MB, whole, true}, count);  // of padding alone
  EXPECT_EQ(packets, 1U);
  ASSERT_EQ(reader.left_out().size(), 1U);
  EXPECT_EQ(left_out_text(reader.left_out().begin()->first, 1),
            "not decoded: frames recorded in part, 1 frame; record whole ones, as `tcpdump -s 0` "
            "does");
}

TEST(LeftOut, WhatGoesWithOthersIsNot) {
  EXPECT_EQ(said_of(ipv4(1, kEchoRequest)), "");
  EXPECT_EQ(said_of(ipv4(1, {0, 0, 0, 0, 0, 1, 0, 1})), "") << "its answer";
  EXPECT_EQ(said_of(ipv4(1, {3, 1, 0, 0, 0, 0, 0, 0})), "") << "an error";
  EXPECT_EQ(said_of(ipv6(58, {135, 0, 0, 0})), "") << "neighbour solicitation";
  EXPECT_EQ(said_of(frame_of(0x0806, Bytes(28))), "") << "ARP";
  EXPECT_EQ(said_of(frame_of(0x88b8, Bytes(46))), "") << "GOOSE, which a module decodes";
  EXPECT_EQ(said_of(ipv4(17, {0x13, 0x88, 0x13, 0x89, 0, 8, 0, 0})), "");
}

TEST(FrameReader, FindsTheTag) {
  const auto tag_of = [](const Bytes& frame, int link_type) {
    std::optional<wire::VlanIds> tag;
    FrameReader reader;
    reader.read({1, 1, link_type, frame},
                [&tag](const CapturedPacket& packet) { tag = packet.vlan; });
    return tag;
  };
  const Bytes payload(46);
  EXPECT_EQ(tag_of(frame_of(0x88b8, payload), DLT_EN10MB), wire::VlanIds{});
  EXPECT_EQ(tag_of(frame_of(0x88b8, payload, {0x81, 0, 0, 10}), DLT_EN10MB),
            (wire::VlanIds{10, 0}));
  const Bytes udp = ipv4(17, {0x13, 0x88, 0x13, 0x89, 0, 8, 0, 0});
  EXPECT_EQ(tag_of({udp.begin() + 14, udp.end()}, DLT_RAW), std::nullopt);
}

// A pcap of the frames, less its last bytes.
std::string written(const std::vector<Bytes>& frames, std::size_t less) {
  Bytes file = {0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0};
  for (const Bytes& frame : frames) {
    const auto size = static_cast<std::uint8_t>(frame.size());
    const Bytes head = {1, 0, 0, 0, 0, 0, 0, 0, size, 0, 0, 0, size, 0, 0, 0};
    file.insert(file.end(), head.begin(), head.end());
    file.insert(file.end(), frame.begin(), frame.end());
  }
  file.resize(file.size() - less);
  const std::string path = (std::filesystem::temp_directory_path() /
                            ("left_out_test." + std::to_string(getpid()) + ".pcap"))
                               .string();
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(file.data()), static_cast<std::streamsize>(file.size()));
  return path;
}

TEST(ReadCapture, IsReadUpToWhereItIsCut) {
  const Bytes frame = ipv4(17, {0x13, 0x88, 0x13, 0x89, 0, 8, 0, 0});
  for (const std::size_t less : std::vector<std::size_t>{0, 1, frame.size(), frame.size() + 1}) {
    const std::string path = written({frame, ipv4(kGre, Bytes(8)), frame}, less);
    int packets = 0;
    const CaptureRead done = read_capture(path, [&packets](const CapturedPacket&) { ++packets; });
    EXPECT_EQ(packets, less == 0 ? 2 : 1) << less;
    EXPECT_EQ(count_left_out(done.left_out), 1U);
    EXPECT_EQ(done.cut.empty(), less == 0);
    EXPECT_EQ(done.cut.find(path) == std::string::npos, less == 0) << done.cut;
    std::filesystem::remove(path);
  }
}

policy::Tables tables_of(const std::string& rules) {
  const Compilation compiled = compile_policy(
      "bulkhead: v1\nsite: s\nwritten_for: 0.2\nzones:\n"
      "  sup: {port: 0, networks: [10.20.0.0/24]}\n  con: {port: 1, networks: [10.10.0.0/24]}\n"
      "assets:\n  hmi: {zone: sup, address: 10.20.0.10}\n"
      "  plc: {zone: con, address: 10.10.0.20}\n"
      "conduits:\n  c:\n    from: sup\n    to: con\n    on_deny: drop\n    allow:\n" +
          rules,
      "p.yaml");
  EXPECT_TRUE(compiled.model);
  auto tables = policy::finished(lower_policy(*compiled.model));
  EXPECT_TRUE(tables);
  return std::move(tables).value();
}

const char* const kPlain = "      - {service: tcp/9600, client: hmi, server: plc}\n";
const char* const kPing = "      - {service: ping, client: hmi, server: plc}\n";

TEST(CaptureComparison, ComparesPings) {
  const policy::Tables before = tables_of(std::string(kPlain) + kPing);
  const policy::Tables after = tables_of(kPlain);
  CaptureComparison comparison(before, after);
  FrameReader reader;
  for (std::uint32_t frame = 1; frame <= 3; ++frame) {
    reader.read(
        {frame, frame, DLT_EN10MB, ipv4(1, kEchoRequest)}, [](const CapturedPacket&) {},
        [&](const CapturedEcho& echo) { comparison.take(echo); });
  }
  EXPECT_EQ(comparison.judged(), 1U);
  ASSERT_EQ(comparison.changed().size(), 1U);
  EXPECT_EQ(comparison.changed()[0].frame, 1U);
  EXPECT_TRUE(comparison.changed()[0].before.allowed());
  EXPECT_FALSE(comparison.changed()[0].after.allowed());
}

// Nothing shows who opened it: a policy that grants one way is right.
TEST(CaptureComparison, ASessionWithoutABeginningIsAsAPolicyGrantsIt) {
  const policy::Tables before = tables_of(kPlain);
  const policy::Tables after = tables_of(kPing);
  for (const bool syn : {false, true}) {
    CaptureComparison comparison(before, after);
    CaptureDecoder decoder({}, comparison);
    CapturedPacket packet;
    packet.frame = 1;
    packet.carrier = protocols::Carrier::tcp;
    packet.source = learn::ip("10.10.0.20");
    packet.destination = learn::ip("10.20.0.10");
    packet.source_port = 9600;
    packet.destination_port = 1025;
    packet.tcp.flags = syn ? wire::kTcpSyn : wire::kTcpAck;
    const Bytes payload = {1};
    packet.payload = payload;
    decoder.take(packet);
    EXPECT_EQ(comparison.changed().size(), syn ? 0U : 1U);
  }
}

}  // namespace
}  // namespace bulkhead::controlplane
