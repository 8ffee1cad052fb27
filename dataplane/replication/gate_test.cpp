// The gate: closed unless a lease runs, and what ends one that has no end.
#include "dataplane/replication/gate.h"

#include <gtest/gtest.h>

namespace bulkhead::replication {
namespace {

constexpr TimeNs kMs = kMillisecondNs;
constexpr TimeNs kSilentNs = 70 * kMs;

TEST(Gate, IsClosedUntilALeaseOpensIt) {
  Gate gate;
  EXPECT_FALSE(gate.is_open(0));
  gate.renew({100 * kMs, false, 3}, 40 * kMs);
  EXPECT_TRUE(gate.is_open(100 * kMs - 1));
  EXPECT_FALSE(gate.is_open(100 * kMs));
  gate.renew({0, false, 3}, 50 * kMs);
  EXPECT_FALSE(gate.is_open(50 * kMs));
}

TEST(Gate, OfOneThatIsNoPairStaysOpen) {
  Gate gate;
  gate.open_for_good();
  gate.heard_active_peer(1000 * kMs, kSilentNs);
  EXPECT_TRUE(gate.is_open(~TimeNs{0}));
}

// The agent died while no peer was heard; then a peer began.
TEST(Gate, AloneWithoutAnAgentItGivesWayToAnActivePeer) {
  Gate gate;
  gate.renew({0, true, 3}, 10 * kMs);
  EXPECT_TRUE(gate.is_open(100'000 * kMs));
  gate.heard_active_peer(10 * kMs + kSilentNs - 1, kSilentNs);
  EXPECT_TRUE(gate.is_open(200 * kMs)) << "the agent has just spoken and will say what to do";
  gate.heard_active_peer(10 * kMs + kSilentNs, kSilentNs);
  EXPECT_FALSE(gate.is_open(200 * kMs));
}

}  // namespace
}  // namespace bulkhead::replication
