// Asks for what `setup` needs to know, one line an answer.
#pragma once

#include "controlplane/setup/facts.h"
#include "controlplane/setup/wishes.h"

namespace bulkhead::controlplane {

// Answers become wishes; what is there already is offered. Throws CommandFailed where the input
// ends.
void ask_wishes(const setup::Facts& facts, setup::Wishes& wishes);
// True for yes.
bool ask_to_go_on();

}  // namespace bulkhead::controlplane
