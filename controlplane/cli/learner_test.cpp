// What a learner keeps of long listening: bounded, and nothing of it forgotten that counts.
#include "controlplane/cli/learner.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/iec104_frames.h"
#include "tests/support/spoken_operations.h"

namespace bulkhead::controlplane {
namespace {

using learn::ip;

constexpr TimeNs kStart = 1'700'000'000 * kSecondNs;

// Modbus, Read Holding Registers (AP 6.3): unit 1, ten from 0.
constexpr std::array<std::uint8_t, 12> kRead = {0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 10};

CapturedPacket datagram(ByteView payload, TimeNs time_ns, std::uint16_t port = 47808) {
  CapturedPacket packet;
  packet.time_ns = time_ns;
  packet.carrier = protocols::Carrier::udp;
  packet.source = ip("10.20.0.10");
  packet.destination = ip("10.10.0.20");
  packet.source_port = 40000;
  packet.destination_port = port;
  packet.payload = payload;
  return packet;
}

TEST(FrameTimes, AreFoundByNumber) {
  FrameTimes times;
  EXPECT_EQ(times.find(1), 0U);
  times.note(3, 30);
  times.note(6, 60);
  EXPECT_EQ(times.find(3), 30U);
  EXPECT_EQ(times.find(4), 60U) << "a frame without a packet";
  EXPECT_EQ(times.find(6), 60U);
  EXPECT_EQ(times.find(7), 30U) << "of none that is known the oldest";
}

TEST(FrameTimes, KeepTheNewest) {
  FrameTimes times;
  for (std::uint32_t i = 1; i <= FrameTimes::kFramesMax + 1; ++i) times.note(i, i);
  EXPECT_EQ(times.find(FrameTimes::kFramesMax + 1), FrameTimes::kFramesMax + 1);
  EXPECT_EQ(times.find(2), 2U);
  EXPECT_EQ(times.find(1), 2U);
}

TEST(FrameTimes, NumbersBeginAnew) {
  FrameTimes times;
  times.note(0xffffffff, 1);
  times.note(0, 2);
  times.note(1, 3);
  EXPECT_EQ(times.find(0xffffffff), 1U);
  EXPECT_EQ(times.find(0), 2U);
  EXPECT_EQ(times.find(1), 3U);
}

TEST(Copies, AreTheSameDatagramAtOnce) {
  Copies copies;
  EXPECT_FALSE(copies.is_copy(datagram(kRead, kStart)));
  EXPECT_TRUE(copies.is_copy(datagram(kRead, kStart)));
  EXPECT_TRUE(copies.is_copy(datagram(kRead, kStart + Copies::kWindowNs - 1)));
  EXPECT_FALSE(copies.is_copy(datagram(kRead, kStart + Copies::kWindowNs)));
  EXPECT_FALSE(copies.is_copy(datagram(kRead, kStart + Copies::kWindowNs, 47809)));
  const ByteView shorter = ByteView(kRead).first(11);
  EXPECT_FALSE(copies.is_copy(datagram(shorter, kStart + Copies::kWindowNs)));
}

TEST(Copies, SegmentsHaveNumbers) {
  Copies copies;
  CapturedPacket packet = datagram(kRead, kStart);
  packet.carrier = protocols::Carrier::tcp;
  EXPECT_FALSE(copies.is_copy(packet));
  EXPECT_FALSE(copies.is_copy(packet));
}

// A segment without a module, from the client's end or back.
CapturedPacket of_service(std::uint16_t port, std::uint8_t flags, bool back,
                          ByteView payload = {}) {
  CapturedPacket packet = datagram(payload, kStart, port);
  packet.carrier = protocols::Carrier::tcp;
  packet.tcp.flags = flags;
  if (back) {
    std::swap(packet.source, packet.destination);
    std::swap(packet.source_port, packet.destination_port);
  }
  return packet;
}

TEST(Learner, ASessionThatWasRefusedNeverOpened) {
  learn::Observations seen(false);
  Learner learner({}, seen, nullptr, kStart);
  learner.begin();
  const auto say = [&](const CapturedPacket& packet) { learner.take(packet); };
  say(of_service(9001, wire::kTcpSyn, false));
  say(of_service(9001, wire::kTcpRst | wire::kTcpAck, true));
  say(of_service(9002, wire::kTcpSyn, false));
  say(of_service(9002, wire::kTcpSyn, false));
  say(of_service(9003, wire::kTcpSyn, false));
  say(of_service(9003, wire::kTcpSyn | wire::kTcpAck, true));
  say(of_service(9004, wire::kTcpSyn, false));
  say(of_service(9004, wire::kTcpAck, false, kRead));
  say(of_service(9005, wire::kTcpAck, true, kRead));
  say(of_service(9006, wire::kTcpSyn | wire::kTcpAck, true));
  std::vector<std::uint16_t> opened;
  for (const auto& [session, count] : seen.services()) {
    EXPECT_EQ(session.client, ip("10.20.0.10")) << session.port;
    if (!seen.never_opened(session)) opened.push_back(session.port);
  }
  EXPECT_EQ(seen.services().size(), 6U);
  EXPECT_EQ(opened, (std::vector<std::uint16_t>{9003, 9004, 9005, 9006}));
}

CapturedPacket segment(std::uint32_t client, std::uint32_t frame, std::uint32_t sequence) {
  CapturedPacket packet = datagram(kRead, kStart + frame * kMicrosecondNs, 502);
  packet.frame = frame;
  packet.carrier = protocols::Carrier::tcp;
  packet.source = wire::IpAddress::from_v4_number(0x0a140000U + client / 50'000);
  packet.source_port = static_cast<std::uint16_t>(1024 + client % 50'000);
  packet.tcp.sequence = sequence;
  return packet;
}

// Counts requests by conversation.
class Counted final : public DecodedMessages {
 public:
  void on_operation(const Conversation& /*conversation*/, std::uint32_t /*frame*/,
                    protocols::Direction direction, const protocols::Operation& /*operation*/,
                    protocols::Fault /*pairing*/) override {
    requests += direction == protocols::Direction::request ? 1 : 0;
  }
  void on_fault(const Conversation& /*conversation*/, std::uint32_t /*frame*/,
                protocols::Direction /*direction*/, protocols::Fault /*fault*/,
                std::optional<std::uint16_t> /*code*/) override {
    ++faults;
  }
  std::uint32_t requests = 0;
  std::uint32_t faults = 0;
};

// A recording of one TCP session (IEC 60870-5-104), whose messages are numbered.
class Recorded {
 public:
  explicit Recorded(DecodedMessages& out) : decoder_({}, out) {}
  void from_client(const support::Message& apdu, bool recorded = true) { add(0, apdu, recorded); }
  void from_server(const support::Message& apdu, bool recorded = true) { add(1, apdu, recorded); }

 private:
  void add(std::size_t end, const support::Message& apdu, bool recorded) {
    CapturedPacket packet = datagram(apdu, kStart + ++frame_ * kMicrosecondNs, 2404);
    packet.frame = frame_;
    packet.carrier = protocols::Carrier::tcp;
    packet.tcp.sequence = next_[end];
    packet.tcp.acknowledgement = next_[1 - end];
    packet.tcp.flags = wire::kTcpAck | wire::kTcpPsh;
    if (end == 1) {
      std::swap(packet.source, packet.destination);
      std::swap(packet.source_port, packet.destination_port);
    }
    next_[end] += static_cast<std::uint32_t>(apdu.size());
    if (recorded) decoder_.take(packet);
  }

  CaptureDecoder decoder_;
  std::uint32_t frame_ = 0;
  std::array<std::uint32_t, 2> next_ = {1000, 900'000};
};

// Counts operations.
class AcceptedPoints final : public DecodedMessages {
 public:
  void on_operation(const Conversation& /*conversation*/, std::uint32_t /*frame*/,
                    protocols::Direction /*direction*/, const protocols::Operation& /*operation*/,
                    protocols::Fault pairing) override {
    (pairing == protocols::Fault::none ? accepted : refused) += 1;
  }
  void on_fault(const Conversation& /*conversation*/, std::uint32_t /*frame*/,
                protocols::Direction /*direction*/, protocols::Fault /*fault*/,
                std::optional<std::uint16_t> /*code*/) override {
    ++faults;
  }
  std::uint32_t accepted = 0;
  std::uint32_t refused = 0;
  std::uint32_t faults = 0;
};

TEST(CaptureDecoder, WhatCannotBeReadOrWasNotRecordedHasANumber) {
  AcceptedPoints points;
  Recorded recorded(points);
  std::uint16_t number = 0;
  const auto report = [&](std::uint8_t type, bool is_recorded) {
    recorded.from_server(support::one(type, 3, {1}, {number++, 0}), is_recorded);
    recorded.from_client(support::supervisory(number));
  };
  report(1, true);
  EXPECT_EQ(points.accepted, 2U);
  report(200, true);
  EXPECT_EQ(points.faults, 1U);
  report(1, true);
  report(1, false);
  report(1, true);
  EXPECT_EQ(points.accepted, 2U + 1U + 2U + 1U + 2U);
  EXPECT_EQ(points.refused, 0U);
}

TEST(CaptureDecoder, HoldsABoundedPartAndDecodesAll) {
  Counted counted;
  CaptureDecoder decoder({}, counted);
  std::uint32_t frame = 0;
  std::uint32_t client = 0;
  std::size_t most = 0;
  while (client == decoder.conversations()) {
    decoder.take(segment(client++, ++frame, 1));
    most = std::max(most, decoder.held());
    ASSERT_LT(client, 2'000'000U) << "no bound";
  }
  EXPECT_LE(most, CaptureDecoder::kHeldMax + (1U << 20));
  EXPECT_LE(decoder.held(), CaptureDecoder::kHeldMax) << "what has ended holds nothing";
  EXPECT_LE(decoder.conversations(), std::size_t{client} - client / 8);
  EXPECT_EQ(counted.requests, client);
  // The oldest has ended and goes on; the newest never ended.
  decoder.take(segment(0, ++frame, 1 + kRead.size()));
  decoder.take(segment(client - 1, ++frame, 1 + kRead.size()));
  EXPECT_EQ(counted.requests, client + 2);
  decoder.finish();
  EXPECT_EQ(counted.faults, 0U);
}

}  // namespace
}  // namespace bulkhead::controlplane
