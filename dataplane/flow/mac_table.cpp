// Four-way set-associative; the stalest entry of a set gives way.
#include "dataplane/flow/mac_table.h"

namespace bulkhead::flow {

namespace {

std::uint64_t pack(const wire::Mac& mac, std::uint16_t port) {
  return (mac.to_integer() << 16) | port;
}

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

void MacTable::learn(const wire::Mac& mac, std::uint16_t port, TimeNs now_ns) {
  constexpr TimeNs kRefreshNs = kSecondNs;  // spares the shared line most writes
  Slot* set = &slots_[first_slot(mac)];
  Slot* stalest = set;
  for (std::uint32_t way = 0; way < kWays; ++way) {
    Slot& slot = set[way];
    const std::uint64_t station = slot.station.load(std::memory_order_relaxed);
    const TimeNs seen = slot.seen_ns.load(std::memory_order_relaxed);
    if (station >> 16 == mac.to_integer()) {
      if (station != pack(mac, port)) {
        slot.station.store(pack(mac, port), std::memory_order_relaxed);
        changes_.fetch_add(1, std::memory_order_relaxed);
      }
      if (now_ns - seen > kRefreshNs) slot.seen_ns.store(now_ns, std::memory_order_relaxed);
      return;
    }
    if (seen < stalest->seen_ns.load(std::memory_order_relaxed)) stalest = &slot;
  }
  stalest->station.store(pack(mac, port), std::memory_order_relaxed);
  stalest->seen_ns.store(now_ns, std::memory_order_relaxed);
  changes_.fetch_add(1, std::memory_order_relaxed);
}

std::optional<std::uint16_t> MacTable::find(const wire::Mac& mac, TimeNs now_ns) const {
  const Slot* set = &slots_[first_slot(mac)];
  for (std::uint32_t way = 0; way < kWays; ++way) {
    const std::uint64_t station = set[way].station.load(std::memory_order_relaxed);
    if (station >> 16 != mac.to_integer()) continue;
    if (now_ns - set[way].seen_ns.load(std::memory_order_relaxed) > kAgeNs) return std::nullopt;
    return static_cast<std::uint16_t>(station);
  }
  return std::nullopt;
}

void MacTable::announce(const wire::IpAddress& host, const wire::Mac& mac, std::uint16_t port,
                        TimeNs now_ns) {
  static_assert(kSlots == 1U << (64 - 51));
  const std::uint64_t number = hash(host);
  Announced& slot = announced_by(number);
  slot.host.store(number, std::memory_order_relaxed);
  slot.station.store(pack(mac, port), std::memory_order_relaxed);
  slot.at_ns.store(now_ns, std::memory_order_relaxed);
}

bool MacTable::is_announced(const wire::IpAddress& host, const wire::Mac& mac, std::uint16_t port,
                            TimeNs now_ns) const {
  const std::uint64_t number = hash(host);
  const Announced& slot = announced_by(number);
  return slot.host.load(std::memory_order_relaxed) == number &&
         slot.station.load(std::memory_order_relaxed) == pack(mac, port) &&
         now_ns - slot.at_ns.load(std::memory_order_relaxed) <= kAgeNs;
}

std::uint32_t MacTable::count(TimeNs now_ns) const {
  std::uint32_t live = 0;
  each(now_ns, [&](const wire::Mac&, std::uint16_t) { ++live; });
  return live;
}

}  // namespace bulkhead::flow
