// Two prefixes share addresses only if one lies in the other: in sorted order, an enclosing one
// stands before what it encloses.
#include "dataplane/policy/overlap.h"

#include <algorithm>

namespace bulkhead::policy {

namespace {

void sort(std::vector<OwnedPrefix>& prefixes) {
  std::stable_sort(prefixes.begin(), prefixes.end(),
                   [](const OwnedPrefix& a, const OwnedPrefix& b) {
                     const auto order = a.prefix.address <=> b.prefix.address;
                     return order != 0 ? order < 0 : a.prefix.length < b.prefix.length;
                   });
}

}  // namespace

std::vector<Overlap> find_overlaps(std::vector<OwnedPrefix> prefixes) {
  sort(prefixes);
  std::vector<Overlap> found;
  std::vector<OwnedPrefix> enclosing;
  for (const OwnedPrefix& each : prefixes) {
    while (!enclosing.empty() && !enclosing.back().prefix.contains(each.prefix.address)) {
      enclosing.pop_back();
    }
    if (!enclosing.empty() && enclosing.back().owner != each.owner) {
      found.push_back({each, enclosing.back()});
    }
    enclosing.push_back(each);
  }
  return found;
}

IntervalMap<AddressKey> map_owners(std::vector<OwnedPrefix> prefixes, std::uint16_t none) {
  sort(prefixes);
  IntervalMap<AddressKey> map(AddressKey{}, none);
  struct Enclosing {
    AddressKey end;  // zero: it reaches to the last address
    std::uint16_t owner = 0;
  };
  std::vector<Enclosing> enclosing;
  const auto leave = [&] {
    const AddressKey end = enclosing.back().end;
    enclosing.pop_back();
    if (!end.is_zero()) map.change(end, enclosing.empty() ? none : enclosing.back().owner);
  };
  for (const OwnedPrefix& each : prefixes) {
    const AddressKey first = AddressKey::first_of(each.prefix);
    const auto ended = [&first](const Enclosing& other) {
      return !other.end.is_zero() && !(first < other.end);
    };
    while (!enclosing.empty() && ended(enclosing.back())) leave();
    const auto owner = static_cast<std::uint16_t>(each.owner);
    map.change(first, owner);
    enclosing.push_back({AddressKey::behind(each.prefix), owner});
  }
  while (!enclosing.empty()) leave();
  return map;
}

}  // namespace bulkhead::policy
