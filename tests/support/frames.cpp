// Builds frames byte by byte, so that tests do not lean on the code they test.
#include <arpa/inet.h>

#include "dataplane/wire/checksum.h"
#include "tests/support/plant.h"

namespace bulkhead::support {

namespace {

void put16(Bytes& out, std::size_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

void put32(Bytes& out, std::uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xffff);
}

void append(Bytes& out, ByteView bytes) {
  for (const std::uint8_t byte : bytes) out.push_back(byte);
}

void fill_checksum(Bytes& segment, std::size_t at, const Host& from, const Host& to,
                   std::uint8_t protocol) {
  const auto length = static_cast<std::uint32_t>(segment.size());
  const std::uint32_t pseudo = wire::pseudo_header_sum(from.address, to.address, protocol, length);
  store_be16(segment.data() + at, wire::checksum_finish(wire::checksum_add(pseudo, segment)));
}

}  // namespace

wire::IpAddress ip4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  const std::uint8_t bytes[] = {a, b, c, d};
  return wire::IpAddress::from_v4(bytes);
}

wire::IpAddress ip6(const std::string& text) {
  std::uint8_t bytes[16];
  inet_pton(AF_INET6, text.c_str(), bytes);
  return wire::IpAddress::from_v6(bytes);
}

wire::Mac mac(std::uint8_t last) { return wire::Mac{{2, 0, 0, 0, 0, last}}; }

Bytes icmp_message(std::uint8_t type, std::uint8_t code, std::uint16_t identifier,
                   const Bytes& body) {
  Bytes message(wire::kIcmpHeaderBytes + body.size());
  message[0] = type;
  message[1] = code;
  store_be16(message.data() + 4, identifier);
  store_be16(message.data() + 6, 1);
  std::copy(body.begin(), body.end(), message.begin() + wire::kIcmpHeaderBytes);
  store_be16(message.data() + 2, wire::checksum_finish(wire::checksum_add(0, message)));
  return message;
}

Bytes ip_frame(const Host& from, const Host& to, std::uint8_t protocol, const Bytes& payload) {
  Bytes frame;
  append(frame, to.mac.bytes);
  append(frame, from.mac.bytes);
  const bool v4 = from.address.is_v4();
  put16(frame, v4 ? 0x0800 : 0x86dd);
  const std::size_t header = frame.size();
  if (v4) {
    put16(frame, 0x4500);
    put16(frame, 20 + payload.size());
    put32(frame, 0x00004000);
    put16(frame, 0x4000U | protocol);
    put16(frame, 0);
    append(frame, ByteView{from.address.bytes}.subspan(12));
    append(frame, ByteView{to.address.bytes}.subspan(12));
    store_be16(frame.data() + header + 10,
               wire::checksum_finish(wire::checksum_add(0, ByteView{frame.data() + header, 20})));
  } else {
    put32(frame, 0x60000000);
    put16(frame, payload.size());
    frame.push_back(protocol);
    frame.push_back(255);
    append(frame, from.address.bytes);
    append(frame, to.address.bytes);
  }
  append(frame, payload);
  return frame;
}

Bytes tcp_frame(const Host& from, const Host& to, const TcpSpec& spec) {
  Bytes segment;
  put16(segment, spec.source_port);
  put16(segment, spec.destination_port);
  put32(segment, spec.sequence);
  put32(segment, spec.acknowledgement);
  segment.push_back(static_cast<std::uint8_t>((5 + spec.options.size() / 4) << 4));
  segment.push_back(spec.flags);
  put16(segment, spec.window);
  put16(segment, 0);
  put16(segment, spec.urgent);
  append(segment, spec.options);
  append(segment, spec.payload);
  fill_checksum(segment, 16, from, to, wire::kProtocolTcp);
  return ip_frame(from, to, wire::kProtocolTcp, segment);
}

Bytes udp_frame(const Host& from, const Host& to, std::uint16_t source_port,
                std::uint16_t destination_port, const Bytes& payload) {
  Bytes datagram;
  put16(datagram, source_port);
  put16(datagram, destination_port);
  put16(datagram, 8 + payload.size());
  put16(datagram, 0);
  append(datagram, payload);
  fill_checksum(datagram, 6, from, to, wire::kProtocolUdp);
  return ip_frame(from, to, wire::kProtocolUdp, datagram);
}

