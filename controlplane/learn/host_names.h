// What hosts are called, as far as captured traffic tells it. All of it is foreign text that
// anybody on the network may have written: bounded, reduced to letters that names may have, and a
// name for people, by which nothing is found.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "dataplane/base/bytes.h"
#include "dataplane/policy/tables.h"
#include "dataplane/wire/address.h"

namespace bulkhead::learn {

struct HostName {
  std::string name;  // that an asset may have; empty if nothing is left of it
  std::string said;  // as it came, at most kSaidBytesMax
  std::string by;    // LLDP, DNS, ...
};

class HostNames {
 public:
  static constexpr std::size_t kNameBytesMax = 40;
  static constexpr std::size_t kSaidBytesMax = 80;
  static constexpr std::size_t kHostsMax = 65536;

  // What one packet says. Of an Ethernet frame the port is the EtherType.
  struct Packet {
    policy::Transport transport{};
    wire::Mac source_mac;  // zero: not known
    wire::IpAddress source;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    ByteView payload;
  };
  void note(const Packet& packet);

  // The name of an address, or of a station; nothing where none was heard, or several by the same
  // protocol.
  std::optional<HostName> find(const wire::IpAddress& host) const;

 private:
  // The most telling first.
  enum class By : std::uint8_t { profinet_dcp, lldp, dns, s7_szl, bacnet, cip };
  static constexpr const char* kBy[] = {"PROFINET DCP",        "LLDP",        "DNS", "S7 SZL",
                                        "the BACnet instance", "CIP identity"};
  struct Claim {
    std::string said;
    bool contested = false;  // another name was heard by the same protocol
  };
  using Claims = std::map<By, Claim>;

  void claim(const wire::IpAddress& host, By by, ByteView said);
  void note_station(const Packet& packet);
  void read_lldp(const Packet& packet);
  void read_dcp(const Packet& packet);
  void read_dns(ByteView message);
  void read_szl(const Packet& packet);
  void read_i_am(const Packet& packet);
  void read_identity(const Packet& packet);

  std::map<wire::IpAddress, Claims> claims_;
  std::map<std::uint64_t, std::set<wire::IpAddress>> addresses_;  // of a station
};

// Letters, digits, `-`, `_` and `.` of the text, everything else as `-`; begins with a letter.
std::string plain_name(std::string_view said);

}  // namespace bulkhead::learn
