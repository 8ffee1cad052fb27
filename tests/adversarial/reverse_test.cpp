// OPC UA servers that connect to their clients (OPC 10000-6, 7.1.3): whoever opened the connection
// says so first, and then the other one asks.
#include <gtest/gtest.h>

#include <algorithm>

#include "dataplane/replication/replicator.h"
#include "tests/support/talks.h"

namespace bulkhead {
namespace {

using opcua::chunk;
using opcua::text;
using protocols::Fault;
using support::Bytes;
using support::join;
using support::kControl;
using support::kHmi;
using support::kPlc;
using support::kSupervision;
using support::Plant;
using support::TcpSession;

constexpr std::uint16_t kPort = 4840;

Bytes reverse_hello(std::string_view endpoint = "opc.tcp://plc") {
  return chunk("RHEF", join({text("urn:plc"), text(endpoint)}));
}
Bytes hello() { return chunk("HELF", join({Bytes(20, 0), text("opc.tcp://plc")})); }
Bytes acknowledge() { return chunk("ACKF", Bytes(20, 0)); }
Bytes read(std::uint32_t number) {
  return opcua::request(631, opcua::read_of({opcua::kNumeric}), {number, number});
}
Bytes answer(std::uint32_t number) { return opcua::response(634, {50 + number, number}); }
Bytes write(std::uint32_t number) {
  return opcua::request(673, opcua::write_of(opcua::kNumeric, {1, 1}), {number, number});
}

std::uint32_t size(const Bytes& bytes) { return static_cast<std::uint32_t>(bytes.size()); }

// The server stands in the zone of TcpSession's client, for it opens the connection.
policy::Tables tables(std::vector<std::string_view> functions,
                      policy::OnDeny on_deny = policy::OnDeny::reject) {
  policy::Rule rule = support::modbus_rule({});
  rule.ports = {{kPort, kPort}};
  rule.protocol = *protocols::find_protocol("opcua");
  const auto& known = protocols::registry()[rule.protocol]->catalogue().functions;
  for (std::size_t i = 0; i < known.size(); ++i) {
    rule.functions.set(
        i, std::find(functions.begin(), functions.end(), known[i].name) != functions.end());
  }
  return support::with_rules(support::two_zones(on_deny), {&rule});
}

const std::vector<std::string_view> kGranted = {"hello", "reverse_hello", "open_secure_channel",
                                                "read"};

class Reverse : public testing::Test {
 protected:
  Reverse() : plant_(tables(kGranted)), session_(plant_, 40000, 1000, 900000, kPort) {
    plant_.clear();
  }

  // What left last towards a port with payload.
  Bytes arrived(Plant& plant, std::uint16_t port) {
    Bytes bytes;
    for (const support::Sent& each : plant.sent) {
      const auto tcp = support::parse_sent(each.frame);
      if (tcp && each.port == port && !tcp->payload.empty()) bytes = tcp->payload;
    }
    plant.clear();
    return bytes;
  }
  // The server, who opened the connection, and its client.
  void server_says(const Bytes& bytes) {
    session_.from_client(bytes);
    session_.server_acked += size(bytes);
  }
  void client_says(const Bytes& bytes) {
    session_.from_server(bytes);
    session_.client_acked += size(bytes);
  }
  void expect_from_server(const Bytes& bytes) {
    server_says(bytes);
    EXPECT_EQ(arrived(plant_, kControl), bytes) << describe(plant_.last()).name;
  }
  void expect_from_client(const Bytes& bytes) {
    client_says(bytes);
    EXPECT_EQ(arrived(plant_, kSupervision), bytes) << describe(plant_.last()).name;
  }
  void open() {
    expect_from_server(reverse_hello());
    expect_from_client(hello());
    expect_from_server(acknowledge());
    expect_from_client(opcua::open_plain({1, 1}));
    expect_from_server(opcua::opened_plain({51, 1}));
  }

