// What a feed makes of a log: order, filters, holes, logs that begin anew.
#include "controlplane/siem/feed.h"

#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <vector>

namespace bulkhead::siem {
namespace {

constexpr TimeNs kNow = 1'796'040'000 * kSecondNs;

class FakeLog final : public EventSource {
 public:
  void add(std::uint64_t number, const std::string& kind = "deny") {
    v1::Event event;
    event.set_number(number);
    event.set_kind(kind);
    event.set_wall_time_ns(kNow + number);
    event.set_text("x");
    entries_.emplace(number, entry_of(event));
    newest_ = std::max(newest_, number);
  }
  void remove_up_to(std::uint64_t number) {
    entries_.erase(entries_.begin(), entries_.upper_bound(number));
  }
  void clear() {
    entries_.clear();
    newest_ = 0;
  }
  Page read(std::uint64_t after, std::size_t rows_max, std::size_t /*bytes_max*/) override {
    Page page;
    page.end = after;
    page.is_read = is_readable;
    if (!is_readable) return page;
    page.newest = newest_;
    page.oldest = entries_.empty() ? 0 : entries_.begin()->first;
    for (auto each = entries_.upper_bound(after);
         each != entries_.end() && page.entries.size() < rows_max; ++each) {
      page.entries.push_back(each->second);
      page.end = each->first;
    }
    return page;
  }
  std::uint64_t newest() override { return newest_; }

  bool is_readable = true;

 private:
  std::map<std::uint64_t, Entry> entries_;
  std::uint64_t newest_ = 0;
};

// "PREVIOUS>NUMBER", with a g for a gap and an r for a log that begins anew.
std::string summary(const std::string& framed) {
  std::string text;
  std::istringstream lines(framed);
  for (std::string line; std::getline(lines, line);) {
    const auto of = [&line](const std::string& name) {
      const std::size_t at = line.find(" " + name + "=\"") + name.size() + 3;
      return line.substr(at, line.find('"', at) - at);
    };
    text += (text.empty() ? "" : " ") + of("previous") + ">" + of("number");
    if (line.find("kind=\"gap\"") != std::string::npos) text += "g" + of("first");
    if (line.find("kind=\"restart\"") != std::string::npos) text += "r";
  }
  return text;
}

class FeedTest : public testing::Test {
 protected:
  FeedTest() {
    collector.name = "soc";
    collector.framing = Framing::newline;
    collector.format = Format::text;
  }
  Feed feed(const Place& place) { return {log, Stream::events, collector, "alpha", place}; }
  std::string all(Feed& from, std::size_t bytes_max = 1 << 20) {
    std::string out;
    while (from.fill(out, bytes_max, kNow)) bytes_max += bytes_max;
    return summary(out);
  }

  FakeLog log;
  Collector collector;
};

TEST_F(FeedTest, GoesOnFromItsPlace) {
  for (std::uint64_t i = 1; i <= 5; ++i) log.add(i);
  Feed from = feed({true, 2, 2, 0});
  EXPECT_EQ(all(from), "2>3 3>4 4>5");
  EXPECT_EQ(all(from), "");
  log.add(6);
  EXPECT_EQ(all(from), "5>6");
  from.go_back({true, 4, 4, 0});
  EXPECT_EQ(all(from), "4>5 5>6");
}

TEST_F(FeedTest, ReadsPageAfterPageAndStopsAtItsLimit) {
  for (std::uint64_t i = 1; i <= 3 * Feed::kRowsMax; ++i) log.add(i);
  Feed from = feed({true, 0, 0, 0});
  std::string out;
  EXPECT_TRUE(from.fill(out, 1, kNow));
  EXPECT_EQ(summary(out), "0>1");
  std::uint64_t calls = 0;
  for (out.clear(); from.fill(out, out.size() + 1000, kNow);) ++calls;
  EXPECT_GT(calls, 3U);
  EXPECT_EQ(from.place().after, 3 * Feed::kRowsMax);
  EXPECT_TRUE(summary(out).ends_with("382>383 383>384"));
}

TEST_F(FeedTest, LeavesOutWhatIsNotWanted) {
  collector.kinds = {"alarm"};
  log.add(1);
  log.add(2, "alarm");
  log.add(3);
  log.add(4, "alarm");
  log.add(5);
  Feed from = feed({true, 0, 0, 0});
  EXPECT_EQ(all(from), "0>2 2>4");
  EXPECT_EQ(from.place().after, 5U);
  EXPECT_EQ(from.place().sent, 4U);
}

TEST_F(FeedTest, TellsHolesByTheirNumbers) {
  for (std::uint64_t i = 1; i <= 9; ++i) {
    if (i != 7) log.add(i);
  }
  log.remove_up_to(4);
  Feed from = feed({true, 2, 2, 0});
  EXPECT_EQ(all(from), "2>4g3 4>5 5>6 6>7g7 7>8 8>9");
  EXPECT_EQ(from.lost(), 3U);
  from.go_back({true, 2, 2, 0});  // sent again, lost once
  EXPECT_EQ(all(from), "2>4g3 4>5 5>6 6>7g7 7>8 8>9");
  EXPECT_EQ(from.lost(), 3U);
}

TEST_F(FeedTest, ANewCollectorMissesNothing) {
  for (std::uint64_t i = 1; i <= 6; ++i) log.add(i);
  log.remove_up_to(4);
  Feed from = feed({});
  EXPECT_EQ(all(from), "4>5 5>6");
  EXPECT_EQ(from.lost(), 0U);
  collector.from_now = true;
  Feed now = feed({});
  EXPECT_EQ(all(now), "");
  EXPECT_TRUE(now.place().known);
  log.add(7);
  EXPECT_EQ(all(now), "6>7");
}

TEST_F(FeedTest, ALogThatCannotBeReadChangesNothing) {
  log.add(1);
  log.is_readable = false;
  Feed from = feed({});
  EXPECT_EQ(all(from), "");
  EXPECT_FALSE(from.place().known);
  Feed known = feed({true, 40, 40, kNow});
  EXPECT_EQ(all(known), "");
  EXPECT_EQ(known.place().after, 40U);
}

TEST_F(FeedTest, SaysThatALogBeginsAnew) {
  for (std::uint64_t i = 1; i <= 9; ++i) log.add(i);
  Feed from = feed({true, 8, 8, 0});
  EXPECT_EQ(all(from), "8>9");
  // The end is lost, as after a power failure: what follows has greater numbers.
  log.clear();
  log.add(7);
  EXPECT_EQ(all(from), "");
  log.add(20);
  EXPECT_EQ(all(from), "9>19g10 19>20");
  // Another log, with younger entries.
  log.clear();
  log.add(1);
  Feed later = feed({true, 20, 20, kNow});
  EXPECT_EQ(all(later), "20>0r 0>1");
}

}  // namespace
}  // namespace bulkhead::siem
