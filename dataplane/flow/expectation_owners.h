// Which worker has an expectation, for the workers that do not: each publishes the hashes of its
// own, and reads those of the others before it refuses a packet that nobody here expects. One
// writer for each part, any number of readers, no locks.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <optional>

#include "dataplane/flow/keyed_hash.h"

namespace bulkhead::flow {

class ExpectationOwners {
 public:
  // For `workers` of them, each with at most `relations` relations.
  ExpectationOwners(std::uint32_t workers, std::uint32_t relations)
      : workers_(workers),
        buckets_(std::bit_ceil(std::max(relations, 8U))),
        words_(new std::atomic<std::uint64_t>[std::size_t{workers} * buckets_ * kWays]()) {}

  // All workers hash alike.
  const HashKey& hash_key() const { return hash_key_; }

  // Precondition: the worker has not published the hash. False if there is no place for it.
  bool add(std::uint32_t worker, std::uint64_t hash) {
    if (!replace(worker, hash, 0, word_of(hash))) return false;
    count_.fetch_add(1, std::memory_order_release);
    return true;
  }
  void remove(std::uint32_t worker, std::uint64_t hash) {
    if (replace(worker, hash, word_of(hash), 0)) count_.fetch_sub(1, std::memory_order_release);
  }
  // Whether any worker has published something.
  bool any() const { return count_.load(std::memory_order_acquire) > 0; }
  // One of the workers that have it.
  std::optional<std::uint32_t> find(std::uint64_t hash) const {
    for (std::uint32_t worker = 0; worker < workers_; ++worker) {
      const std::atomic<std::uint64_t>* bucket = bucket_of(worker, hash);
      for (std::uint32_t way = 0; way < kWays; ++way) {
        if (bucket[way].load(std::memory_order_acquire) == word_of(hash)) return worker;
      }
    }
    return std::nullopt;
  }

 private:
  static constexpr std::uint32_t kWays = 8;  // a cache line

  static std::uint64_t word_of(std::uint64_t hash) { return hash == 0 ? 1 : hash; }
  std::atomic<std::uint64_t>* bucket_of(std::uint32_t worker, std::uint64_t hash) const {
    const std::uint64_t bucket = hash & (buckets_ - 1);
    return words_.get() + (std::size_t{worker} * buckets_ + bucket) * kWays;
  }
  bool replace(std::uint32_t worker, std::uint64_t hash, std::uint64_t from, std::uint64_t to) {
    std::atomic<std::uint64_t>* bucket = bucket_of(worker, hash);
    for (std::uint32_t way = 0; way < kWays; ++way) {
      if (bucket[way].load(std::memory_order_relaxed) != from) continue;
      bucket[way].store(to, std::memory_order_release);
      return true;
    }
    return false;
  }

  std::uint32_t workers_;
  std::uint32_t buckets_;
  HashKey hash_key_ = HashKey::make();
  std::unique_ptr<std::atomic<std::uint64_t>[]> words_;
  std::atomic<std::uint32_t> count_{0};
};

}  // namespace bulkhead::flow
