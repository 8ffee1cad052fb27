// Requests of one session that wait for their answers, in a block of plain data that is good when
// all zero: a state of the protocol's own, how many there are, and they, oldest first. The block's
// size is their bound.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/protocols/fault.h"
#include "dataplane/protocols/state_layout.h"

namespace bulkhead::protocols {

// Every session can track so many; smaller blocks hold fewer until they grow.
constexpr std::size_t kOutstandingMax = 256;
// Longer than TCP tries to bring a request to its server (RFC 9293, 3.8.3), and its answer back.
constexpr std::uint32_t kOutstandingAgeMs = 300'000;
// An answer later than this is not waited for before something else is done.
constexpr std::uint32_t kAwaitedMs = 30'000;
// Once the table is full, a request this old makes room: servers leave some functions unanswered.
constexpr std::uint32_t kReplaceableAgeMs = 1'000;

struct NoState {};

// `Entry` is plain and has `std::uint32_t asked_ms`, on the clock of Protocol::accept().
template <typename Entry, typename State = NoState>
class OutstandingTable {
 public:
  static constexpr std::size_t bytes_for(std::size_t outstanding) {
    return sizeof(Header) + outstanding * sizeof(Entry);
  }
  // The layout of a block for kUsual entries, which may grow to `bytes_max`. The sizes stand where
  // the version does, so that none of them changes unnoticed; other changes of an Entry or a State
  // are other versions too.
  template <std::size_t kUsual, std::size_t kEntryBytes, std::size_t kStateBytes>
  static constexpr StateLayout layout(std::uint16_t version,
                                      std::size_t bytes_max = bytes_for(kOutstandingMax)) {
    static_assert(sizeof(Entry) == kEntryBytes && sizeof(State) == kStateBytes,
                  "another layout has another version");
    static_assert(bytes_for(kUsual) <= kSessionBytesUsual);
    return {version, bytes_for(kUsual), bytes_max};
  }
  // Precondition: bytes_for(1) bytes or more, aligned for any plain type.
  explicit OutstandingTable(std::span<std::byte> block)
      : header_(reinterpret_cast<Header*>(block.data())),
        entries_(reinterpret_cast<Entry*>(block.data() + sizeof(Header)),
                 (block.size() - sizeof(Header)) / sizeof(Entry)) {}

  State& state() const { return header_->state; }
  // The state in a block that is only read; nullptr where there is no block yet.
  static const State* state_in(std::span<const std::byte> block) {
    return block.size() < bytes_for(0) ? nullptr
                                       : &reinterpret_cast<const Header*>(block.data())->state;
  }
  std::span<Entry> entries() const { return entries_.first(header_->count); }

  void remove(std::size_t index) const {
    const std::span<Entry> known = entries();
    std::copy(known.begin() + static_cast<std::ptrdiff_t>(index) + 1, known.end(),
              known.begin() + static_cast<std::ptrdiff_t>(index));
    --header_->count;
  }

  void forget_aged(std::uint32_t now_ms) const {
    while (header_->count > 0 && now_ms - entries_[0].asked_ms > kOutstandingAgeMs) remove(0);
  }

  // False if there is no room for the entry; nothing has changed then but what time has ended.
  // `needless(entry)`: it may be forgotten for another.
  template <typename Needless>
  bool add(const Entry& entry, std::uint32_t now_ms, Needless needless) const {
    forget_aged(now_ms);
    if (header_->count >= entries_.size() && !make_room(now_ms, needless)) return false;
    entries_[header_->count++] = entry;
    return true;
  }
  bool add(const Entry& entry, std::uint32_t now_ms) const {
    return add(entry, now_ms, [](const Entry&) { return false; });
  }

  // Ends the entry that an answer is to: `same(entry)` where their identifiers are, `fits(entry)`
  // where all else is too. `answered`, if there is one, is what it was.
  template <typename Same, typename Fits>
  Fault answer(std::uint32_t now_ms, Same same, Fits fits, Entry* answered = nullptr) const {
    forget_aged(now_ms);
    Fault fault = Fault::unrequested_response;
    const std::span<const Entry> known = entries();
    for (std::size_t i = 0; i < known.size(); ++i) {
      if (!same(known[i])) continue;
      fault = Fault::mismatched_response;
      if (!fits(known[i])) continue;
      if (answered != nullptr) *answered = known[i];
      remove(i);
      return Fault::none;
    }
    return fault;
  }

  // The latest entry that `counts(entry)`, or nullptr.
  template <typename Counts>
  const Entry* latest(Counts counts) const {
    const std::span<const Entry> known = entries();
    for (std::size_t i = known.size(); i > 0; --i) {
      if (counts(known[i - 1])) return &known[i - 1];
    }
    return nullptr;
  }

  // How many entries that `counts(entry)` are still waited for.
  template <typename Counts>
  std::size_t awaited(std::uint32_t now_ms, Counts counts) const {
    const std::span<const Entry> known = entries();
    return static_cast<std::size_t>(
        std::count_if(known.begin(), known.end(), [&](const Entry& entry) {
          return counts(entry) && now_ms - entry.asked_ms <= kAwaitedMs;
        }));
  }
  std::size_t awaited(std::uint32_t now_ms) const {
    return awaited(now_ms, [](const Entry&) { return true; });
  }

 private:
  struct alignas(8) Header {
    std::uint32_t count;
    State state;
  };

  template <typename Needless>
  bool make_room(std::uint32_t now_ms, Needless needless) const {
    const std::span<const Entry> known = entries();
    const bool can_grow = known.size() < kOutstandingMax;
    for (std::size_t i = 0; i < known.size(); ++i) {
      const bool replaceable = !can_grow && now_ms - known[i].asked_ms > kReplaceableAgeMs;
      if (!needless(known[i]) && !replaceable) continue;
      remove(i);
      return true;
    }
    return false;
  }

  Header* header_;
  std::span<Entry> entries_;
};

}  // namespace bulkhead::protocols
