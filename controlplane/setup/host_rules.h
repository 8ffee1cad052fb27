// The host's own packet filter: the management address for management hosts, nothing else, in
// tables that nobody else uses.
#pragma once

#include <string>
#include <vector>

#include "controlplane/setup/wishes.h"

namespace bulkhead::setup {

inline constexpr char kHostTable[] = "bulkhead_host";

struct HostRules {
  std::string management;
  std::vector<std::uint16_t> services;  // TCP
  std::vector<std::string> admit;
  std::vector<std::string> zone_interfaces;  // those that the kernel keeps
  std::string pair_listen;                   // endpoint; empty: none
  std::string pair_address;
};

// For `nft -f`, which replaces both tables at once. A comment in them is their digest.
std::string write_host_rules(const HostRules& rules);
// What takes them away, for nft.
std::string delete_host_rules();
// The comment of such a text.
std::string digest_of(const std::string& rules);

}  // namespace bulkhead::setup
