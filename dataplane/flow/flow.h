// The state of one session. Plain fixed-size data, owned by one worker.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/base/clock.h"
#include "dataplane/flow/flow_key.h"
#include "dataplane/flow/rtt.h"
#include "dataplane/flow/shares.h"
#include "dataplane/policy/standing.h"

namespace bulkhead::flow {

constexpr std::uint32_t kNoSegment = 0xffffffff;
constexpr std::uint32_t kNoSession = 0xffffffff;

enum class TcpPhase : std::uint8_t {
  none,
  resuming,  // open, but its message boundaries are not known yet
  syn_sent,
  syn_received,
  established,
  closing,
  closed
};

// The stream from one end, in that end's own sequence numbers. Those of the receiver differ once
// bytes were removed or injected (see SpliceSide).
struct alignas(64) TcpSide {
  std::uint32_t released = 0;             // next number to judge; all before it has its verdict
  std::uint32_t acknowledged = 0;         // highest that was acknowledged to this end
  std::uint32_t window_end = 0;           // right edge of what was offered to this end
  std::uint32_t window_max = 0;           // largest window that was ever offered
  std::uint32_t held_first = kNoSegment;  // ordered by sequence number
  std::uint32_t held_last = kNoSegment;
  std::uint32_t held_bytes = 0;
  std::uint32_t held_count = 0;
  std::uint32_t retained_first = kNoSegment;  // released, not acknowledged by the receiver
  std::uint32_t retained_last = kNoSegment;
  std::uint32_t retained_count = 0;
  std::uint32_t timestamp = 0;     // TSval that this end sent last (RFC 7323, 3.2)
  std::uint32_t unread = 0;        // bytes of a message judged by its head that are still to pass
  std::uint16_t mss = 0;           // largest payload that this end accepts; 0: not announced
  std::uint8_t offered_scale = 0;  // by this side in its SYN, for the windows that it announces
  bool scale_offered = false;
  bool timestamps_offered = false;
  bool fin_released = false;
  bool awaits_rest = false;     // the side's HoldTimes count
  bool known = false;           // while resuming: `released` is proven
  bool sent_unseen = false;     // while resuming: this end has sent bytes that never arrived here
  std::uint16_t announced = 0;  // window field that this end sent last, where its scale is unknown
};
static_assert(sizeof(TcpSide) == 64);

// How long the bytes of an unfinished message have been held.
struct HoldTimes {
  TimeNs since_ns = 0;     // when it began; 0: none is held
  TimeNs deadline_ns = 0;  // when they are acknowledged; 0: not awaited
};

// One side of a spliced session, in the numbers of its receiver. `out_next - released` is the
// side's delta.
struct SpliceSide {
  std::uint32_t out_next = 0;   // after all that was granted or injected
  std::uint32_t out_sent = 0;   // after all that was sent; the rest waits for the window
  std::uint32_t out_acked = 0;  // highest that the receiver has acknowledged
  std::uint32_t out_edge = 0;   // right edge that the receiver offers now
  std::uint32_t unsent_first = kNoSegment;  // in the retained list
  std::uint32_t recover = 0;    // RFC 6582, 3.2: until this is acknowledged, gaps are filled
  std::uint32_t timed_end = 0;  // RFC 6298, 3: one segment at a time is timed
  TimeNs timed_ns = 0;          // 0: none
  TimeNs retransmit_ns = 0;     // deadline; 0: nothing is under way
  TimeNs progress_ns = 0;       // when the receiver last acknowledged new bytes
  TimeNs heard_ns = 0;          // when the receiver last sent anything
  TimeNs resent_ns = 0;         // when a segment was last retransmitted
  RttEstimator rtt;
  std::uint8_t duplicates = 0;
  bool recovering = false;
};

// Both sides of a spliced session.
using SpliceSides = std::array<SpliceSide, 2>;

constexpr std::size_t kClient = 0;
constexpr std::size_t kServer = 1;

// Addresses of the frames that an end sends in the session, in header order. Zero: not known.
struct Link {
  static constexpr std::size_t kBytes = 12;

  wire::Mac to;
  wire::Mac from;

  bool is_in(const std::uint8_t* frame) const { return std::memcmp(frame, this, kBytes) == 0; }
  void write(std::uint8_t* frame) const { std::memcpy(frame, this, kBytes); }
  bool operator==(const Link& other) const { return from == other.from && to == other.to; }
  bool is_known() const { return !to.is_zero(); }
};
static_assert(sizeof(Link) == Link::kBytes);

// Initial sequence numbers of the session that used the same ports before and has ended.
struct Predecessor {
  std::array<std::uint32_t, 2> first{};
  bool answered = false;  // the server took part in it
};

// One cache line each: key, both directions, permissions, counters, the rest.
struct alignas(64) Flow {
  FlowKey key;
  std::array<std::uint16_t, 2> ports{};  // zone ports of client and server
  std::uint32_t session = kNoSession;    // block of protocol state, see FlowTable
  std::uint8_t protocol = protocols::kNoProtocol;
  policy::OnDeny on_deny = policy::OnDeny::drop;
  policy::Transport transport{};
  TcpPhase phase = TcpPhase::none;
  bool in_use = false;
  bool client_is_low = false;
  bool refused : 1 = false;
  bool reversed : 1 = false;    // its server opened it, see reverse_roles()
  bool drops_stray : 1 = true;  // a stray answer costs itself alone; set by its conduit
  // spliced: the firewall acknowledges, delivers and translates numbers; see SpliceSide
  bool spliced : 1 = false;
  bool unjudged : 1 = false;       // message boundaries unknown, and its conduit fails open
  bool waits : 1 = false;          // its frames wait for the peer; see pipeline/waiting_room.h
  bool protocol_known : 1 = true;  // true once the protocol is identified; see recognise()
  bool resumed : 1 = false;        // its SYNs, and so its window scales, were not seen
  bool half_open : 1 = false;      // counted among the sessions that are opening
  bool whole_only : 1 = false;     // in a PRP zone: its frames leave unchanged or not at all
  bool expected : 1 = false;       // no rule names it: an expectation of another session does
  // refused, but granted bytes are still owed; acknowledgements are processed
  bool draining : 1 = false;
  // Of a session that is judged beside (pipeline/shadow.h), by sender: where its next message
  // begins is not known, and some of its bytes may not have been seen.
  bool lost_client : 1 = false;
  bool lost_server : 1 = false;
  bool lacks_client : 1 = false;
  bool lacks_server : 1 = false;

