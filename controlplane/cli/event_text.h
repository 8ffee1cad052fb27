// An event as people read it.
#pragma once

#include <cstddef>

#include "bulkhead/v1/telemetry.pb.h"
#include "controlplane/cli/output.h"

namespace bulkhead::controlplane {

// One line; where `columns` is not 0, as many as it takes, each but the first indented. A word that
// is longer than a line stands alone.
Shown event_text(const v1::Event& event, std::size_t columns);

// Of the terminal on standard output; 0 if it is none.
std::size_t terminal_columns();

}  // namespace bulkhead::controlplane
