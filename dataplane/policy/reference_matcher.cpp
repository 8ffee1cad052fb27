// Obviously right, and far too slow for packets.
#include "dataplane/policy/reference_matcher.h"

#include <bit>
#include <cmath>
#include <map>

namespace bulkhead::policy {

namespace {

using protocols::Operation;

bool in_any(const std::vector<Range>& ranges, std::int64_t value) {
  for (const Range& range : ranges) {
    if (range.low <= value && value <= range.high) return true;
  }
  return false;
}

bool in_any(const std::vector<wire::Prefix>& prefixes, const wire::IpAddress& address) {
  for (const wire::Prefix& prefix : prefixes) {
    if (prefix.contains(address)) return true;
  }
  return false;
}

// By the first character: a star stands for nothing, or for one byte and whatever it stands for
// behind that.
bool is_like(const std::string& pattern, const std::string& name) {
  if (pattern.empty()) return name.empty();
  if (pattern[0] == '*') {
    return is_like(pattern.substr(1), name) || (!name.empty() && is_like(pattern, name.substr(1)));
  }
  return !name.empty() && pattern[0] == name[0] && is_like(pattern.substr(1), name.substr(1));
}

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

bool name_granted(const Constraint& constraint, const protocols::FieldInfo& field,
                  std::string name) {
  if (field.patterns != nullptr) {
    const ByteView bytes{reinterpret_cast<const std::uint8_t*>(name.data()), name.size()};
    for (const std::string& pattern : constraint.patterns) {
      if (field.patterns->contains(pattern, bytes)) return true;
    }
    return false;
  }
  if (field.any_case) name = lower(name);
  for (const std::string& pattern : constraint.patterns) {
    if (is_like(field.any_case ? lower(pattern) : pattern, name)) return true;
  }
  return false;
}

// One point of an operation: a value for each field it has, and the words around an element.
struct Point {
  std::map<std::size_t, std::int64_t> fields;
  std::map<std::size_t, Range> spans;  // all that the operation has of each field
  std::map<std::size_t, std::string> names;
  bool is_element = false;
  std::map<std::int64_t, std::int64_t> words;  // every written register by address
};

// The typed value at the point's address, if the rule can form one there.
bool typed_value_granted(const Rule& rule, const Point& point, std::int64_t address,
                         const std::vector<Range>& addresses, const std::vector<Range>& values) {
  if (!point.is_element || point.words.count(address) == 0) return false;
  if (rule.value_type == ValueType::int16) {
    return in_any(values, static_cast<std::int16_t>(point.words.at(address)));
  }
  for (const Range& range : addresses) {
    for (std::int64_t at = range.low; at + 1 <= range.high; at += 2) {
      if (address != at && address != at + 1) continue;
      if (point.words.count(at) == 0 || point.words.count(at + 1) == 0) return false;
      auto high = static_cast<std::uint32_t>(point.words.at(at));
      auto low = static_cast<std::uint32_t>(point.words.at(at + 1));
      if (rule.word_order == WordOrder::little) std::swap(high, low);
      const std::uint32_t bits = high * 65536U + low;
      if (rule.value_type == ValueType::uint32) return in_any(values, bits);
      if (rule.value_type == ValueType::int32) {
        return in_any(values, static_cast<std::int32_t>(bits));
      }
      const float value = std::bit_cast<float>(bits);
      for (const Range& granted : values) {
        if (float32_from_order(granted.low) <= value && value <= float32_from_order(granted.high)) {
          return true;
        }
      }
      return false;
    }
  }
  return false;
}

// A field that must be named and that the point has, but of which the rule says nothing.
bool leaves_unnamed(const Rule& rule, const protocols::Catalogue& catalogue, const Point& point) {
  for (std::size_t field = 0; field < catalogue.fields.size(); ++field) {
    if (!catalogue.fields[field].by_name) continue;
    if (point.fields.count(field) == 0 && point.names.count(field) == 0) continue;
    bool named = false;
    for (const Constraint& constraint : rule.constraints) {
      named = named || constraint.field == field;
    }
    if (!named) return true;
  }
  return false;
}

const Constraint* constraint_of(const Rule& rule, std::uint8_t field) {
  for (const Constraint& constraint : rule.constraints) {
    if (constraint.field == field) return &constraint;
  }
  return nullptr;
}

// Of a rule that limits placed values: the point belongs to one of the elements that the rule
// lists, all of which are gone through.
bool is_of_named_element(const Rule& rule, const protocols::PlacedValues& placed,
                         const Point& point) {
  std::int64_t types = 0;
  if (const Constraint* named = constraint_of(rule, placed.type)) {
    for (const Range& range : named->ranges) types += range.high - range.low + 1;
  }
  if (types != 1) return false;
  if (point.fields.count(placed.type) == 0 || point.spans.count(placed.address) == 0) return false;
  const Range written = point.spans.at(placed.address);
  const std::int64_t places = placed.places(point.fields.at(placed.type));
  if (places == 0) return false;
  const Constraint* addresses = constraint_of(rule, placed.address);
  if (addresses == nullptr) return places == 1 && written.low == written.high;
  for (const Range& range : addresses->ranges) {
    for (std::int64_t at = range.low; at + places - 1 <= range.high; at += places) {
      if (written.low == at && written.high == at + places - 1) return true;
    }
  }
  return false;
}

bool rule_grants_point(const Rule& rule, const protocols::Catalogue& catalogue,
                       const Point& point) {
  if (leaves_unnamed(rule, catalogue, point)) return false;
  const protocols::PlacedValues* placed = catalogue.placed_values;
  if (placed != nullptr && constraint_of(rule, placed->value) != nullptr &&
      !is_of_named_element(rule, *placed, point)) {
    return false;
  }
  std::vector<Range> addresses;
  for (const Constraint& constraint : rule.constraints) {
    if (constraint.field == catalogue.element_address_field) addresses = constraint.ranges;
  }
  for (const Constraint& constraint : rule.constraints) {
    const protocols::FieldInfo& field = catalogue.fields[constraint.field];
    if (field.kind == protocols::FieldKind::name) {
      const auto name = point.names.find(constraint.field);
      if (name == point.names.end() || !name_granted(constraint, field, name->second)) return false;
      continue;
    }
    const auto value = point.fields.find(constraint.field);
    if (value == point.fields.end()) return false;
    const bool typed =
        constraint.field == catalogue.element_value_field && rule.value_type != ValueType::plain;
    if (!typed && !in_any(constraint.ranges, value->second)) return false;
    if (!typed) continue;
    const auto address = point.fields.find(catalogue.element_address_field);
    if (address == point.fields.end() ||
        !typed_value_granted(rule, point, address->second, addresses, constraint.ranges)) {
      return false;
    }
  }
  return true;
}

// Octet by octet, as a reader of the standard would.
std::int64_t read_element(const protocols::Elements& elements, std::size_t index) {
  using protocols::ElementEncoding;
  const ElementEncoding encoding = elements.encoding;
  if (encoding == ElementEncoding::bits) {
    return elements.bytes[index / 8] >> index % 8 & 1;
  }
  const std::size_t size = protocols::bytes_of(encoding);
  const bool little = encoding == ElementEncoding::le16 || encoding == ElementEncoding::le32 ||
                      encoding == ElementEncoding::le64;
  std::uint64_t value = 0;
  for (std::size_t octet = 0; octet < size; ++octet) {
    const std::size_t at = index * size + (little ? size - 1 - octet : octet);
    value = value * 256 + elements.bytes[at];
  }
  return static_cast<std::int64_t>(value);
}

std::vector<Point> take_apart(const protocols::Catalogue& catalogue, const Operation& operation) {
  std::vector<Point> points = {Point{}};
  const bool elements = operation.elements.count > 0;
  for (std::size_t field = 0; field < catalogue.fields.size(); ++field) {
    const bool of_elements = elements && (field == catalogue.element_address_field ||
                                          field == catalogue.element_value_field);
    if (!operation.has(field) || of_elements) continue;
    if (catalogue.fields[field].kind == protocols::FieldKind::name) {
      const ByteView name = operation.fields[field].name;
      for (Point& point : points) point.names[field] = std::string(name.begin(), name.end());
      continue;
    }
    std::vector<Point> longer;
    for (const Point& point : points) {
      const Range& range = operation.fields[field].range;
      for (std::int64_t value = range.low; value <= range.high; ++value) {
        longer.push_back(point);
        longer.back().fields[field] = value;
        longer.back().spans[field] = range;
      }
    }
    points = std::move(longer);
  }
  if (!elements) return points;
  std::map<std::int64_t, std::int64_t> words;
  for (std::size_t i = 0; i < operation.elements.count; ++i) {
    words[operation.elements.first + static_cast<std::int64_t>(i)] =
        read_element(operation.elements, i);
  }
  std::vector<Point> each;
  for (const auto& [address, word] : words) {
    each.push_back(points.front());
    each.back().fields[catalogue.element_address_field] = address;
    each.back().fields[catalogue.element_value_field] = word;
    each.back().is_element = protocols::is_word(operation.elements.encoding);
    each.back().words = words;
  }
  return each;
}

}  // namespace

bool names_session(const Rule& rule, const Endpoints& endpoints) {
  bool port = rule.transport == Transport::icmp;
  for (const PortRange& ports : rule.ports) {
    port = port || ports.contains(endpoints.server_port);
  }
  return port && rule.transport == endpoints.transport && in_any(rule.clients, endpoints.client) &&
         in_any(rule.servers, endpoints.server);
}

bool reference_grants(const Conduit& conduit, const Endpoints& endpoints, std::uint8_t protocol,
                      const Operation& operation, const std::function<bool(const Rule&)>& may_use) {
  const protocols::Catalogue& catalogue = protocols::registry()[protocol]->catalogue();
  for (const Point& point : take_apart(catalogue, operation)) {
    bool granted = false;
    for (std::size_t i = 0; i < conduit.rules.size(); ++i) {
      const Rule& rule = conduit.rules[i];
      if (!names_session(rule, endpoints) || rule.protocol != protocol) continue;
      if (!rule.functions.test(operation.function) || !may_use(rule)) continue;
      granted = granted || rule_grants_point(rule, catalogue, point);
    }
    if (!granted) return false;
  }
  return true;
}

}  // namespace bulkhead::policy
