// What a receiver gets is what was judged, cut and headed by the firewall: the sender's segment
// boundaries, and whatever would have its segments dropped on the way, are not seen behind it; and
// no byte ever stands where another was let through.
#include <gtest/gtest.h>

#include <algorithm>

#include "dataplane/wire/checksum.h"
#include "tests/support/dialogue.h"
#include "tests/support/plant.h"

namespace bulkhead {
namespace {

using support::Bytes;
using support::Host;
using support::kControl;
using support::kHmi;
using support::kPlc;
using support::kSupervision;
using support::Plant;
using support::SentTcp;
using support::TcpSession;
using support::TcpSpec;
using support::dialogue::answer;
using support::dialogue::read;
using support::dialogue::size;
using wire::kTcpAck;
using wire::kTcpFin;
using wire::kTcpPsh;
using wire::kTcpRst;
using wire::kTcpSyn;

constexpr std::uint16_t kReadHolding = 2;
constexpr std::uint16_t kWriteMultiple = 25;
constexpr std::uint16_t kRoom = 80;  // of a segment through a narrow plant

policy::Tables tables(policy::OnDeny on_deny = policy::OnDeny::reset) {
  return support::modbus_tables(on_deny,
                                support::modbus_rule({kReadHolding, kWriteMultiple}, {{0, 199}}));
}

pipeline::PipelineOptions narrow() {
  pipeline::PipelineOptions options;
  options.mtu = kRoom + 40;
  return options;
}

// 13 bytes and two for each register.
Bytes write(std::uint8_t transaction, std::uint8_t registers) {
  Bytes pdu = {16, 0, 0, 0, registers, static_cast<std::uint8_t>(2 * registers)};
  for (int i = 0; i < 2 * registers; ++i) pdu.push_back(static_cast<std::uint8_t>(transaction + i));
  return support::modbus_adu(pdu, transaction);
}

Bytes operator+(Bytes one, const Bytes& other) {
  one.insert(one.end(), other.begin(), other.end());
  return one;
}
Bytes part(const Bytes& bytes, std::size_t from, std::size_t to) {
  return {bytes.begin() + static_cast<std::ptrdiff_t>(from),
          bytes.begin() + static_cast<std::ptrdiff_t>(std::min(to, bytes.size()))};
}

// What left towards a port since the last call.
std::vector<Bytes> frames_to(Plant& plant, std::uint16_t port) {
  std::vector<Bytes> out;
  for (const support::Sent& each : plant.sent) {
    if (each.port == port) out.push_back(each.frame);
  }
  std::erase_if(plant.sent, [port](const support::Sent& each) { return each.port == port; });
  return out;
}

// The payloads of those that have any.
std::vector<Bytes> payloads_to(Plant& plant, std::uint16_t port = kControl) {
  std::vector<Bytes> out;
  for (const Bytes& frame : frames_to(plant, port)) {
    const auto tcp = support::parse_sent(frame);
    EXPECT_TRUE(tcp.has_value()) << "a damaged frame left";
    if (tcp && !tcp->payload.empty()) out.push_back(tcp->payload);
  }
  return out;
}

using Payloads = std::vector<Bytes>;

// --- where segments end

// Each way in which the pieces of a message can come: in order and out of order, at once, and so
// late that the first ones were acknowledged for their receiver.
TEST(SegmentEnds, AMessageLeavesInOneSegmentHoweverItCame) {
  const Bytes request = write(1, 10);
  const std::size_t half = request.size() / 2;
  for (const TimeNs pause_ns : {TimeNs{0}, 2 * kMillisecondNs}) {
    for (const bool backwards : {false, true}) {
      for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, half}) {
        SCOPED_TRACE(std::to_string(pause_ns) + (backwards ? " back " : " on ") +
                     std::to_string(piece));
        Plant plant(tables());
        TcpSession session(plant, 40000);
        plant.clear();
        std::vector<std::size_t> offsets;
        for (std::size_t at = 0; at < request.size(); at += piece) offsets.push_back(at);
        if (backwards) std::reverse(offsets.begin(), offsets.end());
        for (const std::size_t at : offsets) {
          session.client_at(session.client_next + static_cast<std::uint32_t>(at),
                            part(request, at, at + piece));
          plant.be_at(plant.now_ns() + pause_ns);
        }
        EXPECT_EQ(payloads_to(plant), Payloads{request});
      }
    }
  }
}

