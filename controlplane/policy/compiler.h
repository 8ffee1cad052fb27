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
};

// `file`: the text's name in diagnostics.
Compilation compile_policy(const std::string& text, const std::string& file);

// Pass 4. Precondition: check_policy found no error.
policy::Tables lower_policy(const Model& model);

// Pass 5: what each grant means, in plain words; one line a rule between headings.
std::string explain_policy(const Model& model);
std::string explain_rule(const Model& model, const ModelConduit& conduit, std::size_t rule);

}  // namespace bulkhead::controlplane
