// Two prefixes share addresses only if one lies in the other: in sorted order, an enclosing one
// stands before what it encloses.
#include "dataplane/policy/overlap.h"

#include <algorithm>
#include <set>

namespace bulkhead::policy {

std::vector<std::pair<std::size_t, std::size_t>> find_overlaps(std::vector<OwnedPrefix> prefixes) {
  std::sort(prefixes.begin(), prefixes.end(), [](const OwnedPrefix& a, const OwnedPrefix& b) {
    const auto order = a.prefix.address <=> b.prefix.address;
    return order != 0 ? order < 0 : a.prefix.length < b.prefix.length;
  });
  std::set<std::pair<std::size_t, std::size_t>> found;
  std::vector<OwnedPrefix> enclosing;
  for (const OwnedPrefix& each : prefixes) {
    while (!enclosing.empty() && !enclosing.back().prefix.contains(each.prefix.address)) {
      enclosing.pop_back();
    }
    if (!enclosing.empty() && enclosing.back().owner != each.owner) {
      const std::size_t other = enclosing.back().owner;
      found.emplace(std::max(other, each.owner), std::min(other, each.owner));
    }
    enclosing.push_back(each);
  }
  return {found.begin(), found.end()};
}

}  // namespace bulkhead::policy
