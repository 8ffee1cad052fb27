// Which values a rule must grant so that, with the others, it grants an operation.
#pragma once

#include "controlplane/learn/nearest.h"
#include "controlplane/learn/observations.h"

namespace bulkhead::learn {

// The values of the operation's fields that rules are made of; of the one that spans several, and
// of written elements, those alone that no rule of the conduit grants. A conduit that is not there
// has no rules.
FieldValues needed_values(const policy::Tables& tables, std::size_t conduit, const Asked& asked,
                          bool with_values);

// What is left of sorted ranges without others.
std::vector<Range> without(std::vector<Range> ranges, const std::vector<Range>& others);

}  // namespace bulkhead::learn