// Whole messages that came in one segment, or in what continued it in order, stay together.
TEST(SegmentEnds, MessagesThatCameTogetherLeaveTogether) {
  Plant plant(tables());
  TcpSession session(plant, 40000);
  plant.clear();
  session.from_client(read(1) + read(2));
  EXPECT_EQ(payloads_to(plant), Payloads{read(1) + read(2)});
  session.from_client(read(3) + part(read(4), 0, 5));
  session.from_client(part(read(4), 5, 12) + read(5) + part(read(6), 0, 1));
  session.from_client(part(read(6), 1, 12));
  EXPECT_EQ(payloads_to(plant), (Payloads{read(3), read(4) + read(5), read(6)}));
}

// Above the room of a segment a message is cut at multiples of it, and shares no segment.
TEST(SegmentEnds, AMessageAboveTheMssIsCutAtMultiplesOfIt) {
  const Bytes request = write(7, 100);
  ASSERT_EQ(request.size(), 213U);
  const Payloads cut = {part(request, 0, 80), part(request, 80, 160), part(request, 160, 213)};
  for (const std::size_t piece :
       {std::size_t{213}, std::size_t{80}, std::size_t{90}, std::size_t{20}, std::size_t{1}}) {
    for (const bool backwards : {false, true}) {
      SCOPED_TRACE(std::to_string(piece) + (backwards ? " back" : " on"));
      Plant plant(tables(), narrow());
      TcpSession session(plant, 40000);
      plant.clear();
      const Bytes stream = request + read(8);
      std::vector<std::size_t> offsets;
      for (std::size_t at = 0; at < stream.size(); at += piece) offsets.push_back(at);
      if (backwards) std::reverse(offsets.begin(), offsets.end());
      for (const std::size_t at : offsets) {
        session.client_at(session.client_next + static_cast<std::uint32_t>(at),
                          part(stream, at, at + piece));
      }
      Payloads expected = cut;
      expected.push_back(read(8));
      EXPECT_EQ(payloads_to(plant), expected);
    }
  }
}

TEST(SegmentEnds, TheReceiversMssIsTheRoom) {
  Plant plant(tables());
  TcpSpec syn;
  syn.flags = kTcpSyn;
  syn.sequence = 1000;
  plant.arrive(kHmi, support::tcp_frame(kHmi, kPlc, syn));
  TcpSpec accept;
  accept.source_port = 502;
  accept.destination_port = 40000;
  accept.sequence = 5000;
  accept.acknowledgement = 1001;
  accept.flags = kTcpSyn | kTcpAck;
  accept.options = {2, 4, 0, 100};
  plant.arrive(kPlc, support::tcp_frame(kPlc, kHmi, accept));
  plant.clear();
  TcpSpec data;
  data.sequence = 1001;
  data.acknowledgement = 5001;
  data.payload = write(1, 100);
  plant.arrive(kHmi, support::tcp_frame(kHmi, kPlc, data));
  EXPECT_EQ(payloads_to(plant), (Payloads{part(data.payload, 0, 100), part(data.payload, 100, 200),
                                          part(data.payload, 200, 213)}));
}

