// Copies what an operator asks about a refusal out of the packet and the operation.
#include "dataplane/pipeline/event.h"

#include <algorithm>

#include "dataplane/wire/llc.h"

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

// Whether messages of the class may be kept. What logs in, and what needs a password, is of
// another.
bool carries_no_password(protocols::AccessClass access) {
  using protocols::AccessClass;
  switch (access) {
    case AccessClass::discover:
    case AccessClass::read:
    case AccessClass::publish:
    case AccessClass::write:
    case AccessClass::operate:
    case AccessClass::diagnose:
      return true;
    default:
      return false;
  }
}

// A message that did not parse is of none of the functions, or of all that have its code; what is
// no message of the protocol may be anything.
bool may_keep(const Verdict& verdict) {
  if (verdict.fault == protocols::Fault::not_this_protocol) return false;
  const protocols::Protocol& protocol = *protocols::registry()[verdict.protocol];
  const auto functions = protocol.catalogue().functions;
  if (verdict.function < functions.size()) {
    return carries_no_password(functions[verdict.function].access);
  }
  const auto code = protocol.claimed_code(verdict.message);
  bool known = false;
  for (const protocols::FunctionInfo& function : functions) {
    if (!code || function.code != *code) continue;
    if (!carries_no_password(function.access)) return false;
    known = true;
  }
  return known;
}

void copy_message(const Verdict& verdict, Event& event) {
  event.message_length = 0;
  event.message_count = 0;
  if (!verdict.is_message || verdict.protocol == protocols::kNoProtocol) return;
  if (verdict.message.empty() || !may_keep(verdict)) return;
  const std::size_t count = std::min(verdict.message.size(), event.message.size());
  event.message_length =
      std::max(verdict.bytes, static_cast<std::uint32_t>(verdict.message.size()));
  event.message_count = static_cast<std::uint16_t>(count);
  std::copy_n(verdict.message.begin(), count, event.message.begin());
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
  event.observed = verdict.observed;
  event.action = verdict.action;
  event.unsound = verdict.unsound;
  event.difference = verdict.difference == nullptr ? protocols::Difference{} : *verdict.difference;
  event.port = packet.port;
  event.frame = packet.frame;
  event.ethertype = packet.ethernet.ethertype;
  // A smaller one is a length: the frame is for a service access point.
  if (event.ethertype < wire::kEtherTypeMin && packet.ip.source.is_mac()) {
    event.ethertype = packet.key.low_port;
  }
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
  copy_message(verdict, event);
}

}  // namespace bulkhead::pipeline
