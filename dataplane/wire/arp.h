// ARP for IPv4 over Ethernet (RFC 826).
#pragma once

#include <cstdint>

#include "dataplane/base/bytes.h"
#include "dataplane/wire/address.h"

namespace bulkhead::wire {

enum class ArpOperation : std::uint16_t { request = 1, reply = 2 };

struct ArpMessage {
  ArpOperation operation{};
  Mac sender_mac;
  IpAddress sender;
  Mac target_mac;
  IpAddress target;
};

// False unless it is a whole request or reply for Ethernet and IPv4. Padding after it is ignored.
bool parse_arp(ByteView payload, ArpMessage& message);

}  // namespace bulkhead::wire
