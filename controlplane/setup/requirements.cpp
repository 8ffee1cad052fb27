// Checked all together, so that one attempt shows everything that is missing.
#include "controlplane/setup/requirements.h"

#include <algorithm>

#include "controlplane/setup/sessions.h"
#include "dataplane/base/printable.h"

namespace bulkhead::setup {

namespace {

bool is_admitted(const Wishes& wishes, const std::string& address) {
  return std::any_of(wishes.admit.begin(), wishes.admit.end(),
                     [&](const std::string& network) { return holds(network, address); });
}

void check_programs(const Facts& facts, const Wishes& wishes, std::vector<Problem>& problems) {
  if (!facts.has_users) {
    problems.push_back({"there are no users bulkhead and bulkhead-dp",
                        "install the package bulkhead on the appliance: apt-get install bulkhead"});
  }
  if (wishes.host_firewall && !facts.has_nft) {
    problems.push_back({"the host's packet filter needs nft, which is not installed",
                        "apt-get install nftables, or leave it out with --no-host-firewall"});
  }
  const bool wants_time = !wishes.time_servers.empty() || !wishes.nts_servers.empty();
  if (wants_time && !facts.has_chrony) {
    problems.push_back({"time servers need chrony, which is not installed",
                        "apt-get install chrony, or leave --time-server out"});
  }
}

void check_management(const Facts& facts, const Wishes& wishes, std::vector<Problem>& problems) {
  if (wishes.management.empty()) {
    problems.push_back({"no management address is named",
                        "--management with the address of this machine that bulkheadd serves on"});
    return;
  }
  const bool has = std::find(facts.addresses.begin(), facts.addresses.end(), wishes.management) !=
                   facts.addresses.end();
  if (facts.is_live && !has) {
    problems.push_back({"no interface of this machine has the address " + wishes.management,
                        "give it to the management interface first (ip addr add, and in the "
                        "configuration of the network)"});
  }
  if (!wishes.host_firewall) return;
  for (const std::string& each : wishes.admit) {
    if (is_network(each)) continue;
    problems.push_back({"\"" + printable(each) + "\" is no address and no network",
                        "as 192.0.2.5 or 192.0.2.0/24, without bits behind the length"});
  }
  const bool any = std::any_of(wishes.admit.begin(), wishes.admit.end(), [&](const auto& each) {
    return is_v6(each) == is_v6(wishes.management);
  });
  if (!any) {
    problems.push_back({"no management host is named that could reach " + wishes.management,
                        "--admit with their addresses or network, or --no-host-firewall"});
  }
}

// The operator must not lock the door behind himself.
void check_session(const Facts& facts, const Wishes& wishes, std::vector<Problem>& problems) {
  if (!wishes.host_firewall || facts.session.peer.empty() || wishes.management.empty()) return;
  if (!is_admitted(wishes, facts.session.peer)) {
    problems.push_back({"this session comes from " + facts.session.peer +
                            ", which --admit does not hold: it would be the last one",
                        "--admit " + facts.session.peer + " too, or set up from the console"});
  }
  if (facts.session.address != wishes.management) {
    problems.push_back({"this session came to " + facts.session.address +
                            ", and SSH is admitted to " + wishes.management + " alone",
                        "connect to " + wishes.management + ", or set up from the console"});
  }
}

void check_keys(const Facts& facts, const Wishes& wishes, std::vector<Problem>& problems) {
  if (!facts.authority_key.empty()) {
    problems.push_back({"an authority's key lies on this appliance: " + facts.authority_key,
                        "move it to the management host, which signs with `bulkheadctl pki sign`; "
                        "its holder can command every appliance"});
  }
  if (!is_plain_name(name_of(facts, wishes))) {
    problems.push_back(
        {"\"" + printable(name_of(facts, wishes)) + "\" is no name for a certificate",
         "--name with letters, digits and -_.@"});
  }
  if (!wishes.certificate_pem.empty() && wishes.authority_pem.empty() && !facts.has_authority) {
    problems.push_back({"a certificate is of no use without its authority's",
                        "--authority with ca.crt of the management host"});
  }
}

void check_pair(const Wishes& wishes, std::vector<Problem>& problems) {
  const bool any =
      !wishes.pair_peer.empty() || !wishes.pair_listen.empty() || !wishes.pair_address.empty();
  if (!any) return;
  if (!wishes.taps.empty()) {
    problems.push_back(
        {"one of a pair has no tap, and " + printable(wishes.taps.front()) + " is to be one",
         "--tap none, and another appliance that listens there"});
  }
  std::string address;
  if (!is_plain_name(wishes.pair_peer)) {
    problems.push_back(
        {"one of a pair needs the other's name, as its certificate has it", "--pair-peer NAME"});
  }
  if (read_endpoint(wishes.pair_listen, address) == 0) {
    problems.push_back({"one of a pair needs its own address on the pair link",
                        "--pair-listen, as 192.0.2.1:7444 or [2001:db8::1]:7444"});
  }
  if (read_endpoint(wishes.pair_address, address) == 0) {
    problems.push_back({"one of a pair needs the other's address on the pair link",
                        "--pair-address, as 192.0.2.2:7444 or [2001:db8::2]:7444"});
  }
}

bool uses(const std::vector<ChosenPort>& ports, const std::string& driver) {
  return std::any_of(ports.begin(), ports.end(), [&](const ChosenPort& port) {
    return driver.empty() ? !port.driver.empty() : port.driver == driver;
  });
}

}  // namespace

std::string name_of(const Facts& facts, const Wishes& wishes) {
  return wishes.name.empty() ? facts.host_name : wishes.name;
}

std::vector<Problem> unmet(const Facts& facts, const Wishes& wishes) {
  std::vector<Problem> problems;
  check_programs(facts, wishes, problems);
  check_management(facts, wishes, problems);
  check_session(facts, wishes, problems);
  check_keys(facts, wishes, problems);
  check_pair(wishes, problems);
  return problems;
}

const HugePool* pool_for(const Facts& facts, const Wishes& wishes,
                         const std::vector<ChosenPort>& ports) {
  const bool wanted =
      wishes.huge_pages == "yes" || (wishes.huge_pages == "auto" && uses(ports, ""));
  if (!wanted || facts.huge_pools.empty()) return nullptr;
  for (const HugePool& pool : facts.huge_pools) {
    if (pool.node == ports.front().numa_node) return &pool;
  }
  return &facts.huge_pools.front();
}

std::vector<Problem> unmet_by_ports(const Facts& facts, const Wishes& wishes,
                                    const std::vector<ChosenPort>& ports) {
  std::vector<Problem> problems;
  const HugePool* pool = pool_for(facts, wishes, ports);
  const bool has_to = wishes.huge_pages == "yes" || uses(ports, "uio_pci_generic");
  if (pool == nullptr && has_to) {
    problems.push_back({"huge pages are needed, and there will be none",
                        facts.huge_pools.empty()
                            ? "the kernel has no huge pages of 2 MiB: use ports of the kernel"
                            : "uio_pci_generic cannot do without: leave --huge-pages no out"});
  }
  if (pool != nullptr && facts.memory_mib != 0 && 2ULL * wishes.memory_mib > facts.memory_mib) {
    problems.push_back({std::to_string(wishes.memory_mib) +
                            " MiB of huge pages are more than half of "
                            "this machine's " +
                            std::to_string(facts.memory_mib) + " MiB",
                        "--memory-mib with less (at least 256), or more memory"});
  }
  return problems;
}

}  // namespace bulkhead::setup
