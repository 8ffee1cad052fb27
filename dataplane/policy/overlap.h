// Networks of different owners that share addresses. Of nested networks the longer prefix owns an
// address (RFC 4632, 5.1); equal networks are ambiguous.
#pragma once

#include <cstddef>
#include <vector>

#include "dataplane/policy/interval_map.h"
#include "dataplane/policy/rule_index.h"
#include "dataplane/wire/address.h"

namespace bulkhead::policy {

struct OwnedPrefix {
  wire::Prefix prefix;
  std::size_t owner = 0;
};

struct Overlap {
  OwnedPrefix inner;
  OwnedPrefix outer;  // the longest around it

  bool is_same() const { return inner.prefix.length == outer.prefix.length; }
};

// Each network that lies in one of another owner, in the order of addresses.
std::vector<Overlap> find_overlaps(std::vector<OwnedPrefix> prefixes);

// The owner of each address; `none` where it has none.
IntervalMap<AddressKey> map_owners(std::vector<OwnedPrefix> prefixes, std::uint16_t none);

}  // namespace bulkhead::policy
