// Lengths and checksums stay zero: they are set in the frames that are made like this one.
#include "dataplane/flow/session_headers.h"

#include <cstring>

namespace bulkhead::flow {

namespace {

constexpr std::uint8_t kHops = 64;  // what hosts send with (RFC 1122, 3.2.1.7, assigned numbers)

void write_ipv4(std::uint8_t* ip, const wire::IpAddress& source, const wire::IpAddress& target) {
  constexpr std::uint8_t kDontFragment = 0x40;  // so that no identification is needed (RFC 6864, 4)
  constexpr std::size_t kMapped = 12;           // where an IPv4 address stands in an IpAddress
  ip[0] = 0x45;
  ip[6] = kDontFragment;
  ip[8] = kHops;
  ip[9] = wire::kProtocolTcp;
  std::memcpy(ip + 12, source.bytes.data() + kMapped, 4);
  std::memcpy(ip + 16, target.bytes.data() + kMapped, 4);
}

void write_ipv6(std::uint8_t* ip, const wire::IpAddress& source, const wire::IpAddress& target) {
  ip[0] = 0x60;
  ip[6] = wire::kProtocolTcp;
  ip[7] = kHops;
  std::memcpy(ip + 8, source.bytes.data(), source.bytes.size());
  std::memcpy(ip + 24, target.bytes.data(), target.bytes.size());
}

}  // namespace

SessionHeaders::SessionHeaders(const Flow& flow, std::size_t end) {
  std::uint8_t* at = bytes_.data();
  flow.links[end].write(at);
  at += Link::kBytes;
  const auto put = [&at](std::uint16_t value) {
    store_be16(at, value);
    at += 2;
  };
  const FlowKey& key = flow.key;
  if (key.vlan_outer != wire::VlanIds::kNoVlan) {
    const bool stacked = key.vlan_inner != wire::VlanIds::kNoVlan;
    put(stacked ? wire::kEtherTypeQinQ : wire::kEtherTypeVlan);
    put(key.vlan_outer);
    if (stacked) {
      put(wire::kEtherTypeVlan);
      put(key.vlan_inner);
    }
  }
  const bool from_client = end == kClient;
  const wire::IpAddress& source = from_client ? flow.client() : flow.server();
  const wire::IpAddress& target = from_client ? flow.server() : flow.client();
  const bool v4 = source.is_v4();
  put(v4 ? wire::kEtherTypeIpv4 : wire::kEtherTypeIpv6);
  v4 ? write_ipv4(at, source, target) : write_ipv6(at, source, target);
  at += v4 ? wire::kIpv4HeaderBytes : wire::kIpv6HeaderBytes;
  transport_offset_ = static_cast<std::uint16_t>(at - bytes_.data());
  put(from_client ? flow.client_port() : flow.server_port());
  put(from_client ? flow.server_port() : flow.client_port());
}

}  // namespace bulkhead::flow
