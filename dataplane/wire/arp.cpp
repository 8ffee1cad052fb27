// Parses ARP messages.
#include "dataplane/wire/arp.h"

namespace bulkhead::wire {

bool parse_arp(ByteView payload, ArpMessage& message) {
  constexpr std::uint16_t kHardwareEthernet = 1;
  constexpr std::uint16_t kProtocolIpv4 = 0x0800;
  constexpr std::uint16_t kAddressLengths = 0x0604;  // six-byte MACs, four-byte IPv4 addresses
  ByteReader reader(payload);
  const bool for_ipv4 = reader.u16() == kHardwareEthernet && reader.u16() == kProtocolIpv4 &&
                        reader.u16() == kAddressLengths;
  const std::uint16_t operation = reader.u16();
  const ByteView sender_mac = reader.take(6);
  const ByteView sender = reader.take(4);
  const ByteView target_mac = reader.take(6);
  const ByteView target = reader.take(4);
  if (!reader.ok() || !for_ipv4 || operation < 1 || operation > 2) return false;
  message.operation = static_cast<ArpOperation>(operation);
  message.sender_mac = Mac::from(sender_mac.data());
  message.sender = IpAddress::from_v4(sender.data());
  message.target_mac = Mac::from(target_mac.data());
  message.target = IpAddress::from_v4(target.data());
  return true;
}

}  // namespace bulkhead::wire
