// TCP state as seen from the middle: opening, sequence and acknowledgement checks against the
// windows that both ends offered (RFC 9293, 3.4 and 3.10; RFC 7323, 2), closing.
#pragma once

#include <cstdint>

#include "dataplane/base/reason.h"
#include "dataplane/flow/flow.h"
#include "dataplane/wire/transport.h"

namespace bulkhead::flow {

// A segment for the tracker: header, sender, payload length.
struct TcpSegmentInfo {
  const wire::TcpHeader& header;
  std::size_t sender = kClient;
  std::uint16_t length = 0;
};

// All answer session_control if the segment may go on, else why it is refused; a refused segment
// changes nothing.

// A SYN from the client: begins a session in a flow that is fresh, still opening or closed. In a
// living one it is refused as tcp_unexpected_syn, to be challenged (RFC 5961, 4.2).
Reason track_open(Flow& flow, const TcpSegmentInfo& segment);

// The server's SYN and ACK.
Reason track_accept(Flow& flow, const TcpSegmentInfo& segment);

// Whether a segment without SYN and RST is within the windows. Changes nothing.
Reason check_segment(const Flow& flow, const TcpSegmentInfo& segment);

// Updates the state from a checked segment, in a session that is not spliced. True if it advanced
// an acknowledgement or a window.
bool note_segment(Flow& flow, const TcpSegmentInfo& segment);

// The window that the segment announces, in bytes.
std::uint32_t announced_window(const Flow& flow, const TcpSegmentInfo& segment);

// A RST: valid at the next sequence number only, or within what the receiver has not acknowledged
// (RFC 5961, 3.2; the receiver checks it against what it has).
Reason track_reset(Flow& flow, const TcpSegmentInfo& segment);

// Resumes a session whose beginning was not seen, trusting the numbers of its first segment. Only
// for replays of captures; enforcement never does.
void adopt_midstream(Flow& flow, const TcpSegmentInfo& segment);

// Whether a SYN may begin a new session under this key: never while bytes that the firewall
// acknowledged are still owed; otherwise if the old session has ended and the SYN's number is after
// all that the client sent (as RFC 9293, 3.10.7.4 has it in TIME-WAIT). It is not known whether the
// server noticed the end: no byte may take another's place.
bool may_reopen(const Flow& flow, const wire::TcpHeader& syn);

// Exchanges client and server of the session.
void reverse_roles(Flow& flow);

// What the session that follows has to know of it.
Predecessor predecessor_of(const Flow& flow);

}  // namespace bulkhead::flow