// What is said again goes as it was let through, whatever its sender makes of it now.
TEST(SegmentEnds, WhatIsRepeatedGoesAgainAsItLeft) {
  Plant plant(tables());
  TcpSession session(plant, 40000);
  const std::uint32_t at = session.client_next;
  session.from_client(read(1));
  session.from_client(read(2));
  plant.clear();
  session.client_at(at + 7, part(read(1), 7, 12));
  EXPECT_EQ(payloads_to(plant), Payloads{read(1)});
  session.client_at(at + 5, part(read(1), 5, 12) + part(read(2), 0, 3));
  EXPECT_EQ(payloads_to(plant), (Payloads{read(1), read(2)}));
  // With more behind it.
  session.client_at(at + 20, part(read(2), 8, 12) + read(3));
  EXPECT_EQ(payloads_to(plant), (Payloads{read(2), read(3)}));
  session.client_next += size(read(3));
  session.server_acked = at + 12;
  session.server_at(session.server_next, {}, kTcpAck);
  plant.clear();
  session.client_at(at, read(1));  // acknowledged: the server is asked to say so again
  const auto asked = frames_to(plant, kControl);
  ASSERT_EQ(asked.size(), 1U);
  const auto tcp = support::parse_sent(asked[0]);
  EXPECT_TRUE(tcp->payload.empty());
  EXPECT_LT(wire::sequence_distance(tcp->header.sequence, session.server_acked), 0);
}

TEST(SegmentEnds, OwnedBytesGoAgainAsTheyLeft) {
  Plant plant(tables());
  TcpSession session(plant, 40000);
  const Bytes request = read(1);
  session.from_client(part(request, 0, 5));
  plant.be_at(plant.now_ns() + 2 * kMillisecondNs);
  session.from_client(part(request, 5, 12));
  plant.clear();
  plant.be_at(plant.now_ns() + 1100 * kMillisecondNs);
  EXPECT_EQ(payloads_to(plant), Payloads{request});
}

// A window that takes a part of a message is waited for: the receiver would have that part alone.
TEST(SegmentEnds, NoWindowCutsAMessage) {
  Plant plant(tables());
  TcpSession session(plant, 40000);
  const Bytes request = write(1, 20);
  TcpSpec small;
  small.source_port = 502;
  small.destination_port = 40000;
  small.sequence = session.server_next;
  small.acknowledgement = session.client_next;
  const auto say_window = [&](std::uint16_t window) {
    small.window = window;
    plant.arrive(kPlc, support::tcp_frame(kPlc, kHmi, small));
    plant.clear();
  };
  session.from_client(part(request, 0, 5));
  plant.be_at(plant.now_ns() + 2 * kMillisecondNs);  // owned from here on
  say_window(10);
  session.from_client(part(request, 5, request.size()));
  EXPECT_EQ(payloads_to(plant), Payloads{});
  say_window(static_cast<std::uint16_t>(size(request) - 1));
  EXPECT_EQ(payloads_to(plant), Payloads{});
  small.window = static_cast<std::uint16_t>(size(request));
  plant.arrive(kPlc, support::tcp_frame(kPlc, kHmi, small));
  EXPECT_EQ(payloads_to(plant), Payloads{request});
}

// RFC 9293, 3.8.6.1: a byte beyond a closed window would be the first of a message, or its last.
TEST(SegmentEnds, AProbeTravelsWithoutItsByte) {
  Plant plant(tables());
  TcpSession session(plant, 40000);
  TcpSpec full;
  full.source_port = 502;
  full.destination_port = 40000;
  full.sequence = session.server_next;
  full.acknowledgement = session.client_next;
  full.window = 0;
  // The edge of a window never moves back, so all of it is used up.
  const std::uint32_t edge = session.client_next + 65535;
  std::uint32_t at = session.client_next;
  while (edge - at >= 12) {
    session.client_at(at, read(1));
    at += 12;
    session.server_acked = at;
    full.acknowledgement = at;
    full.window = static_cast<std::uint16_t>(edge - at);
    plant.arrive(kPlc, support::tcp_frame(kPlc, kHmi, full));
    session.server_next += 0;
    const Bytes said = answer(1);
    session.server_at(session.server_next, said);
    session.server_next += size(said);
    session.client_acked = session.server_next;
    full.sequence = session.server_next;
  }
  const Bytes next = read(2);
  session.client_at(at, part(next, 0, edge - at));
  plant.clear();
  session.client_at(edge, part(next, edge - at, edge - at + 1));
  for (const Bytes& frame : frames_to(plant, kControl)) {
    EXPECT_TRUE(support::parse_sent(frame)->payload.empty());
  }
}

