// Mistakes in a file, as commands print them.
#pragma once

#include "controlplane/cli/session.h"
#include "controlplane/yaml/diagnostics.h"

namespace bulkhead::controlplane {

// On standard error for people, as JSON lines for scripts.
void print_diagnostics(const Session& session, const Diagnostics& diagnostics);

}  // namespace bulkhead::controlplane
