// Denial of service: whatever is sent, memory stays within its bounds, at a bound new work is
// refused, and sessions that exist go on. Limits are those of an appliance that nobody configured.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/support/plant.h"

namespace bulkhead {
namespace {

using support::Bytes;
using support::kControl;
using support::kHmi;
using support::kPlc;
using support::Plant;
using support::PlantSize;
using support::TcpSession;
using support::TcpSpec;
using wire::kTcpAck;
using wire::kTcpFin;
using wire::kTcpRst;
using wire::kTcpSyn;

constexpr std::uint16_t kReadHolding = 2;
constexpr std::uint32_t kMillion = 1'000'000;

// Any host of the zone may read, so that a flood is not stopped by its addresses.
policy::Tables open_policy(policy::OnDeny on_deny = policy::OnDeny::drop) {
  policy::Rule modbus = support::modbus_rule({kReadHolding}, {{0, 99}});
  modbus.clients = {{support::ip4(10, 20, 0, 0), 112}};
  policy::Tables tables = support::modbus_tables(on_deny, std::move(modbus));
  tables.zones[0].networks[0].length = 112;
  return tables;
}

support::Host host(std::uint32_t number) {
  support::Host host = kHmi;
  host.address = support::ip4(10, 20, static_cast<std::uint8_t>(number >> 8),
                              static_cast<std::uint8_t>(number));
  return host;
}

Bytes read(std::uint16_t transaction) { return support::modbus_adu({3, 0, 0, 0, 10}, transaction); }
Bytes answer(std::uint16_t transaction) {
  Bytes pdu = {3, 20};
  pdu.resize(22);
  return support::modbus_adu(pdu, transaction);
}

class Limits : public ::testing::Test {
 protected:
  explicit Limits(policy::OnDeny on_deny = policy::OnDeny::drop)
      : plant_(open_policy(on_deny), {}, PlantSize::as_configured) {}

  const flow::SegmentPool& segments() { return plant_.pipeline().segments(); }
  std::uint32_t kept() { return segments().capacity() - segments().available(); }

  // A request and its answer in a session that stands; it must be none the wiser.
  void ask(TcpSession& session) {
    ++transaction_;
    plant_.clear();
    session.from_client(read(transaction_));
    ASSERT_EQ(plant_.last(), Reason::granted);
    session.server_acked = session.client_next;
    session.from_server(answer(transaction_));
    ASSERT_EQ(plant_.last(), Reason::answers_request);
    session.client_acked = session.server_next;
    ASSERT_EQ(plant_.sent.size(), 2U);
    plant_.clear();
  }

  void syn(const support::Host& from, std::uint16_t port, std::uint32_t isn) {
    TcpSpec spec;
    spec.source_port = port;
    spec.sequence = isn;
    spec.flags = kTcpSyn;
    plant_.arrive(from, support::tcp_frame(from, kPlc, spec));
  }

  flow::Limits defaults_;
  Plant plant_;
  std::uint16_t transaction_ = 0;
};

TEST_F(Limits, SynFlood) {
  TcpSession standing(plant_, 40000);
  std::mt19937 random(7);
  for (std::uint32_t i = 0; i < kMillion; ++i) {
    const auto any = static_cast<std::uint32_t>(random());
    syn(host(any % 65000), static_cast<std::uint16_t>(any >> 16), any);
    if (i % 1000 == 999) {
      ASSERT_LE(plant_.pipeline().half_open(), defaults_.half_open);
      ASSERT_LE(plant_.pipeline().flows().size(), defaults_.half_open + 1);
      ask(standing);
      plant_.be_at(plant_.now_ns() + kMillisecondNs);
    }
  }
  // The standing session's host is among those whose address the flood has, and was there before.
  EXPECT_LE(plant_.pipeline().half_open(), 4 * flow::Shares::kLittle);
  TcpSession meanwhile(plant_, 40002);
  ask(meanwhile);
  EXPECT_LE(kept(), 2U) << "opening sessions keep no packets; the standing one its last answer";
  // Once it ends, others open sessions again.
  plant_.pass_time(defaults_.opening_ns);
  EXPECT_EQ(plant_.pipeline().half_open(), 0U);
  TcpSession later(plant_, 40001);
  ask(later);
}

// One host cannot keep others from opening sessions, nor the last quarter of the room from anybody.
TEST_F(Limits, OpeningsOfOneHost) {
  const support::Host greedy = host(7);
  TcpSession proof(plant_, 1023, 1, 900000, 502, greedy);
  for (std::uint32_t i = 0; i < 60000; ++i) {
    syn(greedy, static_cast<std::uint16_t>(1024 + i), i);
    plant_.clear();
  }
  EXPECT_EQ(plant_.pipeline().half_open(), 4 * flow::Shares::kLittle);
  syn(greedy, 1000, 1);
  EXPECT_EQ(plant_.last(), Reason::half_open_limit);
  for (std::uint16_t i = 0; i < 1000; ++i) {
    TcpSession other(plant_, static_cast<std::uint16_t>(40000 + i));
    ask(other);
  }
}

class Unacknowledged : public Limits {
 protected:
  // Sessions of one host whose receiver acknowledges nothing of what it is sent.
  void flood(std::uint32_t sessions, std::uint16_t requests) {
    for (std::uint32_t i = 0; i < sessions; ++i) {
      stuck_.emplace_back(plant_, static_cast<std::uint16_t>(2000 + i), i, 900000, 502, host(7));
      for (std::uint16_t j = 0; j < requests; ++j) {
        stuck_.back().from_client(read(j));
        plant_.clear();
      }
    }
  }

