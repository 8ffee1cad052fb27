// What the operator wants, and how that is kept for the next time in /etc/bulkhead/setup.conf.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "controlplane/setup/machine.h"
#include "dataplane/base/result.h"

namespace bulkhead::setup {

struct ZonePort {
  std::string zone;    // what the operator calls it; may be empty
  std::string device;  // an interface or a PCI address
};

struct Wishes {
  std::vector<ZonePort> zone_ports;
  std::vector<std::string> taps;  // devices, as a zone port's; their ports follow the zone ports
  std::string through = "auto";   // auto, pci, vfio, uio, af_packet, af_xdp
  std::string management;         // address of the agent
  std::uint16_t management_port = 7443;
  std::vector<std::string> admit;  // networks of management hosts
  std::uint16_t ssh_port = 22;
  std::string name;                // in the certificate; empty: the host's
  std::vector<std::string> hosts;  // further names in it
  unsigned workers = 1;
  unsigned memory_mib = 512;
  std::string huge_pages = "auto";  // auto, yes, no
  std::vector<std::string> time_servers;
  std::vector<std::string> nts_servers;  // with NTS or not at all
  std::string pair_peer;                 // empty: not one of a pair
  std::string pair_listen;
  std::string pair_address;
  bool host_firewall = true;

  // Not kept.
  bool services = true;
  std::string certificate_pem;
  std::string authority_pem;
  std::string pair_key;
  std::string first_access;  // text of access.yaml where there is none yet
};

inline constexpr char kWishesFile[] = "/etc/bulkhead/setup.conf";

std::string write_wishes(const Wishes& wishes);
// A line that is not understood is a problem with its number.
Result<Wishes, Problem> read_wishes(const std::string& text);

// NAME=DEVICE or DEVICE; `office=eth1`.
ZonePort read_zone_port(const std::string& text);
// ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT into the wishes; false if it is none.
bool read_management(const std::string& text, Wishes& wishes);
// Of an address or a network.
inline bool is_v6(const std::string& address) { return address.find(':') != std::string::npos; }
// As options of the agent write it: 192.0.2.10:7443, [2001:db8::1]:7443.
std::string endpoint(const std::string& address, std::uint16_t port);
// The address of an endpoint, and its port; 0 if it is none.
std::uint16_t read_endpoint(const std::string& text, std::string& address);

}  // namespace bulkhead::setup
