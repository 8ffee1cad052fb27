// A flow counts once, whichever of its packets the capture has first.
#include "controlplane/cli/service_sessions.h"

namespace bulkhead::controlplane {

learn::Session session_of(const Conversation& conversation) {
  return {conversation.client, conversation.server, conversation.carrier, conversation.server_port};
}

bool ServiceSessions::is_decoded(protocols::Carrier carrier, std::uint16_t port) const {
  return ports_.contains(port) || protocols::find_protocols(carrier, port) != 0;
}

std::optional<learn::Session> ServiceSessions::find(const CapturedPacket& packet) {
  using protocols::Carrier;
  if (packet.carrier == Carrier::ethernet || is_decoded(packet.carrier, packet.source_port) ||
      is_decoded(packet.carrier, packet.destination_port)) {
    return std::nullopt;
  }
  const Endpoint source{packet.source, packet.source_port};
  const Endpoint destination{packet.destination, packet.destination_port};
  if (flows_.contains({packet.carrier, source, destination}) ||
      flows_.contains({packet.carrier, destination, source}) || flows_.size() >= kFlowsMax) {
    return std::nullopt;
  }
  const bool tcp = packet.carrier == Carrier::tcp;
  const bool opens = tcp && (packet.tcp.flags & (wire::kTcpSyn | wire::kTcpAck)) == wire::kTcpSyn;
  if (tcp && !opens && packet.payload.empty()) return std::nullopt;
  const bool forward = opens || packet.destination_port <= packet.source_port;
  const Endpoint& client = forward ? source : destination;
  const Endpoint& server = forward ? destination : source;
  flows_.insert({packet.carrier, client, server});
  return learn::Session{client.address, server.address, packet.carrier, server.port};
}

}  // namespace bulkhead::controlplane
