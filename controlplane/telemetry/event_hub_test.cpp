// The last events, and those who follow.
#include "controlplane/telemetry/event_hub.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace bulkhead::controlplane {
namespace {

v1::Event event(const std::string& text) {
  v1::Event made;
  made.set_text(text);
  return made;
}

// Every event that is there for the follower.
std::vector<std::string> texts(EventHub& hub, EventHub::Follower& follower) {
  std::vector<std::string> all;
  while (const auto next = hub.next(follower)) all.push_back(next->text());
  return all;
}

TEST(EventHub, FollowersGetRecentEventsAndThenNewOnes) {
  EventHub hub;
  int rings = 0;
  for (const char* text : {"a", "b", "c"}) hub.on_event(event(text));
  const auto follower = hub.follow(2, [&rings] { ++rings; });
  hub.on_event(event("d"));
  EXPECT_EQ(rings, 0) << "it has not found the list empty yet";
  EXPECT_EQ(texts(hub, *follower), (std::vector<std::string>{"b", "c", "d"}));
  hub.on_event(event("e"));
  hub.on_event(event("f"));
  EXPECT_EQ(rings, 1);
  EXPECT_EQ(texts(hub, *follower), (std::vector<std::string>{"e", "f"}));
  hub.leave(follower);
  hub.on_event(event("g"));
  EXPECT_EQ(rings, 1);
}

TEST(EventHub, ASlowFollowerIsToldHowManyItHasMissed) {
  EventHub hub;
  const auto follower = hub.follow(0, [] {});
  for (std::size_t i = 0; i < EventHub::kRecentMax + 10; ++i) hub.on_event(event("x"));
  const auto first = hub.next(*follower);
  EXPECT_EQ(first->kind(), "missed");
  EXPECT_EQ(first->missed(), 10U);
  EXPECT_EQ(texts(hub, *follower).size(), EventHub::kRecentMax);
  EXPECT_EQ(hub.next(*follower), nullptr);
}

TEST(EventHub, LongEventsAreKeptInBounds) {
  EventHub hub;
  const auto follower = hub.follow(0, [] {});
  v1::Event longest = event(std::string(EventHub::kEventBytesMax + 1, 'x'));
  longest.set_kind("deny");
  hub.on_event(longest);
  EXPECT_EQ(hub.next(*follower)->text(), "");
  const std::size_t usual = EventHub::kEventBytesMax - 64;
  const std::size_t room = EventHub::kBytesMax / usual;
  for (std::size_t i = 0; i < room + 50; ++i) hub.on_event(event(std::string(usual, 'x')));
  EXPECT_GE(hub.next(*follower)->missed(), 49U);
  EXPECT_LE(texts(hub, *follower).size(), room);
}

TEST(EventHub, TheEndWakesThoseThatWait) {
  EventHub hub;
  int rings = 0;
  const auto follower = hub.follow(0, [&rings] { ++rings; });
  EXPECT_EQ(hub.next(*follower), nullptr);
  hub.end();
  EXPECT_EQ(rings, 1);
  EXPECT_TRUE(hub.ended());
}

}  // namespace
}  // namespace bulkhead::controlplane
