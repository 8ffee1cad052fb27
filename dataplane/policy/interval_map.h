// Maps every key of an ordered space to a number: the space is cut at keys where the number
// changes. Built once in ascending order, then only read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bulkhead::policy {

template <typename Key>
class IntervalMap {
 public:
  // Maps all keys to 0 at first.
  IntervalMap() : starts_{Key{}}, values_{0} {}
  // Maps all keys to `value` at first; `least` is the first key of the space.
  IntervalMap(const Key& least, std::uint16_t value) : starts_{least}, values_{value} {}

  // Maps keys from `key` on to `value`. Precondition: ascending calls.
  void change(const Key& key, std::uint16_t value) {
    if (!(starts_.back() < key)) {
      values_.back() = value;
    } else if (values_.back() != value) {
      starts_.push_back(key);
      values_.push_back(value);
    }
  }

  std::uint16_t find(const Key& key) const {
    std::size_t at = 0;
    for (std::size_t count = starts_.size(); count > 1;) {
      const std::size_t half = count / 2;
      at += key < starts_[at + half] ? 0 : half;
      count -= half;
    }
    return values_[at];
  }

  std::size_t size() const { return starts_.size(); }

 private:
  std::vector<Key> starts_;
  std::vector<std::uint16_t> values_;
};

}  // namespace bulkhead::policy
