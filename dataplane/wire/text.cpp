// Formats and reads addresses.
#include "dataplane/wire/text.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstdio>

#include "dataplane/wire/ip.h"
#include "dataplane/wire/llc.h"

namespace bulkhead::wire {

std::string to_text(const Mac& mac) {
  char text[18];
  std::snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac.bytes[0], mac.bytes[1],
                mac.bytes[2], mac.bytes[3], mac.bytes[4], mac.bytes[5]);
  return text;
}

std::string to_text(const IpAddress& address) {
  if (address.is_mac()) return to_text(address.mac());
  char text[INET6_ADDRSTRLEN];
  const bool v4 = address.is_v4();
  inet_ntop(v4 ? AF_INET : AF_INET6, address.bytes.data() + (v4 ? 12 : 0), text, sizeof(text));
  return text;
}

std::string to_text(const IpAddress& address, std::uint16_t port) {
  const std::string host = to_text(address);
  if (port == 0 || address.is_mac()) return host;
  return (address.is_v4() ? host : "[" + host + "]") + ":" + std::to_string(port);
}

std::optional<IpAddress> read_ip(const std::string& text) {
  std::uint8_t bytes[16];
  if (inet_pton(AF_INET, text.c_str(), bytes) == 1) return IpAddress::from_v4(bytes);
  if (inet_pton(AF_INET6, text.c_str(), bytes) != 1) return std::nullopt;
  const IpAddress address = IpAddress::from_v6(bytes);
  if (address.is_v4()) return std::nullopt;
  return address;
}

std::optional<Mac> read_mac(const std::string& text) {
  constexpr std::size_t kTextBytes = 17;
  if (text.size() != kTextBytes) return std::nullopt;
  Mac mac;
  for (std::size_t i = 0; i < mac.bytes.size(); ++i) {
    const char* digits = text.data() + 3 * i;
    const bool separated = i == 0 || digits[-1] == ':' || digits[-1] == '-';
    if (!separated || std::from_chars(digits, digits + 2, mac.bytes[i], 16).ptr != digits + 2) {
      return std::nullopt;
    }
  }
  return mac;
}

std::string ethernet_type_text(std::uint16_t type) {
  char text[32];
  std::snprintf(text, sizeof(text),
                type < kEtherTypeMin ? "IEEE 802.2 LSAP 0x%02x" : "EtherType 0x%04x", type);
  return text;
}

const char* protocol_name(std::uint8_t ip_protocol) {
  switch (ip_protocol) {
    case kProtocolTcp:
      return "tcp";
    case kProtocolUdp:
      return "udp";
    case kProtocolIcmp:
      return "icmp";
    case kProtocolIcmpv6:
      return "icmpv6";
    default:
      return "";
  }
}

std::string to_text(const Prefix& prefix) {
  const int bits = prefix.length - (prefix.address.is_v4() ? 96 : 0);
  return to_text(prefix.address) + "/" + std::to_string(bits);
}

}  // namespace bulkhead::wire
