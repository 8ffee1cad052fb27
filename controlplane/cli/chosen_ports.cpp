// Names are the registry's.
#include "controlplane/cli/chosen_ports.h"

#include <cstdlib>

#include "controlplane/cli/session.h"
#include "controlplane/yaml/diagnostics.h"

namespace bulkhead::controlplane {

ChosenPorts read_chosen_ports(const std::vector<std::string>& words) {
  ChosenPorts ports;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    const auto protocol = protocols::find_protocol(name);
    if (!protocol) {
      std::vector<std::string> known;
      for (const auto* each : protocols::registry()) known.emplace_back(each->catalogue().name);
      throw CommandFailed{kUsage, "unknown protocol " + name + did_you_mean(name, known)};
    }
    const unsigned long port =
        equals == std::string::npos ? 0 : std::strtoul(word.c_str() + equals + 1, nullptr, 10);
    if (port == 0 || port > 65535) {
      throw CommandFailed{kUsage, "--as takes PROTOCOL=PORT, such as modbus=1502, not " + word};
    }
    ports[static_cast<std::uint16_t>(port)] = *protocol;
  }
  return ports;
}

}  // namespace bulkhead::controlplane
