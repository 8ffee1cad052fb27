// Finds the zone of a packet, its conduit, and the rules that name its two hosts and its service.
// Called once a session and once more after each change of policy.
#pragma once

#include <cstdint>

#include "dataplane/base/reason.h"
#include "dataplane/policy/standing.h"

namespace bulkhead::policy {

class Containment;

// Client and server of a session; the client opens it.
struct Endpoints {
  wire::IpAddress client;
  wire::IpAddress server;
  std::uint16_t server_port = 0;
  Transport transport{};
};

struct Classification {
  Reason reason = Reason::no_conduit;  // service_granted if some rule names the endpoints
  // Without a generation, which tables do not know. Its rule is the first match; an inspecting one
  // if one matches.
  Standing standing;
  std::uint8_t protocol = protocols::kNoProtocol;
  protocols::ProtocolSet protocols = 0;  // all candidates, if they share a port
};

// The zone of a host on a port; kNoZone if the port and VLAN have none. `known_source`: whether the
// address lies in that zone's networks.
struct ZoneLookup {
  std::uint16_t zone = kNoZone;
  bool known_source = false;
};
ZoneLookup find_source_zone(const Tables& tables, std::uint16_t port, wire::VlanIds vlan,
                            const wire::IpAddress& source);

// The zone whose networks hold the address, kNoZone if none does.
std::uint16_t find_zone(const Tables& tables, const wire::IpAddress& address);

// Whether some zone has a group of that address.
bool is_group(const Tables& tables, const wire::IpAddress& address);
// Whether the zone has a group of that address.
bool has_group(const Tables& tables, std::uint16_t zone, const wire::IpAddress& address);

// The destination zone of a packet from a host of `from_zone`; for a group's address the zone that
// has the group and to which a conduit leads from there.
std::uint16_t find_destination_zone(const Tables& tables, std::uint16_t from_zone,
                                    const wire::IpAddress& address);

// The MAC address that an IP address is bound to; nullptr if none.
const wire::Mac* find_binding(const Tables& tables, const wire::IpAddress& address);

// False if a MAC address is bound to `address` and it is not `mac`; or if the address is the
// link-local one of a bound MAC address, and that is not `mac`.
bool binding_holds(const Tables& tables, const wire::IpAddress& address, const wire::Mac& mac);

// Whether a MAC address may be on the port and VLAN: it is bound to no asset, or to one there.
bool mac_may_be_at(const Tables& tables, const wire::Mac& mac, std::uint16_t port,
                   wire::VlanIds vlan);
// Whether a MAC address may send from `address` on the port and VLAN: it is bound to no asset, or
// to one there that has the address. `forwards`: or to a router, which forwards for no host of its
// own network. A link-local address formed of the MAC address belongs to its asset, as does one in
// the asset's zone that is bound to nobody, if the asset has no address of that family.
bool mac_may_send_from(const Tables& tables, const wire::Mac& mac, std::uint16_t port,
                       wire::VlanIds vlan, const wire::IpAddress& address, bool forwards);

// The conduit that leads from one zone to the other, nullptr if there is none.
const Conduit* find_conduit(const Tables& tables, std::uint16_t from, std::uint16_t to);

Classification classify(const Tables& tables, std::uint16_t from_zone, std::uint16_t to_zone,
                        const Endpoints& endpoints);

// Protocols of a cell's rules that share a port: the session's content identifies its own.
protocols::ProtocolSet protocols_sharing(const Conduit& conduit, RuleCell cell);

// Whether any rule lets the two hosts communicate, in either direction: then they may resolve each
// other. Of conduits that `contained` isolates no rule does.
bool may_resolve(const Tables& tables, std::uint16_t zone_a, const wire::IpAddress& a,
                 std::uint16_t zone_b, const wire::IpAddress& b,
                 const Containment* contained = nullptr);

}  // namespace bulkhead::policy
