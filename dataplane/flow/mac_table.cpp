// Four-way set-associative. Of a full set one of those gives way whose port has most of it.
#include "dataplane/flow/mac_table.h"

namespace bulkhead::flow {

namespace {

constexpr std::uint64_t kMultiplier = 0x9e3779b97f4a7c15ULL;

std::uint64_t hash(const wire::IpAddress& host) {
  const std::uint64_t mixed = (host.high() ^ (host.high() >> 29)) * kMultiplier + host.low();
  return (mixed ^ (mixed >> 32)) * kMultiplier;
}

}  // namespace

std::uint32_t MacTable::first_slot(const wire::Mac& mac) {
  const std::uint64_t mixed = mac.to_integer() * kMultiplier;
  return static_cast<std::uint32_t>(mixed >> 40) % (kSlots / kWays) * kWays;
}

MacTable::Announced* MacTable::announced_set(std::uint64_t host) const {
  static_assert(kSlots / kWays == 1U << (64 - 53));
  return &announced_[(host >> 53) * kWays];
}

// An entry that is free; else the stalest of the port that has most of the set, which is the
// newcomer's own where that has as many. Claims give way first, and what has spoken behind the
// newcomer's own port gives way to no claim: nullptr then.
template <typename Entry>
Entry* MacTable::place_for(Entry* set, std::uint16_t port, TimeNs now_ns, Evidence evidence) {
  std::array<std::uint32_t, kWays> share{};  // entries of the same port
  std::uint32_t own = 0;
  for (std::uint32_t i = 0; i < kWays; ++i) {
    if (!set[i].is_fresh(now_ns)) return &set[i];
    for (std::uint32_t j = 0; j < kWays; ++j) {
      if (set[i].location().port() == set[j].location().port()) ++share[i];
    }
    if (set[i].location().port() == port) ++own;
  }
  Entry* found = nullptr;
  std::uint32_t most = 0;
  for (std::uint32_t i = 0; i < kWays; ++i) {
    const bool is_own = set[i].location().port() == port;
    const bool spoken = set[i].location().has(kSpoken);
    if (is_own ? spoken && evidence == Evidence::claimed : share[i] <= own + 1) continue;
    // What the newcomer's port has too much or as much of stands behind what another has.
    const std::uint32_t rank =
        4 * (is_own ? own : share[i]) + (spoken ? 0U : 2U) + (is_own ? 0 : 1);
    const bool staler = found != nullptr && rank == most &&
                        set[i].seen_ns.load(std::memory_order_relaxed) <
                            found->seen_ns.load(std::memory_order_relaxed);
    if (found != nullptr && rank <= most && !staler) continue;
    found = &set[i];
    most = rank;
  }
  return found;
}

const MacTable::Slot* MacTable::find(const wire::Mac& mac) const {
  const Slot* set = &slots_[first_slot(mac)];
  for (std::uint32_t way = 0; way < kWays; ++way) {
    if (set[way].location().is_of(mac)) return &set[way];
  }
  return nullptr;
}

void MacTable::meet_again(Slot& slot, Location next, TimeNs now_ns) {
  const Location known = slot.location();
  const bool fresh = slot.is_fresh(now_ns);
  const bool spoken = next.has(kSpoken);
  if (!spoken && fresh && known.has(kSpoken)) {
    // Claims do not keep alive what was proven, not even behind its own port.
    return;
  }
  if (!spoken && (known.port() != next.port() || (fresh && known.has(kContested)))) {
    next.word |= kContested;
  }
  if (known.word != next.word) {
    slot.word.store(next.word, std::memory_order_relaxed);
    if (spoken) changes_.fetch_add(1, std::memory_order_relaxed);
  }
  if (!slot.is_recent(now_ns)) slot.seen_ns.store(now_ns, std::memory_order_relaxed);
}

void MacTable::learn(const wire::Mac& mac, std::uint16_t port, TimeNs now_ns, Evidence evidence) {
  const bool spoken = evidence == Evidence::spoken;
  const Location next = Location::of(mac, port, spoken ? kSpoken : 0);
  Slot* set = &slots_[first_slot(mac)];
  for (std::uint32_t way = 0; way < kWays; ++way) {
    const Location known = set[way].location();
    if (known.word == next.word && set[way].is_recent(now_ns)) return;
    if (known.is_of(mac)) return meet_again(set[way], next, now_ns);
  }
  Slot* place = place_for(set, port, now_ns, evidence);
  if (place == nullptr) return;
  place->word.store(next.word, std::memory_order_relaxed);
  place->seen_ns.store(now_ns, std::memory_order_relaxed);
  if (spoken) changes_.fetch_add(1, std::memory_order_relaxed);
}

bool MacTable::speaks_elsewhere(const wire::Mac& mac, std::uint16_t port, TimeNs now_ns) const {
  const Slot* slot = find(mac);
  return slot != nullptr && slot->location().has(kSpoken) && slot->location().port() != port &&
         slot->is_fresh(now_ns);
}

bool MacTable::speaks_at(const wire::Mac& mac, std::uint16_t port, TimeNs now_ns) const {
  const Slot* slot = find(mac);
  return slot != nullptr && slot->location().has(kSpoken) && slot->location().port() == port &&
         slot->is_fresh(now_ns);
}

bool MacTable::stands_at(const wire::Mac& mac, std::uint16_t port, TimeNs now_ns) const {
  const Slot* slot = find(mac);
  return slot != nullptr && !slot->location().has(kContested) && slot->location().port() == port &&
         slot->is_fresh(now_ns);
}

void MacTable::announce(const wire::IpAddress& host, const wire::Mac& mac, std::uint16_t port,
                        TimeNs now_ns) {
  const std::uint64_t number = hash(host);
  Announced* set = announced_set(number);
  Announced* place = nullptr;
  for (std::uint32_t way = 0; way < kWays; ++way) {
    if (set[way].host.load(std::memory_order_relaxed) == number) place = &set[way];
  }
  if (place == nullptr) place = place_for(set, port, now_ns, Evidence::spoken);
  if (place == nullptr) return;
  place->host.store(number, std::memory_order_relaxed);
  place->word.store(Location::of(mac, port, 0).word, std::memory_order_relaxed);
  place->seen_ns.store(now_ns, std::memory_order_relaxed);
}

std::optional<wire::Mac> MacTable::announced(const wire::IpAddress& host, std::uint16_t port,
                                             TimeNs now_ns) const {
  const std::uint64_t number = hash(host);
  const Announced* set = announced_set(number);
  for (std::uint32_t way = 0; way < kWays; ++way) {
    const Location location = set[way].location();
    if (set[way].host.load(std::memory_order_relaxed) != number || location.port() != port ||
        !set[way].is_fresh(now_ns)) {
      continue;
    }
    return location.mac();
  }
  return std::nullopt;
}

std::uint32_t MacTable::count(TimeNs now_ns) const {
  std::uint32_t live = 0;
  for (std::uint32_t i = 0; i < kSlots; ++i) live += slots_[i].is_fresh(now_ns) ? 1 : 0;
  return live;
}

}  // namespace bulkhead::flow
