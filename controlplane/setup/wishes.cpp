// Lines of `name = value`; what may stand more than once stands once a line.
#include "controlplane/setup/wishes.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <sstream>

#include "controlplane/setup/sessions.h"

namespace bulkhead::setup {

namespace {

constexpr char kHead[] =
    "# What `bulkheadctl setup` was asked for; another `bulkheadctl setup --yes` takes it from "
    "here.\n";

std::string trimmed(const std::string& text) {
  constexpr const char* kBlanks = " \t\r";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

bool read_number(const std::string& text, unsigned long least, unsigned long most,
                 unsigned long& value) {
  if (text.empty() || text.size() > 9) return false;
  if (text.find_first_not_of("0123456789") != std::string::npos) return false;
  value = std::strtoul(text.c_str(), nullptr, 10);
  return value >= least && value <= most;
}

struct Text {
  const char* name;
  std::string Wishes::* value;
};
constexpr Text kTexts[] = {
    {"through", &Wishes::through},         {"name", &Wishes::name},
    {"huge-pages", &Wishes::huge_pages},   {"pair-peer", &Wishes::pair_peer},
    {"pair-listen", &Wishes::pair_listen}, {"pair-address", &Wishes::pair_address},
};

struct List {
  const char* name;
  std::vector<std::string> Wishes::* value;
};
constexpr List kLists[] = {
    {"tap", &Wishes::taps},
    {"admit", &Wishes::admit},
    {"host", &Wishes::hosts},
    {"time-server", &Wishes::time_servers},
    {"nts-server", &Wishes::nts_servers},
};

bool set_one(Wishes& wishes, const std::string& name, const std::string& value) {
  for (const Text& each : kTexts) {
    if (name == each.name) return wishes.*each.value = value, true;
  }
  for (const List& each : kLists) {
    if (name == each.name) return (wishes.*each.value).push_back(value), true;
  }
  unsigned long number = 0;
  if (name == "zone-port") return wishes.zone_ports.push_back(read_zone_port(value)), true;
  if (name == "management") return read_management(value, wishes);
  if (name == "workers" && read_number(value, 1, 32, number)) {
    return wishes.workers = static_cast<unsigned>(number), true;
  }
  if (name == "memory-mib" && read_number(value, 64, 1 << 20, number)) {
    return wishes.memory_mib = static_cast<unsigned>(number), true;
  }
  if (name == "ssh-port" && read_number(value, 1, 65535, number)) {
    return wishes.ssh_port = static_cast<std::uint16_t>(number), true;
  }
  if (name == "host-firewall" && (value == "yes" || value == "no")) {
    return wishes.host_firewall = value == "yes", true;
  }
  return false;
}

}  // namespace

std::string write_wishes(const Wishes& wishes) {
  std::ostringstream out;
  const Wishes usual;
  const auto line = [&](const std::string& name, const std::string& value) {
    out << name << " = " << value << "\n";
  };
  out << kHead;
  for (const ZonePort& port : wishes.zone_ports) {
    line("zone-port", (port.zone.empty() ? "" : port.zone + "=") + port.device);
  }
  if (!wishes.management.empty()) {
    line("management", endpoint(wishes.management, wishes.management_port));
  }
  for (const List& each : kLists) {
    for (const std::string& value : wishes.*each.value) line(each.name, value);
  }
  for (const Text& each : kTexts) {
    if (wishes.*each.value != usual.*each.value) line(each.name, wishes.*each.value);
  }
  if (wishes.workers != usual.workers) line("workers", std::to_string(wishes.workers));
  if (wishes.memory_mib != usual.memory_mib) line("memory-mib", std::to_string(wishes.memory_mib));
  if (wishes.ssh_port != usual.ssh_port) line("ssh-port", std::to_string(wishes.ssh_port));
  if (!wishes.host_firewall) line("host-firewall", "no");
  return out.str();
}

Result<Wishes, Problem> read_wishes(const std::string& text) {
  Wishes wishes;
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    line = trimmed(line);
    if (line.empty() || line.front() == '#') continue;
    const std::size_t equals = line.find('=');
    const std::string name = trimmed(line.substr(0, equals));
    const std::string value = equals == std::string::npos ? "" : trimmed(line.substr(equals + 1));
    if (value.empty() || !set_one(wishes, name, value)) {
      return Problem{std::string(kWishesFile) + " line " + std::to_string(number) +
                         " is not understood: " + line,
                     "correct it, or remove the file and give all options again"};
    }
  }
  return wishes;
}

ZonePort read_zone_port(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) return {"", text};
  return {text.substr(0, equals), text.substr(equals + 1)};
}

std::uint16_t read_endpoint(const std::string& text, std::string& address) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return 0;
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    if (host.find(':') == std::string::npos) return 0;
  } else if (host.find(':') != std::string::npos) {
    return 0;  // an IPv6 address without its brackets
  }
  unsigned long port = 0;
  if (!is_address(host) || !read_number(text.substr(colon + 1), 1, 65535, port)) return 0;
  address = host;
  return static_cast<std::uint16_t>(port);
}

bool read_management(const std::string& text, Wishes& wishes) {
  std::string address = text;
  if (!is_address(text)) {
    const std::uint16_t port = read_endpoint(text, address);
    if (port == 0) return false;
    wishes.management_port = port;
  }
  // It is compared with what the kernel lists.
  wishes.management = plain_address(address);
  return true;
}

std::string endpoint(const std::string& address, std::uint16_t port) {
  const bool is_v6 = address.find(':') != std::string::npos;
  return (is_v6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

}  // namespace bulkhead::setup
