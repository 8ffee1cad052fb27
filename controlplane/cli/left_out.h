// Frames in which there is no message, session or echo for the commands that read captures: how
// many, of what kind, and what lets such frames pass.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>

namespace bulkhead::controlplane {

struct LeftOut {
  enum class Kind : std::uint8_t {
    fragment,
    ip_options,  // or IPv6 extension headers
    ip_protocol,
    icmp,
    icmpv6,
    ethertype,
    llc,
    link_type,
    snapped,  // recorded in part
    malformed
  };
  Kind kind{};
  std::uint16_t number = 0;  // the protocol, type, EtherType, SAP or DLT_...

  auto operator<=>(const LeftOut&) const = default;
};

using LeftOutFrames = std::map<LeftOut, std::uint64_t>;

void add_left_out(const LeftOutFrames& more, LeftOutFrames& frames);
std::uint64_t count_left_out(const LeftOutFrames& frames);

// Such as "IP fragments", "GRE (IP protocol 47)", "EtherType 0x8892".
std::string left_out_words(const LeftOut& what);
// What of a policy grants them, in its words; empty if nothing does.
std::string left_out_grant(const LeftOut& what);
// A line of both.
std::string left_out_text(const LeftOut& what, std::uint64_t frames);
// A line of frames whose VLAN tags no appliance lets pass.
std::string foreign_tags_text(std::uint64_t frames);

}  // namespace bulkhead::controlplane
