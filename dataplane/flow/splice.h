// Spliced sessions: the firewall has acknowledged bytes to their sender and owes them to the
// receiver, or the two ends count bytes differently because a message was removed or injected. Pure
// arithmetic over a flow's state; the pipeline sends.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/base/clock.h"
#include "dataplane/flow/flow.h"
#include "dataplane/flow/packet_edit.h"
#include "dataplane/flow/segments.h"

namespace bulkhead::flow {

// Starts splicing: `flow.splice` is valid afterwards. Idempotent. Precondition: the table has lent
// it.
void begin_splice(Flow& flow, TimeNs now_ns);

// Ends splicing once both ends count alike again and nothing is owed.
void end_splice_if_done(Flow& flow);

// The number up to which the side's sender may be acknowledged: what the receiver has acknowledged,
// plus bytes removed directly after it.
std::uint32_t sender_acknowledged(SegmentPool& pool, const Flow& flow, std::size_t side);

// Translates a receiver's number `out` to the sender's; nullopt if the sender never sent that byte.
// Bytes that the receiver has acknowledged are not distinguished any more.
std::optional<std::uint32_t> sender_number(SegmentPool& pool, const Flow& flow, std::size_t side,
                                           std::uint32_t out);

struct AckNews {
  bool duplicate = false;        // a duplicate acknowledgement (RFC 5681, 2)
  bool fill_gap = false;         // the first retained segment should be retransmitted now
  bool news_for_sender = false;  // acknowledged or window_end moved
};

// Processes an acknowledgement of the side's bytes, in the receiver's numbers. `pure_ack`: its
// segment had no payload. Precondition: the flow is spliced, and the acknowledgement is at most
// out_sent.
AckNews apply_acknowledgement(SegmentPool& pool, Flow& flow, std::size_t side,
                              std::uint32_t acknowledgement, std::uint32_t window, bool pure_ack,
                              TimeNs now_ns);

// Appends a granted segment of the side (sequence == released before it) in the receiver's order.
void append(SegmentPool& pool, Flow& flow, std::size_t side, std::uint32_t index);

// Starts the retransmission timer unless it is running.
void await_receiver(SpliceSide& splice, TimeNs now_ns);

// Records that the first unsent segment is sent now.
void note_sent(SegmentPool& pool, Flow& flow, std::size_t side, TimeNs now_ns);

// TCP numbers for a segment from `end`, as its receiver expects them now. `sequence` is the next
// one that the receiver expects or was sent.
TcpNumbers numbers_from(const Flow& flow, std::size_t end);

// The window that `receiver` may announce with its current acknowledgement, unscaled.
std::uint16_t window_from(const Flow& flow, std::size_t receiver);

}  // namespace bulkhead::flow
