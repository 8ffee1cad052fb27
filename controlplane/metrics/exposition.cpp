// prometheus-cpp's serializer knows the format's escapes and numbers.
#include "controlplane/metrics/exposition.h"

#include <prometheus/text_serializer.h>

#include <sstream>
#include <utility>

#include "controlplane/access/limits.h"
#include "controlplane/metrics/families.h"

namespace bulkhead::metrics {

namespace {

namespace limits = controlplane::limits;

constexpr auto kPageFor = std::chrono::seconds(2);
constexpr TimeNs kLookForNs = 4 * kSecondNs;

}  // namespace

Exposition::Text Exposition::text() {
  constexpr auto kKeptForNs =
      static_cast<TimeNs>(std::chrono::nanoseconds(limits::kScrapeKeptFor).count());
  if (text_ == nullptr || monotonic_now_ns() - made_ns_ >= kKeptForNs) {
    text_ = make();
    made_ns_ = monotonic_now_ns();
  }
  return text_;
}

controlplane::CounterLook Exposition::count(TimeNs begun_ns) {
  controlplane::CounterLook look(limits::kMetricRowsMax);
  v1::GetDataplaneCounters question;
  for (;;) {
    const auto page = readings_.counters(question, kPageFor);
    if (!page || look.take(page.value())) return look;
    if (monotonic_now_ns() - begun_ns > kLookForNs) return look;
  }
}

Exposition::Text Exposition::make() {
  const TimeNs begun_ns = monotonic_now_ns();
  Book book;
  const controlplane::Observation seen = observe_();
  add_appliance(seen, book);
  if (seen.pair) add_pair(*seen.pair, book);
  if (seen.status.dataplane_connected()) {
    add_dataplane(seen.status.dataplane(), book);
    add_counters(count(begun_ns), book);
  }
  book.gauge("bulkhead_scrape_last_duration_seconds",
             "How long the scrape before this one took to make", took_s_);
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, book.families());
  took_s_ = static_cast<double>(monotonic_now_ns() - begun_ns) / 1e9;
  return std::make_shared<const std::string>(std::move(out).str());
}

}  // namespace bulkhead::metrics
