// A long request of OPC UA on its way through the stream engine: it leaves piece by piece, nothing
// more is held, and its end is let through only where its beginning said it would be.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/opcua_messages.h"
#include "tests/support/plant.h"

namespace bulkhead::opcua {
namespace {

using support::kHmi;
using support::kPlc;
using support::Plant;
using support::TcpSession;

constexpr std::uint16_t kPort = 4840;
constexpr std::size_t kValueBytes = 300000;

policy::Tables grants(bool values, policy::OnDeny on_deny = policy::OnDeny::drop) {
  policy::Tables tables = support::two_zones(on_deny);
  tables.conduits[0].rules = {};
  policy::Rule rule;
  rule.clients = {{kHmi.address, 128}};
  rule.servers = {{kPlc.address, 128}};
  rule.transport = policy::Transport::tcp;
  rule.ports = {{kPort, kPort}};
  rule.protocol = *protocols::find_protocol("opcua");
  rule.functions.set(find_function(kRead));
  rule.functions.set(find_function(kOpenChannel));
  rule.functions.set(find_function(kSecuredMessage));
  policy::Rule writes = rule;
  writes.functions.reset();
  writes.functions.set(find_function(kWrite));
  if (values) {
    policy::Constraint& limit = writes.constraints.emplace_back();
    limit.field = kValue;
    limit.ranges = {{*float64_order(0), *float64_order(100)}};
  }
  tables.conduits[0].rules = {rule, writes};
  policy::finish(tables);
  return tables;
}

Bytes body_of(std::size_t value_bytes, std::size_t said) {
  return asked(
      kWrite,
      write_of(kNumeric,
               join({{15}, le32(static_cast<std::uint32_t>(said)), Bytes(value_bytes, 7)})));
}

Bytes in_chunks(const Bytes& body, std::size_t octets) {
  Bytes all;
  std::uint32_t sequence = 2;
  for (std::size_t at = 0; at < body.size(); at += octets) {
    const auto begin = body.begin() + static_cast<std::ptrdiff_t>(at);
    const bool last = at + octets >= body.size();
    const Bytes one = secure(
        last ? "MSGF" : "MSGC",
        {begin, last ? body.end() : begin + static_cast<std::ptrdiff_t>(octets)}, {sequence++, 2});
    all.insert(all.end(), one.begin(), one.end());
  }
  return all;
}

class LongRequests : public ::testing::Test {
 protected:
  // What has arrived at the server of a request that a client sends in segments, each acknowledged.
  Bytes send(policy::Tables tables, const Bytes& request, bool hidden = false) {
    Plant plant(std::move(tables));
    TcpSession session(plant, 40000, 1000, 900000, kPort);
    const Bytes secured = open(kPolicyAes, Bytes(300, 1));
    session.from_client(hidden ? secured : open_plain({1, 1}));
    session.server_acked = session.client_next;
    session.from_server(hidden ? secured : opened_plain({51, 1}));
    session.client_acked = session.server_next;
    plant.clear();
    Bytes arrived;
    most_held = 0;
    // The sender sends what its window lets it, and the server acknowledges all that arrives.
    std::uint32_t edge = session.client_next + 65535;
    int stalls = 0;
    for (std::size_t at = 0; at < request.size() && stalls < 10;) {
      const std::size_t count = std::min(
          {std::size_t{1400}, std::size_t{edge - session.client_next}, request.size() - at});
      const auto begin = request.begin() + static_cast<std::ptrdiff_t>(at);
      if (count > 0) session.from_client({begin, begin + static_cast<std::ptrdiff_t>(count)});
      stalls = count > 0 ? 0 : stalls + 1;
      at += count;
      plant.pass_time(2 * kMillisecondNs);
      for (const support::SentTcp& sent : support::take(plant, support::kControl)) {
        arrived.insert(arrived.end(), sent.payload.begin(), sent.payload.end());
      }
      most_held = std::max(most_held, at - arrived.size());
      session.server_acked = session.client_next - static_cast<std::uint32_t>(at - arrived.size());
      session.from_server({}, wire::kTcpAck);
      for (const support::SentTcp& sent : support::take(plant, support::kSupervision)) {
        edge = std::max(edge, sent.header.acknowledgement + sent.header.window);
      }
    }
    for (const pipeline::Event& event : plant.verdicts) {
      if (!is_allowed(event.reason)) refused.push_back(event);
    }
    return arrived;
  }

  std::size_t most_held = 0;
  std::vector<pipeline::Event> refused;
};

TEST_F(LongRequests, LeaveInPieces) {
  for (const std::size_t octets : {8168U, 30000U, 65512U}) {
    const Bytes request = in_chunks(body_of(kValueBytes, kValueBytes), octets);
    EXPECT_EQ(send(grants(false), request), request) << octets;
    EXPECT_LE(most_held, 65536U) << octets;
    for (const auto& each : refused) ADD_FAILURE() << octets << " " << describe(each.reason).name;
  }
}

TEST_F(LongRequests, OfOneChunkLeaveBehindTheirHead) {
  const Bytes request = in_chunks(body_of(kValueBytes, kValueBytes), 1 << 20);
  EXPECT_EQ(send(grants(false), request), request);
  EXPECT_LE(most_held, 65536U);
}

// What is encrypted is content from its first octet on.
TEST_F(LongRequests, ThatNobodyReadsLeaveInPieces) {
  Bytes request = secure("MSGF", Bytes(200, 0x91), {2, 2});  // shows that they are encrypted
  for (std::uint32_t i = 0; i < 5; ++i) {
    const Bytes one = secure(i == 4 ? "MSGF" : "MSGC", Bytes(60000, 0x91), {3 + i, 3});
    request.insert(request.end(), one.begin(), one.end());
  }
  EXPECT_EQ(send(grants(false), request, true), request);
  EXPECT_LE(most_held, 65536U);
}

// A server acts on no message before its last chunk.
TEST_F(LongRequests, NeverEndOtherwiseThanTheyBegan) {
  for (const std::size_t said : {kValueBytes - 1, kValueBytes + 1, kValueBytes - 100000}) {
    const Bytes request = in_chunks(body_of(kValueBytes, said), 30000);
    const Bytes arrived = send(grants(false), request);
    EXPECT_LT(arrived.size(), request.size() - 30000);
    for (std::size_t at = 0; at < arrived.size(); at += load_le32(arrived.data() + at + 4)) {
      EXPECT_EQ(arrived[at + 3], 'C');
    }
    ASSERT_FALSE(refused.empty());
    EXPECT_EQ(refused.front().fault, Fault::bad_length);
  }
}

TEST_F(LongRequests, WhatARuleSaysOfValuesGrantsNone) {
  for (const std::size_t octets : {30000U, 1U << 20}) {
    const Bytes request = in_chunks(body_of(kValueBytes, kValueBytes), octets);
    EXPECT_TRUE(send(grants(true, policy::OnDeny::reject), request).empty());
    ASSERT_FALSE(refused.empty());
    EXPECT_EQ(refused.front().reason, Reason::values_not_granted);
    EXPECT_EQ(refused.front().action, pipeline::Action::reset);
    refused.clear();
  }
}

TEST_F(LongRequests, ThatAskForManyThingsAreRefusedByName) {
  const Bytes request = in_chunks(asked(kRead, read_of(std::vector<Bytes>(5000, kNumeric))), 30000);
  EXPECT_TRUE(send(grants(false), request).empty());
  ASSERT_FALSE(refused.empty());
  EXPECT_EQ(refused.front().fault, Fault::too_long);
}

}  // namespace
}  // namespace bulkhead::opcua
