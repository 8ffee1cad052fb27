// Commits and what operators see of them; shared with `push` and `status`.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "bulkhead/v1/control.pb.h"
#include "controlplane/cli/output.h"
#include "controlplane/cli/session.h"

namespace bulkhead::controlplane {

// `commit`'s request without its revision: --confirm TIME and --health[=BOUNDS].
void add_confirm_options(CLI::App& command, v1::CommitPolicyRequest& request,
                         CLI::Option* needed = nullptr);
void run_commit(Session& session, const v1::CommitPolicyRequest& request);

Json revision_json(const v1::Revision& revision);
Json trial_json(const v1::Trial& trial);
// One line: who committed, what returns, when.
std::string trial_text(const v1::Trial& trial);

}  // namespace bulkhead::controlplane
