// Changes are made at once and noted, so that they can be undone: blocks that are replaced stay as
// they are until then.
#include "dataplane/flow/names.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace bulkhead::flow {

namespace {

std::size_t session_count(std::uint32_t sessions, const NameLimits& limits) {
  return limits.bytes < NameStore::kBlockBytes ? 0 : sessions;
}

}  // namespace

NameStore::NameStore(std::uint32_t sessions, const NameLimits& limits)
    : limits_(limits),
      capacity_(limits.bytes / kBlockBytes),
      free_(capacity_),
      sessions_(session_count(sessions, limits)) {
  if (capacity_ == 0) return;
  blocks_.reset(new Block[capacity_]);
  buckets_.assign(std::bit_ceil(capacity_), kNone);
  gathered_.resize(kGatheredBytesMax);
  hash_key_ = HashKey::make();
  // Each change of a message, and all that a session has where it is forgotten.
  changes_.reserve(2 * (protocols::kNameChangesMax + std::size_t{limits.session_names}) +
                   kTombstonesFree);
}

std::uint32_t NameStore::hash_of(std::uint32_t session, ByteView handle) const {
  std::array<std::uint8_t, 4 + protocols::kHandleBytesMax> key;
  store_be32(key.data(), session);
  std::copy(handle.begin(), handle.end(), key.begin() + 4);
  return static_cast<std::uint32_t>(keyed_hash(hash_key_, {key.data(), 4 + handle.size()}));
}

// The first block of what the session has under the handle, be it a tombstone.
std::uint32_t NameStore::look_up(std::uint32_t session, ByteView handle) const {
  const std::uint32_t hash = hash_of(session, handle);
  for (std::uint32_t i = buckets_[hash & (buckets_.size() - 1)]; i != kNone;
       i = blocks_[i].hash_next) {
    const Block& block = blocks_[i];
    if (block.hash == hash && block.session == session && block.handle_bytes == handle.size() &&
        std::equal(handle.begin(), handle.end(), block.data.begin())) {
      return i;
    }
  }
  return kNone;
}

std::optional<ByteView> NameStore::find(std::uint32_t session, ByteView handle) const {
  if (!is_kept() || handle.empty() || handle.size() > protocols::kHandleBytesMax) {
    return std::nullopt;
  }
  const std::uint32_t first = look_up(session, handle);
  if (first == kNone || blocks_[first].forgotten) return std::nullopt;
  const Block& block = blocks_[first];
  if (block.bytes() <= kDataBytes) {
    return ByteView{block.data.data() + block.handle_bytes, block.name_bytes};
  }
  if (block.name_bytes > gathered_.size() - gathered_bytes_) return std::nullopt;
  const std::span<std::uint8_t> room(gathered_.data() + gathered_bytes_, block.name_bytes);
  gathered_bytes_ += room.size();
  copy_name({block.handle(), block.name_bytes, false, first}, room);
  return room;
}

void NameStore::copy_name(const Unsent& change, std::span<std::uint8_t> to) const {
  std::size_t at = blocks_[change.block].handle_bytes;
  for (std::uint32_t i = change.block; !to.empty(); i = blocks_[i].next) {
    const std::size_t count = std::min(to.size(), kDataBytes - at);
    std::memcpy(to.data(), blocks_[i].data.data() + at, count);
    to = to.subspan(count);
    at = 0;
  }
}

bool NameStore::says(std::uint32_t first, ByteView name) const {
  if (blocks_[first].name_bytes != name.size()) return false;
  std::size_t at = blocks_[first].handle_bytes;
  for (std::uint32_t i = first; !name.empty(); i = blocks_[i].next) {
    const std::size_t count = std::min(name.size(), kDataBytes - at);
    if (std::memcmp(name.data(), blocks_[i].data.data() + at, count) != 0) return false;
    name = name.subspan(count);
    at = 0;
  }
  return true;
}