  std::array<TcpSide, 2> sides;

  TimeNs last_seen_ns = 0;
  TimeNs expires_ns = 0;
  policy::Standing standing;  // what it was last judged under
  ShareIds shares;            // shares that it is charged to: its opener's and its conduit's
  std::uint32_t charged = 0;  // segments that it is charged with, see SegmentPool::settle()
  // By sender. All frames that leave in a TCP session have these addresses; for other transports
  // only `from` is used, and only if the address is bound to it.
  std::array<Link, 2> links{};

  std::uint32_t pending_first = kNoSegment;  // refusals that wait for earlier answers
  std::array<bool, 2> reset_due{};           // ends that get a reset once nothing is owed to them
  // By sender: period in which the MAC table last learned it; 0: never. See learn_speaker().
  std::array<std::uint8_t, 2> learned{};

  std::array<std::uint64_t, 2> packets{};  // forwarded, by sender
  std::array<std::uint64_t, 2> bytes{};
  std::array<std::uint32_t, 2> counted{};  // where messages of each sender were last counted
  TimeNs challenged_ns = 0;                // when a challenge was last sent
  TimeNs pending_deadline_ns = 0;
  std::uint32_t pending_last = kNoSegment;
  std::uint32_t pending_count = 0;
  std::array<HoldTimes, 2> hold;
  SpliceSide* splice = nullptr;  // by sender, lent by the table; good while `spliced`
  // By sender: numbers between these belong to messages that left in several segments, so that the
  // receiver may have acknowledged a part of one.
  std::array<std::uint32_t, 2> split_begin{};
  std::array<std::uint32_t, 2> split_end{};
  // Number of answers allowed to requests that the peer did not replicate.
  std::uint8_t missed = 0;
  static constexpr std::uint8_t kMissedMax = 64;
  // Outstanding requests whose answers may have passed before a takeover, and were not replicated.
  std::uint8_t answered_unseen = 0;
  // 1 + the end whose empty segment began a session of a capture; 0: none, or settled.
  std::uint8_t begun_empty = 0;
  // Of a session that is judged beside: number of answers allowed to requests that it could not
  // read.
  std::uint8_t asked_unread = 0;
  bool heard = false;              // by a tap port: any frame of it may be missing
  std::uint32_t waits_behind = 0;  // place in the waiting room after which its frames may leave

  // By sender: sequence number of its SYN, once seen. For UDP see spans_seen().
  std::array<std::uint32_t, 2> first{};
  Predecessor predecessor;
  TimeNs created_ns = 0;

  // The server's pipeline::Spans counter when the last request that it answers left.
  std::uint32_t& spans_seen() { return first[kClient]; }

  // Whether an answer may be to a request that is not known.
  bool may_have_asked() const { return missed > 0 || asked_unread > 0; }
  void expect_one_answer_less() { --(missed > 0 ? missed : asked_unread); }

  bool is_lost(std::size_t end) const { return end == kClient ? lost_client : lost_server; }
  void set_lost(std::size_t end, bool lost) {
    if (end == kClient) {
      lost_client = lost;
    } else {
      lost_server = lost;
    }
  }
  bool lacks(std::size_t end) const { return end == kClient ? lacks_client : lacks_server; }
  void set_lacks(std::size_t end) {
    if (end == kClient) {
      lacks_client = true;
    } else {
      lacks_server = true;
    }
  }

  // Shift of an end's window field; only if both ends offered scaling (RFC 7323, 2.2).
  std::uint8_t window_scale(std::size_t end) const {
    const bool scaling = sides[0].scale_offered && sides[1].scale_offered;
    return scaling ? sides[end].offered_scale : std::uint8_t{0};
  }

  // Positions in an end's stream, in the receiver's numbers: after the last byte that the
  // receiver can have seen, and after those that it has acknowledged.
  std::uint32_t sent_up_to(std::size_t end) const {
    return spliced ? splice[end].out_sent : sides[end].released;
  }
  std::uint32_t acknowledged_up_to(std::size_t end) const {
    return spliced ? splice[end].out_acked : sides[end].acknowledged;
  }

  const wire::IpAddress& client() const { return client_is_low ? key.low : key.high; }
  const wire::IpAddress& server() const { return client_is_low ? key.high : key.low; }
  std::uint16_t client_port() const { return client_is_low ? key.low_port : key.high_port; }
  std::uint16_t server_port() const { return client_is_low ? key.high_port : key.low_port; }
  // The end that opened it.
  std::size_t opener() const { return reversed ? kServer : kClient; }
};

static_assert(sizeof(Flow) == 448);
static_assert(offsetof(Flow, sides) == 64);
static_assert(offsetof(Flow, last_seen_ns) == 192 && offsetof(Flow, pending_first) == 256);
static_assert(offsetof(Flow, pending_last) == 320);

}  // namespace bulkhead::flow
