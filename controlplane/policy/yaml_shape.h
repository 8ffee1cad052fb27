// What YAML allows and a policy must not have: text that grows when aliases are expanded, more than
// one document.
#pragma once

#include <string>

#include "controlplane/policy/diagnostics.h"

namespace bulkhead::controlplane {

// Adds an error with its place for each; true if there is none. Linear in the text. Throws
// YAML::Exception where the text is no YAML.
bool check_yaml_shape(const std::string& text, Diagnostics& diagnostics);

}  // namespace bulkhead::controlplane
