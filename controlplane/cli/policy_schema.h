// The JSON Schema (2020-12) of policy files, for editors: it completes keys, functions and fields
// and marks what cannot compile. Everything that compiles is valid by it; the reverse does not
// hold, since names are resolved and zones compared by the compiler alone.
#pragma once

#include "controlplane/cli/output.h"

namespace bulkhead::controlplane {

// Made from the catalogues of all protocol modules.
Json policy_schema();

}  // namespace bulkhead::controlplane
