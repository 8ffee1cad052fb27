// Requests that were granted before: plants poll, so most requests repeat one that was judged. What
// is remembered is exactly what a verdict depends on (the policy's generation, where the session
// stands in it, and the message), compared in full; a change of policy makes all of it worthless.
#pragma once

#include <rte_prefetch.h>

#include <array>
#include <cstdint>
#include <vector>

#include "dataplane/base/bytes.h"
#include "dataplane/flow/flow.h"

namespace bulkhead::pipeline {

class VerdictCache {
 public:
  static constexpr std::size_t kBytesMax = 40;  // of a message; longer ones are judged each time

  // A message of a session, without what only ties it to its answer. Compared by words.
  class Question {
   public:
    // Precondition: 0 < judged.size() <= kBytesMax.
    Question(const flow::Flow& flow, ByteView judged);
    Question() = default;

    bool operator==(const Question&) const = default;
    std::uint32_t hash() const;

   private:
    std::array<std::uint64_t, 2 + kBytesMax / 8> words_{};
  };

  struct Known {
    std::uint16_t rule = policy::kNoRule;
    std::uint16_t function = 0;
  };

  // `entries` is rounded up to a power of two; 0: nothing is remembered.
  explicit VerdictCache(std::uint32_t entries);

  bool enabled() const { return !entries_.empty(); }
  void prefetch(const Question& question) const {
    const Entry* set = &entries_[place(question)];
    rte_prefetch0(set);
    rte_prefetch0(set + 1);
  }
  // What was granted, nullptr if it is not known.
  const Known* find(const Question& question) const {
    const Entry* set = &entries_[place(question)];
    if (set[0].question == question) return &set[0].known;
    return set[1].question == question ? &set[1].known : nullptr;
  }
  // A verdict that depends on nothing but the question: no rate, no value that changes.
  void remember(const Question& question, Known known) {
    Entry* set = &entries_[place(question)];
    set[1] = set[0];
    set[0] = {question, known};
  }

 private:
  static constexpr std::size_t kWays = 2;

  struct alignas(64) Entry {
    Question question;
    Known known;
  };
  static_assert(sizeof(Entry) == 64);

  std::size_t place(const Question& question) const {
    return question.hash() & (entries_.size() - kWays);
  }

  std::vector<Entry> entries_;
};

}  // namespace bulkhead::pipeline
