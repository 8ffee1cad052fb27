// Looks names up in tables and catalogues, bounds checked throughout.
#include "dataplane/service/naming.h"

#include <algorithm>

#include "dataplane/policy/classifier.h"
#include "dataplane/wire/text.h"

namespace bulkhead::service {

namespace {

std::string conduit_name(const policy::Tables& tables, std::uint16_t conduit) {
  return conduit < tables.conduits.size() ? tables.conduits[conduit].name : std::string();
}

const protocols::Catalogue* catalogue_of(std::uint8_t protocol) {
  const auto modules = protocols::registry();
  return protocol < modules.size() ? &modules[protocol]->catalogue() : nullptr;
}

std::string function_name(std::uint8_t protocol, std::uint16_t function) {
  const protocols::Catalogue* catalogue = catalogue_of(protocol);
  if (catalogue == nullptr || function >= catalogue->functions.size()) return {};
  return std::string(catalogue->functions[function].name);
}

std::string protocol_name(std::uint8_t protocol) {
  const protocols::Catalogue* catalogue = catalogue_of(protocol);
  return catalogue == nullptr ? std::string() : std::string(catalogue->name);
}

std::string fault_name(protocols::Fault fault) {
  if (fault == protocols::Fault::none) return {};
  return std::string(protocols::describe(fault).name);
}

const char* transport_name(policy::Transport transport) {
  constexpr const char* kNames[] = {"tcp", "udp", "icmp", "ethernet"};
  return kNames[static_cast<std::size_t>(transport)];
}

const char* state_name(const flow::Flow& flow) {
  if (flow.refused) return "refused";
  if (flow.unjudged) return "unjudged";
  if (flow.transport != policy::Transport::tcp) return "open";
  constexpr const char* kNames[] = {"new",         "resuming", "syn_sent", "syn_received",
                                    "established", "closing",  "closed"};
  const bool closing = flow.sides[0].fin_released || flow.sides[1].fin_released;
  if (closing && flow.phase == flow::TcpPhase::established) return "closing";
  return kNames[static_cast<std::size_t>(flow.phase)];
}

void name_fields(const protocols::Catalogue& catalogue, const pipeline::Event& event,
                 v1::Event& out) {
  std::size_t names = 0;
  for (std::size_t i = 0; i < catalogue.fields.size(); ++i) {
    if ((event.present >> i & 1U) == 0) continue;
    v1::FieldSpan* field = out.add_fields();
    field->set_name(std::string(catalogue.fields[i].name));
    const Range& range = event.fields[i];
    switch (catalogue.fields[i].kind) {
      case protocols::FieldKind::integer:
        field->set_low(range.low);
        field->set_high(range.high);
        break;
      case protocols::FieldKind::real:
        field->set_kind(v1::FIELD_KIND_REAL);
        field->set_real_low(float64_from_order(range.low));
        field->set_real_high(float64_from_order(range.high));
        break;
      case protocols::FieldKind::name: {
        const std::size_t count =
            std::min<std::size_t>(event.names[names], event.names.size() - names - 1);
        field->set_kind(v1::FIELD_KIND_NAME);
        field->set_text(event.names.data() + names + 1, count);
        names = std::min(names + 1 + count, event.names.size() - 1);
        break;
      }
    }
  }
}

// Zones of a refused frame, by its port and addresses; that of an unroutable destination is the one
// at the conduit's other end.
void name_zones(const policy::Tables& tables, const pipeline::Event& event, v1::Event& out) {
  const auto name = [&tables](std::uint16_t zone) {
    return zone < tables.zones.size() ? tables.zones[zone].name : std::string();
  };
  if (tables.zones.empty()) return;
  const std::uint16_t from =
      policy::find_source_zone(tables, event.port, event.vlan, event.source).zone;
  out.set_source_zone(name(from));
  if (event.has_addresses) {
    out.set_destination_zone(name(policy::find_destination_zone(tables, from, event.destination)));
  } else if (event.conduit < tables.conduits.size()) {
    const policy::Conduit& conduit = tables.conduits[event.conduit];
    out.set_destination_zone(name(conduit.from == from ? conduit.to : conduit.from));
  }
}

void name_count(const pipeline::Event& event, v1::Event& out) {
  out.set_count(event.count);
  if (event.count > 1) out.set_last_wall_time_ns(event.last_wall_ns);
}

void name_message(const pipeline::Event& event, v1::Event& out) {
  if (event.message_count == 0) return;
  v1::RefusedMessage& message = *out.mutable_message();
  message.set_length(event.message_length);
  message.set_bytes(event.message.data(),
                    std::min<std::size_t>(event.message_count, event.message.size()));
}

// Who sent it to whom, where.
void name_hosts(const policy::Tables& tables, const pipeline::Event& event, v1::Event& out) {
  if (event.has_addresses) {
    out.set_source(wire::to_text(event.source, event.source_port));
    out.set_destination(wire::to_text(event.destination, event.destination_port));
    out.set_transport(
        event.ethertype == wire::kEtherTypeArp ? "arp" : wire::protocol_name(event.ip_protocol));
  }
  if (!event.has_addresses || event.source.is_mac()) out.set_ethertype(event.ethertype);
  out.set_source_mac(wire::to_text(event.source_mac));
  out.set_destination_mac(wire::to_text(event.destination_mac));
  out.set_vlan(event.vlan.outer);
  name_zones(tables, event, out);
}

const char* verdict_name(Reason reason, bool observed) {
  if (reason == Reason::not_judged) return "not_judged";
  if (is_allowed(reason)) return "allow";
  return observed ? "would_deny" : "deny";
}

}  // namespace

v1::Counter name_counter(const policy::Tables& tables, const pipeline::CounterKey& key) {
  v1::Counter row;
  row.set_conduit(conduit_name(tables, key.conduit));
  row.set_rule(key.rule);
  row.set_protocol(protocol_name(key.protocol));
  row.set_function(function_name(key.protocol, key.function));
  row.set_verdict(verdict_name(key.reason, key.observed));
  row.set_reason(std::string(describe(key.reason).name));
  row.set_fault(fault_name(key.fault));
  return row;
}

v1::Event name_event(const policy::Tables& tables, const pipeline::Event& event) {
  v1::Event out;
  out.set_wall_time_ns(event.wall_ns);
  out.set_kind(verdict_name(event.reason, event.observed));
  out.set_reason(std::string(describe(event.reason).name));
  out.set_port(event.port);
  name_count(event, out);
  if (event.is_rest) return out;
  out.set_conduit(conduit_name(tables, event.conduit));
  out.set_rule(event.rule);
  out.set_fault(fault_name(event.fault));
  if (!is_allowed(event.reason)) {
    out.set_action(std::string(pipeline::action_name(event.action)));
    const auto unsound = static_cast<std::size_t>(event.unsound);
    if (unsound != 0) out.set_fallback(std::string(pipeline::kUnsound[unsound].name));
    if (!event.difference.what.empty()) {
      v1::NumberDifference* difference = out.mutable_difference();
      difference->set_what(std::string(event.difference.what));
      difference->set_expected(event.difference.asked);
      difference->set_received(event.difference.answered);
    }
  }
  out.set_protocol(protocol_name(event.protocol));
  out.set_function(function_name(event.protocol, event.function));
  if (event.is_message) out.set_direction(std::string(protocols::describe(event.direction)));
  if (const protocols::Catalogue* catalogue = catalogue_of(event.protocol)) {
    name_fields(*catalogue, event, out);
  }
  name_message(event, out);
  name_hosts(tables, event, out);
  out.set_policy_generation(event.generation);
  out.set_policy_sha256(tables.digest);
  return out;
}

v1::Flow name_flow(const policy::Tables& tables, const flow::Flow& flow, TimeNs now_ns) {
  v1::Flow out;
  out.set_client(wire::to_text(flow.client(), flow.client_port()));
  out.set_server(wire::to_text(flow.server(), flow.server_port()));
  out.set_transport(transport_name(flow.transport));
  out.set_conduit(conduit_name(tables, flow.standing.conduit));
  out.set_rule(flow.standing.rule);
  out.set_protocol(protocol_name(flow.protocol));
  out.set_state(state_name(flow));
  out.set_packets_from_client(flow.packets[flow::kClient]);
  out.set_packets_from_server(flow.packets[flow::kServer]);
  out.set_bytes_from_client(flow.bytes[flow::kClient]);
  out.set_bytes_from_server(flow.bytes[flow::kServer]);
  out.set_age_ms((now_ns - flow.created_ns) / kMillisecondNs);
  out.set_idle_ms((now_ns - flow.last_seen_ns) / kMillisecondNs);
  return out;
}

}  // namespace bulkhead::service
