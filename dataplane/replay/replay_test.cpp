// What the replay makes of a recorded frame before the pipeline gets it.
//
//   client (supervision) :40000 ---- replay ---- :502 server (control)
#include <gtest/gtest.h>

#include "dataplane/replay/acknowledgements.h"
#include "dataplane/replay/zone_port.h"
#include "tests/support/plant.h"

namespace bulkhead::replay {
namespace {

using support::Bytes;
using support::kHmi;
using support::kPlc;

constexpr std::uint32_t kAsked = 12;  // bytes of the request

Bytes of_client(std::uint32_t sequence, std::size_t payload, std::uint8_t flags = wire::kTcpAck) {
  return support::tcp_frame(kHmi, kPlc,
                            {.sequence = sequence,
                             .acknowledgement = 5000,
                             .flags = flags,
                             .options = {},
                             .payload = Bytes(payload, 7)});
}

Bytes of_server(std::uint32_t acknowledgement, std::uint8_t flags = wire::kTcpAck) {
  return support::tcp_frame(kPlc, kHmi,
                            {.source_port = 502,
                             .destination_port = 40000,
                             .sequence = 5000,
                             .acknowledgement = acknowledgement,
                             .flags = flags,
                             .options = {},
                             .payload = {}});
}

// A session in which the client has sent a request at 1000.
class Recorded : public ::testing::Test {
 protected:
  Recorded() {
    Bytes opening = of_client(999, 0, wire::kTcpSyn);
    numbers_.restate(opening);
    numbers_.note_left(opening);
    Bytes request = of_client(1000, kAsked);
    numbers_.restate(request);
  }
  Bytes restated(Bytes frame) {
    numbers_.restate(frame);
    return frame;
  }

  Acknowledgements numbers_;
};

TEST_F(Recorded, WhatIsHeldIsNotAcknowledged) {
  EXPECT_EQ(restated(of_server(1000 + kAsked)), of_server(1000));
  numbers_.note_left(of_client(1000, 8));
  EXPECT_EQ(restated(of_server(1000 + kAsked)), of_server(1008));
  numbers_.note_left(of_client(1000, kAsked));
  EXPECT_EQ(restated(of_server(1000 + kAsked)), of_server(1000 + kAsked));
}

TEST_F(Recorded, WhatWasPutInIs) {
  numbers_.note_left(of_client(1000, kAsked + 20));
  EXPECT_EQ(restated(of_server(1000 + kAsked)), of_server(1000 + kAsked + 20));
}

TEST_F(Recorded, AnOlderAcknowledgementStays) {
  numbers_.note_left(of_client(1000, 8));
  EXPECT_EQ(restated(of_server(1004)), of_server(1004));
  EXPECT_EQ(restated(of_server(1009)), of_server(1008)) << "more than has left";
}

TEST_F(Recorded, WhatIsNoRightSegmentOfASessionStays) {
  Bytes broken = of_server(1000 + kAsked);
  broken.back() ^= 1;  // of its checksum's fields
  EXPECT_EQ(restated(broken), broken);
  const Bytes no_acknowledgement = of_server(1000 + kAsked, wire::kTcpRst);
  EXPECT_EQ(restated(no_acknowledgement), no_acknowledgement);
  const Bytes datagram = support::udp_frame(kPlc, kHmi, 502, 40000, {1, 2});
  EXPECT_EQ(restated(datagram), datagram);
  for (std::size_t length = 0; length < broken.size(); ++length) {
    const Bytes prefix(broken.begin(), broken.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_EQ(restated(prefix), prefix);
  }
}

// As captures of hosts have them, whose hardware fills them in later.
TEST(Acknowledgements, AreRestatedInAnySegmentWhereChecksumsDoNotCount) {
  Acknowledgements numbers(false);
  Bytes opening = of_client(999, 0, wire::kTcpSyn);
  numbers.restate(opening);
  numbers.note_left(opening);
  Bytes request = of_client(1000, kAsked);
  numbers.restate(request);
  Bytes answer = of_server(1000 + kAsked);
  answer[answer.size() - 3] ^= 1;  // of its checksum, before the urgent pointer
  numbers.restate(answer);
  EXPECT_EQ(answer, of_server(1000));
}

// A recording that begins in the midst of a session: a keep-alive has the number before the next.
TEST(Acknowledgements, OfASessionThatBeginsWithAKeepAliveStay) {
  Acknowledgements numbers;
  Bytes keep_alive = of_client(999, 0);
  numbers.restate(keep_alive);
  numbers.note_left(keep_alive);
  Bytes answer = of_server(1000);
  numbers.restate(answer);
  EXPECT_EQ(answer, of_server(1000));
  Bytes request = of_client(1000, kAsked);
  numbers.restate(request);
  answer = of_server(1000 + kAsked);
  numbers.restate(answer);
  EXPECT_EQ(answer, of_server(1000)) << "the request is held";
  numbers.note_left(request);
  answer = of_server(1000 + kAsked);
  numbers.restate(answer);
  EXPECT_EQ(answer, of_server(1000 + kAsked));
}

TEST(ZonePort, IsThatOfTheSource) {
  policy::Tables tables = support::two_zones(policy::OnDeny::drop);
  policy::finish(tables);
  const wire::IpAddress other = support::ip4(192, 0, 2, 1);
  EXPECT_EQ(port_of(tables, of_client(1, 0)), kHmi.port);
  EXPECT_EQ(port_of(tables, of_server(1)), kPlc.port);
  EXPECT_EQ(port_of(tables, support::arp_frame(kPlc, kHmi.mac, 1, kHmi.address)), kPlc.port);
  const support::Host stranger{other, support::mac(9), support::kControl};
  EXPECT_EQ(port_of(tables, support::udp_frame(stranger, kHmi, 1, 2, {})), 0U);
  EXPECT_EQ(port_of(tables, Bytes(5, 0)), 0U);
}

}  // namespace
}  // namespace bulkhead::replay
