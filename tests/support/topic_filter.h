// Topic filters (MQTT 5.0, 4.7), for the module of alias_module.h: patterns of a protocol's own.
#pragma once

#include <string_view>

#include "dataplane/protocols/catalogue.h"

namespace bulkhead::support {

// The levels between slashes; there is one at least.
class TopicLevels {
 public:
  explicit TopicLevels(std::string_view text) : rest_(text) {}

  bool at_end() const { return at_end_; }
  // Precondition: not at the end.
  std::string_view next() {
    const std::size_t slash = rest_.find('/');
    const std::string_view level = rest_.substr(0, slash);
    at_end_ = slash == std::string_view::npos;
    rest_ = at_end_ ? std::string_view{} : rest_.substr(slash + 1);
    return level;
  }

 private:
  std::string_view rest_;
  bool at_end_ = false;
};

// 4.7.1 and 4.7.3.
inline protocols::PatternFault check_topic_filter(std::string_view filter) {
  if (filter.empty()) return {"it is empty", 0};
  const std::size_t nul = filter.find('\0');
  if (nul != std::string_view::npos) return {"it has a NUL", nul};
  std::size_t at = 0;
  for (TopicLevels levels(filter); !levels.at_end();) {
    const std::string_view level = levels.next();
    const std::size_t wildcard = level.find_first_of("+#");
    if (wildcard != std::string_view::npos && level.size() > 1) {
      return {"`+` and `#` stand for whole levels", at + wildcard};
    }
    if (level == "#" && !levels.at_end()) return {"`#` is the last level", at};
    at += level.size() + 1;
  }
  return {};
}

// Whether every topic that `other` stands for, which is a filter or one topic, matches the filter.
inline bool contains_topics(std::string_view filter, std::string_view other) {
  const bool wild = filter.starts_with('+') || filter.starts_with('#');
  if (wild && other.starts_with('$')) return false;  // 4.7.2
  TopicLevels outer(filter);
  TopicLevels inner(other);
  // Of all topics each has a first level.
  if (other == "#") {
    const std::string_view first = outer.next();
    return first == "#" || (first == "+" && !outer.at_end() && outer.next() == "#");
  }
  while (!outer.at_end()) {
    const std::string_view level = outer.next();
    if (level == "#") return true;  // 4.7.1.2: the level above it too
    if (inner.at_end()) return false;
    const std::string_view own = inner.next();
    if (own == "#" || (level != "+" && level != own)) return false;
  }
  return inner.at_end();
}

inline constexpr protocols::NamePatterns kTopicFilters = {
    "a topic filter", check_topic_filter, [](std::string_view filter, ByteView value) {
      return contains_topics(filter, {reinterpret_cast<const char*>(value.data()), value.size()});
    }};

}  // namespace bulkhead::support