Bytes icmp6_frame(const Host& from, const Host& to, Bytes message) {
  store_be16(message.data() + 2, 0);
  fill_checksum(message, 2, from, to, wire::kProtocolIcmpv6);
  return ip_frame(from, to, wire::kProtocolIcmpv6, message);
}

Bytes icmp6_frame(const Host& from, const wire::IpAddress& group, Bytes message) {
  return icmp6_frame(from, Host{group, wire::group_mac(group), 0}, std::move(message));
}

Bytes neighbour_message(std::uint8_t type, std::uint8_t flags, const wire::IpAddress& target,
                        const Bytes& option) {
  Bytes message = {type, 0, 0, 0, flags, 0, 0, 0};
  append(message, target.bytes);
  append(message, option);
  return message;
}

Bytes arp_frame(const Host& from, const wire::Mac& to, std::uint16_t operation,
                const wire::IpAddress& target) {
  Bytes frame;
  append(frame, to.bytes);
  append(frame, from.mac.bytes);
  put16(frame, 0x0806);
  put16(frame, 1);
  put16(frame, 0x0800);
  put16(frame, 0x0604);
  put16(frame, operation);
  append(frame, from.mac.bytes);
  append(frame, ByteView{from.address.bytes}.subspan(12));
  append(frame, operation == 1 ? wire::Mac{}.bytes : to.bytes);
  append(frame, ByteView{target.bytes}.subspan(12));
  return frame;
}

Bytes fragment_of(const Bytes& whole, const Part& part, std::uint16_t identification) {
  constexpr std::size_t kHeaders = 34;
  Bytes frame(kHeaders + part.length);
  std::copy_n(whole.begin(), kHeaders, frame.begin());
  std::copy_n(whole.begin() + static_cast<std::ptrdiff_t>(kHeaders + part.offset), part.length,
              frame.begin() + kHeaders);
  std::uint8_t* ip = frame.data() + 14;
  store_be16(ip + 2, static_cast<std::uint16_t>(20 + part.length));
  store_be16(ip + 4, identification);
  store_be16(ip + 6, static_cast<std::uint16_t>((part.offset / 8) | (part.more ? 0x2000U : 0U)));
  store_be16(ip + 10, 0);
  store_be16(ip + 10, wire::checksum_finish(wire::checksum_add(0, ByteView{ip, 20})));
  return frame;
}

Bytes with_vlan(const Bytes& frame, std::uint16_t vid, std::uint16_t tpid) {
  Bytes tagged;
  append(tagged, ByteView{frame}.first(12));
  put16(tagged, tpid);
  put16(tagged, vid);
  append(tagged, ByteView{frame}.subspan(12));
  return tagged;
}

Bytes modbus_adu(Bytes pdu, std::uint16_t transaction, std::uint8_t unit) {
  Bytes message;
  put16(message, transaction);
  put16(message, 0);
  put16(message, pdu.size() + 1);
  message.push_back(unit);
  append(message, pdu);
  return message;
}

std::optional<SentTcp> parse_sent(const Bytes& frame) {
  wire::EthernetHeader ethernet;
  wire::IpHeader ip;
  if (!wire::parse_ethernet(frame, ethernet)) return std::nullopt;
  const ByteView packet = ByteView{frame}.subspan(ethernet.payload_offset);
  const wire::IpStatus status = ethernet.ethertype == wire::kEtherTypeIpv4
                                    ? wire::parse_ipv4(packet, true, ip)
                                    : wire::parse_ipv6(packet, ip);
  if (status != wire::IpStatus::ok || ip.protocol != wire::kProtocolTcp) return std::nullopt;
  const ByteView segment = packet.subspan(ip.payload_offset, ip.payload_length);
  if (!wire::transport_checksum_ok(ip.source, ip.destination, ip.protocol, segment)) {
    return std::nullopt;
  }
  SentTcp sent;
  if (!wire::parse_tcp(segment, sent.header)) return std::nullopt;
  const ByteView payload = segment.subspan(sent.header.payload_offset);
  sent.payload.assign(payload.begin(), payload.end());
  return sent;
}

}  // namespace bulkhead::support
