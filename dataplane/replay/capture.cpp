// Reads captures with libpcap.
#include "dataplane/replay/capture.h"

#include "dataplane/policy/classifier.h"
#include "dataplane/wire/arp.h"
#include "dataplane/wire/ethernet.h"
#include "dataplane/wire/ip.h"

namespace bulkhead::replay {

Capture::Capture(const std::string& path)
    : file_(
          pcap_open_offline_with_tstamp_precision(path.c_str(), PCAP_TSTAMP_PRECISION_NANO, error_),
          pcap_close) {
  if (file_ == nullptr) throw Failure{kFileFailed, "cannot read " + std::string(error_)};
  if (pcap_datalink(file_.get()) != DLT_EN10MB) {
    throw Failure{kFileFailed, path + " holds no Ethernet frames"};
  }
}

bool Capture::next() {
  const int result = pcap_next_ex(file_.get(), &header_, &bytes_);
  if (result == PCAP_ERROR_BREAK) return false;
  if (result != 1) throw Failure{kFileFailed, pcap_geterr(file_.get())};
  return true;
}

TimeNs Capture::time_ns() const {
  return static_cast<TimeNs>(header_->ts.tv_sec) * kSecondNs +
         static_cast<TimeNs>(header_->ts.tv_usec);
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