bool NameStore::take_block(Session& session, bool of_share, std::uint32_t& block) {
  if (free_ == 0) return false;
  // A replicated session has no owner yet, and had its share at the peer.
  const bool shared = of_share && session.owner.host != 0;
  if (shared && !shares_.may_take(session.owner, free_, capacity_)) return false;
  if (free_first_ != kNone) {
    block = free_first_;
    free_first_ = blocks_[block].next;
  } else {
    block = unused_++;
  }
  --free_;
  ++session.blocks;
  shares_.charge(session.owner, 1);
  return true;
}

// Their bytes stay readable until they are taken again.
void NameStore::give_back(std::uint32_t first) {
  Session& session = sessions_[blocks_[first].session];
  for (std::uint32_t i = first; i != kNone;) {
    const std::uint32_t next = blocks_[i].next;
    blocks_[i].next = free_first_;
    free_first_ = i;
    ++free_;
    --session.blocks;
    shares_.charge(session.owner, ~std::uint32_t{0});
    i = next;
  }
}

// A chain that holds the handle and the name, linked nowhere yet; kNone if there is no room.
std::uint32_t NameStore::make(ByteView handle, ByteView name, bool forgotten) {
  std::uint32_t first = kNone;
  if (!take_block(state(), !forgotten, first)) return kNone;
  Block& head = blocks_[first];
  head.next = kNone;
  head.session = session_;
  head.hash = hash_of(session_, handle);
  head.name_bytes = static_cast<std::uint16_t>(name.size());
  head.handle_bytes = static_cast<std::uint8_t>(handle.size());
  head.unsent = true;
  head.forgotten = forgotten;
  std::memcpy(head.data.data(), handle.data(), handle.size());
  std::size_t at = handle.size();
  for (std::uint32_t last = first;;) {
    const std::size_t count = std::min(name.size(), kDataBytes - at);
    if (count > 0) std::memcpy(blocks_[last].data.data() + at, name.data(), count);
    name = name.subspan(count);
    if (name.empty()) return first;
    std::uint32_t next = kNone;
    if (!take_block(state(), true, next)) {
      give_back(first);
      return kNone;
    }
    blocks_[next].next = kNone;
    blocks_[last].next = next;
    last = next;
    at = 0;
  }
}

void NameStore::join_list(std::uint32_t first) {
  Block& block = blocks_[first];
  Session& session = sessions_[block.session];
  block.previous = block.unsent ? kNone : session.last;
  block.following = block.unsent ? session.first : kNone;
  (block.previous == kNone ? session.first : blocks_[block.previous].following) = first;
  (block.following == kNone ? session.last : blocks_[block.following].previous) = first;
}

void NameStore::leave_list(std::uint32_t first) {
  const Block& block = blocks_[first];
  Session& session = sessions_[block.session];
  (block.previous == kNone ? session.first : blocks_[block.previous].following) = block.following;
  (block.following == kNone ? session.last : blocks_[block.following].previous) = block.previous;
}

void NameStore::link(std::uint32_t first) {
  Block& block = blocks_[first];
  Session& session = sessions_[block.session];
  std::uint32_t& bucket = buckets_[block.hash & (buckets_.size() - 1)];
  block.hash_next = bucket;
  bucket = first;
  join_list(first);
  ++(block.forgotten ? session.tombstones : session.names);
  if (!block.forgotten) session.bytes += block.bytes();
}

void NameStore::unlink(std::uint32_t first) {
  const Block& block = blocks_[first];
  Session& session = sessions_[block.session];
  std::uint32_t* place = &buckets_[block.hash & (buckets_.size() - 1)];
  while (*place != first) place = &blocks_[*place].hash_next;
  *place = block.hash_next;
  leave_list(first);
  --(block.forgotten ? session.tombstones : session.names);
  if (!block.forgotten) session.bytes -= block.bytes();
}

void NameStore::begin(std::uint32_t session, ShareIds owner) {
  session_ = session;
  open_ = true;
  failed_ = all_forgotten_ = false;
  made_ = 0;
  if (!is_kept()) return;
  Session& known = state();
  shares_.charge(known.owner, 0U - known.blocks);
  known.owner = owner;
  shares_.charge(owner, known.blocks);
}

