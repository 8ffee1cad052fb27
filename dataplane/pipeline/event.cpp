// Copies what an operator asks about a refusal out of the packet and the operation.
#include "dataplane/pipeline/event.h"

#include <algorithm>

namespace bulkhead::pipeline {

namespace {

void copy_fields(const Verdict& verdict, Event& event) {
  const protocols::Operation& operation = *verdict.operation;
  const protocols::Catalogue& catalogue = protocols::registry()[verdict.protocol]->catalogue();
  event.present = operation.present;
  std::size_t names = 0;
  for (std::size_t i = 0; i < catalogue.fields.size(); ++i) {
    event.fields[i] = operation.fields[i].range;
    if (catalogue.fields[i].kind != protocols::FieldKind::name || !operation.has(i)) continue;
    if (names == event.names.size()) {
      event.present &= ~(1U << i);
      continue;
    }
    const ByteView name = operation.fields[i].name;
    const std::size_t count = std::min(name.size(), event.names.size() - names - 1);
    event.names[names++] = static_cast<std::uint8_t>(count);
    std::copy_n(name.begin(), count, event.names.begin() + static_cast<std::ptrdiff_t>(names));
    names += count;
  }
  const protocols::Elements& elements = operation.elements;
  const std::uint8_t value = catalogue.element_value_field;
  if (elements.count == 0 || value == protocols::kNoField) return;
  Range span = Range::point(elements.at(0));
  for (std::size_t i = 1; i < elements.count; ++i) {
    span.low = std::min<std::int64_t>(span.low, elements.at(i));
    span.high = std::max<std::int64_t>(span.high, elements.at(i));
  }
  event.fields[value] = span;
  event.present |= 1U << value;
}

}  // namespace

bool has_addresses(const flow::Packet& packet) {
  return !(packet.ip.source == wire::IpAddress{} && packet.ip.destination == wire::IpAddress{});
}

void describe_verdict(const Verdict& verdict, const flow::Packet& packet, Event& event) {
  event.reason = verdict.reason;
  event.fault = verdict.fault;
  event.direction = verdict.direction;
  event.protocol = verdict.protocol;
  event.conduit = verdict.standing.conduit;
  event.rule = verdict.standing.rule;
  event.function = verdict.function;
  event.is_message = verdict.is_message;
  event.action = verdict.action;
  event.unsound = verdict.unsound;
  event.difference = verdict.difference == nullptr ? protocols::Difference{} : *verdict.difference;
  event.port = packet.port;
  event.frame = packet.frame;
  event.ethertype = packet.ethernet.ethertype;
  event.vlan = packet.ethernet.vlan;
  event.source_mac = packet.ethernet.source;
  event.destination_mac = packet.ethernet.destination;
  event.has_addresses = has_addresses(packet);
  event.source = packet.ip.source;
  event.destination = packet.ip.destination;
  event.ip_protocol = packet.ip.protocol;
  event.source_port = 0;
  event.destination_port = 0;
  if (packet.payload_offset != 0 && packet.ip.protocol == wire::kProtocolTcp) {
    event.source_port = packet.tcp.source_port;
    event.destination_port = packet.tcp.destination_port;
  } else if (packet.payload_offset != 0 && packet.ip.protocol == wire::kProtocolUdp) {
    event.source_port = packet.udp.source_port;
    event.destination_port = packet.udp.destination_port;
  }
  event.present = 0;
  if (verdict.operation != nullptr) copy_fields(verdict, event);
}

}  // namespace bulkhead::pipeline
