// The relations that the sessions of one worker have asked for or opened (protocols/expectation.h),
// found by their name, and their expectations, found by the packets that they cover. A bounded
// table with shares for hosts and conduits; it never allocates once made. Not shared.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/base/clock.h"
#include "dataplane/flow/expectation_owners.h"
#include "dataplane/flow/keyed_hash.h"
#include "dataplane/flow/shares.h"
#include "dataplane/policy/standing.h"
#include "dataplane/protocols/expectation.h"

namespace bulkhead::flow {

// What a packet must be so that an expectation covers it. Plain bytes without padding: hashed and
// compared whole.
struct ExpectationKey {
  wire::IpAddress from;
  wire::IpAddress to;
  std::uint16_t port = 0;
  std::uint16_t vlan_outer = 0;
  std::uint16_t vlan_inner = 0;
  protocols::Carrier carrier{};
  protocols::Covers covers{};
  std::uint32_t identifier = 0;
  std::uint32_t protocol = 0;

  bool operator==(const ExpectationKey&) const = default;
  // Whether packets between the same endpoints to the same port may be covered.
  bool is_beside(const ExpectationKey& other) const {
    return from == other.from && to == other.to && port == other.port &&
           vlan_outer == other.vlan_outer && vlan_inner == other.vlan_inner &&
           carrier == other.carrier;
  }
};
static_assert(sizeof(ExpectationKey) == 48);

struct RelationId {
  wire::IpAddress client;
  wire::IpAddress server;
  std::uint16_t vlan_outer = 0;
  std::uint16_t vlan_inner = 0;
  std::uint32_t protocol = 0;
  protocols::RelationName name;

  bool operator==(const RelationId&) const = default;
};
static_assert(sizeof(RelationId) == 56);

struct Expectation {
  ExpectationKey key;
  protocols::Direction direction{};
  protocols::Party from{};
  protocols::Party to{};
  std::uint32_t bytes_max = protocols::kAnySize;
  TimeNs interval_ns = 0;  // 0: not limited
  TimeNs silence_ns = 0;   // 0: never ends
  TimeNs full_at_ns = 0;   // of a generic cell rate algorithm
  TimeNs heard_ns = 0;
};

struct Relation {
  RelationId id;
  bool in_use = false;
  bool is_open = false;
  // The session beside which it stands: its service as a rule names it, and how it was judged.
  bool reversed = false;  // its server opened it
  policy::Transport transport{};
  std::uint16_t service_port = 0;
  policy::Standing standing;
  ShareIds shares;
  std::array<wire::Mac, 2> macs;  // of client and server, as their messages came
  TimeNs asked_ns = 0;
  TimeNs wait_ns = 0;    // for the answer
  TimeNs marked_ns = 0;  // when it was last marked for replication
  std::uint16_t asked_bytes = 0;
  std::uint16_t count = 0;  // expectations
  alignas(8) std::array<std::byte, protocols::kAskedBytesMax> asked;
  std::array<Expectation, protocols::kExpectationsMax> expectations;

  std::span<const std::byte> request() const { return std::span(asked).first(asked_bytes); }
  std::span<const Expectation> opened() const { return std::span(expectations).first(count); }
  std::span<Expectation> opened() { return std::span(expectations).first(count); }
  // `since_ns`: silence counts from then on at the earliest.
  bool has_ended(TimeNs now_ns, TimeNs since_ns) const;
};

// Whether a message of so many bytes may pass now; none if it does, and it counts then.
protocols::Fault admit(Expectation& expectation, std::size_t bytes, TimeNs now_ns);

class ExpectationTable {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  // With `owners`, what worker `worker` expects is published there; it outlives the table.
  explicit ExpectationTable(std::uint32_t relations_max, ExpectationOwners* owners = nullptr,
                            std::uint32_t worker = 0);
  ~ExpectationTable() { clear(); }
  ExpectationTable(const ExpectationTable&) = delete;
  ExpectationTable& operator=(const ExpectationTable&) = delete;

  Relation* find(const RelationId& id, bool is_open);
  // A fresh one under the name; nullptr if there is no room, or none for those who are charged
  // (host 0: nobody). Several of a name may be asked for or open.
  Relation* add(const RelationId& id, ShareIds shares);
  // Whether add() finds room for one more.
  bool has_room(ShareIds shares) const;
  void remove(Relation& relation);
  // A packet of several messages leaves whole or not at all: withdraw() removes what was added
  // since begin_packet() and is not open, kAskedMax relations at most.
  static constexpr std::size_t kAskedMax = 64;
  void begin_packet() { asked_count_ = 0; }
  void withdraw();
  void clear();
  // From now on the expectations of the relation, which has none, are these. False if some are
  // alike or cannot be published, and nothing has changed then.
  bool open(Relation& relation, std::span<const Expectation> expectations);
  // Charges a relation that nobody was charged with.
  void charge(Relation& relation, ShareIds shares);

