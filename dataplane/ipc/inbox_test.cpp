// Order, wake-ups and what is left undone.
#include "dataplane/ipc/inbox.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace bulkhead::ipc {
namespace {

TEST(Inbox, EveryThreadsPostsComeOnceAndInItsOrder) {
  constexpr int kThreads = 4;
  constexpr int kEach = 20'000;
  boost::asio::io_context io;
  Inbox inbox(io);
  std::vector<int> seen(kThreads, 0);
  int done = 0;
  std::thread runner([&] { io.run(); });
  std::vector<std::thread> posters;
  for (int thread = 0; thread < kThreads; ++thread) {
    posters.emplace_back([&, thread] {
      for (int i = 0; i < kEach; ++i) {
        inbox.post([&, thread, i] {
          EXPECT_EQ(seen[static_cast<std::size_t>(thread)]++, i);
          if (++done == kThreads * kEach) io.stop();
        });
      }
    });
  }
  for (std::thread& poster : posters) poster.join();
  runner.join();
  EXPECT_EQ(done, kThreads * kEach);
}

TEST(Inbox, AnItemMayPostAnother) {
  boost::asio::io_context io;
  Inbox inbox(io);
  int turns = 0;
  std::function<void()> again = [&] {
    if (++turns == 3) return io.stop();
    inbox.post(again);
  };
  inbox.post(again);
  io.run_for(std::chrono::seconds(10));
  EXPECT_EQ(turns, 3);
}

TEST(Inbox, WhatItTakesNeedNotBeCopied) {
  boost::asio::io_context io;
  Inbox inbox(io);
  inbox.post([owned = std::make_unique<int>(7), &io] {
    EXPECT_EQ(*owned, 7);
    io.stop();
  });
  io.run_for(std::chrono::seconds(10));
  EXPECT_TRUE(io.stopped());
}

TEST(Inbox, WhatIsNotDoneIsDropped) {
  const auto held = std::make_shared<int>(0);
  boost::asio::io_context io;
  {
    Inbox inbox(io);
    for (int i = 0; i < 3; ++i) inbox.post([held] { FAIL(); });
    EXPECT_EQ(held.use_count(), 4);
  }
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace bulkhead::ipc