// --- what makes receivers drop segments

class Headers : public ::testing::Test {
 protected:
  // The frame of a segment from the client that comes next in the session.
  Bytes next_frame(const Bytes& payload, std::uint8_t flags = kTcpAck | kTcpPsh,
                   const Bytes& options = {}) {
    TcpSpec spec;
    spec.sequence = session_.client_next;
    spec.acknowledgement = session_.client_acked;
    spec.flags = flags;
    spec.options = options;
    spec.payload = payload;
    session_.client_next += size(payload);
    return support::tcp_frame(kHmi, kPlc, spec);
  }
  static void seal_ip(Bytes& frame) {
    store_be16(frame.data() + 24, 0);
    store_be16(frame.data() + 24,
               wire::checksum_finish(wire::checksum_add(0, ByteView{frame.data() + 14, 20})));
  }
  // What leaves towards the server for it, which is one frame.
  Bytes sent_for(const Bytes& frame) {
    plant_.clear();
    plant_.arrive(kHmi, frame);
    const auto out = frames_to(plant_, kControl);
    EXPECT_EQ(out.size(), 1U);
    EXPECT_TRUE(!out.empty() && support::parse_sent(out[0]).has_value());
    return out.empty() ? Bytes(80) : out[0];
  }

  Plant plant_{tables()};
  TcpSession session_{plant_, 40000};
};

TEST_F(Headers, TheHopLimitIsSufficient) {
  for (const int hops : {1, 2, 63, 64, 65, 255}) {
    Bytes frame = next_frame(read(1));
    frame[22] = static_cast<std::uint8_t>(hops);
    seal_ip(frame);
    EXPECT_EQ(sent_for(frame)[22], std::max(hops, 64)) << hops;
  }
  Bytes bare = next_frame({}, kTcpAck);
  bare[22] = 1;
  seal_ip(bare);
  EXPECT_EQ(sent_for(bare)[22], 64);
  Bytes reset = next_frame({}, kTcpRst);
  reset[22] = 1;
  seal_ip(reset);
  EXPECT_EQ(sent_for(reset)[22], 64);
}

// Two packets of one identification that a router fragments could be joined crosswise.
TEST_F(Headers, NothingMayBeFragmented) {
  Bytes frame = next_frame(read(1));
  frame[20] = 0;
  seal_ip(frame);
  EXPECT_EQ(sent_for(frame)[20], 0x40);
}

TEST_F(Headers, EcnIsNotSpoken) {
  Bytes frame = next_frame(read(1));
  frame[46] |= 1;
  frame[47] |= 0xc0;
  const std::uint32_t pseudo = wire::pseudo_header_sum(
      kHmi.address, kPlc.address, 6, static_cast<std::uint32_t>(frame.size() - 34));
  store_be16(frame.data() + 50, 0);
  store_be16(frame.data() + 50,
             wire::checksum_finish(wire::checksum_add(pseudo, ByteView{frame}.subspan(34))));
  const Bytes sent = sent_for(frame);
  EXPECT_EQ(sent[46], 0x50);
  EXPECT_EQ(sent[47], kTcpAck | kTcpPsh);
}

// RFC 7323, 5.3: they were not negotiated, so that none can look old.
TEST_F(Headers, TimeStampsThatWereNotNegotiatedDoNotTravel) {
  const Bytes stamps = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0};
  const auto sent = support::parse_sent(sent_for(next_frame(read(1), kTcpAck, stamps)));
  EXPECT_FALSE(sent->header.has_timestamps);
  EXPECT_EQ(sent->payload, read(1));
}

