// Remembers granted requests: plants poll, so most requests repeat one. An entry holds exactly what
// a verdict depends on (the policy's generation, the session's position in it, and the message),
// compared in full; a change of policy invalidates all.
#pragma once

#include <rte_hash_crc.h>
#include <rte_prefetch.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <vector>

#include "dataplane/base/bytes.h"
#include "dataplane/policy/standing.h"

namespace bulkhead::pipeline {

class VerdictCache {
 public:
  // Of a key. Requests with longer ones are judged each time.
  static constexpr std::size_t kBytesMax = 40;
  static constexpr std::size_t kMessageBytesMax = 48;  // of a whole message

  // The key of a request: what its session stands under, its protocol, and what of it is judged.
  // Held and compared by words.
  class Question {
   public:
    // Precondition: 0 < judged.size() <= kBytesMax.
    Question(const policy::Standing& standing, std::uint8_t protocol, ByteView judged);

   private:
    friend class VerdictCache;
    static constexpr std::size_t kWhere = 2;  // words for the session's position in the policy
    using Words = std::array<std::uint64_t, kWhere + kBytesMax / 8>;

    void add(std::uint64_t word) {
      words_[count_++] = word;
      hash_ = rte_hash_crc_8byte(word, hash_);
    }

    Words words_;  // those beyond `count_` are unspecified
    std::uint32_t count_ = 0;
    std::uint32_t hash_ = 0;
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
  // The remembered verdict, nullptr if there is none.
  const Known* find(const Question& question) const {
    const Entry* set = &entries_[place(question)];
    if (set[0].holds(question)) return &set[0].known;
    return set[1].holds(question) ? &set[1].known : nullptr;
  }
  void forget_all() { std::fill(entries_.begin(), entries_.end(), Entry{}); }
  // Precondition: the verdict depends on nothing but the question: no rate, no state.
  void remember(const Question& question, Known known) {
    Entry* set = &entries_[place(question)];
    set[1] = set[0];
    set[0] = {{}, question.hash_, known};
    std::copy_n(question.words_.begin(), question.count_, set[0].words.begin());
  }

 private:
  static constexpr std::size_t kWays = 2;

  struct alignas(64) Entry {
    Question::Words words{};
    std::uint32_t hash = 0;
    Known known;

    // The first word holds their number, so that keys of different lengths differ.
    bool holds(const Question& question) const {
      if (hash != question.hash_) return false;
      std::uint64_t difference = 0;
      for (std::size_t i = 0; i < question.count_; ++i) difference |= words[i] ^ question.words_[i];
      return difference == 0;
    }
  };
  static_assert(sizeof(Entry) == 64);

  std::size_t place(const Question& question) const {
    return question.hash_ & (entries_.size() - kWays);
  }

  std::vector<Entry> entries_;
};

inline VerdictCache::Question::Question(const policy::Standing& standing, std::uint8_t protocol,
                                        ByteView judged) {
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  add(std::uint64_t{standing.generation} << 32 | std::uint64_t{standing.conduit} << 16 |
      std::uint64_t{protocol} << 8 | judged.size());
  const policy::RuleCell& cell = standing.cell;
  add(std::uint64_t{cell.clients} << 32 | std::uint64_t{cell.servers} << 16 | cell.service);
  const std::uint8_t* p = judged.data();
  std::size_t left = judged.size();
  for (; left >= kWord; left -= kWord, p += kWord) {
    std::uint64_t word = 0;
    std::memcpy(&word, p, kWord);
    add(word);
  }
  if (left == 0) return;
  std::uint64_t word = 0;
  if (judged.size() >= kWord && std::endian::native == std::endian::little) {
    // The last eight bytes in one load, without those that were added before.
    std::memcpy(&word, p + left - kWord, kWord);
    word >>= 8 * (kWord - left);
  } else {
    std::memcpy(&word, p, left);
  }
  add(word);
}

}  // namespace bulkhead::pipeline
