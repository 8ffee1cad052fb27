// How `setup` shows interfaces, steps and problems, for people and as JSON.
#pragma once

#include <vector>

#include "controlplane/cli/session.h"
#include "controlplane/setup/carry_out.h"
#include "controlplane/setup/facts.h"
#include "controlplane/setup/steps.h"

namespace bulkhead::controlplane {

void show_ports(const Session& session, const setup::Facts& facts);
void show_problems(const Session& session, const std::vector<setup::Problem>& problems);
void show_plan(const Session& session, const std::vector<setup::Step>& steps,
               const std::vector<setup::StepState>& states);
void show_step(const Session& session, std::size_t number, const setup::Step& step,
               setup::StepState state, const setup::Problem& problem);

}  // namespace bulkhead::controlplane
