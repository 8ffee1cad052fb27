// Addresses as people write them.
#pragma once

#include <optional>
#include <string>

#include "dataplane/wire/address.h"

namespace bulkhead::wire {

std::string to_text(const Mac& mac);
std::string to_text(const IpAddress& address);
// ADDRESS/BITS, as 10.20.0.0/24.
std::string to_text(const Prefix& prefix);
// Address and port; an IPv6 address stands in brackets. Port 0 is left out.
std::string to_text(const IpAddress& address, std::uint16_t port);
// The other way round: an IPv4 or IPv6 address, a MAC address with colons or hyphens; nothing if
// the text is none. IPv4 addresses in IPv6 form are not read.
std::optional<IpAddress> read_ip(const std::string& text);
std::optional<Mac> read_mac(const std::string& text);
// An EtherType; smaller values are service access points (llc.h).
std::string ethernet_type_text(std::uint16_t type);
const char* protocol_name(std::uint8_t ip_protocol);

}  // namespace bulkhead::wire
