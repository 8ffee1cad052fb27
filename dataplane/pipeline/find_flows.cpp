// Stage: find flow. All keys of the burst are looked up together.
#include <array>

#include "dataplane/pipeline/stages.h"

namespace bulkhead::pipeline {

void find_flows(BurstContext& context, flow::FlowTable& table) {
  static_assert(kBurstMax <= flow::FlowTable::kFindMax);
  std::array<flow::Packet*, kBurstMax> packets;
  std::array<const flow::FlowKey*, kBurstMax> keys;
  std::array<flow::Flow*, kBurstMax> flows;
  std::size_t count = 0;
  for (flow::Packet& packet : context.burst) {
    if (packet.mbuf == nullptr) continue;
    packets[count] = &packet;
    keys[count++] = &packet.key;
  }
  if (count == 0) return;
  table.find({keys.data(), count}, flows.data());
  for (std::size_t i = 0; i < count; ++i) {
    packets[i]->flow = flows[i];
    if (flows[i] != nullptr) table.prefetch(*flows[i]);
  }
}

}  // namespace bulkhead::pipeline
