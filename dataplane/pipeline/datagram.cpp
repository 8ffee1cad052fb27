// UDP and ICMP echo: a datagram is a message; one refusal costs one datagram.
#include "dataplane/pipeline/context.h"

namespace bulkhead::pipeline {

namespace {

constexpr TimeNs kUdpIdleNs = 120 * kSecondNs;  // RFC 4787, 4.3: not less than two minutes
constexpr TimeNs kIcmpIdleNs = 10 * kSecondNs;

// What follows the first echo request must be requests one way and replies the other.
bool is_echo(const flow::Packet& packet) {
  const bool v4 = packet.ip.version == 4;
  const std::uint8_t request = v4 ? 8 : 128;
  const std::uint8_t reply = v4 ? 0 : 129;
  return packet.icmp.code == 0 && packet.icmp.type == (packet.from_client ? request : reply);
}

bool is_whole_message(const protocols::Protocol& protocol, const flow::Packet& packet,
                      protocols::Fault& fault) {
  const protocols::Direction direction =
      packet.from_client ? protocols::Direction::request : protocols::Direction::response;
  const protocols::Frame frame = protocol.frame(packet.payload(), direction);
  fault = frame.fault;
  if (fault != protocols::Fault::none) return false;
  if (frame.length == packet.payload_length) return true;
  const bool longer = frame.length == 0 || frame.length > packet.payload_length;
  fault = longer ? protocols::Fault::truncated : protocols::Fault::trailing_bytes;
  return false;
}

}  // namespace

void inspect_datagram(Context& context, flow::Packet& packet) {
  flow::Flow& flow = *packet.flow;
  if (flow.refused) return refuse(context, packet, Reason::flow_refused);
  if (flow.transport == policy::Transport::icmp) {
    if (!is_echo(packet)) return refuse(context, packet, Reason::icmp_unsolicited);
    flow.expires_ns = context.now_ns + kIcmpIdleNs;
    return pass(context, packet, Reason::service_granted);
  }
  flow.expires_ns = context.now_ns + kUdpIdleNs;
  if (flow.protocol == protocols::kNoProtocol) {
    return pass(context, packet, Reason::service_granted);
  }
  protocols::Fault fault = protocols::Fault::none;
  if (!is_whole_message(*protocols::registry()[flow.protocol], packet, fault)) {
    tell_message_refused(context, packet, Reason::protocol_fault, fault);
  } else if (judge_message(context, packet, packet.payload())) {
    return pass(context, packet, Reason::session_control);
  }
  rte_pktmbuf_free(packet.mbuf);
  packet.mbuf = nullptr;
}

}  // namespace bulkhead::pipeline
