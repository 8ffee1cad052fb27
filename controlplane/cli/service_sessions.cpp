// A flow counts once, whichever of its packets the capture has first.
#include "controlplane/cli/service_sessions.h"

#include <bit>
#include <vector>

#include "controlplane/cli/capture_decoder.h"
#include "controlplane/learn/zones.h"

namespace bulkhead::controlplane {

using protocols::Carrier;
using protocols::Direction;
using protocols::ProtocolSet;

namespace {

constexpr std::uint16_t kServicePortMin = 1024;
// Linux; others begin at 49152.
constexpr std::uint16_t kClientPortMin = 32768;

// Who is asked can be many, who asks is one: what was sent to many without a question asks.
learn::Session with_one_client(learn::Session session) {
  if (learn::is_group(session.client, session.transport)) std::swap(session.client, session.server);
  return session;
}

}  // namespace

learn::Session session_of(const Conversation& conversation, Direction direction) {
  learn::Session session{conversation.client, conversation.server,
                         policy::transport_over(conversation.carrier), conversation.server_port};
  const bool peers = session.transport == policy::Transport::udp &&
                     conversation.client_port == conversation.server_port;
  const bool asks = (direction != Direction::response) == conversation.by_client;
  if (peers && !asks) std::swap(session.client, session.server);
  return with_one_client(session);
}

ProtocolSet ServiceSessions::protocols_of(Carrier carrier, std::uint16_t port) const {
  const auto chosen = ports_.find(port);
  if (chosen != ports_.end() && carrier != Carrier::ethernet) {
    return ProtocolSet{1} << chosen->second;
  }
  return protocols::find_protocols(carrier, port);
}

ServiceSessions::PortRange ServiceSessions::range_of(std::uint16_t port) const {
  if (port < kServicePortMin || ports_.contains(port)) return PortRange::system;
  return port < kClientPortMin ? PortRange::service : PortRange::client;
}

// A server of the system's range says something to a port that is none.
bool ServiceSessions::answers(const CapturedPacket& packet) const {
  return range_of(packet.source_port) == PortRange::system &&
         range_of(packet.destination_port) != PortRange::system;
}

// Whether the datagram can be a message of the first of the protocols.
bool ServiceSessions::is_of(ProtocolSet protocols, const CapturedPacket& packet,
                            Direction direction) {
  const protocols::Protocol& protocol =
      *protocols::registry()[static_cast<std::size_t>(std::countr_zero(protocols))];
  std::vector<std::byte> session(protocol.state_layout().bytes_max);
  protocol.begin_unseen(session);
  const protocols::Frame frame =
      protocols::frame_in_datagram(protocol, packet.payload, {direction, packet.carrier, session});
  return frame.fault == protocols::Fault::none;
}

// The appliance takes the first datagram for the question. A capture may begin with an answer.
ServiceSessions::Ends ServiceSessions::ends_of_datagram(const CapturedPacket& packet) const {
  const ProtocolSet to = protocols_of(packet.carrier, packet.destination_port);
  const ProtocolSet from = protocols_of(packet.carrier, packet.source_port);
  const bool to_one = !learn::is_group(packet.destination);
  bool asks = !to_one || !answers(packet);
  if (to != 0 && from == 0 && !asks) asks = is_of(to, packet, Direction::request);
  if (to == 0 && from != 0) {
    const bool to_client = to_one && range_of(packet.destination_port) == PortRange::client;
    asks = !to_client && !is_of(from, packet, Direction::response);
  }
  return {asks, asks ? to : from, asks};
}

ServiceSessions::Ends ServiceSessions::ends_of(const CapturedPacket& packet) const {
  if (packet.carrier == Carrier::udp) return ends_of_datagram(packet);
  const ProtocolSet to = protocols_of(packet.carrier, packet.destination_port);
  const ProtocolSet from = protocols_of(packet.carrier, packet.source_port);
  if (packet.carrier == Carrier::ethernet) return {to != 0, to != 0 ? to : from, true};
  if ((packet.tcp.flags & wire::kTcpSyn) != 0) {
    const bool opens = (packet.tcp.flags & wire::kTcpAck) == 0;
    return {opens, opens ? to : from, true};
  }
  const PortRange source = range_of(packet.source_port);
  const PortRange destination = range_of(packet.destination_port);
  bool asks = packet.destination_port <= packet.source_port;
  if (to != 0 && from != 0) asks = destination <= source;
  if (to != 0 && from == 0) asks = !answers(packet);
  if (to == 0 && from != 0) asks = destination == PortRange::system && source != destination;
  return {asks, asks ? to : from, false};
}

void ServiceSessions::note(const Key& key, const Flow& flow) {
  if (flows_.size() >= kFlowsMax) {
    older_ = std::move(flows_);
    flows_.clear();
  }
  flows_[key] = flow;
}

const ServiceSessions::Flow* ServiceSessions::find_flow(const Key& key) {
  const auto found = flows_.find(key);
  if (found != flows_.end()) return &found->second;
  const auto older = older_.find(key);
  if (older == older_.end()) return nullptr;
  const Flow flow = older->second;
  older_.erase(older);
  note(key, flow);
  return &flows_.at(key);
}

std::optional<ServiceSessions::Ends> ServiceSessions::find(const CapturedPacket& packet) {
  const Endpoint source{packet.source, packet.source_port};
  const Endpoint destination{packet.destination, packet.destination_port};
  const Key forward{packet.carrier, source, destination};
  const Key backward{packet.carrier, destination, source};
  const bool tcp = packet.carrier == Carrier::tcp;
  const bool syn = tcp && (packet.tcp.flags & wire::kTcpSyn) != 0;
  const bool opens = syn && (packet.tcp.flags & wire::kTcpAck) == 0;
  if (const Flow* flow = find_flow(forward)) return Ends{true, flow->protocols, flow->begun, false};
  if (const Flow* flow = find_flow(backward)) {
    if (!opens) return Ends{false, flow->protocols, flow->begun, false};
    flows_.erase(backward);
  }
  if (tcp && !syn && packet.payload.empty()) return std::nullopt;
  Ends ends = ends_of(packet);
  if (packet.carrier == Carrier::ethernet && ends.protocols == 0) return std::nullopt;
  note(ends.from_client ? forward : backward, {ends.protocols, ends.begun});
  ends.is_new = true;
  return ends;
}

ServiceSession ServiceSessions::service_of(const CapturedPacket& packet, const Ends& ends) {
  const policy::Transport transport = policy::transport_over(packet.carrier);
  const learn::Session to{packet.source, packet.destination, transport, packet.destination_port};
  const learn::Session from{packet.destination, packet.source, transport, packet.source_port};
  return {with_one_client(ends.from_client ? to : from),
          with_one_client(ends.from_client ? from : to), ends.begun};
}

}  // namespace bulkhead::controlplane
