// A capture's clock is not followed: what was opened stays open until it is closed.
#include "controlplane/cli/opened.h"

#include <algorithm>
#include <array>
#include <utility>

namespace bulkhead::controlplane {

using protocols::Direction;
using protocols::Expectation;
using protocols::Fault;
using protocols::Party;
using protocols::RelationStep;

void Opened::end(const Relation& named, bool is_open) {
  relations_.remove_if([&](const Relation& each) {
    return each.protocol == named.protocol && each.client == named.client &&
           each.server == named.server && each.name == named.name && each.is_open == is_open;
  });
}

void Opened::keep(const Relation& relation) {
  if (relations_.size() >= kRelationsMax) relations_.pop_front();
  relations_.push_back(relation);
}

RelationStep Opened::step_of(const protocols::Protocol& protocol, const protocols::Parsed& message,
                             const protocols::MessageContext& context) {
  RelationStep step;
  const protocols::Expectations* expectations = protocol.expectations();
  const bool follows =
      expectations != nullptr && expectations->follow(message, context, step) == Fault::none;
  return follows ? step : RelationStep{};
}

void Opened::note(const protocols::Protocol& protocol, const wire::IpAddress& client,
                  const wire::IpAddress& server, const protocols::Parsed& message,
                  const RelationStep& step) {
  if (step.kind == RelationStep::Kind::none) return;
  Relation named{&protocol, client, server, step.name};
  if (step.kind == RelationStep::Kind::ask || step.asked_bytes > 0) {
    end(named, false);
    named.asked.assign(step.asked.begin(), step.asked.begin() + step.asked_bytes);
    keep(named);
  }
  if (step.kind == RelationStep::Kind::ask) return;
  const auto asked = std::find_if(relations_.begin(), relations_.end(), [&](const Relation& each) {
    return each.protocol == &protocol && each.client == client && each.server == server &&
           each.name == step.name && !each.is_open;
  });
  if (step.kind == RelationStep::Kind::open && asked != relations_.end()) {
    std::array<Expectation, protocols::kExpectationsMax> opened;
    const std::size_t count = protocol.expectations()->open(asked->asked, message, opened);
    named.is_open = true;
    named.expectations.assign(opened.begin(), opened.begin() + static_cast<std::ptrdiff_t>(count));
    end(named, true);
    keep(named);
  }
  end(named, false);
  if (step.kind == RelationStep::Kind::close) end(named, true);
}

bool Opened::Relation::covers(const CapturedPacket& packet, const Expectation& expectation) const {
  const auto is = [&](const protocols::Endpoint& endpoint, const wire::IpAddress& address) {
    if (endpoint.party == Party::client) return address == client;
    if (endpoint.party == Party::server) return address == server;
    return endpoint.address.bytes == address.bytes;
  };
  return expectation.carrier == packet.carrier && expectation.port == packet.destination_port &&
         is(expectation.from, packet.source) && is(expectation.to, packet.destination);
}

std::optional<Direction> Opened::direction_of(const protocols::Protocol& protocol,
                                              const CapturedPacket& packet) const {
  const protocols::Expectations* expectations = protocol.expectations();
  if (expectations == nullptr) return std::nullopt;
  const auto observed = expectations->observe(packet.payload, packet.carrier);
  if (!observed) return std::nullopt;
  for (const Relation& relation : relations_) {
    if (relation.protocol != &protocol) continue;
    for (const Expectation& each : relation.expectations) {
      if (each.covers == protocols::Covers::messages && each.identifier == observed->identifier &&
          relation.covers(packet, each)) {
        return each.direction;
      }
    }
  }
  return std::nullopt;
}

}  // namespace bulkhead::controlplane
