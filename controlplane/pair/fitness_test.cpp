// Each reason why an appliance could not forward, and the patience with a silent data plane.
#include "controlplane/pair/fitness.h"

#include <gtest/gtest.h>

namespace bulkhead::controlplane {
namespace {

v1::PairReport good_report() {
  v1::PairReport report;
  report.set_configured(true);
  report.set_fit(true);
  return report;
}

class FitnessTest : public ::testing::Test {
 protected:
  FitnessTest() {
    fitness_.on_dataplane(true);
    fitness_.on_report(good_report());
    fitness_.on_policy(true);
  }
  std::string problem(bool replaced = true) const {
    return fitness_.problem(replaced, [this] { return starved_; });
  }

  Fitness fitness_;
  bool starved_ = false;
};

TEST_F(FitnessTest, EachReasonIsNamed) {
  EXPECT_EQ(problem(), "");
  fitness_.on_policy(false);
  EXPECT_EQ(problem(), "the committed policy is not in force in the data plane");
  v1::PairReport unfit = good_report();
  unfit.set_fit(false);
  unfit.set_problem("port 1 has no carrier");
  fitness_.on_report(unfit);
  EXPECT_EQ(problem(), "port 1 has no carrier");
  unfit.set_configured(false);
  unfit.set_problem("another bulkheadd drives this data plane");
  fitness_.on_report(unfit);
  EXPECT_EQ(problem(), "another bulkheadd drives this data plane");
  fitness_.on_dataplane(true);
  fitness_.on_report({});
  EXPECT_EQ(problem(), "the data plane has not said yet how it is; was it started with --pair?");
  fitness_.on_dataplane(false);
  EXPECT_EQ(problem(), "the data plane is not connected");
}

TEST_F(FitnessTest, AnotherDataPlaneHasNoPolicyYet) {
  fitness_.on_dataplane(false);
  fitness_.on_dataplane(true);
  fitness_.on_report(good_report());
  EXPECT_EQ(problem(), "the committed policy is not in force in the data plane");
}

TEST_F(FitnessTest, SilenceIsWaitedForLongerWhereItGetsNoCore) {
  for (int i = 0; i < 4; ++i) fitness_.on_tick_answered();
  EXPECT_EQ(problem(), "");
  fitness_.on_tick_answered();
  EXPECT_EQ(problem(), "the data plane is silent");
  starved_ = true;
  EXPECT_EQ(problem(), "");
  for (int i = 0; i < 7; ++i) fitness_.on_tick_answered();
  EXPECT_EQ(problem(), "");
  fitness_.on_tick_answered();
  EXPECT_EQ(problem(), "the data plane is silent");
  fitness_.on_report(good_report());
  EXPECT_EQ(problem(), "");
}

TEST_F(FitnessTest, AFailedSelfTestCountsWhereAPeerCouldForward) {
  v1::PairReport failed = good_report();
  failed.set_self_test_failed(true);
  fitness_.on_report(failed);
  EXPECT_EQ(problem(true), "the self-test has failed; `bulkheadctl selftest` says where");
  EXPECT_EQ(problem(false), "");
  fitness_.on_report(good_report());
  EXPECT_EQ(problem(true), "");
}

TEST_F(FitnessTest, AThreadThatDoesNotComeByCannotRenewTheLease) {
  for (int i = 0; i < 7; ++i) fitness_.on_tick();
  EXPECT_FALSE(fitness_.lease_thread_stands(true));
  fitness_.on_tick();
  EXPECT_EQ(problem(), "the agent's thread to its data plane stands still");
  EXPECT_TRUE(fitness_.lease_thread_stands(false)) << "it forwards under a lease that ends";
  v1::PairReport alone = good_report();
  alone.set_lease_alone(true);
  fitness_.on_report(alone);
  EXPECT_TRUE(fitness_.lease_thread_stands(true));
  EXPECT_FALSE(fitness_.lease_thread_stands(false)) << "nobody could take its place";
  fitness_.on_tick_answered();
  EXPECT_EQ(problem(), "");
}

}  // namespace
}  // namespace bulkhead::controlplane
