// A flow counts once, whichever of its packets the capture has first.
#include "controlplane/cli/service_sessions.h"

#include <utility>

#include "controlplane/learn/zones.h"

namespace bulkhead::controlplane {

namespace {

// Who is asked can be many, who asks is one: what was sent to many without a question asks.
learn::Session with_one_client(learn::Session session) {
  if (learn::is_group(session.client)) std::swap(session.client, session.server);
  return session;
}

}  // namespace

learn::Session session_of(const Conversation& conversation, protocols::Direction direction) {
  learn::Session session{conversation.client, conversation.server,
                         policy::transport_over(conversation.carrier), conversation.server_port};
  const bool peers = session.transport == policy::Transport::udp &&
                     conversation.client_port == conversation.server_port;
  const bool asks = (direction != protocols::Direction::response) == conversation.by_client;
  if (peers && !asks) std::swap(session.client, session.server);
  return with_one_client(session);
}

bool ServiceSessions::is_decoded(protocols::Carrier carrier, std::uint16_t port) const {
  return ports_.contains(port) || protocols::find_protocols(carrier, port) != 0;
}

void ServiceSessions::note(const Flow& flow) {
  if (flows_.size() >= kFlowsMax) {
    older_ = std::move(flows_);
    flows_.clear();
  }
  flows_.insert(flow);
}

bool ServiceSessions::knows(const Flow& flow) {
  if (flows_.contains(flow)) return true;
  if (older_.erase(flow) == 0) return false;
  note(flow);
  return true;
}

std::optional<learn::Session> ServiceSessions::find(const CapturedPacket& packet) {
  using protocols::Carrier;
  if (packet.carrier == Carrier::ethernet || is_decoded(packet.carrier, packet.source_port) ||
      is_decoded(packet.carrier, packet.destination_port)) {
    return std::nullopt;
  }
  const Endpoint source{packet.source, packet.source_port};
  const Endpoint destination{packet.destination, packet.destination_port};
  if (knows({packet.carrier, source, destination}) ||
      knows({packet.carrier, destination, source})) {
    return std::nullopt;
  }
  const bool tcp = packet.carrier == Carrier::tcp;
  const bool opens = tcp && (packet.tcp.flags & (wire::kTcpSyn | wire::kTcpAck)) == wire::kTcpSyn;
  if (tcp && !opens && packet.payload.empty()) return std::nullopt;
  const bool forward = opens || packet.destination_port <= packet.source_port;
  const Endpoint& client = forward ? source : destination;
  const Endpoint& server = forward ? destination : source;
  note({packet.carrier, client, server});
  return with_one_client(
      {client.address, server.address, policy::transport_over(packet.carrier), server.port});
}

}  // namespace bulkhead::controlplane
