// Frames that are refused for what they are, whatever their session stands at.
#include "tests/adversarial/model/edit.h"
#include "tests/adversarial/model/talk.h"

namespace bulkhead::adversary {

namespace {

constexpr std::size_t kTcpAt = kIpPayloadAt;

Bytes with_options(Bytes frame) {
  constexpr std::uint8_t kRouterAlert[] = {0x94, 4, 0, 0};
  frame.insert(frame.begin() + kTcpAt, std::begin(kRouterAlert), std::end(kRouterAlert));
  frame[kIpAt] = 0x46;
  store_be16(&frame[kIpAt + 2], static_cast<std::uint16_t>(frame.size() - kIpAt));
  seal_ip(frame);
  return frame;
}

Bytes of_type(Bytes frame, std::uint16_t ethertype) {
  store_be16(&frame[12], ethertype);
  return frame;
}

Bytes spoiled(Bytes frame, std::size_t at, std::uint8_t by) {
  frame[at] ^= by;
  return frame;
}

Bytes cut_in_header(Bytes frame) {
  frame.resize(kTcpAt + 11);
  store_be16(&frame[kIpAt + 2], static_cast<std::uint16_t>(frame.size() - kIpAt));
  seal_ip(frame);
  return frame;
}

}  // namespace

MalformedFrame malformed_frame(Random& random, const TcpModel ends[2], TimeNs now_ns) {
  const std::size_t end = one_in(random, 2) ? kClient : kServer;
  TcpModel model = ends[end];  // a copy, since it stamps what it makes
  const TcpConfig& config = model.config();
  const Bytes segment =
      model.frame(model.next_sequence(), Bytes(12, 0x2a), wire::kTcpAck | wire::kTcpPsh, now_ns);
  // Each of its own ports, since what goes on with what was refused is not reported.
  const auto number = static_cast<std::uint16_t>(1024 + below(random, 60000));
  switch (below(random, 12)) {
    case 0:
      return {end, spoiled(segment, kTcpAt + 16, 0x55)};  // checksums
    case 1:
      return {end, spoiled(segment, kIpAt + 10, 0x55)};
    case 2:
      return {end, cut_in_header(segment)};
    case 3:
      return {end, with_options(segment)};
    case 4:
      return {end, model.frame(model.next_sequence(), {},
                               wire::kTcpSyn | wire::kTcpFin | wire::kTcpAck, now_ns)};
    case 5:
      return {end, support::ip_frame(config.self, config.peer, 89, Bytes(20, 1))};
    case 6:
      return {end, support::udp_frame(config.self, config.peer, number, 9, {1, 2, 3})};
    case 7:
      return {end, of_type(segment, 0x1234)};
    case 8:
      return {end, of_type(segment, 0x0806)};
    case 9:  // of another length than it says
      return {end, spoiled(segment, kIpAt + 2, 0x20)};
    case 10:
      return {end, spoiled(segment, kIpAt, 0x10)};  // IP of version 5
    default:
      return {end, support::ip_frame(config.self, config.peer, 1,
                                     support::icmp_message(0, 0, number, {1, 2, 3, 4}))};
  }
}

}  // namespace bulkhead::adversary
