// Stage: neighbours. ARP (RFC 826) and neighbour discovery (RFC 4861) pass between hosts that some
// rule lets speak, if the addresses in them are those of the frame, the zone and the assets. What a
// host announces to all goes wherever some rule lets it speak with somebody.
#include <bit>

#include "dataplane/flow/packet_edit.h"
#include "dataplane/pipeline/containment.h"
#include "dataplane/pipeline/leaving.h"
#include "dataplane/pipeline/stages.h"
#include "dataplane/policy/classifier.h"
#include "dataplane/policy/observed.h"
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

void tell(NeighbourContext& context, Packet& packet, const Claim& claim) {
  Verdict verdict;
  verdict.reason = Reason::address_resolution;
  verdict.bytes = packet.mbuf->pkt_len;
  context.observer.on_verdict(verdict, packet);
  const bool bound = policy::find_binding(context.tables(), claim.sender) != nullptr;
  context.macs.learn(packet.ethernet.source, packet.port, context.now_ns,
                     bound ? flow::Evidence::spoken : flow::Evidence::claimed);
  context.macs.announce(claim.sender, claim.mac, packet.port, context.now_ns);
}

void forward(NeighbourContext& context, Packet& packet, const Claim& claim, std::uint16_t zone) {
  tell(context, packet, claim);
  if (packet.trailer.is_present()) flow::put_trailer(packet);
  context.output.transmit(packet.mbuf, context.tables().zones[zone].port);
  packet.mbuf = nullptr;
}

// Whether the packet's station has sent others less than its share; otherwise the packet is
// refused. MAC addresses of stations that have not spoken in a session may be invented.
bool is_in_share(NeighbourContext& context, Packet& packet, const wire::IpAddress& sender) {
  const wire::Mac& source_mac = packet.ethernet.source;
  const auto hash = [&](const wire::IpAddress& address, const wire::Mac& mac) {
    return flow::HostAt{address, mac, packet.port}.hash(context.hash_key);
  };
  const bool known = policy::find_binding(context.tables(), sender) != nullptr ||
                     context.macs.speaks_at(source_mac, packet.port, context.now_ns);
  // In this order: what is invented uses up nothing of those that are known.
  const bool granted =
      (known || context.resolutions.take_unknown(hash(sender, {}), packet.port, context.now_ns)) &&
      context.resolutions.take(hash({}, source_mac), context.now_ns);
  if (!granted) refuse(context, packet, Reason::resolution_share);
  return granted;
}

// To each port whose bit is set; there is one at least.
void forward_to_ports(NeighbourContext& context, Packet& packet, std::uint32_t ports) {
  if (packet.trailer.is_present()) flow::put_trailer(packet);
  for (; ports != 0; ports &= ports - 1) {
    const auto port = static_cast<std::uint16_t>(std::countr_zero(ports));
    rte_mbuf* copy = packet.mbuf;
    if ((ports & (ports - 1)) != 0) {
      copy = rte_pktmbuf_copy(packet.mbuf, packet.mbuf->pool, 0, packet.mbuf->pkt_len);
    }
    if (copy != nullptr) context.output.transmit(copy, port);
  }
  packet.mbuf = nullptr;
}

// Whether the sender may claim what it claims; otherwise the packet is refused. `zone` is its own.
bool claim_holds(NeighbourContext& context, Packet& packet, const Claim& claim,
                 std::uint16_t& zone) {
  const policy::Tables& tables = context.tables();
  const policy::ZoneLookup source =
      policy::find_source_zone(tables, packet.port, packet.ethernet.vlan, claim.sender);
  zone = source.zone;
  Reason reason = Reason::granted;
  if (source.zone == policy::kNoZone) {
    reason = Reason::unknown_zone;
  } else if (claim.sender.is_unspecified() ||
             (!source.known_source && claim.sender.is_link_local())) {
    reason = Reason::own_link_only;  // RFC 5227, 2.1.1; RFC 4862, 5.4.2
  } else if (!source.known_source) {
    reason = Reason::spoofed_source;
  } else if (!(claim.mac == packet.ethernet.source)) {
    reason = Reason::malformed_arp;
  } else if (!policy::binding_holds(tables, claim.sender, claim.mac)) {
    reason = Reason::binding_mismatch;
  } else if (!planted(Mistake::share_stations) &&
             !policy::mac_may_send_from(tables, claim.mac, packet.port, packet.ethernet.vlan,
                                        claim.sender, false)) {
    reason = Reason::bound_elsewhere;
  } else if (context.macs.speaks_elsewhere(claim.mac, packet.port, context.now_ns) &&
             policy::find_binding(tables, claim.sender) == nullptr) {
    reason = Reason::station_elsewhere;
  }
  if (reason == Reason::granted) return true;
  refuse(context, packet, reason);
  return false;
}

