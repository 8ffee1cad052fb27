// The pair's state machine step by step: leases, takeovers, grants, orders.
// What many faults together do is tests/simulation's.
#include <gtest/gtest.h>

#include "tests/support/one_of_a_pair.h"

namespace bulkhead::failover {
namespace {

TEST(Times, AreChecked) {
  EXPECT_EQ(validate(Timing{}), std::nullopt);
  const auto wrong = [](auto change) {
    Timing timing;
    change(timing);
    return validate(timing).has_value();
  };
  EXPECT_TRUE(wrong([](Timing& t) { t.heartbeat_ns = 0; }));
  EXPECT_TRUE(wrong([](Timing& t) { t.peer_lost_ns = 2 * t.heartbeat_ns; }));
  EXPECT_TRUE(wrong([](Timing& t) { t.lease_ns = t.peer_lost_ns; }));
  EXPECT_TRUE(wrong([](Timing& t) { t.takeover_ns = t.lease_ns; }));
  EXPECT_TRUE(wrong([](Timing& t) { t.start_alone_ns = 0; }));
}

TEST_F(One, StartsAloneOnlyAfterItHasListened) {
  EXPECT_FALSE(wait(29'900).took_over);
  EXPECT_FALSE(forwards());
  const Actions actions = wait(200);
  EXPECT_TRUE(actions.took_over);
  EXPECT_EQ(actions.cause, Cause::started_alone);
  EXPECT_TRUE(lease.alone);
}

TEST_F(One, TakesOverWhenTheActiveIsHeardOnNoPath) {
  be_standby();
  EXPECT_FALSE(wait(80).took_over);
  const Actions actions = wait(20);
  EXPECT_TRUE(actions.took_over);
  EXPECT_EQ(actions.cause, Cause::peer_silent);
  EXPECT_EQ(machine.term(), 8U);
  EXPECT_TRUE(forwards());
}

// An active whose heartbeats are further apart forwards for longer, and so does this one then.
TEST_F(One, GoesByTheSlowerOnesTimes) {
  peer.lease_ns = 140 * kMs;
  be_standby();
  EXPECT_FALSE(wait(170).took_over);
  EXPECT_TRUE(wait(20).took_over);
  peer.role = Role::standby;
  peer.eligible = true;
  const TimeNs echoed_at = now;
  hear_echo();
  EXPECT_EQ(lease.until_ns, echoed_at + 140 * kMs);
  EXPECT_EQ(sent.lease_ns, 70 * kMs) << "its own";
}

TEST_F(One, DoesNotHurryForAFasterOne) {
  peer.lease_ns = 35 * kMs;
  be_standby();
  EXPECT_FALSE(wait(80).took_over);
  EXPECT_TRUE(wait(20).took_over);
}

TEST_F(One, DoesNotWhileOnePathWorks) {
  be_standby();
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(wait(10).took_over);
    hear(kZone);
  }
  EXPECT_FALSE(machine.hears_on(kPairLink));
  EXPECT_TRUE(machine.hears_on(kZone));
}

TEST_F(One, DoesNotForItsOwnStall) {
  be_standby();
  now += 10 * kSecondNs;
  EXPECT_FALSE(give(Tick{}).took_over);
  hear();
  EXPECT_FALSE(wait(50).took_over);
}

TEST_F(One, NorForASilenceBeforeIt) {
  be_standby();
  wait(70);
  now += 5 * kSecondNs;
  EXPECT_FALSE(give(Tick{}).took_over) << "what came meanwhile has not been read yet";
  hear();
  EXPECT_FALSE(wait(50).took_over);
  wait(20);
  now += 5 * kSecondNs;
  EXPECT_FALSE(give(Tick{}).took_over);
  EXPECT_TRUE(wait(10).took_over) << "nothing had come";
}

TEST_F(One, TicksThatAreAlwaysLateCountToo) {
  be_standby();
  bool took_over = false;
  for (int i = 0; i < 8; ++i) {
    now += 25 * kMs;
    took_over = give(Tick{}).took_over || took_over;
  }
  EXPECT_TRUE(took_over);
}

TEST_F(One, AnActiveThatStoodStillDoesNotTakeItsPeerForLost) {
  be_active();
  wait(40);
  now += 200 * kMs;
  give(Tick{});
  EXPECT_FALSE(forwards()) << "the peer may have taken over";
  hear_echo();
  EXPECT_TRUE(forwards());
  EXPECT_FALSE(lease.alone);
}

TEST_F(One, WhoIsAloneStaysSoThroughAStall) {
  be_active();
  wait(60);
  ASSERT_TRUE(lease.alone);
  now += 200 * kMs;
  give(Tick{});
  EXPECT_TRUE(lease.alone);
}

TEST_F(One, WhoHasHeardNobodySaysThatItCannotTakeOver) {
  wait(29'000);
  EXPECT_FALSE(sent.eligible) << "whoever hears it may forward on";
  hear();
  wait(10);
  EXPECT_TRUE(sent.eligible);
}

TEST_F(One, AnActiveForwardsOnlyAsFarAsItsHeartbeatsAreEchoed) {
  be_active();
  const TimeNs echoed_at = now;
  EXPECT_EQ(lease.until_ns, echoed_at + 70 * kMs);
  EXPECT_FALSE(lease.alone);
  // It hears the peer, but nothing that it sends arrives.
  for (int i = 0; i < 6; ++i) {
    wait(10);
    hear();
  }
  EXPECT_TRUE(forwards());
  wait(10);
  hear();
  EXPECT_FALSE(forwards());
  EXPECT_EQ(machine.role(), Role::active);
  hear_echo();
  EXPECT_TRUE(forwards());
}

TEST_F(One, AnActiveWhosePeerIsLostForwardsOn) {
  be_active();
  for (int i = 0; i < 100; ++i) {
    wait(10);
    EXPECT_TRUE(forwards());
  }
  EXPECT_TRUE(lease.alone);
}

TEST_F(One, OfTwoActivesTheOneOfTheEarlierTermStepsDown) {
  be_active();
  peer.role = Role::active;
  peer.active_term = peer.term = machine.term() - 1;
  EXPECT_FALSE(hear_echo().stepped_down);
  peer.active_term = peer.term = machine.term() + 1;
  const Actions actions = hear_echo();
  EXPECT_TRUE(actions.stepped_down);
  EXPECT_EQ(actions.cause, Cause::better_active);
  EXPECT_FALSE(forwards());
}

TEST_F(One, AnUnfitActiveGivesItsPlaceAtOnce) {
  be_active();
  const Actions actions = give(Fitness{false});
  EXPECT_TRUE(actions.stepped_down);
  EXPECT_FALSE(forwards());
  EXPECT_GT(sent.grant, machine.term() - 1);
  EXPECT_FALSE(sent.eligible);
}

TEST_F(One, TakesWhatIsGranted) {
  be_standby();
  peer.role = Role::standby;
  peer.eligible = false;
  peer.term = peer.grant = 8;
  const Actions actions = hear_echo();
  EXPECT_TRUE(actions.took_over);
  EXPECT_EQ(actions.cause, Cause::granted);
  EXPECT_EQ(machine.term(), 8U);
}

TEST_F(One, NotByAnOldGrant) {
  be_standby();
  wait(10);
  peer.role = Role::standby;
  peer.eligible = true;
  peer.term = peer.grant = 8;
  peer.hands_over = true;
  now += 80 * kMs;  // the echo in it is older than a lease
  EXPECT_FALSE(hear().took_over);
}

TEST_F(One, AnOrderNeedsAReadyPeer) {
  EXPECT_EQ(give(Order::switchover).refused, Cause::not_active);
  be_active();
  EXPECT_EQ(give(Order::switchover).refused, Cause::peer_not_ready);
  peer.ready = true;
  hear_echo();
  const Actions ordered = give(Order::switchover);
  EXPECT_EQ(ordered.refused, Cause::none);
  EXPECT_TRUE(ordered.drain);
  EXPECT_FALSE(forwards()) << "nothing more leaves while the last changes go over";
  EXPECT_EQ(sent.grant, 0U);
  const Actions drained = give(Drained{});
  EXPECT_TRUE(drained.stepped_down);
  EXPECT_EQ(drained.cause, Cause::handed_over);
  EXPECT_GT(sent.grant, 0U);
}

TEST_F(One, AHandOverThatDoesNotDrainIsGivenUp) {
  be_active();
  peer.ready = true;
  hear_echo();
  give(Order::switchover);
  for (int i = 0; i < 9; ++i) {
    wait(10);
    hear_echo();
    EXPECT_FALSE(forwards());
  }
  wait(10);
  hear_echo();
  EXPECT_TRUE(forwards());
  EXPECT_EQ(machine.role(), Role::active);
}

TEST_F(One, WhoIsBehindDoesNotTakeOver) {
  be_standby();
  peer.policy = {6, 66};
  hear_echo();
  EXPECT_FALSE(machine.eligible());
  EXPECT_FALSE(wait(1000).took_over);
  give(PolicyIs{{6, 66}, {}});
  EXPECT_TRUE(wait(200).took_over);
}

TEST_F(One, WhatWasPreparedCounts) {
  be_standby();
  give(PolicyIs{{5, 55}, {6, 66}});
  peer.policy = {6, 66};
  hear_echo();
  const Actions actions = wait(100);
  EXPECT_TRUE(actions.took_over);
  EXPECT_TRUE(actions.commit_prepared);
  EXPECT_EQ(machine.policy().epoch, 6U);
}

TEST_F(One, MaintenanceKeepsOut) {
  be_standby();
  give(Order::maintenance_on);
  EXPECT_FALSE(wait(2000).took_over);
  give(Order::maintenance_off);
  EXPECT_TRUE(wait(200).took_over);
}

TEST_F(One, ReadyOnlyWithEqualFlowsAndPolicy) {
  be_standby();
  EXPECT_FALSE(machine.ready());
  give(Replica{true});
  EXPECT_TRUE(machine.ready());
  peer.policy = {5, 56};
  hear_echo();
  EXPECT_FALSE(machine.ready());
}

class Preferred : public One {
 protected:
  Preferred() : One(110, true) {}
};

TEST_F(Preferred, AsksOnceItHasBeenReadyForLong) {
  be_standby();
  give(Replica{true});
  for (int i = 0; i < 499; ++i) {
    wait(10);
    hear_echo();
    EXPECT_FALSE(sent.wants);
  }
  for (int i = 0; i < 5; ++i) {
    wait(10);
    hear_echo();
  }
  EXPECT_TRUE(sent.wants);
}

// The data plane may go by what an agent said that is gone.
TEST_F(One, TakesUpTheLeaseOfADataPlaneThatForwards) {
  const Lease old = {now + 40 * kMs, false, 9};
  const Actions actions = give(Forwarding{true, old});
  EXPECT_EQ(actions.adopted, old);
  EXPECT_FALSE(actions.lease.has_value()) << "it stays as it was";
  EXPECT_FALSE(actions.took_over);
  EXPECT_EQ(machine.role(), Role::active);
  EXPECT_EQ(machine.term(), 9U);
  wait(40);
  EXPECT_FALSE(lease.alone);
  wait(10);
  EXPECT_TRUE(lease.alone) << "no peer was heard";
}

TEST_F(One, TakesItUpLateToo) {
  wait(10'000);
  const Lease old = {now + 40 * kMs, false, 9};
  EXPECT_EQ(give(Forwarding{true, old}).adopted, old);
  EXPECT_FALSE(give(Forwarding{true, old}).adopted.has_value()) << "it has";
  wait(40);
  EXPECT_FALSE(lease.alone) << "a peer may be about to be heard";
  wait(10);
  EXPECT_TRUE(lease.alone);
}

TEST_F(One, TakesUpNoLeaseThatNobodyGave) {
  const Actions actions = give(Forwarding{true, {}});
  EXPECT_FALSE(actions.adopted.has_value());
  EXPECT_EQ(machine.role(), Role::standby);
}

TEST_F(One, TellsADataPlaneAgainThatItMayNotForward) {
  be_standby();
  const Actions actions = give(Forwarding{true, {0, true, 5}});
  EXPECT_FALSE(actions.adopted.has_value()) << "the peer is active";
  ASSERT_TRUE(actions.lease.has_value());
  EXPECT_FALSE(actions.lease->lets_forward());
  EXPECT_FALSE(give(Forwarding{false, {}}).lease.has_value()) << "it has understood";
}

TEST_F(One, TellsADataPlaneAgainThatItMayOnceItHasReadWhatCame) {
  const Forwarding gave_way = {false, {0, true, 1}};
  be_active();
  EXPECT_FALSE(give(gave_way).lease.has_value()) << "the lease may just have ended";
  wait(60);
  const Actions again = give(gave_way);
  ASSERT_TRUE(again.lease.has_value());
  EXPECT_TRUE(again.lease->alone);
  now += 5 * kSecondNs;
  give(Tick{});
  EXPECT_FALSE(give(gave_way).lease.has_value()) << "the peer may have taken over";
  wait(20);
  EXPECT_TRUE(give(gave_way).lease.has_value());
}

}  // namespace
}  // namespace bulkhead::failover
