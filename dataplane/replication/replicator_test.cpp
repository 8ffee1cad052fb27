// Two tables that are kept alike by records: after any changes the standby has what the active has,
// and the ledgers of both agree. Rings wrap, records are checked, and what finds no room is told.
#include "dataplane/replication/replicator.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <thread>

#include "dataplane/protocols/registry.h"
#include "dataplane/replication/ledger.h"
#include "tests/support/plant.h"

namespace bulkhead::replication {
namespace {

using flow::Flow;
using flow::FlowKey;
using flow::FlowTable;
using flow::TcpPhase;

// Numbers of 32 bits, whatever a platform's fast ones are.
class Random {
 public:
  explicit Random(std::uint32_t seed) : engine_(seed) {}
  std::uint32_t operator()() { return static_cast<std::uint32_t>(engine_()); }

 private:
  std::mt19937 engine_;
};

constexpr std::uint32_t kFlows = 256;
constexpr TimeNs kNowNs = 1000 * kSecondNs;
constexpr TimeNs kPeerNowNs = 5000 * kSecondNs;  // clocks have nothing to do with each other

FlowKey key_of(std::uint32_t number) {
  FlowKey key;
  flow::write_key_v4(key, 0x0a000001 + number / 64, static_cast<std::uint16_t>(1024 + number % 64),
                     0x0a010001, 502, 6, {});
  return key;
}

std::unique_ptr<FlowTable> make_table(const std::string& name, std::uint32_t flows = kFlows,
                                      std::uint32_t deep = 8, std::uint32_t carries = 64) {
  support::start_eal_for_tests();
  auto table = FlowTable::make(name, flows, {128, 2048, deep, carries});
  return table ? std::move(table).value() : nullptr;
}

void fill(FlowTable& table, Flow& flow, Random& random) {
  flow.transport = policy::Transport::tcp;
  flow.phase = random() % 8 == 0 ? TcpPhase::syn_sent : TcpPhase::established;
  flow.client_is_low = random() % 2 == 0;
  flow.protocol = static_cast<std::uint8_t>(random() % 3 == 0 ? protocols::kNoProtocol : 0);
  flow.refused = random() % 16 == 0;
  flow.ports = {0, 1};
  flow.first = flow.predecessor.first = {random(), random()};
  flow.predecessor.answered = random() % 2 == 0;
  flow.reversed = flow.first[0] % 4 == 0;
  for (flow::Link& link : flow.links) {
    link = {wire::Mac::from_integer(random()), wire::Mac::from_integer(random())};
  }
  flow.last_seen_ns = kNowNs - random() % kSecondNs;
  flow.expires_ns = kNowNs + random() % (100 * kSecondNs);
  for (flow::TcpSide& side : flow.sides) {
    side.released = random();
    side.acknowledged = side.released - random() % 100;
    side.window_end = side.released + random() % 60000;
    side.offered_scale = static_cast<std::uint8_t>(random() % 15);
    side.scale_offered = random() % 2 == 0;
    side.mss = 1460;
  }
  if (random() % 4 == 0 && table.lend_splice(flow)) {
    flow.spliced = true;
    for (std::size_t side = 0; side < 2; ++side) {
      flow.splice[side] = {};
      flow.splice[side].out_next = flow.sides[side].released + random();
      flow.splice[side].out_acked = flow.splice[side].out_next;
      flow.splice[side].out_edge = flow.splice[side].out_next + 1000;
    }
  }
  if (flow.protocol == protocols::kNoProtocol) return;
  if (random() % 10 == 0) table.deepen_session(flow);
  for (std::byte& byte : table.session(flow)) byte = static_cast<std::byte>(random());
}

// What must be the same on both.
void expect_alike(FlowTable& active, Flow& one, FlowTable& standby, Flow& other) {
  EXPECT_EQ(other.phase, TcpPhase::resuming);
  EXPECT_EQ(other.standing.generation, 0U) << "it is to be judged anew";
  EXPECT_EQ(one.client_is_low, other.client_is_low);
  EXPECT_EQ(one.reversed, other.reversed);
  EXPECT_EQ(one.refused, other.refused);
  EXPECT_EQ(one.protocol, other.protocol);
  EXPECT_EQ(kNowNs - one.last_seen_ns, kPeerNowNs - other.last_seen_ns);
  EXPECT_EQ(one.expires_ns - kNowNs, other.expires_ns - kPeerNowNs);
  for (std::size_t side = 0; side < 2; ++side) {
    EXPECT_EQ(one.sides[side].released, other.sides[side].released);
    EXPECT_EQ(one.sides[side].acknowledged, other.sides[side].acknowledged);
    EXPECT_EQ(one.sides[side].window_end, other.sides[side].window_end);
    EXPECT_EQ(one.sides[side].offered_scale, other.sides[side].offered_scale);
    EXPECT_EQ(one.sides[side].scale_offered, other.sides[side].scale_offered);
    EXPECT_FALSE(other.sides[side].known) << "only its receiver says where it stands";
    EXPECT_EQ(one.links[side], other.links[side]);
    EXPECT_EQ(one.first[side], other.first[side]);
    EXPECT_EQ(one.predecessor.first[side], other.predecessor.first[side]);
    if (one.spliced && other.spliced) {
      EXPECT_EQ(one.splice[side].out_next, other.splice[side].out_next);
      EXPECT_EQ(one.splice[side].out_edge, other.splice[side].out_edge);
    }
  }
  EXPECT_EQ(one.predecessor.answered, other.predecessor.answered);
  EXPECT_EQ(one.spliced, other.spliced);
  if (one.protocol == protocols::kNoProtocol) return;
  EXPECT_EQ(active.has_deep_session(one), standby.has_deep_session(other));
  EXPECT_TRUE(std::ranges::equal(active.session(one), standby.session(other)));
}

class Replicas : public testing::Test {
 protected:
  Replicas()
      : active_(make_table("active" + std::to_string(++tests_))),
        standby_(make_table("standby" + std::to_string(tests_))),
        sender_(*active_, segments_, ring_),
        receiver_({*standby_, segments_, timers_, nullptr}) {}

