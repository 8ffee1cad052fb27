// Counts of times by size: 32 steps to each doubling, so that a value is known to 3 %.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace bulkhead::rig {

class Histogram {
 public:
  void add(std::uint64_t value) {
    ++counts_[place(value)];
    ++total_;
    largest_ = value > largest_ ? value : largest_;
  }
  void add(const Histogram& other) {
    for (std::size_t i = 0; i < kPlaces; ++i) counts_[i] += other.counts_[i];
    total_ += other.total_;
    largest_ = other.largest_ > largest_ ? other.largest_ : largest_;
  }

  std::uint64_t total() const { return total_; }
  std::uint64_t largest() const { return largest_; }

  // The least value that `share` of all values do not exceed, rounded up to its step; 0 if empty.
  std::uint64_t quantile(double share) const {
    const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(total_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < kPlaces; ++i) {
      seen += counts_[i];
      if (seen > wanted || (seen == total_ && total_ > 0)) return upper(i);
    }
    return 0;
  }

  // Calls visit(upper bound, count) for each step that has values.
  template <typename Visit>
  void each(Visit&& visit) const {
    for (std::size_t i = 0; i < kPlaces; ++i) {
      if (counts_[i] > 0) visit(upper(i), counts_[i]);
    }
  }

 private:
  static constexpr unsigned kStepBits = 5;
  static constexpr std::size_t kSteps = std::size_t{1} << kStepBits;
  static constexpr std::size_t kPlaces = (64 - kStepBits + 1) * kSteps;

  static std::size_t place(std::uint64_t value) {
    if (value < kSteps) return value;
    const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - kStepBits - 1;
    return (shift + 1) * kSteps + ((value >> shift) & (kSteps - 1));
  }
  static std::uint64_t upper(std::size_t place) {
    if (place < kSteps) return place;
    const std::size_t shift = place / kSteps - 1;
    return ((kSteps + place % kSteps + 1) << shift) - 1;
  }

  std::array<std::uint64_t, kPlaces> counts_{};
  std::uint64_t total_ = 0;
  std::uint64_t largest_ = 0;
};

}  // namespace bulkhead::rig
