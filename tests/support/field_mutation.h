// Every field decides alone: a grant on what a message has of the field lets it through, the same
// grant on anything else does not.
#pragma once

#include "dataplane/policy/classifier.h"
#include "dataplane/policy/matcher.h"
#include "tests/support/protocol_rows.h"

namespace bulkhead::support {

// What the policy says of one field, and of nothing else.
inline Reason judge_by_field(std::uint8_t protocol, const protocols::Operation& operation,
                             policy::Constraint constraint) {
  const protocols::Catalogue& catalogue = protocols::registry()[protocol]->catalogue();
  const policy::Transport transport = policy::transport_over(catalogue.ports.front().carrier);
  const std::uint8_t hosts[2][6] = {{10, 0, 0, 1, 0, 1}, {10, 1, 0, 1, 0, 1}};
  const auto address = [transport](const std::uint8_t* host) {
    return transport == policy::Transport::ethernet
               ? wire::IpAddress::from_mac(wire::Mac::from(host))
               : wire::IpAddress::from_v4(host);
  };
  const wire::IpAddress client = address(hosts[0]);
  const wire::IpAddress server = address(hosts[1]);
  policy::Tables tables;
  tables.site = "one-field";
  tables.zones.push_back({"from", 0, {}, {{client, 128}}});
  tables.zones.push_back({"to", 1, {}, {{server, 128}}});
  policy::Conduit& conduit = tables.conduits.emplace_back();
  conduit.name = "one";
  conduit.to = 1;
  policy::Rule& rule = conduit.rules.emplace_back();
  rule.clients = {{client, 128}};
  rule.servers = {{server, 128}};
  rule.ports = {{1, 1}};
  rule.protocol = protocol;
  rule.transport = transport;
  rule.functions.set(operation.function);
  // What leads beyond the host has to be named, whatever else decides.
  for (std::uint8_t field = 0; field < catalogue.fields.size(); ++field) {
    const bool named = catalogue.fields[field].by_name && operation.has(field);
    if (!named || field == constraint.field) continue;
    policy::Constraint any{field};
    if (catalogue.fields[field].kind == protocols::FieldKind::name) {
      any.patterns = {"*"};
    } else {
      any.ranges = {operation.fields[field].range};
    }
    rule.constraints.push_back(std::move(any));
  }
  // A limit on a placed value names its type, and where it begins.
  const protocols::PlacedValues* placed = catalogue.placed_values;
  if (placed != nullptr && constraint.field == placed->value) {
    for (const std::uint8_t field : {placed->type, placed->address}) {
      rule.constraints.push_back({field, {operation.fields[field].range}, {}});
    }
  }
  rule.constraints.push_back(std::move(constraint));
  EXPECT_EQ(policy::validate(tables), std::nullopt);
  policy::finish(tables);
  const policy::RuleCell cell = tables.conduits[0].index.locate({client, server, 1, transport});
  return policy::judge(tables.conduits[0], cell, protocol, operation, 0).reason;
}

// The values of a field in the operation: of elements, all of theirs.
inline Range values_of(const protocols::Catalogue& catalogue, const protocols::Operation& operation,
                       std::uint8_t field) {
  const protocols::Elements& elements = operation.elements;
  if (elements.count == 0 ||
      (field != catalogue.element_address_field && field != catalogue.element_value_field)) {
    return operation.fields[field].range;
  }
  if (field == catalogue.element_address_field) {
    return {elements.first, elements.first + elements.count - 1};
  }
  Range all = Range::point(elements.at(0));
  for (std::size_t i = 1; i < elements.count; ++i) {
    all.low = std::min<std::int64_t>(all.low, elements.at(i));
    all.high = std::max<std::int64_t>(all.high, elements.at(i));
  }
  return all;
}

inline void expect_field_decides(std::uint8_t protocol, const protocols::Catalogue& catalogue,
                                 const protocols::Operation& operation, std::uint8_t field) {
  const std::string what = std::string(catalogue.functions[operation.function].name) + " by " +
                           std::string(catalogue.fields[field].name);
  policy::Constraint right{field};
  policy::Constraint wrong{field};
  if (catalogue.fields[field].kind == protocols::FieldKind::name) {
    const ByteView bytes = operation.fields[field].name;
    const std::string name(bytes.begin(), bytes.end());
    if (name.empty() || name.size() >= policy::kPatternBytesMax) return;
    right.patterns = {name};
    wrong.patterns = {"not " + name};
  } else {
    const Range values = values_of(catalogue, operation, field);
    right.ranges = {values};
    // Next to it, on the side where there is room.
    const auto width = catalogue.fields[field].width_bits;
    const bool real = catalogue.fields[field].kind == protocols::FieldKind::real;
    const std::int64_t most = real || width >= 63 ? INT64_MAX - 1 : (std::int64_t{1} << width) - 1;
    if (values.high < most) {
      wrong.ranges = {Range::point(values.high + 1)};
    } else if (values.low > (real ? -INT64_MAX : 0)) {
      wrong.ranges = {Range::point(values.low - 1)};
    } else {
      wrong.ranges = {{values.low + 1, values.high}};  // all but one
    }
  }
  EXPECT_EQ(judge_by_field(protocol, operation, right), Reason::granted) << what;
  EXPECT_EQ(judge_by_field(protocol, operation, wrong), Reason::values_not_granted) << what;
}

// For every field that policy judges of some function there is an operation that it decides.
inline void expect_fields_decide(const protocols::Protocol& module, const std::vector<Row>& rows) {
  const auto protocol = *protocols::find_protocol(module.catalogue().name);
  const auto operations = std::make_unique<protocols::OperationList>();
  std::uint32_t judged = 0;
  std::uint32_t decided = 0;
  for (const protocols::FunctionInfo& function : module.catalogue().functions) {
    judged |= function.fields;
  }
  for (const Row& row : rows) {
    const protocols::Fault fault =
        protocols::parse_operations(module, row.message, row.context(), *operations);
    if (fault != protocols::Fault::none) continue;
    for (const protocols::Operation& operation : *operations) {
      const std::uint32_t fields = module.catalogue().functions[operation.function].fields;
      for (std::uint8_t field = 0; field < module.catalogue().fields.size(); ++field) {
        const bool of_elements =
            operation.elements.count > 0 && field == module.catalogue().element_value_field;
        if ((fields >> field & 1) == 0 || !(operation.has(field) || of_elements)) continue;
        expect_field_decides(protocol, module.catalogue(), operation, field);
        decided |= 1U << field;
      }
    }
  }
  for (std::size_t field = 0; field < module.catalogue().fields.size(); ++field) {
    EXPECT_EQ(judged >> field & 1, decided >> field & 1)
        << "no row has the field " << module.catalogue().fields[field].name;
  }
}

}  // namespace bulkhead::support
