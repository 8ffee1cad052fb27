// Texts of units, systemd.unit(5) and systemd.exec(5).
#include "controlplane/setup/units.h"

#include <algorithm>
#include <map>

#include "drop_ins.h"

namespace bulkhead::setup {

namespace {

constexpr char kWritten[] = "# Written by `bulkheadctl setup`.\n";

// Without comments and the section's line, which stands once.
std::string settings_of(const std::string& drop_in) {
  std::string text;
  for (std::size_t at = 0; at < drop_in.size();) {
    const std::size_t end = std::min(drop_in.find('\n', at), drop_in.size());
    const std::string line = drop_in.substr(at, end - at);
    if (!line.empty() && line[0] != '#' && line[0] != '[') text += line + "\n";
    at = end + 1;
  }
  return text;
}

}  // namespace

std::string dataplane_drop_in(const std::vector<ChosenPort>& ports, const Cores& cores) {
  const auto any = [&](const std::string& driver) {
    return std::any_of(ports.begin(), ports.end(),
                       [&](const ChosenPort& port) { return port.driver == driver; });
  };
  const bool any_xdp = std::any_of(ports.begin(), ports.end(), [](const ChosenPort& port) {
    return port.device.starts_with("net_af_xdp");
  });
  const bool any_bound = any("vfio-pci") || any("uio_pci_generic");
  const bool only_vfio = std::all_of(
      ports.begin(), ports.end(), [](const ChosenPort& port) { return port.driver == "vfio-pci"; });
  std::string settings;
  if (only_vfio) settings += settings_of(kVfioDropIn);
  if (any_xdp) settings += settings_of(kAfXdpDropIn);
  if (any("uio_pci_generic")) settings += settings_of(kUioDropIn);
  if (!cores.workers.empty()) {
    std::vector<int> all = cores.rest;
    all.insert(all.end(), cores.workers.begin(), cores.workers.end());
    std::sort(all.begin(), all.end());
    settings += "CPUAffinity=" + cpu_list(all) + "\n";
  }
  std::string unit;
  if (any_bound) unit = "[Unit]\nWants=" + std::string(kPorts) + "\nAfter=" + kPorts + "\n\n";
  if (settings.empty() && unit.empty()) return {};
  return kWritten + unit + (settings.empty() ? "" : "[Service]\n" + settings);
}

std::string ports_unit(const std::vector<ChosenPort>& ports) {
  std::map<std::string, std::string> by_driver;
  for (const ChosenPort& port : ports) {
    if (!port.driver.empty()) by_driver[port.driver] += " " + port.pci;
  }
  std::string text = std::string(kWritten) +
                     "[Unit]\n"
                     "Description=Bulkhead zone ports and their drivers\n"
                     "DefaultDependencies=no\n"
                     "After=local-fs.target systemd-modules-load.service\n"
                     "Before=network-pre.target bulkhead-dataplane.service shutdown.target\n"
                     "Conflicts=shutdown.target\n"
                     "\n"
                     "[Service]\n"
                     "Type=oneshot\n"
                     "RemainAfterExit=yes\n"
                     "Restart=on-failure\n"
                     "RestartSec=2s\n";
  for (const auto& [driver, addresses] : by_driver) {
    text += "ExecStart=/usr/bin/bulkheadctl setup bind " + driver + addresses + "\n";
  }
  return text +
         // Whose the ports' files are, udev says.
         "ExecStartPost=-/usr/bin/udevadm settle --timeout=10\n"
         "ProtectHome=yes\n"
         "PrivateTmp=yes\n"
         "PrivateNetwork=yes\n"
         "NoNewPrivileges=yes\n"
         "\n"
         "[Install]\n"
         "WantedBy=multi-user.target\n";
}

std::string host_firewall_unit() {
  return std::string(kWritten) +
         "[Unit]\n"
         "Description=What reaches the host of the Bulkhead firewall\n"
         "DefaultDependencies=no\n"
         // That one flushes all tables when it starts.
         "After=nftables.service\n"
         "PartOf=nftables.service\n"
         "Wants=network-pre.target\n"
         "Before=network-pre.target shutdown.target\n"
         "Conflicts=shutdown.target\n"
         "\n"
         "[Service]\n"
         "Type=oneshot\n"
         "RemainAfterExit=yes\n"
         "ExecStart=/usr/sbin/nft -f " +
         kHostRules +
         "\n"
         // nftables.service may have flushed them before.
         "ExecStop=-/usr/sbin/nft delete table inet bulkhead_host\n"
         "ExecStop=-/usr/sbin/nft delete table arp bulkhead_host\n"
         "ProtectHome=yes\n"
         "ProtectSystem=full\n"
         "NoNewPrivileges=yes\n"
         "\n"
         "[Install]\n"
         "WantedBy=sysinit.target\n";
}

std::string flush_drop_in() {
  const std::string again = "-/usr/sbin/nft -f " + std::string(kHostRules) + "\n";
  return std::string(kWritten) +
         "# nftables.service flushes all tables when it starts and when it is read anew.\n"
         "[Service]\n"
         "ExecStartPost=" +
         again + "ExecReload=" + again;
}

std::string affinity(const Cores& cores) {
  return std::string(kWritten) + "[Manager]\nCPUAffinity=" + cpu_list(cores.rest) + "\n";
}

}  // namespace bulkhead::setup
