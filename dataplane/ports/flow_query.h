// A question of the service thread for a copy of some flows.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "dataplane/base/clock.h"
#include "dataplane/flow/flow_table.h"

namespace bulkhead::ports {

// Owned by the side that `state` names: asked by the service thread, answered by the worker between
// bursts.
struct FlowQuery {
  static constexpr std::size_t kFlowsMax = 128;
  enum State : std::uint32_t { idle, asked, answered };

  std::atomic<std::uint32_t> state{idle};
  // In: first slot to look at; out: the next one. Those of the second table follow on the first's.
  std::uint32_t cursor = 0;
  std::uint32_t most = kFlowsMax;
  std::uint32_t count = 0;
  TimeNs now_ns = 0;
  bool observed = false;  // they are of the second table
  std::array<flow::Flow, kFlowsMax> flows;

  bool is_asked() const { return state.load(std::memory_order_acquire) == asked; }
  // Copies sessions from `cursor` on, as many as are asked for, of one table. `beside`: sessions of
  // observed conduits, if there are any. Precondition: is_asked().
  void answer(flow::FlowTable& table, flow::FlowTable* beside, TimeNs at_ns);
};

}  // namespace bulkhead::ports