  std::vector<TcpSession> stuck_;
};

TEST_F(Unacknowledged, OneHostEndsAtAThird) {
  flood(200, 200);
  EXPECT_GE(kept(), segments().capacity() / 4) << "the bound was reached";
  EXPECT_LE(kept(), segments().capacity() / 2);
  for (std::uint16_t i = 0; i < 1000; ++i) {
    TcpSession other(plant_, static_cast<std::uint16_t>(40000 + i));
    ask(other);
  }
}

TEST_F(Unacknowledged, IsGivenUp) {
  const auto told = [&] {
    return std::count_if(
        plant_.verdicts.begin(), plant_.verdicts.end(),
        [](const pipeline::Event& event) { return event.reason == Reason::undeliverable; });
  };
  flood(3, 10);
  plant_.pass_time(2 * defaults_.deliver_ns);
  EXPECT_EQ(kept(), 30U) << "there is plenty";
  flood(200, 200);
  const std::size_t before = kept();
  ASSERT_GT(before, segments().capacity() / 4);
  plant_.pass_time(kMillisecondNs);
  plant_.pass_time(defaults_.deliver_ns - 2 * kSecondNs);
  EXPECT_EQ(kept(), before);
  EXPECT_EQ(told(), 0);
  plant_.pass_time(4 * kSecondNs);
  EXPECT_LE(kept(), segments().capacity() / 4);
  EXPECT_GT(told(), 0);
}

TEST_F(Limits, AMillionHalfMessages) {
  TcpSession standing(plant_, 65000);
  std::uint32_t most = 0;
  std::uint32_t refused = 0;
  std::uint16_t port = 0;
  for (std::uint32_t i = 0; i < kMillion; ++i) {
    if (++port >= 60000) port = 1024;
    TcpSession half(plant_, port, i);
    half.from_client({0, 1, 0, 0, 0});
    const Reason reason = plant_.last();
    refused += reason == Reason::hold_limit || reason == Reason::tcp_not_a_session_start ? 1 : 0;
    plant_.clear();
    if (i % 1000 == 999) {
      most = std::max(most, kept());
      ask(standing);
      plant_.be_at(plant_.now_ns() + kMillisecondNs);
    }
  }
  EXPECT_GT(refused, kMillion / 2) << "the bound was reached";
  EXPECT_LE(most, defaults_.segments - defaults_.segments / 4 + 1);
  EXPECT_LE(plant_.pipeline().flows().size(), defaults_.flows);
  // The half-messages are given up, and with them their memory.
  plant_.pass_time(2 * defaults_.message_ns);
  plant_.pass_time(2 * defaults_.established_ns);
  EXPECT_EQ(kept(), 0U);
  EXPECT_EQ(plant_.buffers_in_use(), 0U);
  EXPECT_EQ(plant_.pipeline().flows().size(), 0U);
}

TEST_F(Limits, OneByteAMinute) {
  constexpr std::uint16_t kSessions = 500;
  std::vector<TcpSession> slow;
  for (std::uint16_t i = 0; i < kSessions; ++i) {
    slow.emplace_back(plant_, static_cast<std::uint16_t>(2000 + i));
  }
  const Bytes request = read(1);
  for (std::size_t minute = 0; minute < 3; ++minute) {
    for (TcpSession& session : slow) session.from_client({request[minute]});
    EXPECT_EQ(kept(), minute == 0 ? kSessions : 0U);
    const TimeNs until_ns = plant_.now_ns() + 61 * kSecondNs;
    while (plant_.now_ns() < until_ns) plant_.be_at(plant_.now_ns() + 10 * kMillisecondNs);
  }
  const auto told = std::count_if(
      plant_.verdicts.begin(), plant_.verdicts.end(),
      [](const pipeline::Event& event) { return event.reason == Reason::message_too_slow; });
  EXPECT_EQ(told, kSessions);
  EXPECT_EQ(kept(), 0U);
  EXPECT_EQ(plant_.buffers_in_use(), 0U);
}

TEST_F(Limits, SessionsThatNeverClose) {
  const std::uint32_t most = defaults_.flows / 4 * 3;
  std::vector<TcpSession> idle;
  idle.reserve(most);
  for (std::uint32_t i = 0; i < most; ++i) {
    idle.emplace_back(plant_, static_cast<std::uint16_t>(1024 + i));
    plant_.clear();
  }
  syn(kHmi, 60000, 1);
  EXPECT_EQ(plant_.last(), Reason::flow_table_full) << "the last quarter is never one host's";
  for (std::uint16_t i = 0; i < 1000; ++i) {
    TcpSession other(plant_, static_cast<std::uint16_t>(1024 + i), 1000, 900000, 502, host(7));
    ask(other);
    other.from_client({}, kTcpRst | kTcpAck);
  }
  ask(idle.front());
  ask(idle.back());
  // One that is used outlives the others; their room is free again.
  for (int half = 0; half < 2; ++half) {
    plant_.pass_time(defaults_.established_ns / 2 + kSecondNs);
    ask(idle.front());
  }
  EXPECT_EQ(plant_.pipeline().flows().size(), 1U);
  TcpSession later(plant_, 60000);
  ask(later);
}

// No packet waits for the end of thousands of sessions; and none of them is forgotten about.
TEST_F(Limits, SessionsThatEndAtOnceEndInSteps) {
  constexpr std::uint32_t kSessions = 1000;
  constexpr std::uint32_t kStepMost = 256;
  for (std::uint32_t i = 0; i < kSessions; ++i) {
    TcpSession session(plant_, static_cast<std::uint16_t>(1024 + i));
    plant_.clear();
  }
  flow::FlowTable& flows = plant_.pipeline().flows();
  TimeNs now_ns = plant_.now_ns() + defaults_.established_ns + kSecondNs;
  std::uint32_t steps = 0;
  while (flows.size() > 0 && steps < 100) {
    const std::uint32_t before = flows.size();
    plant_.be_at(now_ns);
    EXPECT_LE(before - flows.size(), kStepMost);
    EXPECT_EQ(plant_.pipeline().awaits_time(), flows.size() > 0) << "asleep with a rest to do";
    now_ns += kMillisecondNs;
    ++steps;
  }
  EXPECT_EQ(flows.size(), 0U);
  EXPECT_LE(steps, kSessions / kStepMost + 1);
  EXPECT_FALSE(plant_.pipeline().awaits_time());
}

// Every second byte of a stream, but never the first: nothing of it can ever be judged.
TEST_F(Limits, OneSessionCannotHoldMoreThanItsShare) {
  TcpSession greedy(plant_, 40000);
  TcpSession standing(plant_, 40001);
  const std::uint32_t next = greedy.client_next;
  for (std::uint32_t i = 1; i < 60000; i += 2) greedy.client_at(next + i, {1});  // never the first
  EXPECT_LE(kept(), defaults_.held_segments);
  EXPECT_EQ(plant_.last(), Reason::hold_limit);
  ask(standing);
}

// --- how long a session lives when nobody speaks in it

class IdleSession : public Limits {
 protected:
  // Still there a second before its time, gone two after.
  void expect_gone_after(TimeNs idle_ns) {
    ASSERT_EQ(plant_.pipeline().flows().size(), 1U);
    plant_.pass_time(idle_ns - kSecondNs);
    EXPECT_EQ(plant_.pipeline().flows().size(), 1U);
    plant_.pass_time(2 * kSecondNs);
    EXPECT_EQ(plant_.pipeline().flows().size(), 0U);
  }
};

TEST_F(IdleSession, Opening) {
  syn(kHmi, 40000, 1);
  expect_gone_after(defaults_.opening_ns);
}

TEST_F(IdleSession, Established) {
  TcpSession session(plant_, 40000);
  ask(session);
  expect_gone_after(defaults_.established_ns);
}

TEST_F(IdleSession, HalfClosed) {
  TcpSession session(plant_, 40000);
  session.from_client({}, kTcpFin | kTcpAck);
  expect_gone_after(defaults_.closing_ns);
}

TEST_F(IdleSession, ClosedByBothEnds) {
  TcpSession session(plant_, 40000);
  session.from_client({}, kTcpFin | kTcpAck);
  session.server_acked = ++session.client_next;
  session.from_server({}, kTcpFin | kTcpAck);
  session.client_acked = ++session.server_next;
  session.from_client({}, kTcpAck);
  expect_gone_after(defaults_.closed_ns);
}

TEST_F(IdleSession, Reset) {
  TcpSession session(plant_, 40000);
  session.from_client({}, kTcpRst | kTcpAck);
  expect_gone_after(defaults_.closed_ns);
}

TEST_F(IdleSession, Refused) {
  TcpSession session(plant_, 40000);
  session.from_client(support::modbus_adu({5, 0, 0, 0, 0}, 1));
  ASSERT_EQ(plant_.last(), Reason::function_not_granted);
  expect_gone_after(defaults_.closed_ns);
}

TEST_F(IdleSession, Datagrams) {
  plant_.arrive(kHmi, support::udp_frame(kHmi, kPlc, 40000, 502, read(1)));
  ASSERT_EQ(plant_.sent.size(), 1U);
  expect_gone_after(defaults_.datagram_ns);
}

TEST_F(IdleSession, Echo) {
  plant_.arrive(kHmi, support::ip_frame(kHmi, kPlc, 1, support::icmp_message(8, 0, 1)));
  ASSERT_EQ(plant_.last(), Reason::service_granted);
  expect_gone_after(defaults_.echo_ns);
}

}  // namespace
}  // namespace bulkhead
