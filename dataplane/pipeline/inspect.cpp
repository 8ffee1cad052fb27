// Stage: inspect. Hands each packet of a granted session to its transport; order is kept, so that a
// request and its response in one burst meet in that order.
#include "dataplane/pipeline/context.h"

namespace bulkhead::pipeline {

void inspect(Context& context) {
  for (flow::Packet& packet : context.burst) {
    if (packet.mbuf == nullptr) continue;
    // A later packet of this burst may have ended the session and its slot may have a new tenant.
    if (packet.about_flow) {
      packet.flow = nullptr;
      match_icmp_error(context, packet);
    }
    flow::Flow* flow = packet.flow;
    const bool stale =
        flow == nullptr || !flow->in_use || (!packet.about_flow && !(flow->key == packet.key));
    if (stale) {
      packet.flow = nullptr;
      refuse(context, packet, Reason::flow_refused);
    } else if (packet.about_flow) {
      pass(context, packet, Reason::icmp_for_session);
    } else if (flow->transport == policy::Transport::tcp) {
      inspect_tcp(context, packet);
    } else {
      inspect_datagram(context, packet);
    }
  }
}

}  // namespace bulkhead::pipeline
