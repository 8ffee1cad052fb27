// Refuses YAML that our files must not use: text that grows when aliases are expanded, more than
// one document.
#pragma once

#include <string>

#include "controlplane/yaml/diagnostics.h"

namespace bulkhead::controlplane {

// Adds an error with its position for each; true if there is none. Linear in the text. Throws
// YAML::Exception if the text is not YAML.
bool check_yaml_shape(const std::string& text, Diagnostics& diagnostics);

}  // namespace bulkhead::controlplane
