// Finds what governs a packet: its zone, the conduit, and the rules that name its two hosts and its
// service. Asked once a session and once more after each change of policy.
#pragma once

#include <cstdint>

#include "dataplane/base/reason.h"
#include "dataplane/policy/tables.h"

namespace bulkhead::policy {

// Who asks for what: the client is the host that opens the session.
struct Endpoints {
  wire::IpAddress client;
  wire::IpAddress server;
  std::uint16_t server_port = 0;
  Transport transport{};
};

struct Classification {
  Reason reason = Reason::no_conduit;  // service_granted if some rule names the endpoints
  std::uint16_t conduit = kNoConduit;
  std::uint16_t rule = kNoRule;  // the first that matches, of those that inspect if one does
  std::uint8_t protocol = protocols::kNoProtocol;
  protocols::ProtocolSet protocols = 0;  // all that may be, if they share a port
  RuleCell cell;
};

// The zone of a host behind a port, kNoZone if the port and VLAN have none. `known_source` tells
// whether the address lies in that zone's networks.
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
// Whether the zone has.
bool has_group(const Tables& tables, std::uint16_t zone, const wire::IpAddress& address);

// The zone of what a host of `from_zone` sends to the address: where that is a group's, the zone
// that has it and to which a conduit leads from there.
std::uint16_t find_destination_zone(const Tables& tables, std::uint16_t from_zone,
                                    const wire::IpAddress& address);

// The station that an address is bound to; nullptr if it is bound to none.
const wire::Mac* find_binding(const Tables& tables, const wire::IpAddress& address);

// False if a MAC address is bound to `address` and it is not `mac`; or if the address is the
// link-local one of a bound MAC address, and that is not `mac`.
bool binding_holds(const Tables& tables, const wire::IpAddress& address, const wire::Mac& mac);

// Whether a MAC address may stand behind the port and VLAN: it is bound to no asset, or to one
// there.
bool station_stands(const Tables& tables, const wire::Mac& mac, std::uint16_t port,
                    wire::VlanIds vlan);
// Whether a MAC address may be the source of what comes from `address` behind the port and VLAN: it
// is bound to no asset, or to one there that has the address. `forwards`: or that may be a router
// on the way, which forwards for no host of the network that it stands in itself. A link-local
// address formed of the MAC address is its asset's, and so is one of the asset's zone of which
// nobody is bound to, if the asset has none of that family.
bool station_holds(const Tables& tables, const wire::Mac& mac, std::uint16_t port,
                   wire::VlanIds vlan, const wire::IpAddress& address, bool forwards);

// The conduit that leads from one zone to the other, nullptr if there is none.
const Conduit* find_conduit(const Tables& tables, std::uint16_t from, std::uint16_t to);

Classification classify(const Tables& tables, std::uint16_t from_zone, std::uint16_t to_zone,
                        const Endpoints& endpoints);

// Which of the protocols that a cell's rules name share a port: the session's content tells its
// own.
protocols::ProtocolSet protocols_sharing(const Conduit& conduit, RuleCell cell);

// Whether any rule lets the two hosts speak, whoever opens: the leave to resolve each other.
bool may_resolve(const Tables& tables, std::uint16_t zone_a, const wire::IpAddress& a,
                 std::uint16_t zone_b, const wire::IpAddress& b);

}  // namespace bulkhead::policy
