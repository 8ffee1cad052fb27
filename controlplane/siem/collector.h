// A collector of syslog messages, as collectors.yaml describes it.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "controlplane/siem/entry.h"

namespace bulkhead::siem {

enum class Transport : std::uint8_t {
  tls,  // RFC 5425
  tcp   // RFC 6587
};
// RFC 6587, 3.4: octet counting, as RFC 5425 has it; or a line feed after each message.
enum class Framing : std::uint8_t { octet_counting, newline };
enum class Format : std::uint8_t { cef, json, text };

// RFC 5424, 6.2.1, table 1.
inline constexpr std::uint8_t kFacilityAudit = 13;
inline constexpr std::uint8_t kFacilityLocal0 = 16;

// Enterprise number of examples (RFC 5612), for those who have none of their own.
inline constexpr std::uint32_t kExamplePen = 32473;

inline constexpr std::size_t kMessageBytesLeast = 2048;  // RFC 5425, 4.3.1: all must take these
inline constexpr std::size_t kMessageBytesUsual = 8192;  // and should take these
inline constexpr std::size_t kMessageBytesMost = 65536;

struct Collector {
  std::string name;
  std::string address;  // numeric: no name server is asked
  std::uint16_t port = 0;
  Transport transport = Transport::tls;
  Framing framing = Framing::octet_counting;
  // Of TLS: files in PEM. The collector's certificate must be of an authority in `ca` and be for
  // `server_name`; empty: for the address. Without `certificate` this end shows none.
  std::string ca;
  std::string server_name;
  std::string certificate;
  std::string key;

  Format format = Format::cef;
  std::uint8_t facility = kFacilityLocal0;  // of events; audit records have 13
  std::set<std::string> kinds;              // of events; empty: all
  Level level = Level::debug;               // events of this one and of those above it
  bool audit = false;                       // audit records too, all of them
  bool from_now = false;                    // a collector that is new gets nothing of before
  std::uint32_t pen = kExamplePen;
  std::size_t message_bytes_max = kMessageBytesUsual;

  bool operator==(const Collector&) const = default;
  bool wants(const Entry& entry) const {
    return entry.stream == Stream::audit ||
           (entry.level <= level && (kinds.empty() || kinds.contains(entry.kind)));
  }
};

}  // namespace bulkhead::siem
