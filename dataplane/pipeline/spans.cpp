// A counter is even while nothing leaves in parts.
#include "dataplane/pipeline/spans.h"

#include <rte_random.h>

namespace bulkhead::pipeline {

Spans::Spans() : key_(flow::HashKey::make()) {
  for (std::atomic<std::uint32_t>& counter : counters_) {
    counter = static_cast<std::uint32_t>(rte_rand()) & ~1U;
  }
}

std::size_t Spans::place(const wire::IpAddress& server) const {
  return flow::keyed_hash(key_, server.bytes) % kServers;
}

}  // namespace bulkhead::pipeline
