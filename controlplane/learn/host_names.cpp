// One packet at a time, each protocol's one message that names its sender. What does not fit is
// left: nothing here is more than a hint for the reader of a proposal.
#include "controlplane/learn/host_names.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "controlplane/learn/dns_names.h"

namespace bulkhead::learn {

namespace {

constexpr std::uint16_t kEtherTypeLldp = 0x88cc;
constexpr std::uint16_t kEtherTypeProfinet = 0x8892;
constexpr std::uint16_t kPortDns = 53;
constexpr std::uint16_t kPortMdns = 5353;
constexpr std::uint16_t kPortIsoOnTcp = 102;
constexpr std::uint16_t kPortEnip = 44818;
constexpr std::uint16_t kPortBacnetFirst = 47808;
constexpr std::uint16_t kPortBacnetLast = 47823;
constexpr std::size_t kPartsMax = 64;  // TLVs, blocks or records of one message
constexpr std::size_t kAddressesOfStation = 2;

std::optional<wire::IpAddress> address_in(ByteView bytes) {
  if (bytes.size() == 4) return wire::IpAddress::from_v4(bytes.data());
  if (bytes.size() == 16) return wire::IpAddress::from_v6(bytes.data());
  return std::nullopt;
}

// Up to the first NUL, without blanks at its end.
std::string_view said_in(ByteView bytes) {
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  text = text.substr(0, text.find('\0'));
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

ByteView bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

bool is_word_of_yaml(const std::string& name) {
  std::string lower = name;
  for (char& each : lower) each = static_cast<char>(std::tolower(static_cast<unsigned char>(each)));
  constexpr std::array<std::string_view, 11> kWords = {"any", "true", "false", "null", "yes", "no",
                                                       "on",  "off",  "y",     "n",    "none"};
  return std::find(kWords.begin(), kWords.end(), lower) != kWords.end();
}

}  // namespace

std::string plain_name(std::string_view said) {
  std::string name;
  for (const char each : said.substr(0, HostNames::kSaidBytesMax)) {
    const auto byte = static_cast<unsigned char>(each);
    const bool plain = byte < 0x80 && (std::isalnum(byte) != 0 || each == '_' || each == '.');
    if (plain) {
      name += each;
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  const auto at_end = [](char each) { return each == '-' || each == '.' || each == '_'; };
  name = name.substr(0, HostNames::kNameBytesMax);
  while (!name.empty() && at_end(name.back())) name.pop_back();
  const auto first = std::find_if_not(name.begin(), name.end(), at_end);
  name.erase(name.begin(), first);
  if (name.empty()) return name;
  const bool letter = std::isalpha(static_cast<unsigned char>(name.front())) != 0;
  if (!letter || is_word_of_yaml(name)) {
    name = "host-" + name.substr(0, HostNames::kNameBytesMax - 5);
  }
  return name;
}

void HostNames::claim(const wire::IpAddress& host, By by, ByteView said) {
  const std::string text(said_in(said.first(std::min(said.size(), kSaidBytesMax))));
  const bool empty = host == wire::IpAddress{} || plain_name(text).empty();
  if (empty || (claims_.size() >= kHostsMax && !claims_.contains(host))) return;
  const auto [at, added] = claims_[host].try_emplace(by, Claim{text});
  if (!added && at->second.said != text) at->second.contested = true;
}

std::optional<HostName> HostNames::find(const wire::IpAddress& host) const {
  const auto found = claims_.find(host);
  if (found == claims_.end()) return std::nullopt;
  for (const auto& [by, claim] : found->second) {
    if (claim.contested) continue;
    return HostName{plain_name(claim.said), claim.said, kBy[static_cast<std::size_t>(by)]};
  }
  return std::nullopt;
}

void HostNames::note(const Packet& packet) {
  note_station(packet);
  const std::uint16_t from = packet.source_port;
  if (packet.transport == policy::Transport::ethernet) {
    if (packet.destination_port == kEtherTypeLldp) read_lldp(packet);
    if (packet.destination_port == kEtherTypeProfinet) read_dcp(packet);
  } else if (packet.transport == policy::Transport::udp) {
    if (from == kPortDns || from == kPortMdns) read_dns(packet.payload);
    if (from >= kPortBacnetFirst && from <= kPortBacnetLast) read_i_am(packet);
    if (from == kPortEnip) read_identity(packet);
  } else if (packet.transport == policy::Transport::tcp) {
    if (from == kPortIsoOnTcp) read_szl(packet);
    if (from == kPortEnip) read_identity(packet);
  }
}

// A router sends for many: which of them its own address is nobody can tell.
void HostNames::note_station(const Packet& packet) {
  if (packet.source_mac.is_zero() || packet.transport == policy::Transport::ethernet) return;
  const std::uint64_t station = packet.source_mac.to_integer();
  if (addresses_.size() >= kHostsMax && !addresses_.contains(station)) return;
  auto& addresses = addresses_[station];
  if (addresses.size() < kAddressesOfStation) addresses.insert(packet.source);
}

// IEEE 802.1AB, 8.5: the system's name, and its management address (8.5.9); else the one address
// that its station was seen with.
void HostNames::read_lldp(const Packet& packet) {
  ByteReader reader(packet.payload);
  ByteView name;
  std::optional<wire::IpAddress> address;
  for (std::size_t i = 0; i < kPartsMax && reader.remaining() >= 2; ++i) {
    const std::uint16_t head = reader.u16();
    const ByteView value = reader.take(head & 0x1ffU);
    const unsigned type = head >> 9;
    if (!reader.ok() || type == 0) break;
    if (type == 5) name = value;
    if (type != 8 || value.size() < 2 || value[0] < 2) continue;
    const std::size_t length = value[0] - 1U;
    const bool ip = (value[1] == 1 && length == 4) || (value[1] == 2 && length == 16);
    if (ip && value.size() >= 2 + length) address = address_in(value.subspan(2, length));
  }
  claim(packet.source, By::lldp, name);
  const auto seen = addresses_.find(packet.source.mac().to_integer());
  if (!address && seen != addresses_.end() && seen->second.size() == 1) {
    address = *seen->second.begin();
  }
  if (address) claim(*address, By::lldp, name);
}

// IEC 61158-6-10, 4.3: answers to Identify and Get.
void HostNames::read_dcp(const Packet& packet) {
  ByteReader reader(packet.payload);
  const std::uint16_t frame = reader.u16();
  const std::uint8_t service = reader.u8();
  const std::uint8_t type = reader.u8();
  reader.skip(6);  // transaction, and what only requests have
  ByteReader blocks(reader.take(reader.u16()));
  const bool answers = (frame == 0xfeff && service == 5) || (frame == 0xfefd && service == 3);
  if (!reader.ok() || !answers || type != 1) return;
  ByteView name;
  std::optional<wire::IpAddress> address;
  for (std::size_t i = 0; i < kPartsMax && blocks.remaining() >= 4; ++i) {
    const std::uint16_t option = blocks.u16();
    const std::uint16_t length = blocks.u16();
    ByteReader block(blocks.take(length));
    if (length % 2 != 0) blocks.skip(1);
    block.skip(2);  // block info
    if (option == 0x0202) name = block.rest();
    if (option == 0x0102) address = address_in(block.take(4));
  }
  claim(packet.source, By::profinet_dcp, name);
  if (address) claim(*address, By::profinet_dcp, name);
}

void HostNames::read_dns(ByteView message) {
  for (const DnsName& each : dns_names(message)) claim(each.address, By::dns, bytes_of(each.name));
}

// SZL 001C, index 1: the automation system's name; 2: the module's (Siemens, A5E00267840, 34.6).
void HostNames::read_szl(const Packet& packet) {
  constexpr std::size_t kRecordBytes = 34;
  ByteReader reader(packet.payload);
  const bool tpkt = reader.u16() == 0x0300;
  reader.skip(2);
  const bool data = reader.u8() == 2 && reader.u8() == 0xf0 && reader.u8() == 0x80;
  const bool user_data = reader.u8() == 0x32 && reader.u8() == 7;
  reader.skip(4);
  const std::uint16_t parameters = reader.u16();
  reader.skip(2);
  ByteReader parameter(reader.take(parameters));
  parameter.skip(5);
  const bool reads_szl = parameter.u8() == 0x84 && parameter.u8() == 1;
  const bool good = reader.u8() == 0xff;
  reader.skip(3);
  const bool names = reader.u16() == 0x001c;
  reader.skip(2);
  const std::uint16_t length = reader.u16();
  const std::uint16_t count = reader.u16();
  if (!tpkt || !data || !user_data || !reads_szl || !good || !names || length != kRecordBytes) {
    return;
  }
  ByteView system;
  ByteView module;
  for (std::size_t i = 0; i < std::min<std::size_t>(count, kPartsMax); ++i) {
    const std::uint16_t index = reader.u16();
    const ByteView text = reader.take(24);
    reader.skip(kRecordBytes - 26);
    if (!reader.ok()) break;
    if (index == 1) system = text;
    if (index == 2) module = text;
  }
  claim(packet.source, By::s7_szl, said_in(system).empty() ? module : system);
}

// ANSI/ASHRAE 135, 16.10.4: the device's instance. One that came through a router is not its
// sender's.
void HostNames::read_i_am(const Packet& packet) {
  ByteReader reader(packet.payload);
  const bool bacnet_ip = reader.u8() == 0x81;
  const std::uint8_t function = reader.u8();
  reader.skip(2);
  const bool plain = function == 0x0a || function == 0x0b;
  const bool version = reader.u8() == 1;
  const std::uint8_t control = reader.u8();
  const bool routed = (control & 0x88U) != 0;  // a network message, or from another network
  if ((control & 0x20U) != 0) {
    reader.skip(2);
    reader.skip(reader.u8());
    reader.skip(1);
  }
  const bool i_am = reader.u16() == 0x1000 && reader.u8() == 0xc4;
  const std::uint32_t object = reader.u32();
  constexpr std::uint32_t kDevice = 8;
  if (!reader.ok() || !bacnet_ip || !plain || !version || routed || !i_am) return;
  if (object >> 22 != kDevice) return;
  claim(packet.source, By::bacnet, bytes_of("device-" + std::to_string(object & 0x3fffffU)));
}

// CIP volume 2, 2-4.2: ListIdentity's answer has the product's name.
void HostNames::read_identity(const Packet& packet) {
  ByteReader reader(packet.payload);
  const bool list_identity = reader.u16_le() == 0x63;
  reader.skip(22);
  const std::uint16_t items = reader.u16_le();
  const bool identity = reader.u16_le() == 0x0c;
  reader.skip(2 + 2 + 16 + 14);  // length, version, address, the identity's numbers
  const ByteView name = reader.take(reader.u8());
  if (reader.ok() && list_identity && identity && items > 0) claim(packet.source, By::cip, name);
}

}  // namespace bulkhead::learn
