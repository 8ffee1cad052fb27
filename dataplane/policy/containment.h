// Containment: what a conduit passes less than its rules grant, because an operator says so. Stands
// beside the policy: rules are never rewritten. Derived for the tables of one policy, then read by
// all workers and never changed; another one takes its place under RCU.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dataplane/policy/matcher.h"

namespace bulkhead::policy {

enum class ContainmentLevel : std::uint8_t {
  normal,     // cuts nothing
  read_only,  // passes messages of the classes session, discover and read
  essential,  // passes what rules marked as essential grant
  isolate,    // passes nothing, ARP and neighbour discovery neither
};

// The levels that are in force for one conduit. What any of them cuts is cut, so that more levels
// never pass more.
class Cut {
 public:
  constexpr void add(ContainmentLevel level) {
    if (level != ContainmentLevel::normal) {
      bits_ = static_cast<std::uint8_t>(bits_ | bit(level));
    }
  }
  constexpr void add(Cut other) { bits_ = static_cast<std::uint8_t>(bits_ | other.bits_); }
  constexpr bool has(ContainmentLevel level) const { return (bits_ & bit(level)) != 0; }
  constexpr bool none() const { return bits_ == 0; }
  constexpr bool isolates() const { return has(ContainmentLevel::isolate); }
  constexpr bool operator==(const Cut&) const = default;

 private:
  static constexpr unsigned bit(ContainmentLevel level) {
    return 1U << static_cast<unsigned>(level);
  }
  std::uint8_t bits_ = 0;
};

// One containment, by the names of the policy.
struct Contained {
  enum class Kind : std::uint8_t { all, zone, conduit };
  Kind kind = Kind::all;
  std::string name;  // of the zone or conduit
  ContainmentLevel level = ContainmentLevel::normal;
};

class Containment {
 public:
  // Names that the tables do not have concern none of their conduits.
  Containment(const Tables& tables, std::span<const Contained> all);

  // `conduit`: its place in the tables; of kNoConduit what concerns all.
  Cut of(std::uint16_t conduit) const { return conduit < cuts_.size() ? cuts_[conduit] : of_all_; }
  // Whether any conduit is isolated.
  bool isolates_any() const { return isolates_any_; }

 private:
  std::vector<Cut> cuts_;  // by conduit
  Cut of_all_;
  bool isolates_any_ = false;
};

// Whether the tables have a zone or conduit of the name.
bool has_target(const Tables& tables, const Contained& contained);

// Whether a session may pass nothing at all. `inspected`: its messages are judged one by one.
bool cuts_session(Cut cut, const Conduit& conduit, RuleCell cell, bool inspected);

// As judge() without one; `contained` is what the rules grant and the containment cuts.
Decision judge_contained(Cut cut, const Conduit& conduit, RuleCell cell, std::uint8_t protocol,
                         const protocols::Operation& operation, TimeNs now_ns, Charges& charges);

// Whether a message passes that needs no rule, since it goes on with one that was granted.
bool passes_tied(Cut cut, std::uint8_t protocol, const protocols::Operation& operation,
                 bool is_request);

}  // namespace bulkhead::policy
