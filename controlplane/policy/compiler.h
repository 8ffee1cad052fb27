// The policy compiler: parse -> resolve -> check -> lower, and explain. A policy that does not
// compile changes nothing, and all its errors are reported at once.
#pragma once

#include <optional>
#include <string>

#include "controlplane/policy/model.h"
#include "controlplane/yaml/diagnostics.h"

namespace bulkhead::controlplane {

struct Compilation {
  Diagnostics diagnostics;
  std::optional<Model> model;            // set if there was no error
  std::optional<policy::Tables> tables;  // likewise; not validated, nor finished
  policy::HealthBounds health;           // that the artefact has beside the tables
};

// Seconds since 1970, UTC.
std::uint64_t wall_clock_s();

// `file`: the text's name in diagnostics. `now_s`: the clock that the ends of `mode: observe` are
// checked against, or kAnyTime.
Compilation compile_policy(const std::string& text, const std::string& file,
                           std::uint64_t now_s = wall_clock_s());

// Pass 4. Precondition: check_policy found no error.
policy::Tables lower_policy(const Model& model);

// Whether an access class stands for itself, with the number of its functions, or for all their
// names.
enum class Listing { classes, functions };

// Pass 5: what each grant means, in plain words; one line a rule between headings.
std::string explain_policy(const Model& model, Listing listing = Listing::classes);
std::string explain_rule(const Model& model, const ModelConduit& conduit, std::size_t rule,
                         Listing listing = Listing::classes);

}  // namespace bulkhead::controlplane
