// Headers are written octet by octet, not by what the pipeline reads and writes them with.
#include "dataplane/selftest/session_frames.h"

#include "dataplane/wire/checksum.h"
#include "dataplane/wire/ethernet.h"
#include "dataplane/wire/ip.h"
#include "dataplane/wire/llc.h"
#include "dataplane/wire/prp.h"
#include "dataplane/wire/transport.h"

namespace bulkhead::selftest {

namespace {

constexpr std::size_t kFrameBytesMin = 60;
constexpr std::uint16_t kWindow = 65'535;

void put16(Bytes& out, std::size_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

void put32(Bytes& out, std::uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xffff);
}

void append(Bytes& out, ByteView bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

void put_tags(Bytes& out, wire::VlanIds vlan) {
  if (vlan.outer == wire::VlanIds::kNoVlan) return;
  const bool two = vlan.inner != wire::VlanIds::kNoVlan;
  put16(out, two ? wire::kEtherTypeQinQ : wire::kEtherTypeVlan);
  put16(out, vlan.outer);
  if (!two) return;
  put16(out, wire::kEtherTypeVlan);
  put16(out, vlan.inner);
}

Bytes ip_header(const wire::IpAddress& from, const wire::IpAddress& to, std::uint8_t protocol,
                std::size_t payload_bytes) {
  constexpr std::size_t kMappedBytes = 12;
  constexpr std::size_t kHopLimit = 64;
  Bytes header;
  if (!from.is_v4()) {
    put32(header, 0x60000000);
    put16(header, payload_bytes);
    header.push_back(protocol);
    header.push_back(kHopLimit);
    append(header, from.bytes);
    append(header, to.bytes);
    return header;
  }
  put16(header, 0x4500);
  put16(header, wire::kIpv4HeaderBytes + payload_bytes);
  put32(header, 0x00004000);  // not to be fragmented
  put16(header, kHopLimit << 8 | protocol);
  put16(header, 0);
  append(header, ByteView{from.bytes}.subspan(kMappedBytes));
  append(header, ByteView{to.bytes}.subspan(kMappedBytes));
  store_be16(header.data() + 10, wire::checksum_finish(wire::checksum_add(0, header)));
  return header;
}

}  // namespace

SessionFrames::SessionFrames(const End& client, const End& server, policy::Transport transport,
                             std::uint16_t ethertype)
    : client_(client), server_(server), transport_(transport), ethertype_(ethertype) {}

void SessionFrames::open() {
  if (transport_ != policy::Transport::tcp) return;
  segment(true, {}, wire::kTcpSyn);
  ++client_next_;
  segment(false, {}, wire::kTcpSyn | wire::kTcpAck);
  ++server_next_;
  segment(true, {}, wire::kTcpAck);
}

void SessionFrames::say(bool from_client, ByteView message) {
  if (transport_ == policy::Transport::tcp) {
    segment(from_client, message, wire::kTcpAck | wire::kTcpPsh);
    (from_client ? client_next_ : server_next_) += static_cast<std::uint32_t>(message.size());
  } else if (transport_ == policy::Transport::udp) {
    datagram(from_client, message);
  } else {
    send(from_client, ethertype_, message);
  }
}

void SessionFrames::segment(bool from_client, ByteView message, std::uint8_t flags) {
  Bytes out;
  put16(out, from_client ? client_.port : server_.port);
  put16(out, from_client ? server_.port : client_.port);
  put32(out, from_client ? client_next_ : server_next_);
  put32(out, flags == wire::kTcpSyn ? 0 : from_client ? server_next_ : client_next_);
  out.push_back(0x50);  // five words
  out.push_back(flags);
  put16(out, kWindow);
  put32(out, 0);
  append(out, message);
  send_packet(from_client, wire::kProtocolTcp, std::move(out), 16);
}

void SessionFrames::datagram(bool from_client, ByteView message) {
  Bytes out;
  put16(out, from_client ? client_.port : server_.port);
  put16(out, from_client ? server_.port : client_.port);
  put16(out, wire::kUdpHeaderBytes + message.size());
  put16(out, 0);
  append(out, message);
  send_packet(from_client, wire::kProtocolUdp, std::move(out), 6);
}

void SessionFrames::send_packet(bool from_client, std::uint8_t protocol, Bytes transport,
                                std::size_t sum_at) {
  const wire::IpAddress& from = from_client ? client_.address : server_.address;
  const wire::IpAddress& to = from_client ? server_.address : client_.address;
  const auto length = static_cast<std::uint32_t>(transport.size());
  const std::uint32_t sum = wire::pseudo_header_sum(from, to, protocol, length);
  store_be16(transport.data() + sum_at, wire::checksum_finish(wire::checksum_add(sum, transport)));
  Bytes packet = ip_header(from, to, protocol, transport.size());
  append(packet, transport);
  send(from_client, from.is_v4() ? wire::kEtherTypeIpv4 : wire::kEtherTypeIpv6, packet);
}

void SessionFrames::send(bool from_client, std::uint16_t ethertype, ByteView payload) {
  const End& from = from_client ? client_ : server_;
  const End& to = from_client ? server_ : client_;
  Frame& frame = frames.emplace_back();
  frame.in_port = from.zone_port;
  frame.out_port = to.zone_port;
  append(frame.bytes, to.mac.bytes);
  append(frame.bytes, from.mac.bytes);
  put_tags(frame.bytes, from.vlan);
  const std::size_t header = frame.bytes.size() + sizeof(ethertype);
  if (ethertype >= wire::kEtherTypeMin) put16(frame.bytes, ethertype);
  append(frame.bytes, payload);
  if (frame.bytes.size() < kFrameBytesMin) frame.bytes.resize(kFrameBytesMin);
  if (!from.prp) return;
  wire::PrpTrailer trailer;
  trailer.sequence = prp_sequence_++;
  trailer.lan = 0xa;
  trailer.is_true = true;
  frame.bytes.resize(frame.bytes.size() + wire::kPrpTrailerBytes);
  wire::write_prp_trailer(trailer, frame.bytes.size() - header,
                          frame.bytes.data() + frame.bytes.size() - wire::kPrpTrailerBytes);
}

Bytes SessionFrames::trailer() const {
  if (!client_.prp) return {};
  const Bytes& last = frames.back().bytes;
  return {last.end() - wire::kPrpTrailerBytes, last.end()};
}

}  // namespace bulkhead::selftest
