// What stands in a scrape, of an appliance of which everything is known.
#include "controlplane/metrics/families.h"

#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <chrono>
#include <string>
#include <thread>

#include "controlplane/alarms/alarm.h"
#include "controlplane/metrics/exposition.h"
#include "dataplane/base/time_buckets.h"

namespace bulkhead::metrics {
namespace {

using controlplane::CounterLook;
using controlplane::Observation;
using controlplane::Refusal;

std::string text_of(const Book& book) {
  return prometheus::TextSerializer().Serialize(book.families());
}

// True if the text has the line.
bool has(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

v1::Counter counter(const std::string& conduit, std::uint32_t rule, const std::string& reason,
                    std::uint64_t messages) {
  v1::Counter row;
  row.set_conduit(conduit);
  row.set_rule(rule);
  row.set_protocol("modbus");
  row.set_function("read_coils");
  row.set_verdict(reason == "granted" ? "allow" : "deny");
  row.set_reason(reason);
  row.set_messages(messages);
  row.set_bytes(messages * 12);
  return row;
}

TEST(Families, MessagesHaveALabelForEachThatDecided) {
  CounterLook look;
  v1::Counters page;
  *page.add_rows() = counter("scada", 1, "granted", 7);
  *page.add_rows() = counter("", 0, "no_rule", 3);
  page.set_more(true);
  EXPECT_FALSE(look.take(page));
  page.clear_rows();
  *page.add_rows() = counter("scada", 1, "granted", 5);
  page.set_more(false);
  EXPECT_TRUE(look.take(page));
  Book book;
  add_counters(look, book);
  const std::string text = text_of(book);
  EXPECT_TRUE(has(text,
                  "bulkhead_messages_total{conduit=\"scada\",rule=\"1\",protocol=\"modbus\","
                  "function=\"read_coils\",verdict=\"allow\",reason=\"granted\",fault=\"\"} 12"))
      << text;
  EXPECT_TRUE(has(text,
                  "bulkhead_messages_total{conduit=\"\",rule=\"\",protocol=\"modbus\","
                  "function=\"read_coils\",verdict=\"deny\",reason=\"no_rule\",fault=\"\"} 3"));
  EXPECT_TRUE(has(text, "bulkhead_message_bytes_total{conduit=\"scada\",verdict=\"allow\"} 144"));
  EXPECT_TRUE(has(text, "bulkhead_counters_complete 1"));
}

TEST(Families, ALookThatIsCutSaysSo) {
  v1::Counters page;
  for (int i = 0; i < 5; ++i) {
    *page.add_rows() = counter("c" + std::to_string(i), 1, "granted", 1);
  }
  *page.add_rows() = counter("c0", 1, "granted", 1);
  for (const std::size_t rows_max : {4, 5}) {
    CounterLook look(rows_max);
    look.take(page);
    EXPECT_EQ(look.rows().size(), rows_max);
    EXPECT_EQ(look.is_cut(), rows_max == 4);
    EXPECT_EQ(look.rows().begin()->second.messages(), 2U) << "known names still add up";
    Book book;
    add_counters(look, book);
    EXPECT_TRUE(has(text_of(book), rows_max == 4 ? "bulkhead_counters_complete 0"
                                                 : "bulkhead_counters_complete 1"));
  }
}

TEST(Families, AWorkersTimesAreAHistogramWhoseBucketsAddUp) {
  v1::DataplaneStatus dataplane;
  v1::WorkerStatus& worker = *dataplane.add_workers();
  worker.set_index(3);
  const auto add = [&worker](const std::string& name, std::uint64_t value, bool gauge) {
    v1::Statistic& row = *worker.add_statistics();
    row.set_name(name);
    row.set_value(value);
    row.set_gauge(gauge);
    row.set_help("help");
  };
  for (std::size_t i = 0; i < kTimeBuckets; ++i) add(time_bucket_name(i), i == 1 ? 10 : 1, false);
  add(std::string(kTimeInsideSum), 5'000'000, false);
  add("packets", 25, false);
  add("flows", 4, true);
  add("silent_ms", 1500, true);
  Book book;
  add_dataplane(dataplane, book);
  const std::string text = text_of(book);
  const auto line = [&text](const std::string& begin) {
    const std::size_t at = text.find(begin);
    return at == std::string::npos ? "" : text.substr(at, text.find('\n', at) - at);
  };
  EXPECT_TRUE(has(text, "bulkhead_time_inside_seconds_count{worker=\"3\"} 25")) << text;
  EXPECT_TRUE(has(text, "bulkhead_time_inside_seconds_bucket{worker=\"3\",le=\"+Inf\"} 25"));
  EXPECT_NE(line("bulkhead_time_inside_seconds_sum").find("0.005"), std::string::npos);
  EXPECT_TRUE(text.find("bucket{worker=\"3\",le=\"0.01638") != std::string::npos)
      << "its last bound";
  EXPECT_TRUE(has(text, "bulkhead_worker_packets_total{worker=\"3\"} 25"));
  EXPECT_TRUE(has(text, "bulkhead_worker_flows{worker=\"3\"} 4"));
  EXPECT_TRUE(has(text, "bulkhead_worker_silent_seconds{worker=\"3\"} 1.5"));
  EXPECT_EQ(text.find("bulkhead_worker_time_inside"), std::string::npos) << "and nowhere else";
}

TEST(Families, TheListOfAlarmsIsComplete) {
  Observation seen;
  v1::Alarm& alarm = *seen.status.add_alarms();
  alarm.set_name("limit_reached");
  alarm.set_subject("flows");
  *seen.status.add_alarms() = alarm;
  Book book;
  add_appliance(seen, book);
  const std::string text = text_of(book);
  for (const controlplane::AlarmInfo& info : controlplane::kAlarms) {
    const std::string name(info.name);
    EXPECT_TRUE(has(text, "bulkhead_alarms_standing{alarm=\"" + name + "\",severity=\"" +
                              std::string(name_of(info.severity)) + "\"} " +
                              (name == "limit_reached" ? "2" : "0")))
        << name;
  }
}

TEST(Families, NamesOfAPolicyAreEscaped) {
  Observation seen;
  seen.status.mutable_active()->set_site("a\"b\\c\nd");
  Book book;
  add_appliance(seen, book);
  EXPECT_EQ(text_of(book).find("\nd\""), std::string::npos);
}

class Counted final : public controlplane::Readings {
 public:
  v1::GetStatusResponse status() override { return {}; }
  Result<v1::Counters, Refusal> counters(v1::GetDataplaneCounters& /*question*/,
                                         std::chrono::milliseconds /*timeout*/) override {
    ++asked;
    if (fails) return Refusal{Refusal::Kind::unavailable, "late"};
    v1::Counters page;
    *page.add_rows() = counter("scada", 1, "granted", 1);
    page.set_more(asked < 3);
    return page;
  }
  RulesInForce rules() override { return {}; }
  Result<v1::DataplaneFlows, Refusal> flows(const v1::ListDataplaneFlows& /*page*/) override {
    return Refusal{Refusal::Kind::unavailable, ""};
  }
  int asked = 0;
  bool fails = false;
};

TEST(Exposition, IsMadeAtMostOnceASecond) {
  Counted readings;
  Exposition exposition(
      [] {
        Observation seen;
        seen.status.set_dataplane_connected(true);
        return seen;
      },
      readings);
  const Exposition::Text first = exposition.text();
  EXPECT_TRUE(has(*first, "bulkhead_message_bytes_total{conduit=\"scada\",verdict=\"allow\"} 36"));
  EXPECT_EQ(readings.asked, 3);
  EXPECT_EQ(exposition.text(), first) << "the same text, not one like it";
  EXPECT_EQ(readings.asked, 3);
  std::this_thread::sleep_for(std::chrono::milliseconds(1010));
  readings.fails = true;
  const Exposition::Text second = exposition.text();
  EXPECT_EQ(readings.asked, 4);
  EXPECT_TRUE(has(*second, "bulkhead_counters_complete 0"));
}

TEST(Exposition, WithoutADataPlaneTheAgentIsThere) {
  Counted readings;
  Exposition exposition([] { return Observation(); }, readings);
  const Exposition::Text text = exposition.text();
  EXPECT_EQ(readings.asked, 0);
  EXPECT_TRUE(has(*text, "bulkhead_dataplane_connected 0"));
  EXPECT_EQ(text->find("bulkhead_worker"), std::string::npos);
}

}  // namespace
}  // namespace bulkhead::metrics
