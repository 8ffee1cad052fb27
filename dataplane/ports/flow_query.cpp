// Walks the slots that are in use.
#include "dataplane/ports/flow_query.h"

#include <algorithm>

namespace bulkhead::ports {

void FlowQuery::answer(flow::FlowTable& table, flow::FlowTable* beside, TimeNs at_ns) {
  constexpr std::uint32_t kFlowsPerRound = 4096;
  std::uint32_t looked = 0;
  count = 0;
  now_ns = at_ns;
  observed = beside != nullptr && cursor >= table.capacity();
  flow::FlowTable& from = observed ? *beside : table;
  const std::uint32_t first = observed ? table.capacity() : 0;
  const std::uint32_t end = from.capacity();
  std::uint32_t slot = std::min(cursor - first, end);
  while (count < most && looked++ < kFlowsPerRound) {
    slot = from.next_in_use(slot, end);
    if (slot == end) break;
    const flow::Flow& flow = from.slot(slot++);
    if (flow.key.is_session()) flows[count++] = flow;
  }
  cursor = first + slot;
  state.store(answered, std::memory_order_release);
}

}  // namespace bulkhead::ports
