// Between ports that are alike on both sides (BACnet, DNP3 over UDP) it says nothing who spoke
// first: a device that announces itself is no client, and can be polled all the same. Such hosts
// may have two entries in the flow table, in each of which the other one is the server. What each
// may ask follows from the conduits and rules of both directions.
#include "dataplane/pipeline/admission.h"
#include "dataplane/pipeline/packet_ends.h"
#include "dataplane/pipeline/places.h"

namespace bulkhead::pipeline {

namespace {

using flow::Flow;
using flow::Packet;

constexpr std::uint32_t kTurned = 4;  // FlowKey::opened_by

// Whether the flow is still granted, under the policy of this moment; else it is gone.
bool renew(Context& context, Flow& flow) {
  if (flow.standing.generation == context.image.generation) return true;
  const Sides sides = sides_of(context, flow, flow.server_port(), flow.transport);
  const policy::Classification found = classify(context.tables(), sides);
  if (found.reason != Reason::service_granted || found.protocol != flow.protocol) {
    forget(context, flow);
    return false;
  }
  adopt(context, flow, sides, found);
  return true;
}

}  // namespace

bool has_alike_ports(const Packet& packet) {
  const bool datagram = packet.ip.protocol == wire::kProtocolUdp || is_non_ip(packet);
  return datagram && packet.key.low_port == packet.key.high_port;
}

Flow* find_turned(Context& context, const Packet& packet) {
  const Flow& known = *packet.flow;
  if (!has_alike_ports(packet) || known.protocol == protocols::kNoProtocol) return nullptr;
  flow::FlowKey key = packet.key;
  key.opened_by = kTurned;
  if (Flow* turned = context.flows.find(key)) return renew(context, *turned) ? turned : nullptr;
  Sides sides = sides_of(context, known, known.server_port(), known.transport);
  std::swap(sides.client_zone, sides.server_zone);
  std::swap(sides.endpoints.client, sides.endpoints.server);
  const policy::Classification found = classify(context.tables(), sides);
  if (found.reason != Reason::service_granted || found.protocol != known.protocol) return nullptr;
  Flow* turned = insert_for_owner(context, key, sender_as_owner(context, packet), &known);
  if (turned == nullptr) return nullptr;
  turned->client_is_low = !known.client_is_low;
  turned->transport = known.transport;
  turned->protocol = found.protocol;
  turned->created_ns = context.now_ns;
  turned->last_seen_ns = context.now_ns;
  adopt(context, *turned, sides, found);
  return turned;
}

}  // namespace bulkhead::pipeline
