// rte_hash from key to slot; slots and protocol state stand in flat arrays beside it.
#include "dataplane/flow/flow_table.h"

#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_lcore.h>
#include <rte_prefetch.h>

#include <cstring>
#include <new>

namespace bulkhead::flow {

std::uint32_t hash_key(const FlowKey& key) { return rte_hash_crc(&key, sizeof(key), 0); }

Result<std::unique_ptr<FlowTable>, std::string> FlowTable::make(const std::string& name,
                                                                std::uint32_t flows_max,
                                                                std::size_t session_bytes) {
  rte_hash_parameters parameters{};
  parameters.name = name.c_str();
  // Room to spare: a cuckoo table may fail to place a key before it is quite full.
  parameters.entries = flows_max + flows_max / 4 + 64;
  parameters.key_len = sizeof(FlowKey);
  parameters.hash_func = rte_hash_crc;
  parameters.socket_id = static_cast<int>(rte_socket_id());
  parameters.extra_flag = RTE_HASH_EXTRA_FLAGS_EXT_TABLE;
  rte_hash* hash = rte_hash_create(&parameters);
  if (hash == nullptr) {
    return std::string("flow table: ") + rte_strerror(rte_errno) +
           "; give DPDK more memory or lower flows_max";
  }
  return std::unique_ptr<FlowTable>(new FlowTable(hash, flows_max, session_bytes));
}

FlowTable::FlowTable(rte_hash* hash, std::uint32_t flows_max, std::size_t session_bytes)
    : hash_(hash), flows_(flows_max), session_bytes_((session_bytes + 63) / 64 * 64) {
  free_.reserve(flows_max);
  for (std::uint32_t i = flows_max; i > 0; --i) free_.push_back(i - 1);
  sessions_.reset(new std::byte[std::size_t{flows_max} * session_bytes_]);
}

FlowTable::~FlowTable() { rte_hash_free(hash_); }

Flow* FlowTable::find(const FlowKey& key) {
  void* data = nullptr;
  if (rte_hash_lookup_data(hash_, &key, &data) < 0) return nullptr;
  return static_cast<Flow*>(data);
}

void FlowTable::prefetch(const Flow& flow) const {
  constexpr std::size_t kLine = 64;
  constexpr std::size_t kLines = 5;  // see Flow
  const auto* bytes = reinterpret_cast<const std::byte*>(&flow);
  for (std::size_t i = 0; i < kLines; ++i) rte_prefetch0(bytes + i * kLine);
  rte_prefetch0(sessions_.get() + std::size_t{index_of(flow)} * session_bytes_);
}

Flow* FlowTable::insert(const FlowKey& key) {
  if (free_.empty()) return nullptr;
  const std::uint32_t slot = free_.back();
  Flow* flow = &flows_[slot];
  if (rte_hash_add_key_data(hash_, &key, flow) != 0) return nullptr;
  free_.pop_back();
  ++size_;
  *flow = Flow{};
  flow->key = key;
  flow->in_use = true;
  return flow;
}

void FlowTable::erase(Flow& flow) {
  rte_hash_del_key(hash_, &flow.key);
  flow.in_use = false;
  free_.push_back(index_of(flow));
  --size_;
}

std::span<std::byte> FlowTable::session(Flow& flow) {
  const std::uint32_t slot = index_of(flow);
  std::byte* block = sessions_.get() + std::size_t{slot} * session_bytes_;
  if (flow.session == kNoSession) {
    flow.session = slot;
    std::memset(block, 0, session_bytes_);
  }
  return {block, session_bytes_};
}

}  // namespace bulkhead::flow
