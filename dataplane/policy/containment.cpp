// The one place that says what a level cuts: a session, an operation, and what follows from one.
#include "dataplane/policy/containment.h"

#include <algorithm>

namespace bulkhead::policy {

namespace {

using protocols::AccessClass;

bool concerns(const Contained& contained, const Tables& tables, const Conduit& conduit) {
  switch (contained.kind) {
    case Contained::Kind::all:
      return true;
    case Contained::Kind::zone:
      return tables.zones[conduit.from].name == contained.name ||
             tables.zones[conduit.to].name == contained.name;
    case Contained::Kind::conduit:
      return conduit.name == contained.name;
  }
  return true;
}

bool is_harmless(std::uint8_t protocol, const protocols::Operation& operation) {
  const auto functions = protocols::registry()[protocol]->catalogue().functions;
  const AccessClass access = functions[operation.function].access;
  return access == AccessClass::session || access == AccessClass::discover ||
         access == AccessClass::read;
}

bool has_essential(const Conduit& conduit, RuleCell cell) {
  bool found = false;
  conduit.index.each_of(cell, [&](std::size_t i) {
    found = conduit.rules[i].essential;
    return !found;
  });
  return found;
}

}  // namespace

Containment::Containment(const Tables& tables, std::span<const Contained> all)
    : cuts_(tables.conduits.size()) {
  for (const Contained& contained : all) {
    if (contained.kind == Contained::Kind::all) of_all_.add(contained.level);
    for (std::size_t i = 0; i < cuts_.size(); ++i) {
      if (concerns(contained, tables, tables.conduits[i])) cuts_[i].add(contained.level);
    }
  }
  isolates_any_ = std::ranges::any_of(cuts_, &Cut::isolates);
}

bool has_target(const Tables& tables, const Contained& contained) {
  const auto is_named = [&](const auto& each) { return each.name == contained.name; };
  switch (contained.kind) {
    case Contained::Kind::all:
      return true;
    case Contained::Kind::zone:
      return std::ranges::any_of(tables.zones, is_named);
    case Contained::Kind::conduit:
      return std::ranges::any_of(tables.conduits, is_named);
  }
  return false;
}

bool cuts_session(Cut cut, const Conduit& conduit, RuleCell cell, bool inspected) {
  if (cut.isolates()) return true;
  if (cut.has(ContainmentLevel::read_only) && !inspected) return true;
  return cut.has(ContainmentLevel::essential) && !has_essential(conduit, cell);
}

Decision judge_contained(Cut cut, const Conduit& conduit, RuleCell cell, std::uint8_t protocol,
                         const protocols::Operation& operation, TimeNs now_ns, Charges& charges) {
  Charges of_all = charges;
  const Decision granted = judge(conduit, cell, protocol, operation, now_ns, of_all);
  if (granted.reason != Reason::granted) return granted;
  const Decision contained = {Reason::contained, protocols::DeniedPart::function, granted.rule};
  if (cut.isolates()) return contained;
  if (cut.has(ContainmentLevel::read_only) && !is_harmless(protocol, operation)) return contained;
  if (!cut.has(ContainmentLevel::essential)) {
    charges = of_all;
    return granted;
  }
  const Decision essential =
      judge(conduit, cell, protocol, operation, now_ns, charges, Grants::essential);
  const bool decides =
      essential.reason == Reason::granted || essential.reason == Reason::rate_exceeded;
  return decides ? essential : contained;
}

// What it goes on with passed under the containment, or before it was set.
bool passes_tied(Cut cut, std::uint8_t protocol, const protocols::Operation& operation,
                 bool is_request) {
  if (cut.isolates()) return false;
  return !is_request || !cut.has(ContainmentLevel::read_only) || is_harmless(protocol, operation);
}

}  // namespace bulkhead::policy