TEST_F(Headers, TheNewestAcknowledgementTravels) {
  session_.from_client(read(1));
  session_.server_acked = session_.client_next;
  const std::uint32_t old = session_.client_acked;
  session_.from_server(answer(1));
  session_.client_acked = session_.server_next;
  session_.client_at(session_.client_next, {}, kTcpAck);
  session_.client_acked = old;
  const auto sent = support::parse_sent(sent_for(next_frame(read(2))));
  EXPECT_EQ(sent->header.acknowledgement, session_.server_next);
}

// A part that waited here says something older than its sender said since.
TEST_F(Headers, WhatWaitedAcknowledgesTheNewest) {
  session_.from_client(read(1));
  session_.server_acked = session_.client_next;
  const Bytes request = read(2);
  session_.client_at(session_.client_next + 5, part(request, 5, 12));
  session_.from_server(answer(1));
  session_.client_acked = session_.server_next;
  const auto sent = support::parse_sent(sent_for(next_frame(part(request, 0, 5))));
  EXPECT_EQ(sent->payload, request);
  EXPECT_EQ(sent->header.acknowledgement, session_.server_next);
}

TEST_F(Headers, TheSessionKeepsItsAddresses) {
  const wire::Mac stranger = support::mac(0x77);
  const auto addresses = [](const Bytes& frame) { return part(frame, 0, 12); };
  const Bytes own = addresses(next_frame({}, kTcpAck));
  Bytes to_stranger = next_frame(read(1));
  std::copy(stranger.bytes.begin(), stranger.bytes.end(), to_stranger.begin());
  EXPECT_EQ(addresses(sent_for(to_stranger)), own);
  Bytes from_stranger = next_frame(read(2));
  std::copy(stranger.bytes.begin(), stranger.bytes.end(), from_stranger.begin() + 6);
  EXPECT_EQ(addresses(sent_for(from_stranger)), own);
  Bytes from_server = next_frame(read(3));  // a switch would look for it at our side from now on
  std::copy(kPlc.mac.bytes.begin(), kPlc.mac.bytes.end(), from_server.begin() + 6);
  plant_.clear();
  plant_.arrive(kHmi, from_server);
  EXPECT_EQ(plant_.last(), Reason::bound_elsewhere);
  EXPECT_TRUE(plant_.sent.empty());
  session_.client_next -= size(read(3));
  Bytes reset = next_frame({}, kTcpRst);
  std::copy(stranger.bytes.begin(), stranger.bytes.end(), reset.begin());
  EXPECT_EQ(addresses(sent_for(reset)), own);
}

// A host that moves to another station announces that, and its sessions follow it.
TEST_F(Headers, AddressesFollowAnAnnouncement) {
  const Host moved{kHmi.address, support::mac(0x11), kSupervision};
  session_.from_client(read(1));
  session_.server_acked = session_.client_next;
  plant_.arrive(moved, support::arp_frame(moved, kPlc.mac, 2, kPlc.address));
  ASSERT_EQ(plant_.last(), Reason::address_resolution);
  plant_.clear();
  TcpSpec spec;
  spec.source_port = 502;
  spec.destination_port = 40000;
  spec.sequence = session_.server_next;
  spec.acknowledgement = session_.server_acked;
  spec.payload = answer(1);
  plant_.arrive(kPlc, support::tcp_frame(kPlc, moved, spec));
  const auto out = frames_to(plant_, kSupervision);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(part(out[0], 0, 6), Bytes(moved.mac.bytes.begin(), moved.mac.bytes.end()));
}

// --- sessions between ports that had one before

class Reopened : public Headers {
 protected:
  void syn(std::uint32_t isn) { session_.client_at(isn, {}, kTcpSyn); }
  void accept(std::uint32_t server_isn, std::uint32_t isn) {
    session_.server_acked = isn + 1;
    session_.server_at(server_isn, {}, kTcpSyn | kTcpAck);
  }
  // The client resets its session, of which the server may hear or not.
  void reset() { session_.client_at(session_.client_next, {}, kTcpRst); }
};

