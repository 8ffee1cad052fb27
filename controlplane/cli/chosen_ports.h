// The option --as of commands that read captures.
#pragma once

#include <string>
#include <vector>

#include "controlplane/cli/capture_decoder.h"

namespace bulkhead::controlplane {

// PROTOCOL=PORT, repeated. Throws CommandFailed for what is no such thing.
ChosenPorts read_chosen_ports(const std::vector<std::string>& words);

}  // namespace bulkhead::controlplane
