// collectors.yaml: which collectors get syslog messages, and which.
//
//   siem: v1
//   collectors:
//     soc:
//       address: 192.0.2.50:6514
//       ca: /etc/bulkhead/pki/soc-ca.crt
//       name: siem.example.org
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "controlplane/siem/collector.h"
#include "controlplane/yaml/diagnostics.h"

namespace bulkhead::siem {

inline constexpr std::size_t kCollectorsBytesMax = std::size_t{1} << 20;
inline constexpr std::size_t kCollectorsMax = 8;

std::string_view name_of(Transport transport);
std::string_view name_of(Format format);

// The result counts only if the diagnostics have no error: all are reported with line and column.
std::vector<Collector> parse_collectors(const std::string& text,
                                        controlplane::Diagnostics& diagnostics);

}  // namespace bulkhead::siem
