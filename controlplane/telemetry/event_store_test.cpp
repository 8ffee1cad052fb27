// The table of events: places by number, by time and by what matches; its bound.
#include "controlplane/telemetry/event_store.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <numeric>

#include "tests/support/temporary_folder.h"

namespace bulkhead::controlplane {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kBytesMax = EventStore::kBytesMin;

EventBytes event(std::uint64_t wall_ns, const std::string& conduit, std::size_t padding = 0) {
  v1::Event made;
  made.set_wall_time_ns(wall_ns);
  made.set_conduit(conduit);
  made.set_text(std::string(padding, 'x'));
  return {wall_ns, made.SerializeAsString()};
}

class EventStoreTest : public ::testing::Test {
 protected:
  void open(std::uint64_t bytes_max = kBytesMax) {
    store_.reset();
    auto opened = EventStore::open(path(), bytes_max);
    ASSERT_TRUE(opened.ok()) << opened.error().text;
    store_ = std::move(opened).value();
  }
  void append(std::uint64_t first, const std::vector<EventBytes>& events) {
    const auto problem = store_->append(first, events);
    ASSERT_FALSE(problem) << problem->text;
  }
  // Numbers of all that match.
  std::vector<std::uint64_t> read(std::uint64_t after, const EventFilter& filter = {},
                                  std::size_t rows = 1000) {
    std::vector<std::uint64_t> numbers;
    for (bool more = true; more;) {
      auto page = store_->read(after, filter, rows, 1 << 20);
      EXPECT_TRUE(page.ok());
      if (!page) break;
      EXPECT_LE(page.value().events.size(), rows);
      for (const v1::Event& each : page.value().events) numbers.push_back(each.number());
      after = page.value().after;
      more = page.value().more;
    }
    return numbers;
  }
  std::uint64_t newest(std::uint64_t wanted, const EventFilter& filter = {}) {
    NewestPlace place{.wanted = wanted};
    for (;;) {
      const auto done = store_->step_back(place, filter);
      EXPECT_TRUE(done.ok());
      if (!done || done.value()) return place.after;
    }
  }
  std::string path() const { return folder_.path() + "/events.db"; }
  std::uint64_t bytes_on_disk() const {
    std::uint64_t bytes = 0;
    for (const auto& each : fs::directory_iterator(folder_.path())) bytes += each.file_size();
    return bytes;
  }

  const support::TemporaryFolder folder_;
  std::unique_ptr<EventStore> store_;
};

using Numbers = std::vector<std::uint64_t>;

TEST_F(EventStoreTest, IsReadInPagesAndFiltered) {
  open();
  EXPECT_EQ(store_->last(), 0U);
  EXPECT_EQ(read(0), Numbers{});
  append(1, {event(10, "a"), event(20, "b"), event(30, "a"), event(40, "b"), event(50, "a")});
  EXPECT_EQ(read(0), (Numbers{1, 2, 3, 4, 5}));
  EXPECT_EQ(read(0, {}, 2), (Numbers{1, 2, 3, 4, 5}));
  EXPECT_EQ(read(3), (Numbers{4, 5}));
  EXPECT_EQ(read(5), Numbers{});
  EXPECT_EQ(read(UINT64_MAX), Numbers{});
  EXPECT_EQ(read(0, {.conduit = "b"}, 1), (Numbers{2, 4}));
  EXPECT_EQ(read(0, {.since_ns = 20, .until_ns = 40}), (Numbers{2, 3}));
  EXPECT_EQ(newest(2), 3U);
  EXPECT_EQ(newest(0), 5U);
  EXPECT_EQ(newest(100), 0U);
  EXPECT_EQ(newest(2, {.conduit = "b"}), 1U);
  open();
  EXPECT_EQ(store_->first(), 1U);
  EXPECT_EQ(store_->last(), 5U);
  EXPECT_EQ(read(0), (Numbers{1, 2, 3, 4, 5}));
}

TEST_F(EventStoreTest, GapsInNumbersAreReportedWhereTheyAre) {
  open();
  append(5, {event(10, "a"), event(20, "a")});
  append(9, {event(30, "a")});
  auto page = store_->read(2, {}, 10, 1 << 20);
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page.value().missed, 2U);
  EXPECT_EQ(page.value().missed_last, 4U);
  ASSERT_EQ(page.value().events.size(), 2U) << "the page ends before the next gap";
  EXPECT_TRUE(page.value().more);
  page = store_->read(page.value().after, {.conduit = "none"}, 10, 1 << 20);
  EXPECT_EQ(page.value().missed, 2U);
  EXPECT_EQ(page.value().missed_last, 8U);
  EXPECT_EQ(page.value().after, 9U);
  EXPECT_FALSE(page.value().more);
}

