// Relations in slots that are not touched before they are used; three hash indices over them.
#include "dataplane/flow/expectation_table.h"

#include <algorithm>
#include <bit>
#include <new>

namespace bulkhead::flow {

using protocols::Fault;
using protocols::kExpectationsMax;

namespace {

constexpr std::uint32_t kIntervalsEarly = 4;      // messages that a sender may be ahead
constexpr TimeNs kEarlyNs = 10 * kMillisecondNs;  // and the time that a schedule may slip

}  // namespace

bool Relation::has_ended(TimeNs now_ns, TimeNs since_ns) const {
  if (!is_open) return now_ns - asked_ns > wait_ns;
  return std::any_of(opened().begin(), opened().end(), [&](const Expectation& each) {
    return each.silence_ns != 0 && now_ns - std::max(each.heard_ns, since_ns) > each.silence_ns;
  });
}

Fault admit(Expectation& expectation, std::size_t bytes, TimeNs now_ns) {
  if (bytes > expectation.bytes_max) return Fault::bad_length;
  if (expectation.interval_ns != 0) {
    const TimeNs full_at_ns = std::max(expectation.full_at_ns, now_ns);
    const TimeNs early_ns = expectation.interval_ns * kIntervalsEarly + kEarlyNs;
    if (full_at_ns - now_ns > early_ns) return Fault::too_often;
    expectation.full_at_ns = full_at_ns + expectation.interval_ns;
  }
  expectation.heard_ns = now_ns;
  return Fault::none;
}

ExpectationTable::Chains::Chains(std::uint32_t items, std::uint32_t buckets)
    : heads_(buckets, kNone), links_(new Link[items]) {}

void ExpectationTable::Chains::insert(std::uint32_t item, std::uint64_t hash) {
  std::uint32_t& head = heads_[hash & (heads_.size() - 1)];
  links_[item] = {head, kNone};
  if (head != kNone) links_[head].previous = item;
  head = item;
}

void ExpectationTable::Chains::remove(std::uint32_t item, std::uint64_t hash) {
  const Link link = links_[item];
  if (link.next != kNone) links_[link.next].previous = link.previous;
  if (link.previous != kNone) {
    links_[link.previous].next = link.next;
  } else {
    heads_[hash & (heads_.size() - 1)] = link.next;
  }
}

ExpectationTable::ExpectationTable(std::uint32_t relations_max, ExpectationOwners* owners,
                                   std::uint32_t worker)
    : capacity_(relations_max),
      memory_(new std::byte[std::size_t{relations_max} * sizeof(Relation)]),
      relations_(reinterpret_cast<Relation*>(memory_.get())),
      owners_(owners),
      worker_(worker),
      hash_key_(owners != nullptr ? owners->hash_key() : HashKey::make()),
      by_id_(relations_max, std::bit_ceil(relations_max)),
      by_key_(relations_max * kPerRelation, std::bit_ceil(relations_max) * 2),
      by_place_(relations_max * kPerRelation, std::bit_ceil(relations_max) * 2) {
  static_assert(alignof(Relation) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
  free_.reserve(relations_max);
}

ExpectationKey ExpectationTable::place_of(const ExpectationKey& key) {
  ExpectationKey place = key;
  place.covers = {};
  place.identifier = place.protocol = 0;
  return place;
}

Relation* ExpectationTable::find(const RelationId& id, bool is_open) {
  if (size_ == 0) return nullptr;
  for (std::uint32_t i = by_id_.first(hash_of(id)); i != kNone; i = by_id_.next(i)) {
    if (relations_[i].id == id && relations_[i].is_open == is_open) return &relations_[i];
  }
  return nullptr;
}

bool ExpectationTable::has_room(ShareIds shares) const {
  const std::uint32_t free = capacity_ - size_;
  return free > 0 && (shares.host == 0 || shares_.may_take(shares, free, capacity_));
}

Relation* ExpectationTable::add(const RelationId& id, ShareIds shares) {
  if (!has_room(shares)) return nullptr;
  std::uint32_t index = slots_used_;
  if (free_.empty()) {
    ++slots_used_;
  } else {
    index = free_.back();
    free_.pop_back();
  }
  Relation& relation = *new (&relations_[index]) Relation;
  relation.id = id;
  relation.in_use = true;
  ++size_;
  charge(relation, shares);
  by_id_.insert(index, hash_of(id));
  if (asked_count_ < asked_.size()) asked_[asked_count_++] = index;
  touch(relation);
  return &relation;
}

void ExpectationTable::withdraw() {
  for (; asked_count_ > 0; --asked_count_) {
    Relation& relation = relations_[asked_[asked_count_ - 1]];
    if (relation.in_use && !relation.is_open) remove(relation);
  }
}

void ExpectationTable::charge(Relation& relation, ShareIds shares) {
  relation.shares = shares;
  if (shares.host != 0) shares_.charge(shares, 1);
}

void ExpectationTable::remove(Relation& relation) {
  const std::uint32_t index = index_of(relation);
  unlink(relation);
  by_id_.remove(index, hash_of(relation.id));
  if (relation.shares.host != 0) shares_.charge(relation.shares, ~std::uint32_t{0});
  relation.in_use = false;
  free_.push_back(index);
  --size_;
  touch(relation);
}

void ExpectationTable::clear() {
  for (std::uint32_t i = 0; i < slots_used_; ++i) {
    if (relations_[i].in_use) remove(relations_[i]);
  }
}

bool ExpectationTable::is_known(const ExpectationKey& key, std::uint64_t hash) const {
  for (std::uint32_t i = by_key_.first(hash); i != kNone; i = by_key_.next(i)) {
    if (expectation(i).key == key) return true;
  }
  return false;
}

// Links one expectation; false if it is like another of the relation, or cannot be published.
bool ExpectationTable::link(Relation& relation, std::uint32_t index) {
  const ExpectationKey& key = relation.expectations[index].key;
  const auto same = [&](const Expectation& each) { return each.key == key; };
  if (std::any_of(relation.expectations.begin(), relation.expectations.begin() + index, same)) {
    return false;
  }
  const std::uint64_t hash = hash_of(key);
  const bool publish = owners_ != nullptr && !is_known(key, hash);
  if (publish && !owners_->add(worker_, hash)) return false;
  const std::uint32_t item = index_of(relation) * kPerRelation + index;
  by_key_.insert(item, hash);
  by_place_.insert(item, hash_of(place_of(key)));
  return true;
}

void ExpectationTable::unlink(Relation& relation) {
  for (std::uint32_t i = 0; i < relation.count; ++i) {
    const ExpectationKey& key = relation.expectations[i].key;
    const std::uint32_t item = index_of(relation) * kPerRelation + i;
    const std::uint64_t hash = hash_of(key);
    by_key_.remove(item, hash);
    by_place_.remove(item, hash_of(place_of(key)));
    if (owners_ != nullptr && !is_known(key, hash)) owners_->remove(worker_, hash);
  }
  relation.count = 0;
}

bool ExpectationTable::open(Relation& relation, std::span<const Expectation> expectations) {
  if (expectations.size() > kExpectationsMax) return false;
  std::copy(expectations.begin(), expectations.end(), relation.expectations.begin());
  for (std::uint32_t i = 0; i < expectations.size(); ++i) {
    if (!link(relation, i)) {
      unlink(relation);
      return false;
    }
    ++relation.count;
  }
  relation.is_open = true;
  touch(relation);
  return true;
}

std::optional<std::uint32_t> ExpectationTable::owner_of(const ExpectationKey& key) const {
  if (owners_ == nullptr) return std::nullopt;
  const std::uint64_t hash = hash_of(key);
  if (is_known(key, hash)) return worker_;
  return owners_->find(hash);
}

void ExpectationTable::track_changes() {
  changed_.assign(capacity_, false);
  changes_.resize(capacity_);
  changes_first_ = changes_count_ = 0;
}

void ExpectationTable::touch(const Relation& relation) {
  const std::uint32_t slot = index_of(relation);
  if (changed_.empty() || changed_[slot]) return;
  changed_[slot] = true;
  changes_[(changes_first_ + changes_count_++) % changes_.size()] = slot;
}

std::uint32_t ExpectationTable::take_change() {
  const std::uint32_t slot = changes_[changes_first_];
  changes_first_ = (changes_first_ + 1) % static_cast<std::uint32_t>(changes_.size());
  --changes_count_;
  changed_[slot] = false;
  return slot;
}

}  // namespace bulkhead::flow
