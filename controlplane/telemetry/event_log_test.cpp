// What the log keeps: over restarts, kills, damage, and a disk that is full.
#include "controlplane/telemetry/event_log.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/support/becomes.h"
#include "tests/support/temporary_folder.h"

namespace bulkhead::controlplane {
namespace {

namespace fs = std::filesystem;

v1::Event event(const std::string& text) {
  v1::Event made;
  made.set_wall_time_ns(wall_now_ns());
  made.set_kind("policy");
  made.set_text(text);
  return made;
}

class EventLogTest : public ::testing::Test {
 protected:
  EventLog::Options options() const {
    EventLog::Options options;
    options.folder = folder_.path() + "/events";
    options.bytes_max = EventStore::kBytesMin;
    options.batch_ns = kMillisecondNs;
    options.retry_ns = 20 * kMillisecondNs;
    options.appliance = "alpha";
    return options;
  }
  static bool settle(const EventLog& log) {
    const std::uint64_t queued = log.queued();
    return support::becomes([&] { return log.is_settled(queued); });
  }
  // All that are there, in order; gaps as an event of kind missed.
  static std::vector<v1::Event> all(EventLog& log, std::uint64_t after = 0) {
    std::vector<v1::Event> events;
    for (bool more = true; more;) {
      auto page = log.read(after, {}, 1000, 1 << 20);
      EXPECT_TRUE(page.ok()) << page.error();
      if (!page) break;
      if (page.value().missed > 0) events.emplace_back().set_kind("missed");
      for (v1::Event& each : page.value().events) events.push_back(std::move(each));
      after = page.value().after;
      more = page.value().more;
    }
    return events;
  }
  static std::vector<std::string> texts(EventLog& log) {
    std::vector<std::string> texts;
    for (const v1::Event& each : all(log)) texts.push_back(each.text());
    return texts;
  }

