// The life of a TCP session as seen from the middle: opening, sequence and acknowledgement checks
// against the windows that both ends offered (RFC 9293, 3.4 and 3.10; RFC 7323, 2), and its end.
#pragma once

#include <cstdint>

#include "dataplane/base/reason.h"
#include "dataplane/flow/flow.h"
#include "dataplane/wire/transport.h"

namespace bulkhead::flow {

// What a segment is, for the tracker: its header, who sent it, and how many payload bytes it has.
struct TcpSegmentInfo {
  const wire::TcpHeader& header;
  std::size_t sender = kClient;
  std::uint16_t length = 0;
};

// All answer session_control if the segment may go on, else why it is refused; a refused segment
// changes nothing.

// A SYN from the client: of a flow that is fresh, still opening or closed it begins a session. Into
// a living one it is refused as tcp_unexpected_syn: its sender is to be challenged (RFC 5961, 4.2).
Reason track_open(Flow& flow, const TcpSegmentInfo& segment);

// The server's SYN and ACK.
Reason track_accept(Flow& flow, const TcpSegmentInfo& segment);

// A segment without SYN and RST in a session: is it within the windows? Changes nothing.
Reason check_segment(const Flow& flow, const TcpSegmentInfo& segment);

// Takes what a checked segment says into the state, of a session that is not carried. True if it
// told the other end something new: an acknowledgement or a window.
bool note_segment(Flow& flow, const TcpSegmentInfo& segment);

// The window that the segment announces, in bytes.
std::uint32_t announced_window(const Flow& flow, const TcpSegmentInfo& segment);

// A RST: valid at the next sequence number only, or within what the receiver has not acknowledged
// (RFC 5961, 3.2; the receiver checks it against what it has).
Reason track_reset(Flow& flow, const TcpSegmentInfo& segment);

// Takes up a session that began unseen, trusting the numbers of its first segment. Only for
// replays of captures; enforcement never does.
void adopt_midstream(Flow& flow, const TcpSegmentInfo& segment);

// Whether a SYN may begin a new session under this key: never while bytes that the firewall
// acknowledged in a receiver's name have to reach it; else if the old one has ended, and if the SYN
// stands behind all that left of the client's (as RFC 9293, 3.10.7.4 has it in TIME-WAIT). Whether
// the server heard of the end, and what it has, nobody knows: no byte may stand where another did.
bool may_reopen(const Flow& flow, const wire::TcpHeader& syn);

// The client of the session is its server from now on, and the server the client.
void reverse_roles(Flow& flow);

// What the session that begins instead has to know of it.
Predecessor predecessor_of(const Flow& flow);

}  // namespace bulkhead::flow
