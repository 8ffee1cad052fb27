// What the agent gives back, and what it says of the data plane.
#include "controlplane/agent/agent.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "controlplane/agent/memory.h"

namespace bulkhead::controlplane {
namespace {

TEST(MemoryKeeper, GivesBackWhatWasInUseTheLastTime) {
  constexpr std::size_t kLarge = std::size_t{64} << 20;
  constexpr TimeNs kTurnNs = 20 * kSecondNs;
  MemoryKeeper keeper;
  keeper.turn(kTurnNs);
  const std::size_t idle = resident_bytes();
  std::vector<std::string> pieces;
  while (pieces.size() < kLarge / 4096) pieces.emplace_back(4000, 'x');
  keeper.turn(2 * kTurnNs);
  EXPECT_GE(resident_bytes(), idle + kLarge / 2);
  const std::string last = std::move(pieces.back());  // above the others in the heap
  pieces.clear();
  EXPECT_GT(resident_bytes(), idle + kLarge / 2) << "the pieces";
  keeper.turn(3 * kTurnNs);
  EXPECT_LT(resident_bytes(), idle + kLarge / 4);
}

Enforcement good() {
  Enforcement state;
  state.dataplane.set_version("1");
  state.dataplane.set_policy_sha256("aa11");
  state.dataplane.set_site("plant");
  state.active.emplace();
  state.active->set_number(4);
  state.active->set_sha256("aa11");
  return state;
}

TEST(Status, SaysWhatTheDataPlaneSays) {
  EXPECT_EQ(problem_of(good()), "");
  const auto expect = [](const Enforcement& state, const std::string& words) {
    EXPECT_NE(problem_of(state).find(words), std::string::npos) << problem_of(state);
  };
  Enforcement state = good();
  state.active.reset();
  expect(state,
         "no policy has been committed; the data plane enforces the policy with SHA-256 aa11");
  state.damage = "revision 4 cannot be used";
  expect(state, "revision 4 cannot be used; the data plane enforces the policy");
  state.dataplane.clear_policy_sha256();
  expect(state, "no policy: nothing passes");
  state = good();
  state.active->set_sha256("bb22");
  expect(state, "enforces the policy with SHA-256 aa11 of site plant, and not yet revision 4");
  state.refused = "another bulkheadd drives this data plane";
  expect(state, "does not take the active revision (another bulkheadd");
  state = good();
  state.unanswered = "the data plane did not answer in time";
  expect(state, "what it enforces is not known, last it was the policy with SHA-256 aa11");
  state = good();
  state.dataplane.set_problem("worker 0 stands still");
  EXPECT_EQ(problem_of(state), "worker 0 stands still");
}

}  // namespace
}  // namespace bulkhead::controlplane
