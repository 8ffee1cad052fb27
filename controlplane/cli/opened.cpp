// Notes what forward opens of a capture opened, and who.
#include "controlplane/cli/opened.h"

#include "dataplane/protocols/related.h"

namespace bulkhead::controlplane {

using protocols::Direction;
using protocols::Fault;
using protocols::RelatedTraffic;

namespace {

// A capture's clock is not followed: what was opened stays open.
constexpr std::uint32_t kNowMs = 0;

// Too much or too often is of a connection too.
bool covers(const RelatedTraffic& related, std::vector<std::byte>& block, ByteView message,
            Direction direction, std::uint32_t group) {
  return related.admit(block, message, direction, group, kNowMs) != Fault::not_started;
}

}  // namespace

void Opened::note(const protocols::Protocol& protocol, const wire::IpAddress& client,
                  const wire::IpAddress& server, ByteView message, Direction direction) {
  const RelatedTraffic* related = protocol.related();
  if (related == nullptr || !related->concerns(message, direction)) return;
  Block& block = blocks_[{&protocol, client, server}];
  block.resize(related->bytes());
  related->note(block, message, direction, kNowMs);
}

std::optional<Direction> Opened::direction_of(const protocols::Protocol& protocol,
                                              const CapturedPacket& packet) {
  const RelatedTraffic* related = protocol.related();
  if (related == nullptr || packet.destination_port != related->port()) return std::nullopt;
  const bool to_many = packet.destination.is_multicast();
  const std::uint32_t group = to_many ? packet.destination.v4_number() : RelatedTraffic::kOneHost;
  for (auto& [hosts, block] : blocks_) {
    const auto& [opened_by, client, server] = hosts;
    if (opened_by != &protocol) continue;
    const bool out = packet.source == client && packet.destination == server;
    const bool back = packet.source == server && (to_many || packet.destination == client);
    if (out && covers(*related, block, packet.payload, Direction::request, group)) {
      return Direction::request;
    }
    if (back && covers(*related, block, packet.payload, Direction::response, group)) {
      return Direction::response;
    }
  }
  return std::nullopt;
}

}  // namespace bulkhead::controlplane
