// What the commands that read captures say of all that they did not look into.
#pragma once

#include <string>
#include <vector>

#include "controlplane/cli/left_out.h"
#include "controlplane/cli/session.h"
#include "controlplane/learn/host_tags.h"

namespace bulkhead::controlplane {

// A line each; in JSON of the kind `not_decoded`.
void print_left_out(const Session& session, const LeftOutFrames& frames);
void print_foreign_tags(const Session& session, std::uint64_t frames);
// "; 13 frames were not compared", or nothing.
std::string not_compared_words(const LeftOutFrames& frames);
bool has_fragments(const LeftOutFrames& frames);
// Fragments and IP protocols of hosts, not of the network's own upkeep.
bool has_traffic_of_hosts(const LeftOutFrames& frames);

// Zones whose VLAN no frame of their hosts has; in JSON of the kind `other_vlan`. Gives their
// names.
std::vector<std::string> print_other_tags(const Session& session, const std::string& policy,
                                          const policy::Tables& tables,
                                          const learn::HostTags& tags);

// On standard error: a capture ends within a frame.
void warn_cut(const std::string& what);
// In JSON a line of the kind `cut` too.
void print_cut(const Session& session, const std::string& what);

}  // namespace bulkhead::controlplane
