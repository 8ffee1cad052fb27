// A frame came from where its source stands.
#include "dataplane/replay/zone_port.h"

#include <utility>

#include "dataplane/policy/classifier.h"
#include "dataplane/wire/arp.h"
#include "dataplane/wire/ethernet.h"
#include "dataplane/wire/ip.h"

namespace bulkhead::replay {

capture::CaptureFile open_capture(const std::string& path) {
  auto file = capture::CaptureFile::open(path);
  if (!file) throw Failure{kFileFailed, file.error()};
  if (!file.value().is_ethernet()) {
    throw Failure{kFileFailed, path + " holds no Ethernet frames"};
  }
  return std::move(file).value();
}

std::uint16_t port_of(const policy::Tables& tables, ByteView frame) {
  wire::EthernetHeader ethernet;
  if (!wire::parse_ethernet(frame, ethernet)) return 0;
  const ByteView rest = frame.subspan(ethernet.payload_offset);
  wire::IpAddress source;
  wire::ArpMessage arp;
  wire::IpHeader ip;
  if (ethernet.ethertype == wire::kEtherTypeArp && wire::parse_arp(rest, arp)) {
    source = arp.sender;
  } else if (ethernet.ethertype == wire::kEtherTypeIpv4) {
    wire::parse_ipv4(rest, false, ip);
    source = ip.source;
  } else if (ethernet.ethertype == wire::kEtherTypeIpv6) {
    wire::parse_ipv6(rest, ip);
    source = ip.source;
  } else {
    source = wire::IpAddress::from_mac(ethernet.source);
  }
  const std::uint16_t zone = policy::find_zone(tables, source);
  return zone == policy::kNoZone ? std::uint16_t{0} : tables.zones[zone].port;
}

}  // namespace bulkhead::replay
