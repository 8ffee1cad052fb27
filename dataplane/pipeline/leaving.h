// The ways in which a received packet leaves the pipeline.
#pragma once

#include <optional>

#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/packet_ends.h"

namespace bulkhead::pipeline {

// Reports the verdict on a packet and drops it: it is refused, or has been consumed.
void refuse(BurstContext& context, flow::Packet& packet, Reason reason);

// Reports the verdict on a packet of a flow and forwards it, unless its receiver is on the same
// port.
void pass(SessionContext& context, flow::Packet& packet, Reason reason);

// Sets a datagram's destination MAC address to the one that is bound to its host, or that the host
// has announced. Groups and non-IP frames keep theirs. The parsed header does not change.
void direct_datagram(const NeighbourContext& context, const flow::Packet& packet);

// The MAC address of a host on the port: bound to it, or announced by it there.
inline std::optional<wire::Mac> mac_of_host(const NeighbourContext& context,
                                            const wire::IpAddress& host, std::uint16_t port) {
  if (const wire::Mac* bound = policy::find_binding(context.tables(), host)) return *bound;
  return context.macs.announced(host, port, context.now_ns);
}

// Learns where the sender of a packet of an answered session stands. In TCP its MAC address is the
// session's, so that it is learned again only every half a second.
inline void learn_speaker(NeighbourContext& context, const flow::Packet& packet) {
  constexpr int kPeriodShift = 28;  // and the lowest bit is always set
  flow::Flow& flow = *packet.flow;
  if (flow.transport == policy::Transport::tcp) {
    std::uint8_t& learned = flow.learned[sender_of(packet)];
    const auto period = static_cast<std::uint8_t>(context.now_ns >> kPeriodShift | 1);
    if (learned == period) return;
    learned = period;
  }
  context.macs.learn(packet.ethernet.source, packet.port, context.now_ns, flow::Evidence::spoken);
}

}  // namespace bulkhead::pipeline
