// For tests: a folder that stands for a machine's root, with invented files.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "controlplane/setup/machine.h"

namespace bulkhead::setup {

class Tree {
 public:
  Tree() {
    std::string name = std::filesystem::temp_directory_path() / "setup-test-XXXXXX";
    root = mkdtemp(name.data());
    folder("/etc");
    file("/etc/passwd",
         "root:x:0:0::/root:/bin/sh\nbulkhead:x:901:902::/:/bin/false\n"
         "bulkhead-dp:x:903:903::/:/bin/false\n");
    file("/etc/group", "root:x:0:\nbulkhead:x:902:\n");
  }
  ~Tree() { std::filesystem::remove_all(root); }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  void folder(const std::string& path) const { std::filesystem::create_directories(root + path); }
  void file(const std::string& path, const std::string& text) const {
    folder(std::filesystem::path(path).parent_path());
    std::ofstream(root + path) << text;
  }
  // From the link's own folder.
  void link(const std::string& path, const std::string& target) const {
    folder(std::filesystem::path(path).parent_path());
    std::filesystem::remove(root + path);
    std::filesystem::create_symlink(target, root + path);
  }
  // A card: its PCI device, a driver (which exists), and an interface unless its name is empty.
  void card(const std::string& interface, const std::string& pci, const std::string& driver) const {
    const std::string device = "/sys/devices/pci0000:00/" + pci;
    file(device + "/class", "0x020000\n");
    file(device + "/numa_node", "0\n");
    file(device + "/driver_override", "(null)\n");
    link("/sys/bus/pci/devices/" + pci, "../../../devices/pci0000:00/" + pci);
    file("/sys/bus/pci/drivers_probe", "");
    give(pci, driver);
    if (interface.empty()) return;
    const std::string net = device + "/net/" + interface;
    file(net + "/type", "1\n");
    file(net + "/carrier", "1\n");
    file(net + "/address", "02:00:00:00:00:01\n");
    file(net + "/speed", "1000\n");
    file(net + "/uevent", "INTERFACE=" + interface + "\n");
    link(net + "/device", "../../../" + pci);
    link("/sys/class/net/" + interface, "../../devices/pci0000:00/" + pci + "/net/" + interface);
  }
  void give(const std::string& pci, const std::string& driver) const {
    const std::string at = "/sys/devices/pci0000:00/" + pci + "/driver";
    std::filesystem::remove(root + at);
    if (driver.empty()) return;
    file("/sys/bus/pci/drivers/" + driver + "/unbind", "");
    link(at, "../../../bus/pci/drivers/" + driver);
  }

  std::string root;
};

}  // namespace bulkhead::setup