TEST_F(EventStoreTest, ATimeIsFoundAlthoughTheClockWasSetBack) {
  open();
  EXPECT_EQ(store_->before(5).value(), 0U);
  append(1, {event(100, "a"), event(200, "a"), event(150, "a"), event(300, "a")});
  EXPECT_EQ(store_->before(0).value(), 0U);
  EXPECT_EQ(store_->before(100).value(), 0U);
  EXPECT_EQ(store_->before(101).value(), 1U);
  EXPECT_EQ(store_->before(160).value(), 1U);
  EXPECT_EQ(store_->before(201).value(), 3U);
  EXPECT_EQ(store_->before(301).value(), 4U);
  open();
  append(5, {event(250, "a")});
  EXPECT_EQ(store_->before(260).value(), 3U);
  EXPECT_EQ(store_->before(301).value(), 5U) << "the latest time is known after a restart";
}

TEST_F(EventStoreTest, ReadsLookAtABoundedNumber) {
  open();
  constexpr std::size_t kEvents = 3 * EventStore::kRowsOfRead;
  append(1, std::vector<EventBytes>(kEvents, event(10, "a")));
  auto page = store_->read(0, {.conduit = "none"}, 10, 1 << 20);
  EXPECT_TRUE(page.value().events.empty());
  EXPECT_TRUE(page.value().more);
  EXPECT_GT(page.value().after, 0U);
  EXPECT_LE(page.value().after, EventStore::kRowsOfRead);
  EXPECT_EQ(read(0, {.conduit = "none"}), Numbers{});
  NewestPlace place{.wanted = 1};
  EXPECT_FALSE(store_->step_back(place, {.conduit = "none"}).value());
  EXPECT_EQ(newest(1, {.conduit = "none"}), 0U);
}

TEST_F(EventStoreTest, TheOldestLeaveAndTheFilesStayWithinTheBound) {
  open();
  std::uint64_t next = 1;
  const std::vector<EventBytes> batch(500, event(10, "a", 900));
  std::uint64_t most = 0;
  for (int i = 0; i < 30; ++i) {  // about 15 MB
    append(next, batch);
    next += batch.size();
    most = std::max(most, bytes_on_disk());
    EXPECT_EQ(store_->last(), next - 1);
  }
  EXPECT_LE(most, kBytesMax);
  EXPECT_GT(store_->first(), next / 2);
  EXPECT_GE(store_->last() - store_->first(), 2000U) << "the bound is used";
  const auto page = store_->read(0, {}, 1, 1 << 20);
  EXPECT_EQ(page.value().missed_last, store_->first() - 1);
  EXPECT_EQ(read(0).size(), store_->last() - store_->first() + 1);
}

TEST_F(EventStoreTest, ASmallerBoundShrinksTheFile) {
  open(4 * kBytesMax);
  std::uint64_t next = 1;
  for (int i = 0; i < 30; ++i) {
    append(next, std::vector<EventBytes>(500, event(10, "a", 900)));
    next += 500;
  }
  ASSERT_GT(bytes_on_disk(), kBytesMax);
  open(kBytesMax);
  EXPECT_EQ(store_->last(), next - 1);
  append(next, {event(10, "a")});
  EXPECT_LE(fs::file_size(path()), kBytesMax / 2);
  EXPECT_LE(store_->bytes(), kBytesMax);
  EXPECT_EQ(read(0).back(), next);
}

TEST_F(EventStoreTest, WhatIsNoEventLogIsDamaged) {
  std::FILE* file = std::fopen(path().c_str(), "w");
  std::fputs(std::string(100'000, 'x').c_str(), file);
  std::fclose(file);
  const auto opened = EventStore::open(path(), kBytesMax);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().kind, StoreProblem::Kind::damaged);
  const auto nowhere = EventStore::open(folder_.path() + "/none/events.db", kBytesMax);
  ASSERT_FALSE(nowhere.ok());
  EXPECT_EQ(nowhere.error().kind, StoreProblem::Kind::failed);
}

}  // namespace
}  // namespace bulkhead::controlplane
