// Names are the registry's.
#include "controlplane/cli/chosen_ports.h"

#include <charconv>

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
    std::uint16_t port = 0;
    const char* const end = word.data() + word.size();
    const char* const begin = equals == std::string::npos ? end : word.data() + equals + 1;
    const auto [stop, error] = std::from_chars(begin, end, port);
    if (error != std::errc() || stop != end || port == 0) {
      throw CommandFailed{kUsage, "--as takes PROTOCOL=PORT, such as modbus=1502, not " + word};
    }
    ports[port] = *protocol;
  }
  return ports;
}

}  // namespace bulkhead::controlplane
