// Names of what is common in plants; numbers for all others.
#include "controlplane/cli/left_out.h"

#include <cstdio>

namespace bulkhead::controlplane {

namespace {

struct Named {
  std::uint16_t number;
  const char* name;
};

constexpr Named kIpProtocols[] = {{2, "IGMP"},  {47, "GRE"},   {50, "ESP"},  {51, "AH"},
                                  {89, "OSPF"}, {112, "VRRP"}, {132, "SCTP"}};
constexpr Named kEtherTypes[] = {
    {0x8892, "PROFINET RT"}, {0x88a4, "EtherCAT"}, {0x88ab, "POWERLINK"}, {0x88cc, "LLDP"},
    {0x88cd, "SERCOS III"},  {0x88f7, "PTP"},      {0x88fb, "PRP"},       {0x8863, "PPPoE"},
    {0x8864, "PPPoE"},       {0x8847, "MPLS"},     {0x88e5, "MACsec"},    {0x88e3, "MRP"}};

template <std::size_t kCount>
std::string with_name(const Named (&names)[kCount], std::uint16_t number, const std::string& text) {
  for (const Named& each : names) {
    if (each.number == number) return std::string(each.name) + " (" + text + ")";
  }
  return text;
}

std::string hexadecimal(std::uint16_t number) {
  char text[8];
  std::snprintf(text, sizeof(text), "0x%04x", unsigned{number});
  return text;
}

}  // namespace

void add_left_out(const LeftOutFrames& more, LeftOutFrames& frames) {
  for (const auto& [what, count] : more) frames[what] += count;
}

std::uint64_t count_left_out(const LeftOutFrames& frames) {
  std::uint64_t sum = 0;
  for (const auto& [what, count] : frames) sum += count;
  return sum;
}

std::string left_out_words(const LeftOut& what) {
  const std::string number = std::to_string(what.number);
  switch (what.kind) {
    case LeftOut::Kind::fragment:
      return "IP fragments";
    case LeftOut::Kind::ip_options:
      return "IP options or extension headers";
    case LeftOut::Kind::ip_protocol:
      return with_name(kIpProtocols, what.number, "IP protocol " + number);
    case LeftOut::Kind::icmp:
      return "ICMP type " + number;
    case LeftOut::Kind::icmpv6:
      return "ICMPv6 type " + number;
    case LeftOut::Kind::ethertype:
      return with_name(kEtherTypes, what.number, "EtherType " + hexadecimal(what.number));
    case LeftOut::Kind::llc:
      return "LLC, SAP " + hexadecimal(what.number);
    case LeftOut::Kind::link_type:
      return "frames of link type " + number;
    case LeftOut::Kind::snapped:
      return "frames recorded in part";
    case LeftOut::Kind::malformed:
      return "malformed";
  }
  return {};
}

std::string left_out_grant(const LeftOut& what) {
  if (what.kind == LeftOut::Kind::fragment) return "fragments: reassemble";
  if (what.kind == LeftOut::Kind::ethertype) {
    return "service: ethernet/" + hexadecimal(what.number);
  }
  return {};
}

std::string left_out_text(const LeftOut& what, std::uint64_t frames) {
  const std::string grant = left_out_grant(what);
  const bool conduit = what.kind == LeftOut::Kind::fragment;
  const std::string none = what.kind == LeftOut::Kind::snapped
                               ? "; record whole ones, as `tcpdump -s 0` does"
                               : "; no policy grants them";
  return "not decoded: " + left_out_words(what) + ", " + std::to_string(frames) +
         (frames == 1 ? " frame" : " frames") +
         (grant.empty() ? none
                        : "; `" + grant + "` " + (conduit ? "in a conduit" : "in a rule") +
                              " lets them pass");
}

std::string foreign_tags_text(std::uint64_t frames) {
  return "refused by every policy: VLAN tags of " + std::to_string(frames) +
         (frames == 1 ? " frame" : " frames") +
         ", which are neither one of EtherType 8100 nor one of 88a8 with one of 8100 inside";
}

}  // namespace bulkhead::controlplane
