// The product's own records, over a ring that loses none.
#include "tests/adversarial/model/pair.h"

#include <algorithm>

#include "tests/adversarial/model/conversation.h"

namespace bulkhead::adversary {

Pair::Pair(support::Plant& active, policy::OnDeny on_deny)
    : standby_(case_policy(on_deny)),
      sender_(active.pipeline().flows(), active.pipeline().segments(), ring_),
      receiver_({standby_.pipeline().flows(), standby_.pipeline().segments(),
                 standby_.pipeline().timers(), standby_.buffers()}) {
  standby_.be_at(active.now_ns());
  active.pipeline().waiting().set_peer(true);
}

void Pair::bring_over(TimeNs now_ns) {
  using Taken = replication::FlowReceiver::Taken;
  for (; !ring_.front().empty(); ring_.release()) {
    lost_records_ = lost_records_ || receiver_.take(ring_.front(), now_ns) != Taken::taken;
  }
}

void Pair::tell(support::Plant& active) {
  if (behind_ || !sender_.run_urgent(active.now_ns())) return;
  active.pipeline().waiting().note_recorded(sender_.records());
  bring_over(active.now_ns());
  active.pipeline().let_go(sender_.records(), active);
}

void Pair::tell_more(support::Plant& active) {
  if (behind_) return;
  do {
    sender_.run(64, active.now_ns());
    bring_over(active.now_ns());
  } while (!sender_.is_done());
}

support::Plant& Pair::take_over(support::Plant& active, TimeNs now_ns) {
  active.pipeline().waiting().set_peer(false);
  active.pipeline().waiting().clear();
  active.clear();
  standby_.pipeline().begin_forwarding(now_ns);
  standby_.pipeline().probe_sessions(standby_.buffers(), now_ns);
  standby_.be_at(now_ns);
  return standby_;
}

bool Pair::end(support::Plant& active) {
  active.pipeline().waiting().set_peer(false);
  active.pipeline().let_all_go(active);
  active.clear();
  standby_.be_at(std::max(standby_.now_ns(), active.now_ns()));
  for (int round = 0; round < 2; ++round) standby_.pass_time(24 * 3600 * kSecondNs);
  standby_.clear();
  return standby_.buffers_in_use() == 0 && !lost_records_;
}

}  // namespace bulkhead::adversary
