// rte_hash from key to slot; slots and protocol state stand in flat arrays beside it. Before it is
// asked, a hint is tried: a slot where a key of a like hash was found last. Its key is compared in
// full, in a line that is needed anyway.
#include "dataplane/flow/flow_table.h"

#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_lcore.h>
#include <rte_prefetch.h>

#include <array>
#include <bit>
#include <cstring>
#include <new>

#include "dataplane/wire/ip.h"

namespace bulkhead::flow {

namespace {

// Two chains of three, which the core runs side by side.
std::uint32_t hash_key(const FlowKey& key) {
  std::array<std::uint64_t, 6> words;
  static_assert(sizeof(words) == sizeof(key));
  std::memcpy(words.data(), &key, sizeof(key));
  const std::uint32_t one =
      rte_hash_crc_8byte(words[2], rte_hash_crc_8byte(words[1], rte_hash_crc_8byte(words[0], 0)));
  const std::uint32_t two =
      rte_hash_crc_8byte(words[5], rte_hash_crc_8byte(words[4], rte_hash_crc_8byte(words[3], ~0U)));
  return rte_hash_crc_4byte(one, two);
}

std::uint32_t hash_bytes(const void* key, std::uint32_t /*length*/, std::uint32_t /*seed*/) {
  return hash_key(*static_cast<const FlowKey*>(key));
}

}  // namespace

Result<std::unique_ptr<FlowTable>, std::string> FlowTable::make(const std::string& name,
                                                                std::uint32_t flows_max,
                                                                const Blocks& blocks) {
  rte_hash_parameters parameters{};
  parameters.name = name.c_str();
  // Room to spare: a cuckoo table may fail to place a key before it is quite full.
  parameters.entries = flows_max + flows_max / 4 + 64;
  parameters.key_len = sizeof(FlowKey);
  parameters.hash_func = hash_bytes;
  parameters.socket_id = static_cast<int>(rte_socket_id());
  parameters.extra_flag = RTE_HASH_EXTRA_FLAGS_EXT_TABLE;
  rte_hash* hash = rte_hash_create(&parameters);
  if (hash == nullptr) {
    return std::string("flow table: ") + rte_strerror(rte_errno) +
           "; give DPDK more memory or lower flows_max";
  }
  return std::unique_ptr<FlowTable>(new FlowTable(hash, flows_max, blocks));
}

namespace {

constexpr unsigned kSlotBits = 24;  // flows are at most that many, see limits.def
constexpr std::uint32_t kSlotMask = (1U << kSlotBits) - 1;

bool is_session(const FlowKey& key) {
  return key.protocol == wire::kProtocolTcp && key.opened_by == 0;
}

std::size_t whole_lines(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace

FlowTable::FlowTable(rte_hash* hash, std::uint32_t flows_max, const Blocks& blocks)
    : hash_(hash),
      hints_(std::bit_ceil(flows_max) * std::size_t{2}),
      flows_(flows_max),
      in_use_((flows_max + 63) / 64),
      seen_(std::bit_ceil(flows_max)),
      blocks_{whole_lines(blocks.usual_bytes), whole_lines(blocks.deep_bytes), blocks.deep_max,
              blocks.spliced_max, blocks.names},
      deep_owners_(blocks.deep_max),
      splices_(blocks.spliced_max),
      splice_owners_(blocks.spliced_max),
      names_(flows_max, blocks.names) {
  splices_free_.reserve(blocks_.spliced_max);
  for (std::uint32_t i = blocks_.spliced_max; i > 0; --i) splices_free_.push_back(i - 1);
  free_.reserve(flows_max);
  deep_free_.reserve(blocks_.deep_max);
  for (std::uint32_t i = blocks_.deep_max; i > 0; --i) deep_free_.push_back(i - 1);
  deep_.reset(new std::byte[std::size_t{blocks_.deep_max} * blocks_.deep_bytes]);
  for (std::uint32_t i = flows_max; i > 0; --i) free_.push_back(i - 1);
  sessions_.reset(new std::byte[std::size_t{flows_max} * blocks_.usual_bytes]);
}

FlowTable::~FlowTable() { rte_hash_free(hash_); }

Flow* FlowTable::find(const FlowKey& key) {
  void* data = nullptr;
  if (rte_hash_lookup_with_hash_data(hash_, &key, hash_key(key), &data) < 0) return nullptr;
  return static_cast<Flow*>(data);
}

Flow& FlowTable::hinted(std::uint32_t hash) {
  const auto [newer, older] = hints(hash);
  return flows_[(newer >> kSlotBits == hash >> kSlotBits ? newer : older) & kSlotMask];
}

void FlowTable::remember(std::uint32_t hash, std::uint32_t slot) {
  Hints& place = hints(hash);
  place = {(hash & ~kSlotMask) | slot, place[0]};
}

void FlowTable::find(std::span<const FlowKey* const> keys, Flow** flows) {
  std::array<hash_sig_t, kFindMax> hashes;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    hashes[i] = hash_key(*keys[i]);
    rte_prefetch0(&hints(hashes[i]));
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    flows[i] = &hinted(hashes[i]);
    rte_prefetch0(flows[i]);
  }
  std::array<const void*, kFindMax> names;
  std::array<hash_sig_t, kFindMax> others;
  std::array<std::size_t, kFindMax> places;
  std::uint32_t count = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (flows[i]->in_use && flows[i]->key == *keys[i]) continue;
    flows[i] = nullptr;
    names[count] = keys[i];
    others[count] = hashes[i];
    places[count++] = i;
  }
  if (count == 0) return;
  std::uint64_t hits = 0;
  std::array<void*, kFindMax> data;
  rte_hash_lookup_with_hash_bulk_data(hash_, names.data(), others.data(), count, &hits,
                                      data.data());
  for (std::uint32_t i = 0; i < count; ++i) {
    if ((hits >> i & 1) == 0) continue;
    flows[places[i]] = static_cast<Flow*>(data[i]);
    remember(others[i], index_of(*flows[places[i]]));
  }
}

void FlowTable::prefetch(const Flow& flow) const {
  constexpr std::size_t kLine = 64;
  constexpr std::size_t kLines = 5;  // see Flow
  const auto* bytes = reinterpret_cast<const std::byte*>(&flow);
  for (std::size_t i = 0; i < kLines; ++i) rte_prefetch0(bytes + i * kLine);
}

void FlowTable::prefetch_session(const Flow& flow) const {
  rte_prefetch0(sessions_.get() + std::size_t{index_of(flow)} * blocks_.usual_bytes);
}

Flow* FlowTable::insert(const FlowKey& key) {
  if (free_.empty()) return nullptr;
  const std::uint32_t slot = free_.back();
  Flow* flow = &flows_[slot];
  const std::uint32_t hash = hash_key(key);
  if (rte_hash_add_key_with_hash_data(hash_, &key, hash, flow) != 0) return nullptr;
  remember(hash, slot);
  if (is_session(key)) seen_[seen_at(hash)] |= std::uint64_t{1} << (hash & 63);
  free_.pop_back();
  ++size_;
  *flow = Flow{};
  flow->key = key;
  flow->in_use = true;
  in_use_[slot / 64] |= std::uint64_t{1} << (slot % 64);
  touch(*flow);
  return flow;
}

bool FlowTable::was_known(const FlowKey& key) const {
  const std::uint32_t hash = hash_key(key);
  return (seen_[seen_at(hash)] >> (hash & 63) & 1) != 0;
}

void FlowTable::track_changes() {
  names_.track_changes();
  changed_.assign(flows_.size(), false);
  changes_.resize(flows_.size());
  changes_first_ = changes_count_ = 0;
}

std::uint32_t FlowTable::take_change() {
  const std::uint32_t slot = changes_[changes_first_];
  changes_first_ = (changes_first_ + 1) % static_cast<std::uint32_t>(changes_.size());
  --changes_count_;
  changed_[slot] = false;
  return slot;
}

void FlowTable::erase(Flow& flow) {
  rte_hash_del_key(hash_, &flow.key);
  drop_session(flow);
  return_splice(flow);
  flow.in_use = false;
  touch(flow);
  const std::uint32_t slot = index_of(flow);
  in_use_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
  free_.push_back(slot);
  --size_;
  ++erasures_;
}

std::uint32_t FlowTable::next_in_use(std::uint32_t first, std::uint32_t end) const {
  while (first < end) {
    const std::uint64_t rest = in_use_[first / 64] >> (first % 64);
    if (rest != 0) return std::min(end, first + static_cast<std::uint32_t>(std::countr_zero(rest)));
    first = (first / 64 + 1) * 64;
  }
  return end;
}

bool FlowTable::lend_splice(Flow& flow) {
  if (flow.splice != nullptr) return true;
  if (!can_lend_splice(flow)) return false;
  const std::uint32_t number = splices_free_.back();
  flow.splice = splices_[number].data();
  splices_free_.pop_back();
  splice_owners_[number] = flow.shares;
  splice_shares_.charge(flow.shares, 1);
  return true;
}

void FlowTable::return_splice(Flow& flow) {
  if (flow.splice == nullptr) return;
  const auto* splice_sides = reinterpret_cast<const SpliceSides*>(flow.splice);
  const auto number = static_cast<std::uint32_t>(splice_sides - splices_.data());
  splices_free_.push_back(number);
  splice_shares_.charge(splice_owners_[number], ~std::uint32_t{0});
  flow.splice = nullptr;
  flow.spliced = false;
}

std::span<std::byte> FlowTable::begin_session(Flow& flow) {
  flow.session = index_of(flow);
  std::byte* block = sessions_.get() + std::size_t{flow.session} * blocks_.usual_bytes;
  std::memset(block, 0, blocks_.usual_bytes);
  return {block, blocks_.usual_bytes};
}

void FlowTable::drop_session(Flow& flow) {
  if (has_deep_session(flow)) {
    deep_free_.push_back(flow.session - kDeep);
    deep_shares_.charge(deep_owners_[flow.session - kDeep], ~std::uint32_t{0});
  }
  names_.drop(index_of(flow));
  flow.session = kNoSession;
}

bool FlowTable::deepen_session(Flow& flow) {
  const std::span<std::byte> usual = session(flow);
  const bool may = may_take(deep_shares_, flow, deep_free_.size(), blocks_.deep_max);
  if (flow.session >= kDeep || !may) return false;
  const std::uint32_t number = deep_free_.back();
  flow.session = kDeep + number;
  deep_free_.pop_back();
  deep_owners_[number] = flow.shares;
  deep_shares_.charge(flow.shares, 1);
  const std::span<std::byte> deep = session(flow);
  std::memcpy(deep.data(), usual.data(), usual.size());
  std::memset(deep.data() + usual.size(), 0, deep.size() - usual.size());
  return true;
}

}  // namespace bulkhead::flow
