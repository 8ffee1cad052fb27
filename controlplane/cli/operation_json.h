// Operations as JSON and as text, by the catalogue's names.
#pragma once

#include "controlplane/cli/output.h"
#include "dataplane/protocols/protocol.h"

namespace bulkhead::controlplane {

// Adds function, code, access and fields. Fields that may span several values are [low, high].
void add_operation(const protocols::Catalogue& catalogue, const protocols::Operation& operation,
                   Json& json);

}  // namespace bulkhead::controlplane