  const support::TemporaryFolder folder_;
};

using Texts = std::vector<std::string>;

TEST_F(EventLogTest, NumbersStayOverRestarts) {
  {
    EventLog log(options());
    for (const char* text : {"a", "b"}) log.on_event(event(text));
    ASSERT_TRUE(settle(log));
    EXPECT_EQ(log.last(), 2U);
    log.on_event(event("c"));  // written by its end
  }
  EventLog log(options());
  log.on_event(event("d"));
  ASSERT_TRUE(settle(log));
  EXPECT_EQ(texts(log), (Texts{"a", "b", "c", "d"}));
  const auto events = all(log);
  EXPECT_EQ(events[3].number(), 4U);
  EXPECT_EQ(log.status().first(), 1U);
  EXPECT_EQ(log.status().last(), 4U);
  EXPECT_GT(log.status().bytes(), 0U);
}

TEST_F(EventLogTest, EventsSayWhoseTheyAre) {
  EventLog log(options());
  log.on_event(event("before the first status"));
  v1::GetStatusResponse status;
  log.on_status(status);
  log.on_event(event("alone"));
  status.mutable_dataplane()->mutable_pair();
  log.on_status(status);
  log.on_event(event("of a pair"));
  status.mutable_dataplane()->mutable_pair()->set_forwards(true);
  log.on_status(status);
  log.on_event(event("forwards"));
  ASSERT_TRUE(settle(log));
  Texts roles;
  for (const v1::Event& each : all(log)) {
    EXPECT_EQ(each.appliance(), "alpha");
    EXPECT_EQ(each.severity(), "info");
    roles.push_back(each.role());
  }
  EXPECT_EQ(roles, (Texts{"", "single", "standby", "active"}));
}

TEST_F(EventLogTest, LongEventsLoseTextAndFields) {
  EventLog log(options());
  v1::Event longest = event(std::string(EventLog::kEventBytesMax, 'x'));
  longest.add_fields()->set_name("field");
  log.on_event(longest);
  log.on_event(event(std::string(EventLog::kEventBytesMax - 100, 'x')));
  ASSERT_TRUE(settle(log));
  const auto events = all(log);
  EXPECT_EQ(events[0].kind(), "policy");
  EXPECT_EQ(events[0].text() + std::to_string(events[0].fields_size()), "0");
  EXPECT_EQ(events[1].text().size(), EventLog::kEventBytesMax - 100);
}

TEST_F(EventLogTest, SubscribersAreWokenUntilTheyLeave) {
  EventLog log(options());
  std::atomic<int> wakes{0};
  auto subscription = log.subscribe([&wakes] { ++wakes; });
  log.on_event(event("a"));
  ASSERT_TRUE(settle(log));
  EXPECT_TRUE(support::becomes([&wakes] { return wakes > 0; }));
  EXPECT_FALSE(log.ended());
  log.end();
  EXPECT_TRUE(log.ended());
  subscription.reset();
  const int before = wakes;
  log.on_event(event("b"));
  ASSERT_TRUE(settle(log));
  EXPECT_EQ(wakes, before);
}

// Writes events until it is killed; after each flush, tells the number of the last event that is on
// disk.
[[noreturn]] void write_until_killed(const EventLog::Options& options, int told) {
  EventLog log(options);
  const auto subscription = log.subscribe([&log, told] {
    const std::uint64_t last = log.last();
    if (write(told, &last, sizeof(last)) < 0) _exit(1);
  });
  for (std::uint64_t i = 0;; ++i) {
    log.on_event(event(std::to_string(i)));
    if (i % 10 == 0) usleep(500);
  }
}

// Rows follow each other: numbers without a gap, and the texts of each child from 0 on.
void expect_whole(const std::vector<v1::Event>& events) {
  std::uint64_t number = 0;
  std::uint64_t text = 0;
  for (const v1::Event& each : events) {
    ASSERT_EQ(each.number(), ++number);
    if (each.text() == "0") text = 0;
    ASSERT_EQ(each.text(), std::to_string(text++));
  }
}

TEST_F(EventLogTest, WhatWasOnDiskIsThereAfterAKill) {
  EventLog::Options bounded = options();
  bounded.bytes_max = std::uint64_t{64} << 20;
  constexpr int kKills = 50;
  std::uint64_t total = 0;
  for (int i = 0; i < kKills; ++i) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) write_until_killed(bounded, ends[1]);
    close(ends[1]);
    std::uint64_t told = 0;
    // At least one flush after the one of the opened file, and then at any moment.
    for (std::uint64_t last = 0; told <= total && read(ends[0], &last, sizeof(last)) > 0;) {
      told = last;
    }
    usleep(static_cast<useconds_t>(i * 700));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    for (std::uint64_t last = 0; read(ends[0], &last, sizeof(last)) > 0;) told = last;
    close(ends[0]);
    EventLog log(bounded);
    ASSERT_TRUE(settle(log));
    ASSERT_GT(told, total);
    ASSERT_GE(log.last(), told) << "kill " << i;
    total = log.last();
  }
  EventLog log(bounded);
  ASSERT_TRUE(settle(log));
  ASSERT_EQ(log.status().problem(), "");
  expect_whole(all(log));
  EXPECT_EQ(all(log).size(), total);
}

