// Files that setup writes for systemd and other programs of the host: where they stand, and their
// text.
#pragma once

#include <string>
#include <vector>

#include "controlplane/setup/cores.h"
#include "controlplane/setup/plan.h"

namespace bulkhead::setup {

inline constexpr char kDataplane[] = "bulkhead-dataplane.service";
inline constexpr char kAgent[] = "bulkheadd.service";
inline constexpr char kPorts[] = "bulkhead-ports.service";
inline constexpr char kHostFirewall[] = "bulkhead-host-firewall.service";

inline constexpr char kDropIn[] =
    "/etc/systemd/system/bulkhead-dataplane.service.d/50-bulkhead-setup.conf";
inline constexpr char kPortsUnit[] = "/etc/systemd/system/bulkhead-ports.service";
inline constexpr char kHostFirewallUnit[] = "/etc/systemd/system/bulkhead-host-firewall.service";
inline constexpr char kFlushDropIn[] =
    "/etc/systemd/system/nftables.service.d/50-bulkhead-setup.conf";
inline constexpr char kAffinity[] = "/etc/systemd/system.conf.d/50-bulkhead.conf";
inline constexpr char kHostRules[] = "/etc/bulkhead/host.nft";
inline constexpr char kModules[] = "/etc/modules-load.d/bulkhead.conf";
inline constexpr char kHugePages[] = "/etc/tmpfiles.d/bulkhead-huge-pages.conf";
inline constexpr char kTimeSources[] = "/etc/chrony/sources.d/bulkhead.sources";
inline constexpr char kTimeRules[] = "/etc/chrony/conf.d/bulkhead.conf";

// Those that another setup may have no use for.
inline constexpr const char* kOptionalFiles[] = {
    kDropIn,    kPortsUnit, kHostFirewallUnit, kFlushDropIn, kAffinity,
    kHostRules, kModules,   kHugePages,        kTimeSources, kTimeRules,
};

// Rights by the kind of ports, and CPUs; empty if the unit needs nothing more.
std::string dataplane_drop_in(const std::vector<ChosenPort>& ports, const Cores& cores);
std::string ports_unit(const std::vector<ChosenPort>& ports);
std::string host_firewall_unit();
// Of nftables.service, whose own rules begin by flushing all tables.
std::string flush_drop_in();
std::string affinity(const Cores& cores);

}  // namespace bulkhead::setup
