// Walks the slots that are in use.
#include "dataplane/ports/flow_query.h"

#include <algorithm>

namespace bulkhead::ports {

void FlowQuery::answer(flow::FlowTable& table, TimeNs at_ns) {
  constexpr std::uint32_t kFlowsPerRound = 4096;
  std::uint32_t looked = 0;
  count = 0;
  now_ns = at_ns;
  const std::uint32_t end = table.capacity();
  cursor = std::min(cursor, end);
  while (count < most && looked++ < kFlowsPerRound) {
    cursor = table.next_in_use(cursor, end);
    if (cursor == end) break;
    const flow::Flow& flow = table.slot(cursor++);
    if (flow.key.is_session()) flows[count++] = flow;
  }
  state.store(answered, std::memory_order_release);
}

}  // namespace bulkhead::ports