  // Brings all over that waits.
  void bring_over() {
    do {
      sender_.run(16, kNowNs);
      while (!ring_.front().empty()) {
        EXPECT_TRUE(told_.note(ring_.front()));
        ASSERT_EQ(receiver_.take(ring_.front(), kPeerNowNs), FlowReceiver::Taken::taken);
        EXPECT_TRUE(taken_.note(ring_.front()));
        ring_.release();
      }
    } while (!sender_.is_done());
    EXPECT_EQ(told_.digest(), taken_.digest());
  }

  void expect_tables_alike() {
    std::uint32_t travelling = 0;
    for (std::uint32_t slot = 0; slot < active_->capacity(); ++slot) {
      Flow& one = active_->slot(slot);
      if (!one.in_use || one.phase != TcpPhase::established) continue;
      ++travelling;
      Flow* other = standby_->find(one.key);
      ASSERT_NE(other, nullptr);
      expect_alike(*active_, one, *standby_, *other);
    }
    EXPECT_EQ(standby_->size(), travelling);
    EXPECT_EQ(taken_.sessions(), travelling);
  }

  static inline int tests_ = 0;
  std::unique_ptr<FlowTable> active_;
  std::unique_ptr<FlowTable> standby_;
  flow::SegmentPool segments_{16};
  flow::TimerWheel timers_{kFlows};
  RecordRing ring_{1 << 16};
  FlowSender sender_;
  FlowReceiver receiver_;
  Ledger told_;
  Ledger taken_;
};

TEST_F(Replicas, StayAlikeWhateverChanges) {
  Random random(11);
  for (int round = 0; round < 300; ++round) {
    for (int change = 0; change < 20; ++change) {
      const FlowKey key = key_of(random() % (2 * kFlows));
      Flow* flow = active_->find(key);
      if (flow == nullptr) {
        flow = active_->insert(key);
        if (flow != nullptr) fill(*active_, *flow, random);
      } else if (random() % 2 == 0) {
        active_->erase(*flow);
      } else {
        flow->sides[random() % 2].released += 12;
        active_->touch(*flow);
      }
      // Some go while their slots have new tenants already.
      if (random() % 8 == 0) sender_.run(1 + random() % 3, kNowNs);
    }
    bring_over();
  }
  expect_tables_alike();
}

TEST_F(Replicas, OneThatJoinsLateGetsAll) {
  Random random(5);
  for (std::uint32_t number = 0; number < 200; ++number) {
    fill(*active_, *active_->insert(key_of(number)), random);
  }
  while (active_->has_changes()) active_->take_change();  // nobody was there to hear of them
  sender_.restart();
  EXPECT_FALSE(sender_.is_done());
  bring_over();
  expect_tables_alike();
}

TEST_F(Replicas, AFullRingKeepsWhatIsChangedWaiting) {
  Random random(5);
  for (std::uint32_t number = 0; number < 200; ++number) {
    fill(*active_, *active_->insert(key_of(number)), random);
  }
  EXPECT_LT(sender_.run(1000, kNowNs), 200U);
  EXPECT_FALSE(sender_.is_done());
  bring_over();
  expect_tables_alike();
}

TEST_F(Replicas, WhatFindsNoRoomIsTold) {
  const auto small = make_table("small", 4, 0, 0);
  flow::TimerWheel timers(4);
  FlowReceiver receiver({*small, segments_, timers, nullptr});
  Random random(5);
  for (std::uint32_t number = 0; number < 60; ++number) {
    fill(*active_, *active_->insert(key_of(number)), random);
  }
  std::map<FlowReceiver::Taken, int> outcomes;
  while (!sender_.is_done()) {
    sender_.run(4, kNowNs);
    for (; !ring_.front().empty(); ring_.release()) ++outcomes[receiver.take(ring_.front(), 0)];
  }
  EXPECT_GT(outcomes[FlowReceiver::Taken::no_room], 40);
  EXPECT_EQ(outcomes[FlowReceiver::Taken::taken], static_cast<int>(small->size()));
}

// Two releases of a pair may keep other states: what the other one wrote is not read as our own.
TEST_F(Replicas, AStateOfAnotherLayoutIsUnknown) {
  const std::uint8_t protocol = *protocols::find_protocol("dnp3");
  const protocols::Protocol& module = *protocols::registry()[protocol];
  const std::uint16_t own = module.state_layout().version;
  const std::vector<std::byte> state(module.state_layout().bytes, std::byte{1});
  const auto adopted = [&](std::uint32_t opened_by, std::uint16_t layout) -> Flow& {
    FlowKey key = key_of(1000U + layout);
    key.opened_by = opened_by;
    Flow& flow = *active_->insert(key);
    flow.transport = policy::Transport::tcp;
    flow.phase = TcpPhase::established;
    flow.ports = {0, 1};
    std::vector<std::uint8_t> record(kRecordFixedBytesMax + state.size());
    record.resize(encode_flow(flow, segments_, module.catalogue().name, {state, layout}, false,
                              kNowNs, record));
    EXPECT_EQ(receiver_.take(record, kPeerNowNs), FlowReceiver::Taken::taken);
    return *standby_->find(key);
  };
  const auto begins_with = [&](Flow& flow, std::span<const std::byte> bytes) {
    return std::ranges::equal(standby_->session(flow).first(bytes.size()), bytes);
  };
  Flow& same = adopted(0, own);
  EXPECT_TRUE(begins_with(same, state));
  EXPECT_EQ(same.missed, 0);
  std::vector<std::byte> unseen(state.size());
  module.begin_unseen(unseen);
  for (const int layout : {own - 1, own + 1}) {
    Flow& other = adopted(0, static_cast<std::uint16_t>(layout));
    EXPECT_TRUE(begins_with(other, unseen));
    EXPECT_EQ(other.missed, Flow::kMissedMax);
  }
  // A question to many (5) stands beside its session, without state of its module.
  EXPECT_TRUE(begins_with(adopted(5, kEntryLayout), state));
  const std::vector<std::byte> nothing(state.size());
  EXPECT_TRUE(begins_with(adopted(5, kEntryLayout + 1), nothing));
}

TEST_F(Replicas, BrokenRecordsAreNone) {
  Random random(5);
  Flow& flow = *active_->insert(key_of(1));
  do {
    fill(*active_, flow, random);
  } while (!flow.spliced || flow.phase != TcpPhase::established ||
           flow.protocol == protocols::kNoProtocol);
  sender_.run(1, kNowNs);
  const std::vector<std::uint8_t> record(ring_.front().begin(), ring_.front().end());
  for (std::size_t length = 0; length < record.size(); ++length) {
    EXPECT_EQ(receiver_.take(ByteView(record).first(length), 0), FlowReceiver::Taken::malformed);
  }
  std::vector<std::uint8_t> longer = record;
  longer.push_back(0);
  EXPECT_EQ(receiver_.take(longer, 0), FlowReceiver::Taken::malformed);
  // A later release may have added something.
  longer[0] = kRecordVersion + 1;
  EXPECT_EQ(receiver_.take(longer, 0), FlowReceiver::Taken::taken);
  longer[0] = kRecordVersionOldest - 1;
  EXPECT_EQ(receiver_.take(longer, 0), FlowReceiver::Taken::malformed);
  // Any byte may be anything; a record with a strange key or protocol is one of another session.
  for (int round = 0; round < 20000; ++round) {
    std::vector<std::uint8_t> changed = record;
    for (std::uint32_t i = 0; i <= random() % 4; ++i) {
      changed[random() % changed.size()] = static_cast<std::uint8_t>(random());
    }
    receiver_.take(changed, 0);
  }
}

// One thread writes, the other reads; lengths of all kinds, and the ring wraps all the time.
TEST(RecordRingTest, BringsEachRecordOnceAndWhole) {
  constexpr std::uint32_t kRecords = 50000;
  RecordRing ring(1024);
  std::thread writer([&ring] {
    Random random(1);
    for (std::uint32_t number = 0; number < kRecords;) {
      const std::size_t length = 4 + random() % 200;
      const auto room = ring.reserve(length + random() % 100);
      if (room.empty()) {
        std::this_thread::yield();
        continue;
      }
      store_be32(room.data(), number++);
      for (std::size_t i = 4; i < length; ++i) room[i] = static_cast<std::uint8_t>(length);
      ring.commit(length);
    }
  });
  for (std::uint32_t number = 0; number < kRecords;) {
    const ByteView record = ring.front();
    if (record.empty()) {
      std::this_thread::yield();
      continue;
    }
    EXPECT_EQ(load_be32(record.data()), number++);
    for (std::size_t i = 4; i < record.size(); ++i) {
      ASSERT_EQ(record[i], static_cast<std::uint8_t>(record.size()));
    }
    ring.release();
  }
  writer.join();
  EXPECT_TRUE(ring.is_empty());
  EXPECT_TRUE(ring.reserve(600).empty()) << "more than half of it";
}

}  // namespace
}  // namespace bulkhead::replication
