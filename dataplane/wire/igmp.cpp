// Ethernet, IPv4 with a router alert, and eight bytes.
#include "dataplane/wire/igmp.h"

#include <algorithm>

#include "dataplane/wire/checksum.h"
#include "dataplane/wire/ip.h"

namespace bulkhead::wire {

namespace {

constexpr std::uint8_t kProtocolIgmp = 2;
constexpr std::uint8_t kQuery = 0x11;
constexpr std::uint8_t kReportV2 = 0x16;
constexpr std::size_t kIpBytes = 24;  // RFC 2236, 2: with the option of RFC 2113
constexpr std::size_t kIgmpBytes = 8;
constexpr std::size_t kFrameBytesMin = 60;

}  // namespace

bool is_reported(const IpAddress& group) {
  constexpr std::uint32_t kOfTheLink = 0xe00000;  // 224.0.0.0/24
  return group.is_v4() && group.is_multicast() && group.v4_number() >> 8 != kOfTheLink;
}

bool is_igmp_query(ByteView packet) {
  if (packet.size() < kIpv4HeaderBytes || packet[0] >> 4 != 4 || packet[9] != kProtocolIgmp) {
    return false;
  }
  const std::size_t header = (packet[0] & 15U) * std::size_t{4};
  const std::size_t total = load_be16(packet.data() + 2);
  if (header < kIpv4HeaderBytes || total > packet.size() || total < header + kIgmpBytes) {
    return false;
  }
  const ByteView message = packet.subspan(header, total - header);
  return message[0] == kQuery && checksum_finish(checksum_add(0, message)) == 0;
}

std::size_t write_igmp_report(const Mac& sender, VlanIds vlan, const IpAddress& group,
                              std::span<std::uint8_t, kIgmpReportBytesMax> frame) {
  std::fill(frame.begin(), frame.end(), std::uint8_t{0});
  std::uint8_t* at = frame.data();
  const auto put_mac = [&at](const Mac& mac) { at = std::copy_n(mac.bytes.data(), 6, at); };
  const auto put = [&at](std::uint16_t number) {
    store_be16(at, number);
    at += 2;
  };
  put_mac(group_mac(group));
  put_mac(sender);
  if (vlan.inner != VlanIds::kNoVlan) {
    put(kEtherTypeQinQ);
    put(vlan.outer);
    put(kEtherTypeVlan);
    put(vlan.inner);
  } else if (vlan.outer != VlanIds::kNoVlan) {
    put(kEtherTypeVlan);
    put(vlan.outer);
  }
  put(kEtherTypeIpv4);

  std::uint8_t* ip = at;
  put(0x46c0);  // six words; precedence of internetwork control
  put(kIpBytes + kIgmpBytes);
  put(0);
  put(0);
  put(0x0100 | kProtocolIgmp);  // time to live 1
  at += 2 + 4;                  // checksum, source
  store_be32(at, group.v4_number());
  at += 4;
  put(0x9404);  // router alert
  put(0);
  store_be16(ip + 10, checksum_finish(checksum_add(0, ByteView{ip, kIpBytes})));

  std::uint8_t* igmp = at;
  put(kReportV2 << 8);
  at += 2;
  store_be32(at, group.v4_number());
  store_be16(igmp + 2, checksum_finish(checksum_add(0, ByteView{igmp, kIgmpBytes})));
  const auto length = static_cast<std::size_t>(igmp + kIgmpBytes - frame.data());
  return std::max(length, kFrameBytesMin);
}

}  // namespace bulkhead::wire
