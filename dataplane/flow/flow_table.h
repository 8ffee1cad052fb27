// All sessions of one worker: a bounded table that never allocates once made. Not shared.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dataplane/base/result.h"
#include "dataplane/flow/flow.h"
#include "dataplane/flow/names.h"

struct rte_hash;

namespace bulkhead::flow {

class FlowTable {
 public:
  // Protocol state: each flow has a block of the usual size; some may have a larger, deep one, for
  // more open requests; some have names.
  struct Blocks {
    std::size_t usual_bytes = 0;
    std::size_t deep_bytes = 0;
    std::uint32_t deep_max = 0;
    std::uint32_t spliced_max = 0;
    NameLimits names{};
  };

  // `name` must be unique in the process.
  static Result<std::unique_ptr<FlowTable>, std::string> make(const std::string& name,
                                                              std::uint32_t flows_max,
                                                              const Blocks& blocks);
  ~FlowTable();
  FlowTable(const FlowTable&) = delete;
  FlowTable& operator=(const FlowTable&) = delete;

  static constexpr std::size_t kFindMax = 64;

  Flow* find(const FlowKey& key);
  // The same for at most kFindMax keys at once, which overlaps their misses.
  void find(std::span<const FlowKey* const> keys, Flow** flows);
  // A fresh flow under the key; nullptr when the table is full. Precondition: find() gave nothing.
  Flow* insert(const FlowKey& key);
  void erase(Flow& flow);
  // Whether a TCP session of the key was ever inserted. May be true for other keys
  // as well, the more often the more sessions there were (a Bloom filter).
  bool was_known(const FlowKey& key) const;

  // The flow's block of protocol state, zeroed when it is first asked for.
  std::span<std::byte> session(Flow& flow) {
    if (flow.session < kDeep) {
      return {sessions_.get() + std::size_t{flow.session} * blocks_.usual_bytes,
              blocks_.usual_bytes};
    }
    return has_deep_session(flow)
               ? std::span{deep_.get() + std::size_t{flow.session - kDeep} * blocks_.deep_bytes,
                           blocks_.deep_bytes}
               : begin_session(flow);
  }
  // Forgets the flow's state; the next session() begins anew.
  void drop_session(Flow& flow);
  // Moves the flow's state into a deep block; false if it has one, or none is left for its host.
  bool deepen_session(Flow& flow);

  std::size_t deep_bytes() const { return std::max(blocks_.deep_bytes, blocks_.usual_bytes); }
  bool has_deep_session(const Flow& flow) const {
    return flow.session != kNoSession && flow.session >= kDeep;
  }

  // The names that sessions have learned, by slot; they end with the flow's state.
  NameStore& names() { return names_; }
  protocols::Names names_of(const Flow& flow) const { return {names_, index_of(flow)}; }

  // Lends the flow its SpliceSide; false if none is left, or none for its host (Shares).
  bool lend_splice(Flow& flow);
  void return_splice(Flow& flow);
  bool can_lend_splice(const Flow& flow) const {
    return flow.splice != nullptr ||
           may_take(splice_shares_, flow, splices_free_.size(), splices_.size());
  }

  // Asks for the cache lines that the next stages read of a flow, and of its protocol state.
  void prefetch(const Flow& flow) const;
  void prefetch_session(const Flow& flow) const;

  std::uint32_t deep_sessions() const {
    return blocks_.deep_max - static_cast<std::uint32_t>(deep_free_.size());
  }
  std::uint32_t carried_sessions() const {
    return static_cast<std::uint32_t>(splices_.size() - splices_free_.size());
  }
  // For replication: tracks changed slots from now on.
  void track_changes();
  bool tracks_changes() const { return !changed_.empty(); }
  // Marks the flow for replication; erase() and insert() do so themselves.
  void touch(const Flow& flow) {
    if (!changed_.empty()) note_change(index_of(flow));
  }
  // The same, to be replicated before others.
  void touch_first(const Flow& flow) {
    if (changed_.empty()) return;
    if (urgent_count_ < urgent_.size()) urgent_[urgent_count_] = index_of(flow);
    ++urgent_count_;  // beyond the list: all changes are replicated
    note_change(index_of(flow));
  }
  // Slots to be replicated first, some of them twice; nullopt: too many to remember.
  std::optional<std::span<const std::uint32_t>> urgent() const {
    if (urgent_count_ > urgent_.size()) return std::nullopt;
    return std::span(urgent_).first(urgent_count_);
  }
  void forget_urgent() { urgent_count_ = 0; }
  bool has_changes() const { return changes_count_ > 0; }
  // The slot that has waited longest since its change. Precondition: has_changes().
  std::uint32_t take_change();