TEST_F(Reopened, StandsBehindAllThatLeft) {
  session_.from_client(read(1));
  reset();
  for (const std::uint32_t isn : {1000U, 1001U, session_.client_next - 1, session_.client_next}) {
    plant_.clear();
    syn(isn);
    EXPECT_EQ(plant_.last(), Reason::tcp_unexpected_syn) << isn;
    EXPECT_TRUE(frames_to(plant_, kControl).empty());
  }
  syn(session_.client_next + 1);
  EXPECT_EQ(plant_.last(), Reason::session_control);
}

// The same, round the numbers: each step is a session that is given up before it is answered.
TEST_F(Reopened, IsNotAnsweredByTheOneBefore) {
  session_.from_client(read(1));
  reset();
  for (const std::uint32_t step : {0x7fffff00U, 0xfffffe00U}) {
    syn(1000 + step);
    ASSERT_EQ(plant_.last(), Reason::session_control);
    session_.client_at(1001 + step, {}, kTcpRst);
    ASSERT_EQ(plant_.last(), Reason::session_control);
  }
  syn(1000);
  ASSERT_EQ(plant_.last(), Reason::session_control);
  accept(900000, 1000);  // what the server of the first one says again
  EXPECT_EQ(plant_.last(), Reason::tcp_unexpected_syn);
  plant_.clear();
  session_.client_at(1001, write(2, 20));
  EXPECT_TRUE(frames_to(plant_, kControl).empty());
  accept(777000, 1000);
  EXPECT_EQ(plant_.last(), Reason::session_control);
}

TEST_F(Reopened, AKnockThatWasRefusedComesAgain) {
  Plant plant(tables());
  TcpSpec knock;
  knock.flags = kTcpSyn;
  knock.sequence = 5000;
  TcpSpec no;
  no.source_port = 502;
  no.destination_port = 40000;
  no.flags = kTcpRst | kTcpAck;
  no.acknowledgement = 5001;
  for (int i = 0; i < 3; ++i) {
    plant.arrive(kHmi, support::tcp_frame(kHmi, kPlc, knock));
    EXPECT_EQ(plant.last(), Reason::session_control);
    plant.arrive(kPlc, support::tcp_frame(kPlc, kHmi, no));
    EXPECT_EQ(plant.last(), Reason::session_control);
  }
}

// Whoever knocks all the time at what has ended does not keep it from being forgotten.
TEST_F(Reopened, KnockingDoesNotProlongTheEnd) {
  session_.from_client(read(1));
  reset();
  for (int i = 0; i < 10; ++i) {
    plant_.pass_time(kSecondNs);
    syn(1000);
    EXPECT_EQ(plant_.last(), i < 9 ? Reason::tcp_unexpected_syn : Reason::session_control) << i;
  }
}

// --- ends

TEST_F(Headers, NoEndStandsInsideOfWhatWasLetThrough) {
  const std::uint32_t at = session_.client_next;
  session_.from_client(read(1));
  plant_.clear();
  session_.client_at(at, part(read(1), 0, 7), kTcpAck | kTcpFin);
  EXPECT_EQ(plant_.last(), Reason::tcp_inconsistent_retransmission);
  session_.client_at(at + 7, {}, kTcpAck | kTcpFin);
  EXPECT_EQ(plant_.last(), Reason::tcp_inconsistent_retransmission);
  EXPECT_TRUE(frames_to(plant_, kControl).empty());
  session_.client_at(at, read(1), kTcpAck | kTcpFin);  // where released bytes end
  const auto out = frames_to(plant_, kControl);
  ASSERT_EQ(out.size(), 2U);
  const auto end = support::parse_sent(out[1]);
  EXPECT_EQ(end->header.sequence, at + 12);
  EXPECT_NE(end->header.flags & kTcpFin, 0);
}

// --- what this process forgot

