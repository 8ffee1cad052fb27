// In the order of event_keys().
#include "controlplane/telemetry/event_json.h"

#include <algorithm>

#include "controlplane/telemetry/event_schema.h"
#include "dataplane/base/iso_time.h"

namespace bulkhead::controlplane {

namespace {

class Object {
 public:
  void text(const char* key, const std::string& value) {
    if (!value.empty()) json[key] = json_text(value);
  }
  void number(const char* key, std::uint64_t value) {
    if (value != 0) json[key] = value;
  }

  Json json = Json::object();
};

void add_decision(const v1::Event& event, Object& object) {
  object.text("reason", event.reason());
  object.text("fault", event.fault());
  object.text("action", event.action());
  object.text("fallback", event.fallback());
  if (event.has_difference()) {
    const v1::NumberDifference& numbers = event.difference();
    object.json["difference"] = {{"what", json_text(numbers.what())},
                                 {"expected", numbers.expected()},
                                 {"received", numbers.received()}};
  }
  if (!event.reason().empty()) object.json["count"] = std::max<std::uint64_t>(event.count(), 1);
  if (event.last_wall_time_ns() != 0) {
    object.json["last_time"] = iso_time(event.last_wall_time_ns());
  }
}

void add_operation(const v1::Event& event, Object& object) {
  object.text("conduit", event.conduit());
  object.number("rule", event.rule());
  object.text("protocol", event.protocol());
  object.text("function", event.function());
  object.text("direction", event.direction());
  for (const v1::FieldSpan& field : event.fields()) {
    object.json["fields"][json_text(field.name())] = span_json(field);
  }
}

void add_hosts(const v1::Event& event, Object& object) {
  object.text("transport", event.transport());
  object.number("ethertype", event.ethertype());
  object.text("source", event.source());
  object.text("source_zone", event.source_zone());
  object.text("source_mac", event.source_mac());
  object.text("destination", event.destination());
  object.text("destination_zone", event.destination_zone());
  object.text("destination_mac", event.destination_mac());
  if (event.reason().empty()) return;
  object.json["port"] = event.port();
  object.number("vlan", event.vlan());
  object.json["policy_generation"] = event.policy_generation();
  object.text("policy_sha256", event.policy_sha256());
}

}  // namespace

Json span_json(const v1::FieldSpan& field) {
  if (field.kind() == v1::FIELD_KIND_NAME) return json_text(field.text());
  if (field.kind() == v1::FIELD_KIND_REAL) {
    return {real_json(field.real_low()), real_json(field.real_high())};
  }
  return {field.low(), field.high()};
}

Json event_json(const v1::Event& event) {
  Object object;
  object.json["number"] = event.number();
  object.json["time"] = iso_time(event.wall_time_ns());
  object.json["kind"] = json_text(event.kind());
  object.json["severity"] = json_text(severity_of(event));
  object.text("appliance", event.appliance());
  object.text("role", event.role());
  object.text("text", event.text());
  object.number("missed", event.missed());
  object.text("alarm", event.alarm());
  if (event.cleared()) object.json["cleared"] = true;
  add_decision(event, object);
  add_operation(event, object);
  add_hosts(event, object);
  return object.json;
}

}  // namespace bulkhead::controlplane
