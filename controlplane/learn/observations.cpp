// Maps in the order of their keys, so that the same capture gives the same text.
#include "controlplane/learn/observations.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace bulkhead::learn {

using protocols::Catalogue;
using protocols::FieldInfo;
using protocols::FieldKind;
using protocols::kNoField;

void Seen::note(TimeNs at_ns) { add({1, at_ns, at_ns}); }

void Seen::add(const Seen& other) {
  first_ns = count == 0 ? other.first_ns : std::min(first_ns, other.first_ns);
  last_ns = count == 0 ? other.last_ns : std::max(last_ns, other.last_ns);
  count += other.count;
}

bool Values::add(const Range& range) {
  if (any) return false;
  const auto at = std::lower_bound(ranges.begin(), ranges.end(), range,
                                   [](const Range& each, const Range& added) {
                                     return each.high < added.low && each.high + 1 < added.low;
                                   });
  auto end = at;
  Range joined = range;
  while (end != ranges.end() && (end->low <= joined.high || end->low == joined.high + 1)) {
    joined = {std::min(joined.low, end->low), std::max(joined.high, end->high)};
    ++end;
  }
  if (end - at == 1 && *at == joined) return false;
  ranges.insert(ranges.erase(at, end), joined);
  if (ranges.size() <= kRangesMax) return true;
  any = true;
  ranges.clear();
  return true;
}

bool Values::add(const std::string& name) {
  if (any || !names.insert(name).second) return false;
  if (names.size() <= kNamesMax) return true;
  any = true;
  names.clear();
  return true;
}

void Values::add(const Values& other) {
  for (const Range& range : other.ranges) add(range);
  for (const std::string& name : other.names) add(name);
  if (!other.any) return;
  any = true;
  ranges.clear();
  names.clear();
}

bool needs_rule(const protocols::Operation& operation, protocols::Direction direction,
                const protocols::FunctionInfo& function) {
  using protocols::Initiator;
  if (operation.tied) return false;
  if (direction != protocols::Direction::response) return function.initiator != Initiator::nobody;
  return function.initiator != Initiator::client;
}

bool is_named_by_rules(const Catalogue& catalogue, std::size_t field, bool with_values) {
  const FieldInfo& info = catalogue.fields[field];
  if (info.by_name) return true;
  const bool placed =
      catalogue.placed_values != nullptr &&
      (field == catalogue.placed_values->value || field == catalogue.placed_values->type);
  const bool written = placed || field == catalogue.element_value_field ||
                       info.kind == FieldKind::real || info.name == "value";
  if (written) return with_values;
  // How much is asked for follows from what is addressed, or is of no account to the process.
  constexpr std::array<std::string_view, 16> kMeasures = {
      "quantity", "length",     "size",      "count",    "elements",  "item_count",
      "entries",  "asdu_count", "data_size", "pdu_size", "tpdu_size", "arguments",
      "fragment", "con",        "fcb",       "dfc"};
  return std::find(kMeasures.begin(), kMeasures.end(), info.name) == kMeasures.end();
}

namespace {

std::string text_of(ByteView name) {
  return {reinterpret_cast<const char*>(name.data()), name.size()};
}

bool add_elements(const Catalogue& catalogue, const protocols::Operation& operation,
                  FieldValues& values) {
  Values& written = values[catalogue.element_value_field];
  bool is_new = false;
  for (std::size_t i = 0; i < operation.elements.count; ++i) {
    is_new |= written.add(Range::point(operation.elements.at(i)));
  }
  return is_new;
}

}  // namespace

bool Observations::note_operation(const Session& session, std::uint8_t protocol,
                                  const protocols::Operation& operation, TimeNs at_ns) {
  const Catalogue& catalogue = protocols::registry()[protocol]->catalogue();
  UseKey key{session, protocol, operation.function, 0};
  for (std::size_t i = 0; i < catalogue.fields.size(); ++i) {
    // What an answer alone has, as its error, no rule for the function may name.
    const bool of_function = (catalogue.functions[operation.function].fields >> i & 1U) != 0;
    if (of_function && operation.has(i) && is_named_by_rules(catalogue, i, with_values_)) {
      key.fields |= 1U << i;
    }
  }
  const bool elements =
      with_values_ && operation.elements.count > 0 && catalogue.element_value_field != kNoField;
  if (elements) key.fields |= 1U << catalogue.element_value_field;
  if (uses_.size() >= kEntriesMax && !uses_.contains(key)) {
    ++dropped_;
    return false;
  }
  Use& use = uses_[key];
  bool is_new = use.seen.count == 0;
  use.seen.note(at_ns);
  for (std::size_t i = 0; i < catalogue.fields.size(); ++i) {
    const auto field = static_cast<std::uint8_t>(i);
    if ((key.fields >> i & 1U) == 0 || !operation.has(i)) continue;
    if (catalogue.fields[i].kind == FieldKind::name) {
      is_new |= use.values[field].add(text_of(operation.fields[i].name));
    } else {
      is_new |= use.values[field].add(operation.fields[i].range);
    }
  }
  if (elements) is_new |= add_elements(catalogue, operation, use.values);
  return is_new;
}

void Observations::note_fault(const Session& session, std::uint8_t protocol, protocols::Fault fault,
                              TimeNs at_ns) {
  const FaultKey key{session, protocol, fault};
  if (faults_.size() >= kEntriesMax && !faults_.contains(key)) {
    ++dropped_;
    return;
  }
  faults_[key].note(at_ns);
}

void Observations::note_service(const Session& session, TimeNs at_ns, bool opened) {
  if (services_.size() >= kEntriesMax && !services_.contains(session)) {
    ++dropped_;
    return;
  }
  Seen& seen = services_[session];
  if (opened) attempts_.erase(session);
  if (!opened && seen.count == 0) attempts_.insert(session);
  seen.note(at_ns);
}

}  // namespace bulkhead::learn
