// access.yaml: which identity has which roles.
//
//   access: v1
//   identities:
//     alice: [engineer, operator]
//     spiffe://water-works/bob: viewer
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "controlplane/access/role.h"
#include "controlplane/yaml/diagnostics.h"

namespace bulkhead::controlplane {

inline constexpr std::size_t kAccessBytesMax = std::size_t{1} << 20;
inline constexpr std::size_t kIdentitiesMax = 1000;

struct AccessRules {
  std::map<std::string, Roles, std::less<>> identities;

  // Empty for one that is not named.
  Roles roles_of(std::string_view identity) const {
    const auto found = identities.find(identity);
    return found == identities.end() ? Roles() : found->second;
  }
};

// Rules that do not change; without any, only root on the local socket may act.
using AccessPointer = std::shared_ptr<const AccessRules>;

// Parses a file. The result counts only if the diagnostics have no error: all are reported with
// line and column.
AccessRules parse_access(const std::string& text, Diagnostics& diagnostics);

// A first file: the identity has all roles but auditor's, which is another person's.
std::string first_access(const std::string& identity);

}  // namespace bulkhead::controlplane