TEST(Forgotten, IsNotTakenUpAgain) {
  policy::Tables resuming = tables();
  resuming.conduits[0].resume = true;
  Plant plant(std::move(resuming));
  TcpSession session(plant, 40000);
  session.from_client(read(1));
  plant.pass_time(8000 * kSecondNs);
  plant.pass_time(kSecondNs);
  ASSERT_EQ(plant.pipeline().flows().size(), 0U);
  plant.clear();
  session.server_acked = session.client_next - 5;
  session.server_at(session.server_next, {}, kTcpAck);
  EXPECT_EQ(plant.last(), Reason::tcp_no_boundary);
  session.client_at(session.client_next - 5, read(2));
  EXPECT_EQ(plant.last(), Reason::tcp_no_boundary);
  EXPECT_TRUE(payloads_to(plant).empty());
  // Another session, that was open before this process was, is.
  TcpSession other(plant, 40001);
  TcpSpec unseen;
  unseen.source_port = 40002;
  unseen.sequence = 7000;
  unseen.acknowledgement = 8000;
  unseen.payload = read(1);
  plant.arrive(kHmi, support::tcp_frame(kHmi, kPlc, unseen));
  EXPECT_EQ(plant.last(), Reason::session_control);
}

// --- ICMP

class Icmp : public Headers {
 protected:
  // An error about the first bytes of a frame, from a host.
  Reason error(const Host& from, const Host& to, const Bytes& about, std::uint16_t mtu,
               std::uint8_t code = 4) {
    const Bytes quote = part(about, 14, 14 + 28);
    Bytes message = support::icmp_message(3, code, 0, quote);
    store_be16(message.data() + 6, mtu);
    store_be16(message.data() + 2, 0);
    store_be16(message.data() + 2, wire::checksum_finish(wire::checksum_add(0, message)));
    plant_.clear();
    plant_.arrive(from, support::ip_frame(from, to, 1, message));
    return plant_.last();
  }
};

// RFC 5927, 4.1: of what is under way, and nothing that was acknowledged or never left.
TEST_F(Icmp, MustQuoteWhatIsUnderWay) {
  const Bytes sent = sent_for(next_frame(read(1)));
  const auto at = [&sent](std::int32_t offset) {
    Bytes quoted = sent;
    store_be32(quoted.data() + 38,
               load_be32(quoted.data() + 38) + static_cast<std::uint32_t>(offset));
    return quoted;
  };
  EXPECT_EQ(error(kPlc, kHmi, at(0), 0, 1), Reason::icmp_for_session);
  EXPECT_EQ(error(kPlc, kHmi, at(11), 0, 1), Reason::icmp_for_session);
  EXPECT_EQ(error(kPlc, kHmi, at(12), 0, 1), Reason::icmp_for_session);  // of one without data
  EXPECT_EQ(error(kPlc, kHmi, at(13), 0, 1), Reason::icmp_unsolicited);
  EXPECT_EQ(error(kPlc, kHmi, at(-1), 0, 1), Reason::icmp_unsolicited);
  session_.server_acked = session_.client_next;
  session_.server_at(session_.server_next, {}, kTcpAck);
  EXPECT_EQ(error(kPlc, kHmi, at(0), 0, 1), Reason::icmp_unsolicited);
}

// RFC 792: from whichever router could not forward, wherever its own address belongs; but not from
// one that claims to be a host of another zone.
TEST_F(Icmp, MayComeFromARouterOnTheWay) {
  const Bytes sent = sent_for(next_frame(read(1)));
  const Host router{support::ip4(172, 16, 9, 1), support::mac(0x13), kControl};
  EXPECT_EQ(error(router, kHmi, sent, 1400), Reason::icmp_for_session);
  ASSERT_EQ(plant_.sent.size(), 1U);
  EXPECT_EQ(plant_.sent[0].port, kSupervision);
  const Host beside{router.address, router.mac, kSupervision};
  EXPECT_EQ(error(beside, kHmi, sent, 1400), Reason::icmp_unsolicited);
  const Host liar{support::ip4(10, 20, 0, 11), router.mac, kControl};
  EXPECT_EQ(error(liar, kHmi, sent, 1400), Reason::spoofed_source);
}

