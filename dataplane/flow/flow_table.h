// All sessions of one worker: a bounded table that never allocates once made. Not shared.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dataplane/base/result.h"
#include "dataplane/flow/flow.h"

struct rte_hash;

namespace bulkhead::flow {

class FlowTable {
 public:
  // `name` must be unique in the process; `session_bytes` is the block that a protocol may ask for.
  static Result<std::unique_ptr<FlowTable>, std::string> make(const std::string& name,
                                                              std::uint32_t flows_max,
                                                              std::size_t session_bytes);
  ~FlowTable();
  FlowTable(const FlowTable&) = delete;
  FlowTable& operator=(const FlowTable&) = delete;

  Flow* find(const FlowKey& key);
  // A fresh flow under the key; nullptr when the table is full. Precondition: find() gave nothing.
  Flow* insert(const FlowKey& key);
  void erase(Flow& flow);

  // The flow's block of protocol state, zeroed when it is first asked for.
  std::span<std::byte> session(Flow& flow);

  // Asks for the cache lines that the next stages read of a flow and its protocol state.
  void prefetch(const Flow& flow) const;

  std::uint32_t size() const { return size_; }
  std::uint32_t capacity() const { return static_cast<std::uint32_t>(flows_.size()); }
  // Slots 0 to capacity() - 1 for walking; check in_use.
  Flow& slot(std::uint32_t index) { return flows_[index]; }
  std::uint32_t index_of(const Flow& flow) const {
    return static_cast<std::uint32_t>(&flow - flows_.data());
  }

 private:
  FlowTable(rte_hash* hash, std::uint32_t flows_max, std::size_t session_bytes);

  rte_hash* hash_;
  std::vector<Flow> flows_;
  std::vector<std::uint32_t> free_;
  std::size_t session_bytes_;
  std::unique_ptr<std::byte[]> sessions_;  // block i belongs to slot i
  std::uint32_t size_ = 0;
};

}  // namespace bulkhead::flow
