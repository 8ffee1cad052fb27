// What a machine is like, as far as setting it up depends on it. Plain data: tests invent it.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace bulkhead::setup {

// An interface of the kernel, a network device on PCI, or both.
struct Port {
  std::string interface;  // empty: the kernel has none for it
  std::string pci;        // empty: it is not on PCI
  std::string driver;     // empty: none
  std::string kind;       // ethernet, vlan, bridge, bond, virtual, pci
  std::string mac;
  std::string iommu_group;    // empty: its memory access is not confined
  bool is_elsewhere = false;  // its interface is in another network namespace
  bool link_up = false;
  int speed_mbps = 0;                  // 0: not known
  int numa_node = -1;                  // -1: not known
  std::vector<std::string> addresses;  // with the length of the prefix
  std::vector<std::string> lowers;     // interfaces that this one is made of
  std::vector<std::string> uppers;     // interfaces that are made of this one
  std::string management;              // why management may run over it; empty: it does not
};

struct Cpu {
  int number = 0;
  int package = 0;
  int core = 0;
  int node = 0;
};

// Huge pages of 2 MiB on a node; the path is the kernel's.
struct HugePool {
  int node = -1;
  std::string path;
  std::uint64_t pages = 0;
};

// A PCI device in an IOMMU group, with its driver.
struct GroupMember {
  std::string group;
  std::string pci;
  std::string driver;
  bool is_bridge = false;
};

// How the operator is connected; empty on a console.
struct RemoteSession {
  std::string peer;
  std::string address;  // of this machine
  std::uint16_t port = 22;
};

enum class NtsAnswer { yes, no, unreachable };

struct Facts {
  std::vector<Port> ports;
  std::vector<GroupMember> groups;
  bool has_iommu = false;
  std::vector<Cpu> cpus;
  std::vector<HugePool> huge_pools;
  std::uint64_t memory_mib = 0;
  std::string host_name;
  RemoteSession session;
  bool is_live = true;
  bool has_systemd = false;  // it runs
  bool has_nft = false;
  bool has_chrony = false;
  bool has_users = false;  // bulkhead and bulkhead-dp
  bool has_certificate = false;
  bool has_authority = false;
  bool has_access = false;                   // access.yaml
  std::string authority_key;                 // where one lies on this machine
  std::map<std::string, NtsAnswer> nts;      // by name of the server
  std::vector<std::string> addresses;        // all of this machine's, without their lengths
  std::map<std::string, std::string> files;  // configuration that setup changes in place
  std::set<std::string> earlier;  // what an earlier setup wrote, of what may be in the way

  const Port* find(const std::string& interface_or_pci) const;
};

}  // namespace bulkhead::setup