  std::uint32_t size() const { return size_; }
  // Counts erasures: pointers from find() stay valid while it does not change.
  std::uint64_t erasures() const { return erasures_; }
  std::uint32_t capacity() const { return static_cast<std::uint32_t>(flows_.size()); }
  // Slots 0 to capacity() - 1 for walking; check in_use, or walk by next_in_use().
  Flow& slot(std::uint32_t index) { return flows_[index]; }
  // The first slot from `first` on that is in use; `end` if there is none before it. Empty slots
  // are not touched. Precondition: first <= end <= capacity().
  std::uint32_t next_in_use(std::uint32_t first, std::uint32_t end) const;
  std::uint32_t index_of(const Flow& flow) const {
    return static_cast<std::uint32_t>(&flow - flows_.data());
  }

 private:
  // Deep blocks are numbered from here; a usual block has the number of its flow's slot.
  static constexpr std::uint32_t kDeep = 0x80000000;

  FlowTable(rte_hash* hash, std::uint32_t flows_max, const Blocks& blocks);

  // Two slots where keys of a similar hash were last found, the newer first: eight bits of the
  // hash above, the slot below.
  using Hints = std::array<std::uint32_t, 2>;
  Hints& hints(std::uint32_t hash) { return hints_[hash & (hints_.size() - 1)]; }
  Flow& hinted(std::uint32_t hash);
  void note_change(std::uint32_t slot) {
    if (changed_[slot]) return;
    changed_[slot] = true;
    changes_[(changes_first_ + changes_count_++) % changes_.size()] = slot;
  }
  // A session that came from the peer is charged to nobody yet: it had its share there.
  static bool may_take(const Shares& shares, const Flow& flow, std::size_t free,
                       std::size_t capacity) {
    return free > 0 &&
           (flow.shares.host == 0 || shares.may_take(flow.shares, static_cast<std::uint32_t>(free),
                                                     static_cast<std::uint32_t>(capacity)));
  }
  std::span<std::byte> begin_session(Flow& flow);
  void remember(std::uint32_t hash, std::uint32_t slot);
  // A bit for each key, by its hash alone.
  std::size_t seen_at(std::uint32_t hash) const { return (hash >> 6) & (seen_.size() - 1); }

  rte_hash* hash_;
  std::vector<Hints> hints_;
  std::vector<Flow> flows_;
  std::vector<std::uint64_t> in_use_;  // a bit a slot
  std::vector<std::uint64_t> seen_;
  std::vector<std::uint32_t> free_;
  Blocks blocks_;
  std::unique_ptr<std::byte[]> sessions_;  // block i belongs to slot i
  std::unique_ptr<std::byte[]> deep_;      // block i has the number kDeep + i
  std::vector<std::uint32_t> deep_free_;
  std::vector<ShareIds> deep_owners_;  // by block
  Shares deep_shares_;
  std::vector<SpliceSides> splices_;
  std::vector<std::uint32_t> splices_free_;
  std::vector<ShareIds> splice_owners_;
  Shares splice_shares_;
  NameStore names_;
  std::uint32_t size_ = 0;
  std::uint64_t erasures_ = 0;
  // Changed slots, each once, in the order of their first change. Empty: not tracked.
  std::vector<std::uint8_t> changed_;
  std::vector<std::uint32_t> changes_;
  std::array<std::uint32_t, 256> urgent_{};
  std::size_t urgent_count_ = 0;
  std::uint32_t changes_first_ = 0;
  std::uint32_t changes_count_ = 0;
};

}  // namespace bulkhead::flow
