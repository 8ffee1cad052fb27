// Small policies around the example of the design, and what the compiler says of them.
#pragma once

#include <string>
#include <vector>

#include "controlplane/policy/compiler.h"

namespace bulkhead::controlplane {

inline const char* const kHead = R"(bulkhead: v1
site: water-works
written_for: 0.2
zones: {supervision: {target: SL2, port: 0, networks: [10.20.0.0/24]},
        control:     {target: SL3, port: 1, networks: [10.10.0.0/24, "2001:db8::/64"]}}
assets:
  hmi:  {zone: supervision, address: 10.20.0.10}
  plc1: {zone: control, address: 10.10.0.20, mac: "02:00:00:00:00:20"}
)";

inline std::string with_rules(const std::string& rules, const std::string& conduit = "") {
  return std::string(kHead) + "conduits:\n  scada:\n    from: supervision\n    to: control\n" +
         conduit + "    allow:\n" + rules;
}

inline std::vector<std::string> messages(const std::string& text) {
  const Compilation result = compile_policy(text, "p.yaml");
  std::vector<std::string> lines;
  for (const Diagnostic& each : result.diagnostics.list()) {
    lines.push_back(result.diagnostics.to_text(each));
  }
  return lines;
}

inline std::string first(const std::string& text) {
  const auto lines = messages(text);
  return lines.empty() ? std::string() : lines[0];
}

}  // namespace bulkhead::controlplane
