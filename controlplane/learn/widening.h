// A rule that failed on one thing alone, with that added.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controlplane/learn/nearest.h"
#include "controlplane/learn/suggestion.h"
#include "controlplane/policy/model.h"

namespace bulkhead::learn {

// A policy as a model and as finished tables.
struct Compiled {
  controlplane::Model model;
  policy::Tables tables;
};

struct Widened {
  std::uint16_t rule = 0;  // number
  std::string key;         // of the rule: client, server, functions or where
  bool is_new = false;     // the rule has no such key yet
  std::string yaml;        // the key with what it has now
  controlplane::PolicyNode policy;
};

class Widening {
 public:
  // All outlive it. Precondition: the policy has the conduit.
  Widening(const Compiled& before, const controlplane::PolicyNode& policy, std::size_t conduit,
           const RefusedTraffic& refused)
      : before_(before), policy_(policy), conduit_(conduit), refused_(refused) {}

  // Rules that could be wider, those first that then grant less; the policies have not been
  // compiled.
  std::vector<Widened> list() const;

 private:
  std::optional<std::string> failed_on(const policy::Rule& rule) const;
  std::optional<Widened> widen(std::uint16_t number, const std::string& what) const;
  bool widen_where(controlplane::RuleNode& rule, const std::string& field) const;

  const Compiled& before_;
  const controlplane::PolicyNode& policy_;
  const std::size_t conduit_;
  const RefusedTraffic& refused_;
};

// What the rule of that number grants in the second conduit and not in the first. Nothing if the
// two differ in more than one thing, or in what cannot be said as a rule.
std::optional<policy::Rule> added_by(const policy::Conduit& before, const policy::Conduit& after,
                                     std::uint16_t number);

}  // namespace bulkhead::learn