void NameStore::replace(std::uint32_t added, std::uint32_t removed) {
  if (removed != kNone) unlink(removed);
  if (added != kNone) link(added);
  changes_.push_back({added, removed});
}

bool NameStore::bind(ByteView handle, ByteView name, bool bounded) {
  const bool fits = is_kept() && !handle.empty() && handle.size() <= protocols::kHandleBytesMax &&
                    name.size() <= protocols::kNameBytesMax && made_++ < protocols::kNameChangesMax;
  const auto fail = [this] {
    failed_ = true;
    return false;
  };
  if (!fits || failed_) return fail();
  const std::uint32_t known = look_up(session_, handle);
  const bool again = known != kNone && !blocks_[known].forgotten;
  if (again && says(known, name)) return true;
  const Session& session = state();
  const std::size_t bytes = session.bytes + handle.size() + name.size() -
                            (again ? std::size_t{blocks_[known].bytes()} : 0);
  const bool beyond =
      (!again && session.names >= limits_.session_names) || bytes > limits_.session_bytes;
  if (bounded && beyond) return fail();
  const std::uint32_t added = make(handle, name, false);
  if (added == kNone) return fail();
  replace(added, known);
  return true;
}

void NameStore::forget(ByteView handle) {
  if (!is_kept() || handle.empty() || handle.size() > protocols::kHandleBytesMax) return;
  failed_ = failed_ || made_++ >= protocols::kNameChangesMax;
  if (failed_) return;
  const std::uint32_t known = look_up(session_, handle);
  if (known == kNone || blocks_[known].forgotten) return;
  const std::uint32_t tombstone = tracks_ ? make(handle, {}, true) : kNone;
  // Without one, all that is left is replicated anew.
  all_forgotten_ = all_forgotten_ || (tracks_ && tombstone == kNone);
  replace(tombstone, known);
}

void NameStore::forget_all() {
  if (!is_kept()) return;
  all_forgotten_ = true;
  while (state().first != kNone) replace(kNone, state().first);
}

bool NameStore::keep() {
  if (!is_kept()) return false;
  const bool changed = !changes_.empty();
  for (const Change& change : changes_) {
    if (change.removed != kNone) give_back(change.removed);
  }
  changes_.clear();
  open_ = false;
  const Session& session = state();
  if (all_forgotten_ || session.tombstones > session.names + kTombstonesFree) send_all(session_);
  return changed;
}

void NameStore::undo() {
  for (; !changes_.empty(); changes_.pop_back()) {
    const Change change = changes_.back();
    if (change.added != kNone) {
      unlink(change.added);
      give_back(change.added);
    }
    if (change.removed != kNone) link(change.removed);
  }
  open_ = false;
}

void NameStore::drop(std::uint32_t session) {
  if (!is_kept()) return;
  if (open_ && session == session_) undo();
  Session& known = sessions_[session];
  while (known.first != kNone) {
    const std::uint32_t first = known.first;
    unlink(first);
    give_back(first);
  }
  known.anew = true;
}

void NameStore::send_all(std::uint32_t session) {
  Session& known = sessions_[session];
  for (std::uint32_t i = known.first; i != kNone;) {
    const std::uint32_t following = blocks_[i].following;
    blocks_[i].unsent = true;
    if (blocks_[i].forgotten) {
      unlink(i);
      give_back(i);
    }
    i = following;
  }
  known.anew = true;
}

std::optional<NameStore::Unsent> NameStore::unsent(std::uint32_t session) const {
  const std::uint32_t first = sessions_[session].first;
  if (first == kNone || !blocks_[first].unsent) return std::nullopt;
  const Block& block = blocks_[first];
  return Unsent{block.handle(), block.name_bytes, block.forgotten, first};
}

void NameStore::note_sent(const Unsent& change) {
  Block& block = blocks_[change.block];
  block.unsent = false;
  if (change.forgotten) {
    unlink(change.block);
    give_back(change.block);
  } else {
    leave_list(change.block);
    join_list(change.block);
  }
}

}  // namespace bulkhead::flow