// It comes back from where the quoted packet went, not from where it came.
TEST_F(Icmp, ComesFromTheOtherSide) {
  const Bytes sent = sent_for(next_frame(read(1)));
  const Host beside{support::ip4(10, 20, 0, 11), support::mac(0x12), kSupervision};
  EXPECT_EQ(error(beside, kHmi, sent, 0, 1), Reason::icmp_unsolicited);
  EXPECT_TRUE(plant_.sent.empty());
}

// RFC 1122, 3.3.2; RFC 1191, 3: an MTU of 0 says nothing, one below 576 says where to cut.
TEST_F(Icmp, APathNarrowerThanHostsMustTakeIsNotBelieved) {
  const Bytes sent = sent_for(next_frame(read(1)));
  for (const std::uint16_t mtu : std::initializer_list<std::uint16_t>{0, 1, 68, 575}) {
    EXPECT_EQ(error(kPlc, kHmi, sent, mtu), Reason::icmp_unsolicited) << mtu;
  }
  EXPECT_EQ(error(kPlc, kHmi, sent, 576), Reason::icmp_for_session);
}

TEST_F(Icmp, APathThatBecomesNarrowerIsCutFor) {
  Plant plant(tables());
  TcpSpec syn;
  syn.flags = kTcpSyn;
  syn.sequence = 1000;
  plant.arrive(kHmi, support::tcp_frame(kHmi, kPlc, syn));
  TcpSpec accept;
  accept.source_port = 502;
  accept.destination_port = 40000;
  accept.sequence = 5000;
  accept.acknowledgement = 1001;
  accept.flags = kTcpSyn | kTcpAck;
  accept.options = {2, 4, 5, 180};
  plant.arrive(kPlc, support::tcp_frame(kPlc, kHmi, accept));
  TcpSpec data;
  data.sequence = 1001;
  data.acknowledgement = 5001;
  for (std::uint8_t i = 0; i < 5; ++i) data.payload = data.payload + write(i, 60);
  ASSERT_EQ(data.payload.size(), 665U);
  plant.clear();
  plant.arrive(kHmi, support::tcp_frame(kHmi, kPlc, data));
  ASSERT_EQ(plant.sent.size(), 1U);
  const Bytes quote = part(plant.sent[0].frame, 14, 42);
  Bytes message = support::icmp_message(3, 4, 0, quote);
  store_be16(message.data() + 6, 576);
  store_be16(message.data() + 2, 0);
  store_be16(message.data() + 2, wire::checksum_finish(wire::checksum_add(0, message)));
  plant.arrive(kPlc, support::ip_frame(kPlc, kHmi, 1, message));
  plant.clear();
  // What left stays one segment, in fragments that the path takes.
  plant.arrive(kHmi, support::tcp_frame(kHmi, kPlc, data));
  const auto again = frames_to(plant, kControl);
  ASSERT_EQ(again.size(), 2U);
  for (const Bytes& fragment : again) {
    EXPECT_LE(fragment.size(), 14U + 576U);
    EXPECT_NE(load_be16(fragment.data() + 20) & 0x3fff, 0);
  }
  Bytes joined = part(again[0], 34, again[0].size()) + part(again[1], 34, again[1].size());
  EXPECT_EQ(part(joined, 20, joined.size()), data.payload);
  EXPECT_EQ(load_be16(again[0].data() + 18), load_be16(again[1].data() + 18));
  // What comes next is cut for it, where messages end.
  accept.flags = kTcpAck;
  accept.options = {};
  accept.sequence = 5001;
  accept.acknowledgement = 1001 + 665;
  plant.arrive(kPlc, support::tcp_frame(kPlc, kHmi, accept));
  data.sequence = accept.acknowledgement;
  plant.clear();
  plant.arrive(kHmi, support::tcp_frame(kHmi, kPlc, data));
  EXPECT_EQ(payloads_to(plant),
            (Payloads{part(data.payload, 0, 532), part(data.payload, 532, 665)}));
}

}  // namespace
}  // namespace bulkhead