void judge(NeighbourContext& context, Packet& packet, const Claim& claim) {
  std::uint16_t zone = policy::kNoZone;
  if (!claim_holds(context, packet, claim, zone)) return;
  const policy::Tables& tables = context.tables();
  const std::uint16_t target = policy::find_zone(tables, claim.target);
  if (zone == target) return refuse(context, packet, Reason::not_for_another_zone);
  if (!policy::may_resolve(tables, zone, claim.sender, target, claim.target)) {
    return refuse(context, packet, Reason::no_rule);
  }
  if (!policy::may_resolve(tables, zone, claim.sender, target, claim.target, context.contained)) {
    return refuse(context, packet, Reason::contained);
  }
  if (!is_in_share(context, packet, claim.sender)) return;
  forward(context, packet, claim, target);
}

// Whether nothing is forwarded here in the conduit: it is isolated, or its frames have left as they
// came.
bool is_left_out(const BurstContext& context, const policy::Conduit& conduit) {
  if (is_isolated(context, conduit)) return true;
  if (conduit.observe_until_s == 0 || context.shadow != nullptr) return false;
  const auto place = static_cast<std::uint16_t>(&conduit - context.tables().conduits.data());
  return policy::observes(context.tables(), place, {context.wall_s, context.contained});
}

// Zone ports behind which some rule lets the host speak with somebody, a bit each.
std::uint32_t ports_spoken_to(const BurstContext& context, std::uint16_t zone,
                              const wire::IpAddress& host) {
  static_assert(policy::kPortsMax <= 32);
  const policy::Tables& tables = context.tables();
  std::uint32_t ports = 0;
  for (const policy::Conduit& conduit : tables.conduits) {
    if (is_left_out(context, conduit)) continue;
    if (conduit.from != zone && conduit.to != zone) continue;
    if (!conduit.index.names(host)) continue;
    ports |= 1U << tables.zones[conduit.from == zone ? conduit.to : conduit.from].port;
  }
  return ports;
}

// RFC 5227, 3; RFC 4861, 7.2.6: a host tells all of its address, as one does that takes another's
// place. Its sessions follow it there.
void judge_announcement(NeighbourContext& context, Packet& packet, const Claim& claim) {
  std::uint16_t zone = policy::kNoZone;
  if (!claim_holds(context, packet, claim, zone)) return;
  const std::uint32_t ports = ports_spoken_to(context, zone, claim.sender) & ~(1U << packet.port);
  if (ports == 0) return refuse(context, packet, Reason::no_rule);
  if (!is_in_share(context, packet, claim.sender)) return;
  tell(context, packet, claim);
  forward_to_ports(context, packet, ports);
}

// The message ends where its fields do: padding behind it does not travel on.
void resolve_arp(NeighbourContext& context, Packet& packet) {
  constexpr std::uint16_t kArpBytes = 28;
  wire::ArpMessage arp;
  if (!wire::parse_arp(packet.frame_bytes().subspan(packet.ip_offset), arp)) {
    return refuse(context, packet, Reason::malformed_arp);
  }
  flow::end_frame(packet, packet.ip_offset + kArpBytes);
  const bool prp = (context.tables().prp_ports >> packet.port & 1) != 0;
  if (packet.trailer.is_wrong && prp) return refuse(context, packet, Reason::prp_trailer);
  packet.ip.source = arp.sender;
  packet.ip.destination = arp.target;
  const Claim claim{arp.sender, arp.sender_mac, arp.target};
  const bool to_many = packet.ethernet.destination.is_group();
  if (to_many && arp.sender == arp.target) return judge_announcement(context, packet, claim);
  if (to_many && arp.operation == wire::ArpOperation::reply) {
    return refuse(context, packet, Reason::malformed_arp);
  }
  judge(context, packet, claim);
}

bool is_neighbour_message(const Packet& packet) {
  return packet.ip.version == 6 && packet.ip.protocol == wire::kProtocolIcmpv6 &&
         (packet.icmp.type == wire::kNeighbourSolicitation ||
          packet.icmp.type == wire::kNeighbourAdvertisement);
}

