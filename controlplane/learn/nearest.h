// Which rules of a conduit came near to what was refused, and on what each of them failed.
#pragma once

#include <string>
#include <vector>

#include "controlplane/learn/observations.h"

namespace bulkhead::learn {

// What rules are asked: an operation of a session, or the session of a plain service.
struct Asked {
  Session session;
  std::uint8_t protocol = protocols::kNoProtocol;
  const protocols::Operation* operation = nullptr;  // nullptr: the session itself
};

// One thing that a rule wants otherwise.
struct Failure {
  std::string what;     // client, server, port, protocol, function, or a field of the protocol
  std::string given;    // what was asked with
  std::string granted;  // what the rule grants

  bool operator==(const Failure&) const = default;
};

struct NearRule {
  std::uint16_t number = 0;       // in the policy's text
  std::vector<Failure> failures;  // empty: the rule grants it, but for its rate or a containment
};

struct Nearest {
  // Those that failed on one thing; if there is none, those that failed on the fewest.
  std::vector<NearRule> rules;
  std::size_t left_out = 0;  // rules of the conduit that failed on more, or found no room
};

constexpr std::size_t kNearRulesMax = 32;

// By number. A rule that is several in the tables, one for each route, stands once: its nearest.
Nearest nearest_rules(const policy::Conduit& conduit, const Asked& asked);

// What the rule wants otherwise. An operation that several rules grant together fails on each.
std::vector<Failure> failures_of(const policy::Rule& rule, const Asked& asked);

}  // namespace bulkhead::learn
