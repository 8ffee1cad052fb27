// What must be so before anything is changed; every lack is a problem with what mends it.
#pragma once

#include <string>
#include <vector>

#include "controlplane/setup/facts.h"
#include "controlplane/setup/plan.h"
#include "controlplane/setup/wishes.h"

namespace bulkhead::setup {

std::vector<Problem> unmet(const Facts& facts, const Wishes& wishes);
// Of memory, by the kind of ports.
std::vector<Problem> unmet_by_ports(const Facts& facts, const Wishes& wishes,
                                    const std::vector<ChosenPort>& ports);

// Where huge pages are reserved; nullptr if none are.
const HugePool* pool_for(const Facts& facts, const Wishes& wishes,
                         const std::vector<ChosenPort>& ports);
// The appliance's, in its certificate.
std::string name_of(const Facts& facts, const Wishes& wishes);

}  // namespace bulkhead::setup
