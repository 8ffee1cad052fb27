// A sample is a row of its family.
#include "controlplane/metrics/book.h"

#include <utility>

namespace bulkhead::metrics {

prometheus::ClientMetric& Book::add(const std::string& name, std::string_view help,
                                    prometheus::MetricType type, Labels labels) {
  const auto [place, is_new] = places_.try_emplace(name, families_.size());
  if (is_new) {
    prometheus::MetricFamily& made = families_.emplace_back();
    made.name = name;
    made.help = help;
    made.type = type;
  }
  prometheus::ClientMetric& sample = families_[place->second].metric.emplace_back();
  sample.label = std::move(labels);
  return sample;
}

void Book::gauge(const std::string& name, std::string_view help, double value, Labels labels) {
  add(name, help, prometheus::MetricType::Gauge, std::move(labels)).gauge.value = value;
}

void Book::counter(const std::string& name, std::string_view help, double value, Labels labels) {
  add(name, help, prometheus::MetricType::Counter, std::move(labels)).counter.value = value;
}

void Book::histogram(const std::string& name, std::string_view help,
                     prometheus::ClientMetric::Histogram histogram, Labels labels) {
  add(name, help, prometheus::MetricType::Histogram, std::move(labels)).histogram =
      std::move(histogram);
}

void Book::info(const std::string& name, std::string_view help, Labels labels) {
  gauge(name, help, 1, std::move(labels));
}

}  // namespace bulkhead::metrics
