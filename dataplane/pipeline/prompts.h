// After a takeover: what was lost while nobody forwarded is repeated at once, not when its sender's
// timer expires, as far as TCP stacks allow; README.md has what they do.
#pragma once

#include "dataplane/pipeline/deliver.h"

namespace bulkhead::pipeline {

// So long after a takeover what left before it has arrived, and so has each acknowledgement that
// its receiver sent before that. The peer need not have replicated a first segment in flight: by an
// older acknowledgement other bytes would take its place.
constexpr TimeNs kSettleNs = 2 * kMillisecondNs;

// Sends both ends of each inspected TCP session that came from the peer a segment that they answer
// with what they have sent and received (RFC 9293, 3.8.4): a part of the sessions a millisecond.
class Probes {
 public:
  // `buffers`: where the segments come from.
  void begin(rte_mempool* buffers) {
    buffers_ = buffers;
    next_ = 0;
  }
  bool is_done() const { return buffers_ == nullptr; }
  void run(Context& context);

 private:
  rte_mempool* buffers_ = nullptr;
  std::uint32_t next_ = 0;  // slots below were visited
  TimeNs ran_ns_ = 0;
};

// For a session of the peer's in which it is known now what both ends have received. What left
// before the takeover and the speaker's receiver lacks is sent again. If the speaker has sent more
// than was ever seen here (TcpSide::sent_unseen), it gets three duplicate acknowledgements.
void prompt(Context& context, const Speaker& speaker, rte_mempool* buffers);

}  // namespace bulkhead::pipeline
