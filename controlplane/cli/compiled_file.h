// A policy file, compiled for a command.
#pragma once

#include <string>

#include "controlplane/cli/session.h"
#include "controlplane/policy/compiler.h"

namespace bulkhead::controlplane {

// Prints what the compiler says of it. Throws CommandFailed if the file cannot be read or has
// errors.
Compilation compile_or_fail(const Session& session, const std::string& path);

}  // namespace bulkhead::controlplane
