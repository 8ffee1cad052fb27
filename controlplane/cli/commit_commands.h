// Commits and what operators see of them; shared with `push` and `status`.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "bulkhead/v1/control.pb.h"
#include "controlplane/cli/output.h"
#include "controlplane/cli/session.h"

namespace bulkhead::controlplane {

// `confirm_ms`: how long it awaits confirmation; 0: it needs none.
void run_commit(Session& session, std::uint64_t number, std::uint64_t confirm_ms);
// --confirm TIME, in milliseconds.
CLI::Option* add_confirm_option(CLI::App& command, std::uint64_t& confirm_ms);

Json revision_json(const v1::Revision& revision);
Json trial_json(const v1::Trial& trial);
// One line: who committed, what returns, when.
std::string trial_text(const v1::Trial& trial);

}  // namespace bulkhead::controlplane
