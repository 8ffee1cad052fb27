// Commits by identifier, and their outcomes.
#include "controlplane/revisions/commits.h"

#include <gtest/gtest.h>

namespace bulkhead::controlplane {
namespace {

TEST(Commits, EachHasAnIdentifierAndItsOutcomeCanBeAskedFor) {
  Commits commits(7);
  EXPECT_FALSE(commits.find(""));
  const auto first = commits.begin(3, "alice");
  ASSERT_TRUE(first);
  EXPECT_EQ(*first, "7-1");
  EXPECT_FALSE(commits.begin(4, "bob")) << "one at a time";
  const auto waiting = commits.wait(*first, std::chrono::milliseconds(1));
  EXPECT_EQ(waiting->state(), v1::Commit::STATE_UNDER_WAY);
  EXPECT_NE(waiting->text().find("may come into force"), std::string::npos);
  commits.finish(v1::Commit::STATE_REFUSED, "the disk is full; nothing was changed");
  EXPECT_EQ(commits.find("7-1")->state(), v1::Commit::STATE_REFUSED);
  EXPECT_EQ(commits.find("7-1")->by(), "alice");
  commits.finish(v1::Commit::STATE_IN_FORCE, "late");
  EXPECT_EQ(commits.find("7-1")->state(), v1::Commit::STATE_REFUSED) << "it is done";
  v1::Revision revision;
  revision.set_number(4);
  ASSERT_TRUE(commits.begin(4, "bob"));
  commits.tell("it is being noted on disk");
  EXPECT_EQ(commits.find("7-2")->text(), "it is under way: it is being noted on disk");
  commits.finish(revision, 9, "");
  EXPECT_EQ(commits.wait("", std::chrono::milliseconds(0))->revision().number(), 4U);
  EXPECT_EQ(commits.find("7-2")->generation(), 9U);
  EXPECT_EQ(commits.find("7-2")->text(), "") << "nothing of it is under way any more";
  EXPECT_FALSE(commits.find("6-2")) << "of another start of the agent";
}

TEST(Commits, OldOnesAreForgotten) {
  Commits commits(1);
  for (std::size_t i = 0; i <= Commits::kKept; ++i) {
    ASSERT_TRUE(commits.begin(1, "a"));
    commits.finish(v1::Commit::STATE_REFUSED, "");
  }
  EXPECT_FALSE(commits.find("1-1"));
  EXPECT_TRUE(commits.find("1-2"));
}

}  // namespace
}  // namespace bulkhead::controlplane
