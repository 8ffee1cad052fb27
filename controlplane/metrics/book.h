// Families of metrics while they are filled, in the order of their first samples. Names and units
// follow Prometheus' conventions; values are in base units.
#pragma once

#include <prometheus/metric_family.h>

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace bulkhead::metrics {

class Book {
 public:
  using Label = prometheus::ClientMetric::Label;
  using Labels = std::vector<Label>;
  using Families = std::vector<prometheus::MetricFamily>;

  void gauge(const std::string& name, std::string_view help, double value, Labels labels = {});
  // `name` ends with _total.
  void counter(const std::string& name, std::string_view help, double value, Labels labels = {});
  void histogram(const std::string& name, std::string_view help,
                 prometheus::ClientMetric::Histogram histogram, Labels labels = {});
  // 1, with what there is to know in the labels.
  void info(const std::string& name, std::string_view help, Labels labels);
  const Families& families() const { return families_; }

 private:
  prometheus::ClientMetric& add(const std::string& name, std::string_view help,
                                prometheus::MetricType type, Labels labels);

  Families families_;
  std::unordered_map<std::string, std::size_t> places_;
};

}  // namespace bulkhead::metrics
