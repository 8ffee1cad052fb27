// Words of a YAML file with their positions.
#pragma once

#include <string>
#include <vector>

#include "controlplane/yaml/diagnostics.h"

namespace bulkhead::controlplane {

struct Word {
  std::string text;
  Position at;
};

using Words = std::vector<Word>;

}  // namespace bulkhead::controlplane