TEST_F(EventLogTest, ADamagedFileIsSetAsideAndNumbersGoOn) {
  {
    EventLog log(options());
    for (int i = 0; i < 100; ++i) log.on_event(event("a"));
    ASSERT_TRUE(settle(log));
  }
  const std::string file = options().folder + "/events.db";
  std::ofstream(file, std::ios::binary) << std::string(50'000, 'x');
  fs::remove(file + "-wal");
  EventLog log(options());
  ASSERT_TRUE(support::becomes([&log] { return log.last() > 0; }));
  const auto events = all(log, log.status().first() - 1);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind(), "storage");
  EXPECT_NE(events[0].text().find("damaged"), std::string::npos);
  EXPECT_GT(events[0].number(), 100U) << "no number is given twice";
  EXPECT_EQ(fs::file_size(file + ".damaged"), 50'000U);
  EXPECT_EQ(log.status().problem(), "");
}

// Overwrites all but the first page.
void damage(const std::string& file) {
  std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
  stream.seekp(4096);
  stream << std::string(fs::file_size(file) - 4096, '\x5a');
}

TEST_F(EventLogTest, DamageThatAReaderFindsIsSetAsideToo) {
  {
    EventLog log(options());
    for (int i = 0; i < 20'000; ++i) log.on_event(event("some text of an event"));
    ASSERT_TRUE(settle(log));
  }
  EventLog log(options());
  ASSERT_TRUE(settle(log));
  ASSERT_EQ(log.last(), 20'000U);
  damage(options().folder + "/events.db");
  ASSERT_TRUE(support::becomes([this, &log] {
    const auto page = log.read(15'000, {}, 10, 1 << 20);
    return fs::exists(options().folder + "/events.db.damaged");
  }));
  ASSERT_TRUE(support::becomes([&log] { return log.last() == 20'001; })) << "known numbers go on";
  log.on_event(event("next"));
  ASSERT_TRUE(settle(log));
  EXPECT_EQ(all(log, 20'000).size(), 2U);
}

TEST_F(EventLogTest, WhatFindsNoRoomIsCountedAtItsPlace) {
  EventLog::Options narrow = options();
  narrow.queue_bytes_max = 2000;
  narrow.batch_ns = 50 * kMillisecondNs;
  EventLog log(narrow);
  ASSERT_TRUE(settle(log));
  constexpr std::uint64_t kEvents = 1000;
  for (std::uint64_t i = 0; i < kEvents; ++i) log.on_event(event(std::to_string(i)));
  ASSERT_TRUE(support::becomes([&log] {
    const auto events = all(log);
    return !events.empty() && events.back().kind() == "lost";
  }));
  log.on_event(event("after"));
  ASSERT_TRUE(settle(log));
  std::uint64_t place = 0;
  std::uint64_t lost = 0;
  for (const v1::Event& each : all(log)) {
    if (each.kind() == "lost") {
      EXPECT_EQ(each.severity(), "critical");
      lost += each.missed();
      place += each.missed();
    } else if (each.text() != "after") {
      EXPECT_EQ(each.text(), std::to_string(place++));
    }
  }
  EXPECT_EQ(place, kEvents) << "kept and lost are all";
  EXPECT_GT(lost, 0U);
  EXPECT_EQ(log.status().lost(), lost);
}

// A disk of three MiB.
class SmallDisk {
 public:
  explicit SmallDisk(std::string path) : path_(std::move(path)) {
    fs::create_directory(path_);
    mounted_ = mount("tmpfs", path_.c_str(), "tmpfs", 0, "size=3m") == 0;
  }
  ~SmallDisk() {
    if (mounted_) umount2(path_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  bool is_mounted() const { return mounted_; }

 private:
  const std::string path_;
  bool mounted_ = false;
};

TEST_F(EventLogTest, AFullDiskIsReportedAndOnceThereIsRoomItGoesOn) {
  const std::string disk = folder_.path() + "/disk";
  const SmallDisk mounted(disk);
  if (!mounted.is_mounted()) GTEST_SKIP() << "only root may mount";
  std::ofstream(disk + "/ballast") << std::string(2'200'000, 'x');
  EventLog::Options full = options();
  full.folder = disk + "/events";
  full.bytes_max = std::uint64_t{64} << 20;
  full.queue_bytes_max = 500'000;
  std::vector<std::string> problems;
  full.on_problem = [&problems](const std::string& problem) { problems.push_back(problem); };
  EventLog log(full);
  constexpr std::uint64_t kEvents = 60'000;
  for (std::uint64_t i = 0; i < kEvents; ++i) {
    log.on_event(event(std::to_string(i)));
    if (i % 1000 == 0) usleep(2000);
  }
  ASSERT_TRUE(support::becomes([&log] { return !log.status().problem().empty(); }));
  EXPECT_GT(log.status().lost(), 0U);
  EXPECT_FALSE(all(log).empty()) << "what is there is still read";
  fs::remove(disk + "/ballast");
  EXPECT_TRUE(support::becomes([&log] { return log.status().problem().empty(); }));
  ASSERT_TRUE(settle(log));
  std::uint64_t place = 0;
  for (const v1::Event& each : all(log)) {
    if (each.kind() == "lost") {
      place += each.missed();
    } else {
      EXPECT_EQ(each.text(), std::to_string(place++));
    }
  }
  EXPECT_EQ(place, kEvents);
  log.stop();
  EXPECT_EQ(problems.size(), 2U);
  EXPECT_NE(problems.front().find("full"), std::string::npos) << problems.front();
  EXPECT_EQ(problems.back(), "");
}

}  // namespace
}  // namespace bulkhead::controlplane
