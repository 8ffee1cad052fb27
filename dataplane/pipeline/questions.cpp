// Questions to many: BACnet's Who-Is, EtherNet/IP's ListIdentity. The hosts that they concern may
// answer the one that asked, at the port that it asked from, for a few seconds, without a rule of
// its own (135, 16.10; CIP volume 2, 2-4.2: within 2 s). An entry of the flow table holds the
// question.
#include <algorithm>
#include <cstring>
#include <span>

#include "dataplane/pipeline/admission.h"
#include "dataplane/pipeline/judge.h"
#include "dataplane/pipeline/places.h"

namespace bulkhead::pipeline {

namespace {

using flow::Flow;
using flow::Packet;

constexpr std::uint32_t kAsked = 5;  // FlowKey::opened_by
constexpr TimeNs kAnsweredForNs = 5 * kSecondNs;

// The block of an entry holds the question's length and the question.
bool keep(std::span<std::byte> block, ByteView question) {
  if (question.size() >= block.size() || question.size() > UINT8_MAX) return false;
  block[0] = static_cast<std::byte>(question.size());
  std::memcpy(block.data() + 1, question.data(), question.size());
  return true;
}

ByteView kept(std::span<const std::byte> block) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(block.data());
  return {bytes + 1, std::min<std::size_t>(bytes[0], block.size() - 1)};
}

// A group has no address of its own: each answer comes from its sender's.
flow::OrderedKey key_for(const Packet& packet, const wire::IpAddress& client,
                         std::uint16_t client_port, std::uint16_t server_port) {
  flow::OrderedKey ordered =
      flow::make_key(client, client_port, wire::IpAddress{}, server_port, wire::kProtocolUdp,
                     {packet.key.vlan_outer, packet.key.vlan_inner});
  ordered.key.opened_by = kAsked;
  return ordered;
}

std::uint16_t source_port(const Packet& packet) {
  return packet.source_is_low ? packet.key.low_port : packet.key.high_port;
}

std::uint16_t destination_port(const Packet& packet) {
  return packet.source_is_low ? packet.key.high_port : packet.key.low_port;
}

}  // namespace

void note_question(Context& context, const Packet& packet, ByteView message) {
  const Flow& asked = *packet.flow;
  const protocols::QuestionsToMany* questions = context.module_of(asked).questions;
  if (questions == nullptr || asked.transport != policy::Transport::udp || !packet.from_client ||
      !packet.ethernet.destination.is_group() || !questions->asks_many(message)) {
    return;
  }
  const flow::OrderedKey ordered =
      key_for(packet, packet.ip.source, source_port(packet), destination_port(packet));
  Flow* entry = context.flows.find(ordered.key);
  if (entry == nullptr) {
    entry = insert_for_owner(context, ordered.key, sender_as_owner(context, packet), &asked);
  }
  if (entry == nullptr) return;  // nobody answers, as where a group does not reach anyone
  entry->client_is_low = ordered.source_is_low;
  entry->transport = asked.transport;
  entry->protocol = asked.protocol;
  entry->standing = asked.standing;
  entry->on_deny = policy::OnDeny::drop;
  entry->ports = asked.ports;
  entry->created_ns = context.now_ns;
  entry->last_seen_ns = context.now_ns;
  entry->expires_ns = context.now_ns + kAnsweredForNs;
  if (!keep(context.flows.session(*entry), message)) return forget(context, *entry);
  context.flows.touch(*entry);
}

Flow* find_question(Context& context, const Packet& packet, std::uint16_t source_zone) {
  if (packet.ip.protocol != wire::kProtocolUdp || packet.ip.destination.is_multicast()) {
    return nullptr;
  }
  const flow::OrderedKey ordered =
      key_for(packet, packet.ip.destination, destination_port(packet), source_port(packet));
  Flow* entry = context.flows.find(ordered.key);
  // After a change of policy nobody knows whether the question would have been granted.
  if (entry == nullptr || entry->expires_ns <= context.now_ns ||
      entry->standing.generation != context.image.generation) {
    return nullptr;
  }
  return context.tables().conduits[entry->standing.conduit].to == source_zone ? entry : nullptr;
}

bool is_question(const Flow& flow) { return flow.key.opened_by == kAsked; }

Verdict judge_answer_to_many(Context& context, Packet& packet) {
  Flow& entry = *packet.flow;
  const protocols::Protocol& protocol = context.protocol_of(entry);
  const ByteView message = packet.payload();
  const protocols::MessageContext way{protocols::Direction::response, protocols::Carrier::udp};
  Verdict verdict = refused_message(packet, Reason::protocol_fault, protocols::Fault::none);
  const protocols::Frame frame = protocols::frame_in_datagram(protocol, message, way);
  verdict.fault = frame.fault;
  if (verdict.fault == protocols::Fault::none && frame.length != message.size()) {
    verdict.fault = protocols::Fault::trailing_bytes;
  }
  protocols::Parsed answer(message, way.direction);
  if (verdict.fault == protocols::Fault::none) {
    verdict.fault = protocol.parse(answer, way, context.operations);
  }
  if (verdict.fault != protocols::Fault::none) return verdict;
  if (context.operations.size() > 0) {
    verdict.operation = context.operations.begin();
    verdict.function = verdict.operation->function;
  }
  const protocols::QuestionsToMany& questions = *context.module_of(entry).questions;
  if (questions.answers_many(kept(context.flows.session(entry)), answer)) {
    verdict.reason = Reason::answers_request;
  } else {
    verdict.fault = protocols::Fault::unrequested_response;
  }
  return verdict;
}

}  // namespace bulkhead::pipeline