  Plant plant_;
  TcpSession session_;
};

TEST_F(Reverse, TheOtherSideAsks) {
  open();
  expect_from_client(read(2));
  expect_from_server(answer(2));
  expect_from_client(read(3));
  expect_from_server(answer(3));
}

TEST_F(Reverse, WhatIsToldOfItHasTheRolesOfTheProtocol) {
  open();
  plant_.clear();
  client_says(read(2));
  ASSERT_EQ(plant_.verdicts.size(), 1U);
  EXPECT_EQ(plant_.verdicts[0].direction, protocols::Direction::request);
  EXPECT_EQ(plant_.verdicts[0].reason, Reason::granted);
  plant_.clear();
  server_says(answer(2));
  EXPECT_EQ(plant_.verdicts[0].direction, protocols::Direction::response);
  EXPECT_EQ(plant_.verdicts[0].reason, Reason::answers_request);
}

TEST_F(Reverse, WhatIsNotGrantedIsRefusedToTheOneThatAsks) {
  open();
  client_says(write(2));
  EXPECT_EQ(plant_.last(), Reason::function_not_granted);
  EXPECT_EQ(plant_.verdicts.back().action, pipeline::Action::reject);
  const Bytes refusal = arrived(plant_, kControl);
  ASSERT_GT(refusal.size(), 28U);
  EXPECT_EQ(load_le16(refusal.data() + 26), 397U) << "ServiceFault";
  // And the session goes on, translated.
  session_.server_acked += size(refusal);
  session_.server_at(session_.server_next, {}, wire::kTcpAck);
  plant_.clear();
  client_says(read(3));
  Bytes renumbered = read(3);
  renumbered[16] = 2;
  EXPECT_EQ(arrived(plant_, kSupervision), renumbered);
}

TEST_F(Reverse, NeedsAGrant) {
  Plant plant(tables({"hello", "open_secure_channel", "read"}));
  TcpSession session(plant, 40000, 1000, 900000, kPort);
  plant.clear();
  session.from_client(reverse_hello());
  EXPECT_EQ(plant.last(), Reason::function_not_granted);
  EXPECT_TRUE(arrived(plant, kControl).empty());
}

TEST_F(Reverse, OnlyWhoeverOpenedTheConnectionSaysSo) {
  session_.from_server(reverse_hello());
  EXPECT_EQ(plant_.verdicts.back().fault, Fault::wrong_direction);
  EXPECT_TRUE(arrived(plant_, kSupervision).empty());
}

TEST_F(Reverse, OnlyAsTheFirstMessage) {
  server_says(hello());
  EXPECT_EQ(plant_.last(), Reason::granted);
  plant_.clear();
  server_says(reverse_hello());
  EXPECT_EQ(plant_.verdicts.back().fault, Fault::wrong_direction);
}

TEST_F(Reverse, OnlyOnce) {
  expect_from_server(reverse_hello());
  client_says(reverse_hello());
  EXPECT_EQ(plant_.verdicts.back().fault, Fault::wrong_direction) << "whoever asks now";
}

// Whoever opened the connection asks nothing any more, be it in the same segment.
TEST_F(Reverse, BehindItItsSenderAnswers) {
  session_.from_client(join({reverse_hello(), hello()}));
  session_.server_acked += size(reverse_hello());
  EXPECT_EQ(plant_.verdicts.back().fault, Fault::wrong_direction);
  EXPECT_EQ(plant_.verdicts.back().action, pipeline::Action::drop);
  EXPECT_EQ(arrived(plant_, kControl), reverse_hello());
  client_says(hello());
  EXPECT_EQ(arrived(plant_, kSupervision), hello());
}

TEST_F(Reverse, InPieces) {
  const Bytes first = reverse_hello();
  session_.from_client(Bytes(first.begin(), first.begin() + 5));
  plant_.be_at(plant_.now_ns() + 2 * kMillisecondNs);
  session_.from_client(Bytes(first.begin() + 5, first.end()));
  session_.server_acked += size(first);
  EXPECT_EQ(arrived(plant_, kControl), first);
  session_.server_at(session_.server_next, {}, wire::kTcpAck);
  expect_from_client(hello());
  expect_from_server(acknowledge());
}

TEST_F(Reverse, AChangeOfPolicyLeavesTheRolesAsTheyAre) {
  open();
  plant_.change_policy(tables(kGranted));
  expect_from_client(read(2));
  expect_from_server(answer(2));
  plant_.change_policy(tables({"reverse_hello", "hello"}));
  client_says(read(3));
  EXPECT_EQ(plant_.last(), Reason::function_not_granted);
}

TEST_F(Reverse, ItsPortsAreUsedAgain) {
  open();
  session_.from_client({}, wire::kTcpAck | wire::kTcpFin);
  session_.server_acked += 1;
  session_.from_server({}, wire::kTcpAck | wire::kTcpFin);
  session_.client_acked += 1;
  session_.from_client({}, wire::kTcpAck);
  plant_.clear();
  TcpSession again(plant_, 40000, session_.client_next + 1000, 77000, kPort);
  plant_.clear();
  again.from_client(reverse_hello());
  EXPECT_EQ(plant_.last(), Reason::granted);
}

TEST_F(Reverse, ATakeoverKeepsTheRoles) {
  Plant standby(tables(kGranted));
  replication::RecordRing ring(1 << 16);
  replication::FlowSender sender(plant_.pipeline().flows(), plant_.pipeline().segments(), ring);
  replication::FlowReceiver receiver({standby.pipeline().flows(), standby.pipeline().segments(),
                                      standby.pipeline().timers(), standby.buffers()});
  open();
  do {
    sender.run(64, plant_.now_ns());
    for (; !ring.front().empty(); ring.release()) {
      ASSERT_EQ(receiver.take(ring.front(), standby.now_ns()),
                replication::FlowReceiver::Taken::taken);
    }
  } while (!sender.is_done());
  session_.move_to(standby);
  session_.from_server(read(2));
  session_.client_at(session_.client_next, {}, wire::kTcpAck);
  EXPECT_EQ(arrived(standby, kSupervision), read(2));
  session_.client_acked += size(read(2));
  session_.from_client(answer(2));
  session_.server_at(session_.server_next, {}, wire::kTcpAck);
  EXPECT_EQ(arrived(standby, kControl), answer(2));
}

}  // namespace
}  // namespace bulkhead
