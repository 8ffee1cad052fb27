// The words of the language as the parser knows them, functions and fields from the catalogue. A
// YAML scalar is a word to the compiler whatever its YAML type: `port: 0` and `port: "0"` are
// alike.
#include "controlplane/cli/policy_schema.h"

#include <set>

#include "controlplane/policy/words.h"
#include "dataplane/policy/tables.h"
#include "dataplane/protocols/registry.h"

namespace bulkhead::controlplane {

namespace {

using protocols::Catalogue;
using protocols::FieldInfo;
using protocols::FieldKind;

constexpr const char* kNumber = "-?(0x[0-9a-fA-F]+|0|[1-9][0-9]*)";
constexpr const char* kReal = "-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE]-?[0-9]+)?";

Json definition(const std::string& name) { return {{"$ref", "#/$defs/" + name}}; }

Json described(Json schema, const std::string& text) {
  schema["description"] = text;
  return schema;
}

Json any_of(std::initializer_list<Json> schemas) { return {{"anyOf", Json::array_t(schemas)}}; }

// The text of a pattern that a whole value matches, with blanks around it.
Json matching(const std::string& pattern) {
  return {{"type", "string"}, {"pattern", "^ *(" + pattern + ") *$"}};
}

// One value, or a list of at least one.
Json one_or_more(const Json& item) {
  return any_of({item, {{"type", "array"}, {"items", item}, {"minItems", 1}}});
}

template <typename Words>
Json one_of_words(const Words& words) {
  Json list = Json::array();
  for (const auto& word : words) list.push_back(word);
  return {{"enum", std::move(list)}};
}

// LOW, LOW-HIGH or LOW..HIGH.
std::string range_pattern(const std::string& number) {
  return number + "( *(-|\\.\\.) *" + number + ")?";
}

Json whole_number(std::int64_t low, std::int64_t high) {
  return any_of({{{"type", "integer"}, {"minimum", low}, {"maximum", high}}, matching(kNumber)});
}

Json number_range(std::int64_t low, std::int64_t high) {
  return any_of({{{"type", "integer"}, {"minimum", low}, {"maximum", high}},
                 matching(range_pattern(kNumber))});
}

// A word that YAML may read as another type.
Json any_word(Json text) {
  text["type"] = "string";
  return any_of({std::move(text), {{"type", Json::array({"number", "boolean"})}}});
}

Json choice(const std::string& text, const Json& words) {
  return described(one_of_words(words), text);
}

Json object(Json properties) {
  return {
      {"type", "object"}, {"additionalProperties", false}, {"properties", std::move(properties)}};
}

// A map whose keys are names that the author chose.
Json named(const Json& each) {
  return {
      {"type", "object"}, {"propertyNames", definition("name")}, {"additionalProperties", each}};
}

Json shared_definitions() {
  Json json;
  json["name"] = any_word({{"pattern", "^[A-Za-z0-9._-]{1,64}$"}});
  json["ipv4"] = matching("[0-9]{1,3}(\\.[0-9]{1,3}){3}");
  json["address"] = any_of({definition("ipv4"), matching("[0-9a-fA-F:.]*:[0-9a-fA-F:.]*")});
  json["network"] = any_of({matching("[0-9]{1,3}(\\.[0-9]{1,3}){3}/[0-9]{1,2}"),
                            matching("[0-9a-fA-F:.]*:[0-9a-fA-F:.]*/[0-9]{1,3}")});
  json["mac"] = matching("[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}");
  json["host"] = described(any_word({{"minLength", 1}}),
                           "an asset, an address or network of the zone, or any");
  json["switch"] = one_of_words(Json::array({true, false, "true", "false"}));
  return json;
}

Json zone_schema() {
  Json json = object(
      {{"target",
        choice("security level (IEC 62443)", Json::array({"SL0", "SL1", "SL2", "SL3", "SL4"}))},
       {"port", described(whole_number(0, policy::kPortsMax - 1),
                          "port of the data plane at which the zone is")},
       {"vlan", described(any_of({whole_number(1, 4094),
                                  {{"type", "array"},
                                   {"items", whole_number(1, 4094)},
                                   {"minItems", 1},
                                   {"maxItems", 2}}}),
                          "VLAN, or [outer, inner]")},
       {"prp", described(definition("switch"), "the zone is one LAN of PRP (IEC 62439-3)")},
       {"networks", described(one_or_more(definition("network")), "ADDRESS/BITS of its hosts")}});
  json["required"] = Json::array({"port"});
  return json;
}

// Keys by which assets state the way to themselves, and what they mean.
Json route_schema() {
  Json properties;
  for (const protocols::Protocol* protocol : protocols::registry()) {
    const Catalogue& catalogue = protocol->catalogue();
    for (const FieldInfo& field : catalogue.fields) {
      for (const std::string_view key : {field.route, field.source_route}) {
        if (key.empty()) continue;
        const std::string name(key);
        std::string text = std::string(catalogue.name) + ": " + std::string(field.text);
        if (properties.contains(name)) {
          const auto known = properties[name]["description"].get<std::string>();
          if (known.find(std::string(catalogue.name) + ": ") != std::string::npos) continue;
          text = known + "; " + text;
        }
        properties[name] = described(any_word(Json::object()), text);
      }
    }
  }
  Json json = described(object(std::move(properties)), "the way to it beyond its address");
  json["minProperties"] = 1;
  return json;
}

Json asset_schema() {
  Json json = object(
      {{"zone", described(definition("name"), "zone that it is in")},
       {"address", described(one_or_more(definition("address")), "its IPv4 and IPv6 addresses")},
       {"group", described(one_or_more(any_of({definition("address"), definition("network")})),
                           "a multicast or broadcast address whose listeners are in the zone")},
       {"mac", described(definition("mac"), "its MAC address, in quotes")},
       {"behind", described(definition("name"), "the asset that forwards to it")},
       {"route", route_schema()}});
  const auto forbidden = [](std::initializer_list<const char*> keys) {
    Json properties;
    for (const char* key : keys) properties[key] = false;
    return Json{{"properties", properties}};
  };
  const auto with = [](const char* key) { return Json{{"required", Json::array({key})}}; };
  Json behind = forbidden({"zone", "address", "group", "mac"});
  behind["required"] = Json::array({"route"});
  json["if"] = with("behind");
  json["then"] = behind;
  json["else"] = {{"required", Json::array({"zone"})},
                  {"anyOf", Json::array({with("address"), with("mac"), with("group")})}};
  json["dependentSchemas"] = {{"group", forbidden({"address", "mac"})}};
  return json;
}

Json functions_schema(const Catalogue& catalogue) {
  Json names = Json::array();
  Json texts = Json::array();
  std::set<std::uint16_t> codes;
  for (const protocols::FunctionInfo& function : catalogue.functions) {
    names.push_back(function.name);
    texts.push_back(std::string(protocols::describe(function.access)) + ", code " +
                    std::to_string(function.code));
    codes.insert(function.code);
  }
  Json numbers = one_of_words(codes);
  numbers["type"] = "integer";
  const std::string number = kNumber;
  return one_or_more(any_of({{{"enum", names}, {"enumDescriptions", texts}},
                             std::move(numbers),
                             matching(number + "(/" + number + ")?")}));
}

// An integer of 63 bits or more is never negative; typed values may be.
Json integer_values(const FieldInfo& field, bool typed) {
  const std::int64_t high =
      field.width_bits >= 63 ? INT64_MAX : (std::int64_t{1} << field.width_bits) - 1;
  if (!typed) return any_of({number_range(0, high), one_of_words(Json::array({"any"}))});
  return any_of({{{"type", "number"}},
                 matching(range_pattern(kReal)),
                 matching(range_pattern(kNumber)),
                 one_of_words(Json::array({"any"}))});
}

Json values_schema(const Catalogue& catalogue, const FieldInfo& field) {
  switch (field.kind) {
    case FieldKind::name:
      return any_word({{"minLength", 1}, {"maxLength", policy::kPatternBytesMax}});
    case FieldKind::real:
      return any_of({{{"type", "number"}},
                     matching(range_pattern(kReal)),
                     one_of_words(Json::array({"any"}))});
    case FieldKind::integer:
      break;
  }
  const bool typed = catalogue.element_value_field != protocols::kNoField &&
                     &catalogue.fields[catalogue.element_value_field] == &field;
  return integer_values(field, typed);
}

Json where_schema(const Catalogue& catalogue) {
  Json properties;
  for (const FieldInfo& field : catalogue.fields) {
    std::string text(field.text);
    if (field.by_name) text += "; refused where a rule does not name it";
    properties[std::string(field.name)] =
        described(one_or_more(values_schema(catalogue, field)), text);
  }
  properties["as"] = definition("value_type");
  properties["word_order"] = definition("word_order");
  return object(std::move(properties));
}

// What a rule of the protocol has beside the keys of every rule.
Json protocol_schema(const Catalogue& catalogue) {
  std::set<std::string> transports;
  for (const protocols::DefaultPort& port : catalogue.ports) {
    transports.insert(kTransportWords[static_cast<std::size_t>(port.carrier)]);
  }
  return {{"properties",
           {{"functions", functions_schema(catalogue)},
            {"where", where_schema(catalogue)},
            {"transport", one_of_words(transports)}}},
          {"anyOf", Json::array({{{"required", Json::array({"access"})}},
                                 {{"required", Json::array({"functions"})}}})}};
}

Json rule_properties() {
  Json protocols = Json::array();
  Json titles = Json::array();
  for (const protocols::Protocol* protocol : protocols::registry()) {
    protocols.push_back(protocol->catalogue().name);
    titles.push_back(protocol->catalogue().title);
  }
  const Json hosts = one_or_more(definition("host"));
  return {
      {"protocol",
       {{"description", "an inspected protocol"},
        {"enum", std::move(protocols)},
        {"enumDescriptions", std::move(titles)}}},
      {"service",
       described(any_of({one_of_words(plain_service_names()),
                         matching("(tcp|udp|ethernet)(/" + range_pattern(kNumber) + ")?")}),
                 "what passes without being looked into: a name, tcp/PORT, udp/PORT or "
                 "ethernet/TYPE")},
      {"client", described(hosts, "who opens the sessions")},
      {"server", described(hosts, "whom they lead to")},
      {"access", described(one_or_more(one_of_words(protocols::kAccessClassNames)),
                           "access classes that the rule grants")},
      {"functions", {{"description", "functions, by name or by the standard's number"}}},
      {"where",
       {{"description", "fields of the protocol and the values that the rule grants"},
        {"type", "object"}}},
      {"as", definition("value_type")},
      {"word_order", definition("word_order")},
      {"transport", choice("if it is not the usual one", Json::array({"tcp", "udp", "ethernet"}))},
      {"port", described(one_or_more(number_range(1, 65535)), "if it is not the usual one")},
      {"rate", described(matching("[1-9][0-9]{0,5}/(s|min|h)"),
                         "how often the rule may grant, such as 5/s")},
      {"claimed", described(definition("switch"),
                            "its client behind a gateway is whom the gateway claims it to be")},
      {"essential", described(definition("switch"),
                              "it goes on to grant while containment is at level essential")},
      {"reviewed_by", described(any_word({{"minLength", 1}}),
                                "who has looked at a rule that `bulkheadctl learn` proposed")}};
}

Json rule_schema() {
  Json json = object(rule_properties());
  json["required"] = Json::array({"client", "server"});
  json["oneOf"] = Json::array(
      {{{"required", Json::array({"protocol"})}}, {{"required", Json::array({"service"})}}});
  Json parts = Json::array();
  for (const protocols::Protocol* protocol : protocols::registry()) {
    const std::string name(protocol->catalogue().name);
    parts.push_back({{"if",
                      {{"required", Json::array({"protocol"})},
                       {"properties", {{"protocol", {{"const", name}}}}}}},
                     {"then", definition("protocol_" + name)}});
  }
  Json inspected;
  for (const char* key :
       {"access", "functions", "where", "as", "word_order", "transport", "rate"}) {
    inspected[key] = false;
  }
  parts.push_back({{"if", {{"required", Json::array({"service"})}}},
                   {"then", {{"properties", std::move(inspected)}}}});
  json["allOf"] = std::move(parts);
  return json;
}

Json conduit_schema() {
  Json rules = {{"type", Json::array({"array", "null"})},
                {"items", definition("rule")},
                {"maxItems", policy::kRulesMax},
                {"description", "rules; everything that none of them grants is refused"}};
  Json json = object(
      {{"from", described(definition("name"), "zone whose hosts open sessions")},
       {"to", described(definition("name"), "zone that they lead to")},
       {"mode", choice("observe: everything passes, and what would be refused is reported",
                       Json::array({"enforce", "observe"}))},
       {"until",
        described(matching("[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2})?)?Z?"),
                  "end of mode: observe, a day or time in UTC, at most 90 days ahead")},
       {"ends_between",
        described(matching("[0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}"),
                  "hours of that day, UTC, in which the appliance commits the conduit enforcing")},
       {"confirm", described(matching("[0-9]+[smhd]"),
                             "how long that commit awaits confirmation, such as 30m")},
       {"on_deny", choice("what becomes of the rest; reject: the protocol's own refusal",
                          Json::array({"drop", "reset", "reject"}))},
       {"on_stray_answer", choice("what an answer that does not fit costs: itself or its session",
                                  Json::array({"drop", "reset"}))},
       {"fragments", choice("fragmented packets", Json::array({"drop", "reassemble"}))},
       {"midstream", choice("sessions that were open before the firewall began",
                            Json::array({"refuse", "resume"}))},
       {"fail", choice("sessions that cannot be judged after a takeover or a start",
                       Json::array({"closed", "open"}))},
       {"link", choice("whether a port without carrier takes the other's away",
                       Json::array({"alone", "follow"}))},
       {"allow", std::move(rules)}});
  json["required"] = Json::array({"from", "to"});
  json["if"] = {{"required", Json::array({"mode"})},
                {"properties", {{"mode", {{"const", "observe"}}}}}};
  json["then"] = {{"required", Json::array({"until"})}};
  json["else"] = {{"properties", {{"until", false}, {"ends_between", false}, {"confirm", false}}}};
  return json;
}

// What a policy may cost while it awaits confirmation.
Json health_schema() {
  Json json = object(
      {{"sessions_lost", described(matching("[1-9][0-9]?%"), "share of sessions, such as 20%")},
       {"refusals", described(matching("[1-9][0-9]*/(s|min|h)"), "refusals, such as 100/s")}});
  json["minProperties"] = 1;
  return json;
}

Json containment_schema() {
  return object({{"release", described(definition("name"), "the one role that may release it")}});
}

Json definitions() {
  Json json = shared_definitions();
  json["value_type"] = choice("type in which registers are read",
                              Json::array({"int16", "uint32", "int32", "float32"}));
  json["word_order"] =
      choice("which register of two holds the high word", Json::array({"big", "little"}));
  json["zone"] = zone_schema();
  json["asset"] = asset_schema();
  for (const protocols::Protocol* protocol : protocols::registry()) {
    const Catalogue& catalogue = protocol->catalogue();
    json["protocol_" + std::string(catalogue.name)] = protocol_schema(catalogue);
  }
  json["rule"] = rule_schema();
  json["conduit"] = conduit_schema();
  return json;
}

}  // namespace

Json policy_schema() {
  Json json = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
               {"title", "Bulkhead policy"},
               {"description", "Policy of a Bulkhead firewall, release " BULKHEAD_VERSION}};
  json.update(object(
      {{"bulkhead", described({{"const", "v1"}}, "version of the language")},
       {"site", described(definition("name"), "the site that it is for")},
       {"written_for", choice("release whose access classes the author has read",
                              Json::array({0.1, 0.2, "0.1", "0.2"}))},
       {"health", described(health_schema(), "what it may cost while it awaits confirmation")},
       {"containment", described(containment_schema(), "who ends a containment")},
       {"zones", described(named(definition("zone")), "networks on either side")},
       {"assets", described(named(definition("asset")), "names for hosts")},
       {"conduits", described(named(definition("conduit")), "what passes between two zones")}}));
  json["required"] = Json::array({"bulkhead", "site"});
  json["$defs"] = definitions();
  return json;
}

}  // namespace bulkhead::controlplane