// RFC 4291, 2.7.1.
constexpr wire::IpAddress kAllNodes{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

// A solicitation asks for its target; an advertisement claims it, to the host it is sent to.
void resolve_neighbour(NeighbourContext& context, Packet& packet) {
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
  const Claim claim{neighbour.target, mac, packet.ip.destination};
  if (!packet.ethernet.destination.is_group()) return judge(context, packet, claim);
  constexpr std::uint8_t kSolicited = 0x40;  // RFC 4861, 4.4
  const bool to_all = packet.ip.destination == kAllNodes &&
                      packet.ethernet.destination == wire::group_mac(kAllNodes);
  if (!to_all || (message[4] & kSolicited) != 0) {
    return refuse(context, packet, Reason::malformed_arp);
  }
  judge_announcement(context, packet, claim);
}

// RFC 4861, 4.1, 4.2 and 4.5; RFC 2710, 3; RFC 3810, 5: routers, groups and redirections.
bool is_of_own_link(std::uint8_t icmp_type) {
  constexpr std::uint8_t kListenerQuery = 130;
  constexpr std::uint8_t kRouterAdvertisement = 134;
  constexpr std::uint8_t kRedirect = 137;
  constexpr std::uint8_t kListenerReport2 = 143;
  return (icmp_type >= kListenerQuery && icmp_type <= kRouterAdvertisement) ||
         icmp_type == kRedirect || icmp_type == kListenerReport2;
}

// Ports of zones with PRP that a conduit with rules joins with such a zone on the packet's port and
// VLAN, a bit each.
std::uint32_t ports_of_other_half(const BurstContext& context, const Packet& packet) {
  const policy::Tables& tables = context.tables();
  std::uint32_t ports = 0;
  for (const policy::Conduit& conduit : tables.conduits) {
    if (is_left_out(context, conduit)) continue;
    const policy::Zone& from = tables.zones[conduit.from];
    const policy::Zone& to = tables.zones[conduit.to];
    if (conduit.rules.empty() || !from.prp || !to.prp) continue;
    if (!(from.vlan == packet.ethernet.vlan)) continue;  // of both zones
    if (from.port == packet.port) ports |= 1U << to.port;
    if (to.port == packet.port) ports |= 1U << from.port;
  }
  return ports & ~(1U << packet.port);
}

// Whether the station may stand behind the packet's port, by the policy and by what was seen.
bool may_stand_here(const NeighbourContext& context, const Packet& packet, const wire::Mac& mac) {
  const policy::Tables& tables = context.tables();
  const std::uint16_t home = policy::find_zone(tables, wire::IpAddress::from_mac(mac));
  if (home != policy::kNoZone && tables.zones[home].port != packet.port) return false;
  return !context.macs.speaks_elsewhere(mac, packet.port, context.now_ns) &&
         policy::mac_may_be_at(tables, mac, packet.port, packet.ethernet.vlan);
}

// IEC 62439-3, 4.2.7: by what nodes say of themselves others see whether both LANs reach them. It
// crosses between zones of one LAN that some rule lets speak.
void resolve_supervision(NeighbourContext& context, Packet& packet) {
  wire::PrpSupervision supervision;
  std::size_t used = 0;
  if (!wire::parse_prp_supervision(packet.payload(), supervision, used)) {
    return refuse(context, packet, Reason::malformed_ethernet);
  }
  flow::end_frame(packet, packet.payload_offset + used);
  const bool at_home =
      may_stand_here(context, packet, packet.ethernet.source) &&
      may_stand_here(context, packet, supervision.node) &&
      (supervision.red_box.is_zero() || may_stand_here(context, packet, supervision.red_box));
  if (!at_home) return refuse(context, packet, Reason::spoofed_source);
  const std::uint32_t ports = ports_of_other_half(context, packet);
  if (ports == 0) return refuse(context, packet, Reason::ethertype_not_granted);
  if (!is_in_share(context, packet, wire::IpAddress::from_mac(supervision.node))) return;
  Verdict verdict;
  verdict.reason = Reason::prp_supervision;
  verdict.bytes = packet.mbuf->pkt_len;
  context.observer.on_verdict(verdict, packet);
  context.macs.learn(packet.ethernet.source, packet.port, context.now_ns, flow::Evidence::claimed);
  forward_to_ports(context, packet, ports);
}

bool is_supervision(const NeighbourContext& context, const Packet& packet) {
  return packet.ethernet.ethertype == wire::kEtherTypePrp &&
         (context.tables().prp_ports >> packet.port & 1) != 0 &&
         wire::is_prp_supervision_group(packet.ethernet.destination);
}

}  // namespace

void resolve_neighbours(NeighbourContext& context) {
  if (context.all_usual) return;
  for (Packet& packet : context.burst) {
    if (packet.mbuf == nullptr) continue;
    if (packet.ethernet.ethertype == wire::kEtherTypeArp) {
      resolve_arp(context, packet);
    } else if (is_neighbour_message(packet)) {
      resolve_neighbour(context, packet);
    } else if (is_supervision(context, packet)) {
      resolve_supervision(context, packet);
    } else if (packet.ethernet.destination.is_group() &&
               packet.ip.protocol == wire::kProtocolIcmpv6) {
      const bool own_link = is_of_own_link(packet.icmp.type);
      refuse(context, packet, own_link ? Reason::own_link_only : Reason::no_rule);
    }
  }
}

}  // namespace bulkhead::pipeline
