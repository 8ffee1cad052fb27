// The VLAN tags of the frames that hosts sent, as a capture shows them.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/policy/tables.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/ethernet.h"

namespace bulkhead::learn {

using VlanTag = std::pair<std::uint16_t, std::uint16_t>;  // outer, inner; kNoVlan twice: no tag
using VlanTags = std::set<VlanTag>;

class HostTags {
 public:
  void note(const wire::IpAddress& host, wire::VlanIds vlan);

  const std::map<wire::IpAddress, VlanTags>& hosts() const { return hosts_; }

 private:
  static constexpr std::size_t kHostsMax = 100'000;
  static constexpr std::size_t kTagsMax = 16;  // of a host

  std::map<wire::IpAddress, VlanTags> hosts_;
};

// Such as "no tag, VLAN 10, VLAN 100 with 10 inside".
std::string tags_words(const VlanTags& tags);

// A zone whose hosts' frames have tags, and none of them is the zone's: an appliance takes them for
// those of no zone.
struct OtherTags {
  std::string zone;
  VlanTag expected;
  VlanTags seen;
};
std::vector<OtherTags> other_tags(const policy::Tables& tables, const HostTags& tags);

}  // namespace bulkhead::learn
