// Each test of the matcher once more, one after the other, with what it was asked and what it has.
#include "controlplane/learn/nearest.h"

#include <algorithm>
#include <map>

#include "controlplane/learn/words.h"
#include "dataplane/base/printable.h"
#include "dataplane/policy/values.h"

namespace bulkhead::learn {

namespace {

using policy::Constraint;
using policy::Rule;
using protocols::Catalogue;
using protocols::FieldInfo;
using protocols::FieldKind;
using protocols::kNoField;
using protocols::Operation;

std::string protocol_text(std::uint8_t protocol) {
  return protocol == protocols::kNoProtocol
             ? std::string("a plain service")
             : std::string(protocols::registry()[protocol]->catalogue().name);
}

std::string value_text(const Operation& operation, std::size_t index, const FieldInfo& field) {
  const protocols::FieldValue& value = operation.fields[index];
  if (field.kind != FieldKind::name) return range_text(value.range, field);
  return "\"" + printable({reinterpret_cast<const char*>(value.name.data()), value.name.size()}) +
         "\"";
}

std::string ranges_text(const Values& values, const FieldInfo& field) {
  std::vector<std::string> words;
  for (const Range& range : values.ranges) words.push_back(range_text(range, field));
  return values.any ? "many values" : words_for_people(words);
}

class RuleTest {
 public:
  RuleTest(const Rule& rule, const Asked& asked) : rule_(rule), asked_(asked) {}

  std::vector<Failure> run() {
    test_session();
    // A session whose first message is not known yet may be of any protocol.
    const bool any = asked_.protocol == protocols::kNoProtocol;
    if (any) return std::move(failures_);
    if (asked_.protocol != rule_.protocol) {
      fail("protocol", protocol_text(asked_.protocol), protocol_text(rule_.protocol));
    } else if (asked_.operation != nullptr) {
      test_operation(*asked_.operation);
    }
    return std::move(failures_);
  }

 private:
  void fail(std::string what, std::string given, std::string granted) {
    failures_.push_back({std::move(what), std::move(given), std::move(granted)});
  }

  static bool in(const std::vector<wire::Prefix>& hosts, const wire::IpAddress& host) {
    return std::any_of(hosts.begin(), hosts.end(),
                       [&](const wire::Prefix& each) { return each.contains(host); });
  }

  void test_session() {
    const Session& session = asked_.session;
    if (!in(rule_.clients, session.client)) {
      fail("client", address_words(session.client), hosts_words(rule_.clients));
    }
    if (!in(rule_.servers, session.server)) {
      fail("server", address_words(session.server), hosts_words(rule_.servers));
    }
    const bool of_port =
        std::any_of(rule_.ports.begin(), rule_.ports.end(),
                    [&](const policy::PortRange& range) { return range.contains(session.port); });
    const bool icmp = rule_.transport == policy::Transport::icmp;
    if (rule_.transport == session.transport && (icmp || of_port)) return;
    std::vector<policy::PortRange> own;
    if (session.transport != policy::Transport::icmp) own = {{session.port, session.port}};
    fail("port", service_words(session.transport, own),
         service_words(rule_.transport, rule_.ports));
  }

  void test_operation(const Operation& operation) {
    const Catalogue& catalogue = protocols::registry()[rule_.protocol]->catalogue();
    if (!rule_.functions.test(operation.function)) {
      fail("function", std::string(catalogue.functions[operation.function].name),
           functions_text(catalogue));
    }
    for (std::size_t i = 0; i < catalogue.fields.size(); ++i) {
      const bool unnamed = (operation.present & rule_.unnamed & (1U << i)) != 0;
      if (unnamed) {
        fail(std::string(catalogue.fields[i].name), value_text(operation, i, catalogue.fields[i]),
             "none: such a message needs a rule that names it");
      }
    }
    const std::size_t before = failures_.size();
    for (const Constraint& constraint : rule_.constraints) {
      if (!is_of_elements(operation, catalogue, constraint.field)) {
        test_field(operation, catalogue, constraint);
      }
    }
    if (operation.elements.count > 0) {
      test_elements(operation, catalogue);
    } else if (failures_.size() == before && lacks_element(operation, catalogue)) {
      const Constraint& value = *policy::find_constraint(rule_, value_field(catalogue));
      fail(std::string(catalogue.fields[value.field].name), "no value of the rule's type",
           granted_words(rule_, value, catalogue));
    }
  }

