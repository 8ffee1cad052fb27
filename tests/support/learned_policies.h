// What is learned from a few operations, as the text of a policy, and what the compiler says of it.
#pragma once

#include <array>
#include <regex>
#include <string>
#include <vector>

#include "controlplane/learn/write.h"
#include "controlplane/policy/compiler.h"
#include "tests/support/spoken_operations.h"

namespace bulkhead::learn {

inline constexpr TimeNs kStart = 1'700'000'000 * kSecondNs;

inline const Session kPolls{ip("10.20.0.10"), ip("10.10.0.20"), policy::Transport::tcp, 502};

inline protocols::Operation read(std::int64_t low, std::int64_t high) {
  return modbus().make("read_holding_registers",
                       {{"unit", {1, 1}}, {"address", {low, high}}, {"quantity", {10, 10}}});
}

// The quickstart's traffic: ten registers polled each second, one set point now and then.
inline Observations quickstart(bool with_values = false) {
  Observations seen(with_values);
  for (int i = 0; i < 100; ++i) {
    seen.note_operation(kPolls, modbus().protocol, read(0, 9), kStart + i * kSecondNs);
  }
  for (const std::uint16_t value : std::array<std::uint16_t, 3>{700, 710, 705}) {
    seen.note_operation(kPolls, modbus().protocol, Write(42, value).operation, kStart + value);
  }
  return seen;
}

inline const std::vector<ZoneWish> kZones = {{"supervision", {{ip("10.20.0.0"), 96 + 24}}},
                                             {"control", {{ip("10.10.0.0"), 96 + 24}}}};

inline std::string text_of(const Observations& seen, const std::vector<ZoneWish>& zones = kZones) {
  return proposal_text(propose(seen, zones),
                       {"water-works", {"day.pcap"}, 206, kStart, kStart + 99 * kSecondNs});
}

inline std::string reviewed(const std::string& text) {
  return std::regex_replace(text, std::regex("reviewed_by:( null)?(?=[\n}])"), "reviewed_by: me");
}

inline std::string errors_of(const std::string& text) {
  const controlplane::Compilation compiled = controlplane::compile_policy(text, "p.yaml");
  std::string errors;
  for (const auto& each : compiled.diagnostics.list()) {
    if (each.severity == controlplane::Severity::error) {
      errors += compiled.diagnostics.to_text(each) + "\n";
    }
  }
  return errors;
}

// What a station says of itself by LLDP (IEEE 802.1AB, 8.5.6), with its management address.
inline void say_name(HostNames& names, std::uint8_t host, const std::string& name) {
  std::vector<std::uint8_t> lldp = {0x0a, static_cast<std::uint8_t>(name.size())};
  lldp.insert(lldp.end(), name.begin(), name.end());
  const std::vector<std::uint8_t> rest = {0x10, 0x0c, 5, 1, 10, 10, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0};
  lldp.insert(lldp.end(), rest.begin(), rest.end());
  lldp[2 + name.size() + 7] = host;
  const wire::Mac station{{2, 0, 0, 0, 0, host}};
  names.note(
      {policy::Transport::ethernet, station, wire::IpAddress::from_mac(station), 0, 0x88cc, lldp});
}

inline std::string named_text(const Observations& seen, const HostNames& names) {
  return proposal_text(propose(seen, kZones, names), {"s", {"day.pcap"}, 1, kStart, kStart});
}

}  // namespace bulkhead::learn
