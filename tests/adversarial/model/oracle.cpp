// Judged without the product's code: a host takes what has its address and a sufficient hop limit
// and does not look old (RFC 7323, 5.3).
#include "tests/adversarial/model/oracle.h"

#include <algorithm>

namespace bulkhead::adversary {

namespace {

constexpr std::size_t kProtocolAt = 14 + 9;
constexpr std::size_t kHopsAt = 14 + 8;
constexpr std::size_t kIcmpAt = 14 + 20;
constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kHopsMin = 64;

// An error that says how narrow a path is, below what every host takes (RFC 1122, 3.3.2).
bool narrows_path(const Bytes& frame) {
  return frame[kIcmpAt] == 3 && frame[kIcmpAt + 1] == 4 &&
         load_be16(frame.data() + kIcmpAt + 6) < 576;
}

}  // namespace

std::optional<std::string> Oracle::check_headers(std::size_t end, const Bytes& frame,
                                                 const support::SentTcp& tcp) {
  const TcpConfig& receiver = plan_.ends[end];
  const bool own = wire::Mac::from(frame.data()) == receiver.self.mac &&
                   wire::Mac::from(frame.data() + 6) == receiver.peer.mac;
  if (!own) return "a segment has other addresses than its session";
  if (frame[kHopsAt] < kHopsMin) return "a segment may not get as far as its receiver";
  if (!tcp.header.has_timestamps) return std::nullopt;
  const bool old =
      has_stamp_[end] && wire::sequence_distance(tcp.header.timestamp, newest_stamp_[end]) < 0;
  if (old) return "a segment looks old to its receiver";
  has_stamp_[end] = true;
  newest_stamp_[end] = tcp.header.timestamp;
  return std::nullopt;
}

std::optional<std::string> Oracle::see(std::size_t end, const Bytes& frame) {
  constexpr std::uint16_t kArp = 0x0806;
  if (load_be16(frame.data() + 12) == kArp) {
    // The server's is bound.
    const bool own = wire::Mac::from(frame.data() + 6) == plan_.ends[end].self.mac;
    if (own && end == kServer) return "somebody else speaks with the server's MAC address";
    return std::nullopt;
  }
  if (frame[kProtocolAt] == kIcmp) {
    if (narrows_path(frame)) return "a path is said to be narrower than any";
    return std::nullopt;
  }
  const auto tcp = support::parse_sent(frame);
  if (!tcp) return "a damaged frame left";
  Receivers& receivers = receivers_[end];
  if ((tcp->header.flags & wire::kTcpSyn) != 0) {
    if (!receivers.begun()) receivers.begin(tcp->header.sequence + 1);
    return std::nullopt;
  }
  const bool counts = !tcp->payload.empty() || (tcp->header.flags & wire::kTcpFin) != 0;
  auto wrong = counts ? check_headers(end, frame, *tcp) : std::nullopt;
  if (!wrong) wrong = receivers.take(*tcp);
  if (wrong) *wrong += end == kClient ? ", to the client" : ", to the server";
  return wrong;
}

std::optional<std::string> Oracle::check_ends(std::size_t end, const Bytes& stream) const {
  const TcpConfig& receiver = plan_.ends[end];
  const std::size_t window = receiver.window >> receiver.scale << receiver.scale;
  const std::size_t room = std::min<std::size_t>(receiver.mss - 12U, window);
  std::vector<std::size_t> begins = {0};
  for (const Bytes& message : split(stream).messages) {
    begins.push_back(begins.back() + message.size());
  }
  const auto fits = [&](std::size_t place) {
    const auto behind = std::upper_bound(begins.begin(), begins.end(), place);
    if (behind == begins.end() || *(behind - 1) == place) return true;
    return *behind - *(behind - 1) > room;  // inside of one that no segment takes
  };
  for (const auto& [from, length] : receivers_[end].segments()) {
    if (!fits(from) || !fits(from + length)) {
      return "a segment ends inside a message, at byte " + std::to_string(from + length);
    }
  }
  return std::nullopt;
}

std::optional<std::string> Oracle::check_segments() const {
  for (const std::size_t end : {kClient, kServer}) {
    if (const auto wrong = check_ends(end, receivers_[end].longest())) return wrong;
  }
  return std::nullopt;
}

}  // namespace bulkhead::adversary
