// Sessions that the firewall carries: it has acknowledged bytes to their sender and owes them to
// the receiver, or the two count differently because a message was taken out or added. Pure
// arithmetic over a flow's state; sending is the pipeline's.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/base/clock.h"
#include "dataplane/flow/flow.h"
#include "dataplane/flow/packet_edit.h"
#include "dataplane/flow/segments.h"

namespace bulkhead::flow {

// From now on the flow's `carry` is good. Idempotent. Precondition: the table has lent it.
void begin_carry(Flow& flow, TimeNs now_ns);

// Stops carrying as soon as both ends count alike again and nothing is owed.
void end_carry_if_done(Flow& flow);

// Up to where the side's sender may take its bytes as received: what the receiver has acknowledged,
// with what was taken out behind it.
std::uint32_t sender_acknowledged(SegmentPool& pool, const Flow& flow, std::size_t side);

// The sender's own number of a byte of the side that the receiver knows by `out`; nullopt if the
// sender never sent that byte. Bytes that the receiver has acknowledged are no longer told apart.
std::optional<std::uint32_t> sender_number(SegmentPool& pool, const Flow& flow, std::size_t side,
                                           std::uint32_t out);

struct AckNews {
  bool duplicate = false;        // it says again what it said (RFC 5681, 2)
  bool fill_gap = false;         // the first retained segment should go again now
  bool news_for_sender = false;  // acknowledged or window_end moved
};

// Takes an acknowledgement of the side's bytes, in the receiver's numbers. `bare`: it came alone.
// Precondition: carried, and it does not lie beyond out_sent.
AckNews take_acknowledgement(SegmentPool& pool, Flow& flow, std::size_t side,
                             std::uint32_t acknowledgement, std::uint32_t window, bool bare,
                             TimeNs now_ns);

// Puts a granted segment of the side (sequence == released before it) into the receiver's order.
void append(SegmentPool& pool, Flow& flow, std::size_t side, std::uint32_t index);

// Starts the retransmission timer if it does not run.
void await_receiver(Carry& carry, TimeNs now_ns);

// Notes that the segment, the first unsent one, leaves now.
void note_sent(SegmentPool& pool, Flow& flow, std::size_t side, TimeNs now_ns);

// The numbers of a segment from one end to the other as the other expects them now. `sequence` is
// the next one that the other waits for or has been sent.
TcpNumbers numbers_from(const Flow& flow, std::size_t end);

// The window that `receiver` may announce with the acknowledgement that it gives now, unscaled.
std::uint16_t window_from(const Flow& flow, std::size_t receiver);

}  // namespace bulkhead::flow
