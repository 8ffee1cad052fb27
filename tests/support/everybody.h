// Access rules for tests of what stands after the gate.
#pragma once

#include <initializer_list>
#include <memory>

#include "controlplane/access/access_rules.h"

namespace bulkhead::controlplane {

// The identities have all roles.
inline AccessPointer all_roles_for(std::initializer_list<const char*> identities) {
  AccessRules rules;
  for (const char* each : identities) rules.identities[each] = Roles::all();
  return std::make_shared<const AccessRules>(std::move(rules));
}

}  // namespace bulkhead::controlplane
