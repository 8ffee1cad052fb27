// Sessions whose opening was refused beside their traffic, so that what follows is known for that.
// A bounded cache: the session that was silent longest gives its place away.
#pragma once

#include <rte_hash_crc.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "dataplane/base/clock.h"
#include "dataplane/flow/flow_key.h"

namespace bulkhead::flow {

class RefusedSessions {
 public:
  static constexpr std::uint32_t kWays = 4;

  // `sessions`: how many it remembers at most, a multiple of kWays.
  explicit RefusedSessions(std::uint32_t sessions) : entries_(std::max(sessions, kWays)) {}

  // `from_low`: the lower end asked for it.
  void note(const FlowKey& key, bool from_low, TimeNs now_ns) {
    Entry* entry = find(key);
    if (entry == nullptr) {
      entry = first_of(key);
      for (std::uint32_t i = 1; i < kWays; ++i) {
        if (first_of(key)[i].seen_ns < entry->seen_ns) entry = first_of(key) + i;
      }
    }
    *entry = {key, now_ns, from_low};
  }
  // Whether it was refused and has not been silent for longer than this; then it is heard again.
  bool hear(const FlowKey& key, TimeNs idle_ns, TimeNs now_ns) {
    Entry* entry = find(key);
    if (entry == nullptr || now_ns - entry->seen_ns > idle_ns) return false;
    entry->seen_ns = now_ns;
    return true;
  }
  // Precondition: it is remembered.
  bool is_from_low(const FlowKey& key) { return find(key)->from_low; }
  void clear() { entries_.assign(entries_.size(), Entry{}); }

 private:
  struct Entry {
    FlowKey key;
    TimeNs seen_ns = 0;  // 0: none
    bool from_low = false;
  };

  Entry* first_of(const FlowKey& key) {
    const auto sets = static_cast<std::uint32_t>(entries_.size()) / kWays;
    return &entries_[std::size_t{rte_hash_crc(&key, sizeof(key), 0) % sets} * kWays];
  }
  Entry* find(const FlowKey& key) {
    Entry* entry = first_of(key);
    for (std::uint32_t i = 0; i < kWays; ++i, ++entry) {
      if (entry->seen_ns != 0 && entry->key == key) return entry;
    }
    return nullptr;
  }

  std::vector<Entry> entries_;
};

}  // namespace bulkhead::flow