  static std::uint8_t value_field(const Catalogue& catalogue) {
    return catalogue.placed_values != nullptr ? catalogue.placed_values->value
                                              : catalogue.element_value_field;
  }

  // Of a rule that limits values of a type: the operation has none of that type, or not where such
  // values stand.
  bool lacks_element(const Operation& operation, const Catalogue& catalogue) const {
    if (value_field(catalogue) == kNoField ||
        policy::find_constraint(rule_, value_field(catalogue)) == nullptr) {
      return false;
    }
    return !policy::names_element(rule_, catalogue, operation) ||
           rule_.value_type != policy::ValueType::plain;
  }

  static bool is_of_elements(const Operation& operation, const Catalogue& catalogue,
                             std::uint8_t field) {
    return operation.elements.count > 0 &&
           (field == catalogue.element_address_field || field == catalogue.element_value_field);
  }

  std::string functions_text(const Catalogue& catalogue) const {
    std::vector<std::string> words;
    for (std::size_t i = 0; i < catalogue.functions.size(); ++i) {
      if (rule_.functions.test(i)) words.emplace_back(catalogue.functions[i].name);
    }
    return words_for_people(words);
  }

  void test_field(const Operation& operation, const Catalogue& catalogue,
                  const Constraint& constraint) {
    const FieldInfo& field = catalogue.fields[constraint.field];
    const std::string name(field.name);
    if (!operation.has(constraint.field)) {
      return fail(name, "none", granted_words(rule_, constraint, catalogue));
    }
    const protocols::FieldValue& value = operation.fields[constraint.field];
    bool granted = policy::grants(constraint, field, value);
    if (granted && field.kind != FieldKind::name) {
      granted = policy::find_range(constraint.ranges, value.range.low)->contains(value.range);
    }
    if (granted) return;
    fail(name, value_text(operation, constraint.field, field),
         granted_words(rule_, constraint, catalogue));
  }

  // The address of an element that the rule does not list, or its value.
  void test_elements(const Operation& operation, const Catalogue& catalogue) {
    const protocols::Elements& elements = operation.elements;
    const Constraint* addresses = policy::find_constraint(rule_, catalogue.element_address_field);
    const Constraint* values = policy::find_constraint(rule_, catalogue.element_value_field);
    Values wrong_addresses;
    Values wrong_values;
    for (std::size_t i = 0; i < elements.count; ++i) {
      if (policy::element_granted(rule_, catalogue, elements, i)) continue;
      const std::int64_t address = std::int64_t{elements.first} + static_cast<std::int64_t>(i);
      if (addresses != nullptr && !policy::contains(addresses->ranges, address)) {
        wrong_addresses.add(Range::point(address));
      } else {
        wrong_values.add(Range::point(elements.at(i)));
      }
    }
    const auto tell = [&](const Values& wrong, std::uint8_t field, const Constraint* constraint) {
      if (wrong == Values{} || constraint == nullptr) return;
      fail(std::string(catalogue.fields[field].name), ranges_text(wrong, catalogue.fields[field]),
           granted_words(rule_, *constraint, catalogue));
    };
    tell(wrong_addresses, catalogue.element_address_field, addresses);
    tell(wrong_values, catalogue.element_value_field, values);
  }

  const Rule& rule_;
  const Asked& asked_;
  std::vector<Failure> failures_;
};

}  // namespace

std::vector<Failure> failures_of(const Rule& rule, const Asked& asked) {
  return RuleTest(rule, asked).run();
}

Nearest nearest_rules(const policy::Conduit& conduit, const Asked& asked) {
  std::map<std::uint16_t, std::vector<Failure>> by_number;
  for (const Rule& rule : conduit.rules) {
    std::vector<Failure> failures = failures_of(rule, asked);
    const auto [at, added] = by_number.try_emplace(rule.number, failures);
    if (!added && failures.size() < at->second.size()) at->second = std::move(failures);
  }
  std::size_t fewest = SIZE_MAX;
  for (const auto& [number, failures] : by_number) fewest = std::min(fewest, failures.size());
  fewest = std::max<std::size_t>(fewest, 1);
  Nearest nearest;
  for (auto& [number, failures] : by_number) {
    if (failures.size() > fewest || nearest.rules.size() == kNearRulesMax) {
      ++nearest.left_out;
    } else {
      nearest.rules.push_back({number, std::move(failures)});
    }
  }
  return nearest;
}

}  // namespace bulkhead::learn