  // Calls visit(relation, expectation) for those with the key until it returns true, and returns
  // whether it did. `visit` may remove its relation.
  template <typename Visit>
  bool visit(const ExpectationKey& key, Visit visit) {
    return walk(by_key_, key, [&](const Expectation& each) { return each.key == key; }, visit);
  }
  // The same for those between the same endpoints to the same port, whatever else they are.
  template <typename Visit>
  bool visit_beside(const ExpectationKey& key, Visit visit) {
    return walk(
        by_place_, place_of(key), [&](const Expectation& each) { return each.key.is_beside(key); },
        visit);
  }
  // The worker that has one with the key.
  std::optional<std::uint32_t> owner_of(const ExpectationKey& key) const;

  std::uint32_t size() const { return size_; }
  std::uint32_t capacity() const { return capacity_; }
  // Slots from here on were never in use.
  std::uint32_t slots_used() const { return slots_used_; }
  Relation& slot(std::uint32_t index) const { return relations_[index]; }  // below slots_used()

  // For a peer: as FlowTable.
  void track_changes();
  void touch(const Relation& relation);
  bool has_changes() const { return changes_count_ > 0; }
  std::uint32_t take_change();

 private:
  // A list for each hash value of items, whose numbers are dense; both ways linked.
  class Chains {
   public:
    Chains(std::uint32_t items, std::uint32_t buckets);
    std::uint32_t first(std::uint64_t hash) const { return heads_[hash & (heads_.size() - 1)]; }
    std::uint32_t next(std::uint32_t item) const { return links_[item].next; }
    void insert(std::uint32_t item, std::uint64_t hash);
    void remove(std::uint32_t item, std::uint64_t hash);

   private:
    struct Link {
      std::uint32_t next;
      std::uint32_t previous;
    };
    std::vector<std::uint32_t> heads_;
    std::unique_ptr<Link[]> links_;  // good while the item is in a list
  };

  static constexpr std::uint32_t kPerRelation = protocols::kExpectationsMax;

  template <typename Key>
  std::uint64_t hash_of(const Key& key) const {
    return keyed_hash(hash_key_, {reinterpret_cast<const std::uint8_t*>(&key), sizeof(key)});
  }
  static ExpectationKey place_of(const ExpectationKey& key);
  std::uint32_t index_of(const Relation& relation) const {
    return static_cast<std::uint32_t>(&relation - relations_);
  }
  Expectation& expectation(std::uint32_t item) const {
    return relations_[item / kPerRelation].expectations[item % kPerRelation];
  }
  template <typename Fits, typename Visit>
  bool walk(const Chains& chains, const ExpectationKey& hashed, Fits fits, Visit visit) {
    if (size_ == 0) return false;
    std::uint32_t item = chains.first(hash_of(hashed));
    while (item != kNone && !fits(expectation(item))) item = chains.next(item);
    while (item != kNone) {
      const std::uint32_t at = item;
      const std::uint32_t relation = at / kPerRelation;
      // The next is another relation's: it stands if this one is removed.
      do {
        item = chains.next(item);
      } while (item != kNone && (item / kPerRelation == relation || !fits(expectation(item))));
      if (visit(relations_[relation], expectation(at))) return true;
    }
    return false;
  }
  bool is_known(const ExpectationKey& key, std::uint64_t hash) const;
  bool link(Relation& relation, std::uint32_t index);
  void unlink(Relation& relation);

  std::uint32_t capacity_;
  std::unique_ptr<std::byte[]> memory_;  // of the relations
  Relation* relations_;
  ExpectationOwners* owners_;
  std::uint32_t worker_;
  HashKey hash_key_;
  Chains by_id_;     // of relations
  Chains by_key_;    // of expectations
  Chains by_place_;  // of expectations
  std::vector<std::uint32_t> free_;
  Shares shares_;
  std::uint32_t size_ = 0;
  std::uint32_t slots_used_ = 0;
  std::array<std::uint32_t, kAskedMax> asked_;  // good below asked_count_
  std::size_t asked_count_ = 0;
  std::vector<std::uint8_t> changed_;
  std::vector<std::uint32_t> changes_;
  std::uint32_t changes_first_ = 0;
  std::uint32_t changes_count_ = 0;
};

}  // namespace bulkhead::flow
