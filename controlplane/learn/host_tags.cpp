// A mirror of both sides of a firewall shows each host with the tags of both.
#include "controlplane/learn/host_tags.h"

#include "dataplane/policy/classifier.h"

namespace bulkhead::learn {

void HostTags::note(const wire::IpAddress& host, wire::VlanIds vlan) {
  auto found = hosts_.find(host);
  if (found == hosts_.end()) {
    if (hosts_.size() >= kHostsMax) return;
    found = hosts_.emplace(host, VlanTags{}).first;
  }
  if (found->second.size() < kTagsMax) found->second.insert({vlan.outer, vlan.inner});
}

std::string tags_words(const VlanTags& tags) {
  constexpr std::uint16_t kNone = wire::VlanIds::kNoVlan;
  std::string words;
  for (const auto& [outer, inner] : tags) {
    words += words.empty() ? "" : ", ";
    words += outer == kNone ? "no tag" : "VLAN " + std::to_string(outer);
    if (inner != kNone) words += " with " + std::to_string(inner) + " inside";
  }
  return words;
}

std::vector<OtherTags> other_tags(const policy::Tables& tables, const HostTags& tags) {
  std::map<std::uint16_t, VlanTags> seen;
  for (const auto& [host, of_host] : tags.hosts()) {
    const std::uint16_t zone = policy::find_zone(tables, host);
    if (zone != policy::kNoZone) seen[zone].insert(of_host.begin(), of_host.end());
  }
  std::vector<OtherTags> others;
  for (const auto& [number, of_zone] : seen) {
    const policy::Zone& zone = tables.zones[number];
    const VlanTag expected{zone.vlan.outer, zone.vlan.inner};
    if (!of_zone.contains(expected)) others.push_back({zone.name, expected, of_zone});
  }
  return others;
}

}  // namespace bulkhead::learn
