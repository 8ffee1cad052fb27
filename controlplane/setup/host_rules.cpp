// The text of nftables' language, nft(8).
#include "controlplane/setup/host_rules.h"

#include <cstdint>
#include <cstdio>

namespace bulkhead::setup {

namespace {

const char* family(const std::string& address) { return is_v6(address) ? "ip6" : "ip"; }

std::string quoted(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "\"" : ", \"") + name + "\"";
  return "{ " + text + " }";
}

// Only the family of the management address can reach it.
std::string admitted(const HostRules& rules) {
  std::string text;
  for (const std::string& network : rules.admit) {
    if (is_v6(network) == is_v6(rules.management)) text += (text.empty() ? "" : ", ") + network;
  }
  return "{ " + text + " }";
}

std::string services(const HostRules& rules) {
  std::string text;
  for (const std::uint16_t port : rules.services) {
    text += (text.empty() ? "" : ", ") + std::to_string(port);
  }
  return "{ " + text + " }";
}

std::string pair_rule(const HostRules& rules) {
  std::string own;
  std::string peer;
  const std::uint16_t port = read_endpoint(rules.pair_listen, own);
  if (port == 0 || read_endpoint(rules.pair_address, peer) == 0) return {};
  const std::string of = family(own);
  return "    " + of + " saddr " + peer + " " + of + " daddr " + own +
         " meta l4proto { tcp, udp } th dport " + std::to_string(port) + " accept\n";
}

std::string input_chain(const HostRules& rules) {
  const std::string of = family(rules.management);
  std::string text =
      "  chain input {\n"
      "    type filter hook input priority filter; policy drop;\n";
  if (!rules.zone_interfaces.empty()) {
    text += "    iifname " + quoted(rules.zone_interfaces) + " drop\n";
  }
  text +=
      "    iifname \"lo\" accept\n"
      "    ct state established,related accept\n"
      "    ct state invalid drop\n"
      // Neighbours on the link, without which IPv6 has no address (RFC 4861, 7.1 and 6.1).
      "    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } ip6 hoplimit "
      "255 "
      "accept\n";
  // Switches that prune groups ask who is in one, and forget who does not answer: then no neighbour
  // finds the address any more (RFC 4541, 4; RFC 4861, 7.2.1).
  if (is_v6(rules.management)) {
    text += "    icmpv6 type mld-listener-query ip6 saddr fe80::/10 accept\n";
  }
  const std::string from =
      "    " + of + " saddr " + admitted(rules) + " " + of + " daddr " + rules.management + " ";
  text += from + "tcp dport " + services(rules) + " accept\n";
  text += from + (is_v6(rules.management) ? "icmpv6" : "icmp") + " type echo-request accept\n";
  text += pair_rule(rules);
  return text + "  }\n";
}

// FNV-1a: tells whether what the kernel has was made of this text.
std::string hash_of(const std::string& text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  char digits[17];
  std::snprintf(digits, sizeof(digits), "%016llx", static_cast<unsigned long long>(hash));
  return digits;
}

std::string table(const std::string& of, const std::string& digest, const std::string& chains) {
  const std::string name = "table " + of + " " + kHostTable;
  // Declared first, so that there is one to delete.
  return name + "\ndelete " + name + "\n" + name + " {\n  comment \"" + digest + "\"\n" + chains +
         "}\n";
}

}  // namespace

std::string write_host_rules(const HostRules& rules) {
  std::string chains = input_chain(rules);
  chains += "  chain forward {\n    type filter hook forward priority filter; policy drop;\n  }\n";
  std::string arp;
  if (!rules.zone_interfaces.empty()) {
    const std::string zones = quoted(rules.zone_interfaces);
    chains +=
        "  chain output {\n    type filter hook output priority filter; policy accept;\n"
        "    oifname " +
        zones + " drop\n  }\n";
    // The kernel would answer in the zones for each of its addresses.
    arp =
        "  chain input {\n    type filter hook input priority filter; policy accept;\n"
        "    iifname " +
        zones +
        " drop\n  }\n"
        "  chain output {\n    type filter hook output priority filter; policy accept;\n"
        "    oifname " +
        zones + " drop\n  }\n";
  }
  const std::string digest = "setup " + hash_of(chains + arp);
  return "# Written by `bulkheadctl setup`: what reaches this host besides the data plane.\n" +
         table("inet", digest, chains) + table("arp", digest, arp);
}

std::string delete_host_rules() {
  const std::string name = kHostTable;
  return "delete table inet " + name + "; delete table arp " + name;
}

std::string digest_of(const std::string& rules) {
  const std::string before = "comment \"";
  const std::size_t begin = rules.find(before);
  if (begin == std::string::npos) return {};
  const std::size_t end = rules.find('"', begin + before.size());
  return rules.substr(begin + before.size(), end - begin - before.size());
}

}  // namespace bulkhead::setup
