// The state of one session. Plain fixed-size data, owned by one worker.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/base/clock.h"
#include "dataplane/flow/flow_key.h"
#include "dataplane/policy/tables.h"

namespace bulkhead::flow {

constexpr std::uint32_t kNoSegment = 0xffffffff;
constexpr std::uint32_t kNoSession = 0xffffffff;

enum class TcpPhase : std::uint8_t { none, syn_sent, syn_received, established, closing, closed };

// What one end sends. Sequence numbers are the sender's own; nothing here is translated.
struct TcpSide {
  std::uint32_t released = 0;             // next sequence number to let through; all before it left
  std::uint32_t acknowledged = 0;         // highest that the receiver has acknowledged
  std::uint32_t window_end = 0;           // right edge of what the receiver has offered
  std::uint32_t window_max = 0;           // largest window that the receiver ever offered
  std::uint32_t held_first = kNoSegment;  // ordered by sequence number
  std::uint32_t held_last = kNoSegment;
  std::uint32_t held_bytes = 0;
  std::uint32_t held_count = 0;
  std::uint32_t retained_first = kNoSegment;  // released, not yet acknowledged
  std::uint32_t retained_last = kNoSegment;
  std::uint32_t retained_count = 0;
  std::uint8_t offered_scale = 0;  // by this side in its SYN, for the windows that it announces
  bool scale_offered = false;
  bool fin_released = false;
};

constexpr std::size_t kClient = 0;
constexpr std::size_t kServer = 1;

struct Flow {
  FlowKey key;
  std::uint32_t generation = 0;        // of the policy that it was last judged under
  std::uint32_t session = kNoSession;  // block of protocol state
  TimeNs created_ns = 0;
  TimeNs last_seen_ns = 0;
  TimeNs expires_ns = 0;
  policy::RuleMask rules;
  std::uint16_t conduit = policy::kNoConduit;
  std::uint16_t rule = policy::kNoRule;
  std::array<std::uint16_t, 2> ports{};  // behind which client and server stand
  std::uint8_t protocol = protocols::kNoProtocol;
  policy::OnDeny on_deny = policy::OnDeny::drop;
  policy::Transport transport{};
  TcpPhase phase = TcpPhase::none;
  bool in_use = false;
  bool client_is_low = false;
  bool refused = false;
  std::array<TcpSide, 2> sides;
  std::array<std::uint64_t, 2> packets{};  // forwarded, by sender
  std::array<std::uint64_t, 2> bytes{};

  const wire::IpAddress& client() const { return client_is_low ? key.low : key.high; }
  const wire::IpAddress& server() const { return client_is_low ? key.high : key.low; }
  std::uint16_t client_port() const { return client_is_low ? key.low_port : key.high_port; }
  std::uint16_t server_port() const { return client_is_low ? key.high_port : key.low_port; }
};

}  // namespace bulkhead::flow
