// Counts one worker's verdicts by conduit, rule, function, reason and fault. Written by its worker
// alone; others may read at any time and see each cell whole.
#pragma once

#include <rte_prefetch.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "dataplane/pipeline/verdict.h"

namespace bulkhead::pipeline {

// The key of a cell. The all-zero key marks a free cell, so `used` is always set.
struct CounterKey {
  std::uint16_t conduit = policy::kNoConduit;
  std::uint16_t rule = policy::kNoRule;
  std::uint16_t function = kNoFunction;
  std::uint8_t protocol = protocols::kNoProtocol;
  Reason reason{};
  protocols::Fault fault{};
  bool observed = false;  // foretold beside the traffic
};

class Counters {
 public:
  // `cells`: see cells_for().
  explicit Counters(std::size_t cells);

  // The number of cells that a policy may need: a power of two, bounded.
  static std::size_t cells_for(const policy::Tables& tables);

  // `place`: the cell of the last similar message, and then of this one: a hint.
  void add(const CounterKey& key, std::uint32_t bytes, std::uint32_t& place) {
    const std::uint64_t packed = pack(key);
    Cell* cell = &cells_[place & (count_ - 1)];
    if (cell->key.load(std::memory_order_relaxed) != packed) {
      cell = claim(key, packed, place);
      if (cell == nullptr) return bump(overflow_, 1);
    }
    bump(cell->messages, 1);
    bump(cell->bytes, bytes);
  }
  void prefetch(std::uint32_t place) const { rte_prefetch0(&cells_[place & (count_ - 1)]); }

  std::size_t cells() const { return count_; }
  // Calls visit(key, messages, bytes) for each cell in use.
  template <typename Visit>
  void each(Visit&& visit) const {
    each(0, count_, visit);
  }
  // The same for cells from `first` to before `last`.
  template <typename Visit>
  void each(std::size_t first, std::size_t last, Visit&& visit) const {
    for (std::size_t i = first; i < last; ++i) {
      const Cell& cell = cells_[i];
      const std::uint64_t packed = cell.key.load(std::memory_order_acquire);
      if (packed == 0) continue;
      visit(unpack(packed), cell.messages.load(std::memory_order_relaxed),
            cell.bytes.load(std::memory_order_relaxed));
    }
  }
  // Messages that found no free cell: counted, but not distinguished.
  std::uint64_t overflow() const { return overflow_.load(std::memory_order_relaxed); }

 private:
  struct Cell {
    std::atomic<std::uint64_t> key{0};
    std::atomic<std::uint64_t> messages{0};
    std::atomic<std::uint64_t> bytes{0};
  };

  // Widths of a key's parts; all ones mean "none".
  static constexpr unsigned kConduitBits = 16;
  static constexpr unsigned kRuleBits = 13;
  static constexpr unsigned kFunctionBits = 9;
  static constexpr unsigned kReasonBits = 7;
  static_assert(kReasons.size() <= (1U << kReasonBits));
  static constexpr std::uint64_t kFunctionMask = (1U << kFunctionBits) - 1;
  static_assert(policy::kConduitsMax < (1U << kConduitBits));
  static_assert(policy::kRulesMax < (1U << kRuleBits));
  static_assert(policy::kFunctionsMax < (1U << kFunctionBits));

  static std::uint64_t pack(const CounterKey& key) {
    std::uint64_t packed = 1;
    packed = packed << kConduitBits | key.conduit;
    packed = packed << kRuleBits | key.rule;
    packed = packed << kFunctionBits | (key.function & kFunctionMask);
    packed = packed << 8 | key.protocol;
    packed = packed << kReasonBits | static_cast<std::uint8_t>(key.reason);
    packed = packed << 1 | (key.observed ? 1U : 0U);
    return packed << 8 | static_cast<std::uint8_t>(key.fault);
  }
  static CounterKey unpack(std::uint64_t packed);

  // Single writer: a plain addition published with a store, with no locked instruction.
  static void bump(std::atomic<std::uint64_t>& cell, std::uint64_t by) {
    cell.store(cell.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }

  struct Free {
    void operator()(Cell* cells) const { std::free(cells); }
  };

  static constexpr std::uint32_t kNowhere = 0xffffffff;

  // The cell of the key, which may be new, and its place; nullptr if none is free.
  Cell* claim(const CounterKey& key, std::uint64_t packed, std::uint32_t& place);
  // The cell of the key among the next few, claimed if one is free.
  std::uint32_t find(std::size_t first, std::size_t probes, std::uint64_t packed);

  std::unique_ptr<Cell[], Free> cells_;
  std::size_t count_;
  std::atomic<std::uint64_t> overflow_{0};
};

}  // namespace bulkhead::pipeline
