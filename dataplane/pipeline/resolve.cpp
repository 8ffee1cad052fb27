// Stage: neighbours. ARP (RFC 826) and neighbour discovery (RFC 4861) pass between hosts that some
// rule lets speak, if the addresses in them are those of the frame, the zone and the assets.
#include "dataplane/pipeline/context.h"
#include "dataplane/policy/classifier.h"
#include "dataplane/wire/arp.h"

namespace bulkhead::pipeline {

namespace {

using flow::Packet;

// Who claims which address, and whom the message is for.
struct Claim {
  wire::IpAddress sender;
  wire::Mac mac;
  wire::IpAddress target;
};

void forward(Context& context, Packet& packet, const Claim& claim, std::uint16_t zone) {
  Verdict verdict;
  verdict.reason = Reason::address_resolution;
  verdict.bytes = packet.mbuf->pkt_len;
  context.observer.on_verdict(verdict, packet);
  context.macs.learn(packet.ethernet.source, packet.port, context.now_ns);
  context.macs.announce(claim.sender, claim.mac, packet.port, context.now_ns);
  context.output.transmit(packet.mbuf, context.tables().zones[zone].port);
  packet.mbuf = nullptr;
}

void judge(Context& context, Packet& packet, const Claim& claim) {
  const policy::Tables& tables = context.tables();
  const policy::ZoneLookup source =
      policy::find_source_zone(tables, packet.port, packet.ethernet.vlan, claim.sender);
  const std::uint16_t target = policy::find_zone(tables, claim.target);
  if (source.zone == policy::kNoZone) return refuse(context, packet, Reason::unknown_zone);
  if (!source.known_source) return refuse(context, packet, Reason::spoofed_source);
  if (!(claim.mac == packet.ethernet.source)) return refuse(context, packet, Reason::malformed_arp);
  if (!policy::binding_holds(tables, claim.sender, claim.mac)) {
    return refuse(context, packet, Reason::binding_mismatch);
  }
  if (source.zone == target) return refuse(context, packet, Reason::not_for_another_zone);
  if (!policy::may_resolve(tables, source.zone, claim.sender, target, claim.target)) {
    return refuse(context, packet, Reason::no_rule);
  }
  forward(context, packet, claim, target);
}

// The message ends where its fields do: padding behind it does not travel on.
void resolve_arp(Context& context, Packet& packet) {
  constexpr std::uint16_t kArpBytes = 28;
  wire::ArpMessage arp;
  if (!wire::parse_arp(packet.frame_bytes().subspan(packet.ip_offset), arp)) {
    return refuse(context, packet, Reason::malformed_arp);
  }
  packet.mbuf->data_len = static_cast<std::uint16_t>(packet.ip_offset + kArpBytes);
  packet.mbuf->pkt_len = packet.mbuf->data_len;
  packet.ip.source = arp.sender;
  packet.ip.destination = arp.target;
  const bool reply_to_many =
      arp.operation == wire::ArpOperation::reply && packet.ethernet.destination.is_group();
  if (reply_to_many) return refuse(context, packet, Reason::malformed_arp);
  judge(context, packet, {arp.sender, arp.sender_mac, arp.target});
}

bool is_neighbour_message(const Packet& packet) {
  return packet.ip.version == 6 && packet.ip.protocol == wire::kProtocolIcmpv6 &&
         (packet.icmp.type == wire::kNeighbourSolicitation ||
          packet.icmp.type == wire::kNeighbourAdvertisement);
}

// A solicitation asks for its target; an advertisement claims it, to the host it is sent to.
void resolve_neighbour(Context& context, Packet& packet) {
  constexpr std::uint8_t kHopLimit = 255;  // RFC 4861, 7.1: proof that no router passed it on
  wire::NeighbourMessage neighbour;
  const ByteView message = packet.frame_bytes().subspan(packet.transport_offset);
  if (packet.ip.hop_limit != kHopLimit || !wire::parse_neighbour(message, neighbour)) {
    return refuse(context, packet, Reason::malformed_arp);
  }
  const wire::Mac mac = neighbour.has_link_layer ? neighbour.link_layer : packet.ethernet.source;
  if (neighbour.type == wire::kNeighbourSolicitation) {
    return judge(context, packet, {packet.ip.source, mac, neighbour.target});
  }
  if (packet.ethernet.destination.is_group()) {
    return refuse(context, packet, Reason::malformed_arp);
  }
  judge(context, packet, {neighbour.target, mac, packet.ip.destination});
}

}  // namespace

void resolve_neighbours(Context& context) {
  if (context.all_usual) return;
  for (Packet& packet : context.burst) {
    if (packet.mbuf == nullptr) continue;
    if (packet.ethernet.ethertype == wire::kEtherTypeArp) {
      resolve_arp(context, packet);
    } else if (is_neighbour_message(packet)) {
      resolve_neighbour(context, packet);
    } else if (packet.ethernet.destination.is_group() &&
               packet.ip.protocol == wire::kProtocolIcmpv6) {
      refuse(context, packet, Reason::malformed_ethernet);
    }
  }
}

}  // namespace bulkhead::pipeline
