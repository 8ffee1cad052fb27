// What each of a pair tells the other once, and again when it has changed.
#include "controlplane/pair/announcements.h"

#include <gtest/gtest.h>

#include <vector>

namespace bulkhead::controlplane {
namespace {

class AnnouncementsTest : public ::testing::Test {
 protected:
  std::vector<std::string> sent() {
    std::vector<std::string> texts;
    for (const v1::PairMessage& message : sent_) {
      texts.push_back(message.has_access() ? "access " + message.access().sha256()
                                           : "audit " + message.audit().head());
    }
    sent_.clear();
    return texts;
  }

  std::vector<v1::PairMessage> sent_;
  std::vector<std::string> heads_;
  Announcements self_{{[this](v1::PairMessage message) { sent_.push_back(std::move(message)); },
                       [this](std::string head) { heads_.push_back(std::move(head)); }}};
};

using Texts = std::vector<std::string>;

TEST_F(AnnouncementsTest, AreSentOnEachConnectionAndWhenTheyChange) {
  TimeNs now_ns = 100 * kSecondNs;
  self_.announce("a", "7:x", false, now_ns);
  EXPECT_EQ(sent(), Texts());
  self_.announce("a", "7:x", true, now_ns);
  EXPECT_EQ(sent(), (Texts{"access a", "audit 7:x"}));
  now_ns += kSecondNs;
  self_.announce("a", "7:x", true, now_ns);
  EXPECT_EQ(sent(), Texts());
  self_.announce("b", "8:y", true, now_ns);
  EXPECT_EQ(sent(), (Texts{"access b", "audit 8:y"}));
  // A head once a second.
  now_ns += kSecondNs - 1;
  self_.announce("c", "9:z", true, now_ns);
  EXPECT_EQ(sent(), Texts{"access c"});
  self_.announce("c", "9:z", true, now_ns + 1);
  EXPECT_EQ(sent(), Texts{"audit 9:z"});
  self_.on_link();
  self_.announce("c", "9:z", true, now_ns + kSecondNs + 1);
  EXPECT_EQ(sent(), (Texts{"access c", "audit 9:z"}));
}

TEST_F(AnnouncementsTest, OfThePeerAreTaken) {
  v1::PairMessage message;
  EXPECT_FALSE(self_.take(message));
  message.mutable_audit()->set_head("7:x");
  EXPECT_TRUE(self_.take(message));
  EXPECT_EQ(heads_, Texts{"7:x"});
  self_.announce("a", "", false, kSecondNs);
  v1::PairStatus status;
  self_.fill(status);
  EXPECT_FALSE(status.access_differs());
  message.mutable_access()->set_sha256("b");
  EXPECT_TRUE(self_.take(message));
  self_.fill(status);
  EXPECT_TRUE(status.access_differs());
  EXPECT_EQ(status.self().access_sha256(), "a");
  EXPECT_EQ(status.peer().access_sha256(), "b");
}

}  // namespace
}  // namespace bulkhead::controlplane
