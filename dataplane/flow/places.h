// Owners of the entries in the flow table, and which sessions are evicted when it is nearly full:
// those in which only one end has spoken, the oldest of the zone port and MAC address that have
// most.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "dataplane/base/clock.h"
#include "dataplane/flow/shares.h"
#include "dataplane/policy/tables.h"

namespace bulkhead::flow {

struct PlaceOwner {
  ShareIds shares;
  std::uint16_t port = 0;    // zone port of the owner
  std::uint16_t mac_id = 0;  // see Places::mac_id_of()
  // Its first packet needs no answer, so that it may be evicted.
  bool one_way = false;
};

class Places {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;
  static constexpr std::uint16_t kMacIds = 32;  // distinguished on a port

  explicit Places(std::uint32_t flows) : links_(flows) { forget_lists(); }

  static std::uint16_t mac_id_of(const HashKey& key, const wire::Mac& mac) {
    return static_cast<std::uint16_t>(HostAt{{}, mac, 0}.hash(key) % kMacIds);
  }

  bool has(std::uint32_t slot) const { return links_[slot].added; }
  void add(std::uint32_t slot, const PlaceOwner& owner, TimeNs now_ns);
  void remove(std::uint32_t slot);
  void clear();

  // Whether the owner may take one more of `capacity` with `free` left: always while more than a
  // quarter is free; of the last quarter a host has a part, and a port or conduit leaves an
  // eighth to others.
  bool may_take(const PlaceOwner& owner, std::uint32_t free, std::uint32_t capacity) const {
    if (free > capacity / 4) return true;
    const std::uint64_t most = std::uint64_t{7} * free;
    if (shares_.host(owner.shares) < Shares::kLittle && free > capacity / 8) return true;
    return free > 0 && shares_.host(owner.shares) <= std::max(free / 2, Shares::kLittle - 1) &&
           ports_[index_of(owner.port)] <= most && shares_.conduit(owner.shares) <= most;
  }

  // The session to evict; kNone if there is none. `look(slot)` returns what became of one.
  enum class Seen : std::uint8_t {
    idle,      // nobody spoke in it since `listed_ns`
    used,      // somebody did
    answered,  // it stays for good
    kept,      // it stays this time
  };
  template <typename Look>
  std::uint32_t find_victim(TimeNs now_ns, Look look) {
    constexpr int kTries = 16;
    for (int tries = 0; tries < kTries; ++tries) {
      const std::size_t list = fullest();
      if (list == kLists) return kNone;
      const std::uint32_t slot = lists_[list].first;
      Link& link = links_[slot];
      const Seen seen = look(slot, link.listed_ns);
      if (seen == Seen::answered) {
        unlist(slot);
      } else if (seen == Seen::kept || (seen == Seen::used && tries < kTries / 2)) {
        unlist(slot);
        list_last(slot);
        link.listed_ns = now_ns;
      } else {
        return slot;
      }
    }
    return kNone;
  }

 private:
  struct Link {
    std::uint32_t next = kNone;
    std::uint32_t previous = kNone;
    PlaceOwner owner;
    bool added = false;
    bool listed = false;
    TimeNs listed_ns = 0;
  };
  struct List {
    std::uint32_t first = kNone;
    std::uint32_t last = kNone;
    std::uint32_t count = 0;
  };
  static constexpr std::size_t kLists = std::size_t{policy::kPortsMax} * kMacIds;

  static std::size_t index_of(std::uint16_t port) { return port % policy::kPortsMax; }
  static std::size_t list_of(const PlaceOwner& owner) {
    return index_of(owner.port) * kMacIds + owner.mac_id;
  }
  // The longest list of the port that has most entries; kLists if all are empty.
  std::size_t fullest() const;
  void list_last(std::uint32_t slot);
  void unlist(std::uint32_t slot);
  void forget_lists() {
    lists_.fill({});
    listed_.fill(0);
  }

  Shares shares_;
  std::array<std::uint32_t, policy::kPortsMax> ports_{};
  std::array<std::uint32_t, policy::kPortsMax> listed_{};  // by port
  std::array<List, kLists> lists_{};
  std::vector<Link> links_;  // one for each slot of the flow table
};

}  // namespace bulkhead::flow
