// Digests of a replica: one for each session's newest record and a rolling one over all. Two
// ledgers with the same newest records have the same digest, whatever came between. For the lease
// thread: it allocates.
#pragma once

#include <cstdint>
#include <deque>
#include <unordered_map>

#include "dataplane/base/bytes.h"
#include "dataplane/flow/flow_key.h"

namespace bulkhead::replication {

class Ledger {
 public:
  // Adds a record (flow_record.h); false if it is malformed.
  bool note(ByteView record);
  // Empties the ledger. Memory is freed in steps by forget_some(): a million sessions at once
  // take longer than a heartbeat may wait.
  void clear();
  void forget_some();
  // Reserves room, so that the table never grows while a heartbeat waits.
  void reserve(std::size_t sessions) { sessions_.reserve(room_ = sessions); }

  std::uint64_t digest() const { return digest_; }
  std::size_t sessions() const { return sessions_.size(); }

 private:
  struct Hash {
    std::size_t operator()(const flow::FlowKey& key) const;
  };

  using Sessions = std::unordered_map<flow::FlowKey, std::uint64_t, Hash>;

  Sessions sessions_;
  std::deque<Sessions> cleared_;
  std::size_t room_ = 0;
  std::uint64_t digest_ = 0;
};

}  // namespace bulkhead::replication
