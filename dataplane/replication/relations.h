// A relation as it travels to the standby (protocols/expectation.h): who, what was asked for, what
// is expected. As in the record of a session, times are spans and nothing is an index: the standby
// judges the relation anew under its own policy. To a peer of an earlier release the record says
// that a session ended which it does not know.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "dataplane/base/bytes.h"
#include "dataplane/flow/expectation_table.h"
#include "dataplane/replication/record_ring.h"

namespace bulkhead::replication {

constexpr std::size_t kRelationRecordBytesMax = 1536;

struct RelationRecord {
  bool gone = false;          // it has ended; only its name and whether it was open count
  flow::Relation relation;    // what travels of it; times are of the reader's clock
  std::string_view protocol;  // a view of the bytes
  bool readable = false;      // what was asked for has the layout of this release
};

// Whether a record is of a relation, not of a session.
bool is_relation(ByteView record);

// Its length; 0 if it does not fit.
std::size_t encode_relation(const flow::Relation& relation, std::string_view protocol,
                            TimeNs now_ns, std::span<std::uint8_t> out);
std::size_t encode_relation_gone(const flow::RelationId& id, bool is_open,
                                 std::string_view protocol, std::span<std::uint8_t> out);
// Nothing if the bytes are no whole record. `id.protocol` is not set.
std::optional<RelationRecord> decode_relation(ByteView bytes, TimeNs now_ns);

// Brings a table's relations to the peer, as FlowSender does with sessions.
class RelationSender {
 public:
  // The table tracks its changes from now on.
  explicit RelationSender(flow::ExpectationTable& table);

  void restart();
  // Writes at most so many records; returns how many. `full`: it ended because the ring is.
  std::uint32_t run(std::uint32_t records_max, TimeNs now_ns, RecordRing& out, bool& full);
  bool has_sent_all() const { return snapshot_next_ >= snapshot_end_; }
  bool is_done() const { return has_sent_all() && !table_.has_changes(); }

 private:
  // What the peer has of a slot.
  struct Sent {
    flow::RelationId id;
    bool is_open = false;
    bool any = false;
  };
  // How many records it took; nothing if the ring is full.
  std::optional<std::uint32_t> send(std::uint32_t slot, TimeNs now_ns, RecordRing& out);

  flow::ExpectationTable& table_;
  std::vector<Sent> sent_;
  std::uint32_t snapshot_next_ = 0;
  std::uint32_t snapshot_end_ = 0;  // later slots have changed since
};

}  // namespace bulkhead::replication
