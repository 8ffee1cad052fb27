// Checksums only.
#include "tests/adversarial/model/edit.h"

#include "dataplane/wire/checksum.h"
#include "dataplane/wire/ip.h"

namespace bulkhead::adversary {

void seal_ip(support::Bytes& frame) {
  std::uint8_t* ip = frame.data() + kIpAt;
  const std::size_t length = (ip[0] & 0x0fU) * std::size_t{4};
  store_be16(ip + 10, 0);
  store_be16(ip + 10, wire::checksum_finish(wire::checksum_add(0, ByteView{ip, length})));
}

void seal_segment(support::Bytes& frame) {
  seal_ip(frame);
  const std::uint8_t* ip = frame.data() + kIpAt;
  const ByteView segment = ByteView{frame}.subspan(kIpPayloadAt);
  store_be16(frame.data() + kIpPayloadAt + 16, 0);
  const std::uint32_t pseudo =
      wire::pseudo_header_sum(wire::IpAddress::from_v4(ip + 12), wire::IpAddress::from_v4(ip + 16),
                              wire::kProtocolTcp, static_cast<std::uint32_t>(segment.size()));
  store_be16(frame.data() + kIpPayloadAt + 16,
             wire::checksum_finish(wire::checksum_add(pseudo, segment)));
}

}  // namespace bulkhead::adversary
