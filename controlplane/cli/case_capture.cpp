// Headers are written with their checksums, as hosts would send them.
#include "controlplane/cli/case_capture.h"

#include <algorithm>

#include "dataplane/wire/checksum.h"
#include "dataplane/wire/ethernet.h"
#include "dataplane/wire/ip.h"
#include "dataplane/wire/llc.h"
#include "dataplane/wire/transport.h"

namespace bulkhead::controlplane {

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint64_t kBetweenCasesSeconds = 7200;  // a rate of one an hour grants again
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

// The file's numbers stand in the order of the machine that reads them: little-endian by its magic.
void put_le32(std::string& out, std::uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(value >> shift);
}

struct Station {
  wire::IpAddress address;
  wire::Mac mac;
};

Station station_of(const CaseSession::Host& host, std::uint8_t last) {
  Station station{host.address, wire::Mac{{2, 0, 0, 0, 0, last}}};
  if (host.address.is_mac()) {
    station.mac = host.address.mac();
  } else if (host.mac) {
    station.mac = *host.mac;
  } else if (host.asset != nullptr && !host.asset->groups.empty()) {
    station.mac = wire::group_mac(host.address);
  }
  return station;
}

Bytes ethernet_frame(const Station& from, const Station& to, wire::VlanIds vlan, std::uint16_t type,
                     const Bytes& payload) {
  Bytes frame;
  append(frame, to.mac.bytes);
  append(frame, from.mac.bytes);
  if (vlan.inner != wire::VlanIds::kNoVlan) {
    put16(frame, wire::kEtherTypeQinQ);
    put16(frame, vlan.outer);
    put16(frame, wire::kEtherTypeVlan);
    put16(frame, vlan.inner);
  } else if (vlan.outer != wire::VlanIds::kNoVlan) {
    put16(frame, wire::kEtherTypeVlan);
    put16(frame, vlan.outer);
  }
  put16(frame, type);
  append(frame, payload);
  if (frame.size() < kFrameBytesMin) frame.resize(kFrameBytesMin);
  return frame;
}

// An IP packet; `at` is the place of the checksum in the segment.
Bytes packet(const Station& from, const Station& to, std::uint8_t protocol, Bytes segment,
             std::size_t at) {
  const auto length = static_cast<std::uint32_t>(segment.size());
  const std::uint32_t sum = wire::pseudo_header_sum(from.address, to.address, protocol, length);
  store_be16(segment.data() + at, wire::checksum_finish(wire::checksum_add(sum, segment)));
  Bytes out;
  if (from.address.is_v4()) {
    put16(out, 0x4500);
    put16(out, wire::kIpv4HeaderBytes + segment.size());
    put32(out, 0x00004000);  // not to be fragmented
    put16(out, std::size_t{0x4000} | protocol);
    put16(out, 0);
    append(out, ByteView{from.address.bytes}.subspan(12));
    append(out, ByteView{to.address.bytes}.subspan(12));
    store_be16(out.data() + 10, wire::checksum_finish(wire::checksum_add(0, out)));
  } else {
    put32(out, 0x60000000);
    put16(out, segment.size());
    out.push_back(protocol);
    out.push_back(64);
    append(out, from.address.bytes);
    append(out, to.address.bytes);
  }
  append(out, segment);
  return out;
}

}  // namespace

// One session.
struct CaseCapture::Talk {
  CaseCapture& capture;
  Station client;
  Station server;
  policy::Transport transport;
  std::uint16_t port;
  std::uint16_t client_port;
  wire::VlanIds vlan;
  std::uint32_t client_next = 1000;
  std::uint32_t server_next = 900'000;

  std::vector<std::uint32_t> open() {
    if (transport != policy::Transport::tcp) return {};
    segment(true, {}, wire::kTcpSyn);
    ++client_next;
    segment(false, {}, wire::kTcpSyn | wire::kTcpAck);
    ++server_next;
    segment(true, {}, wire::kTcpAck);
    return {capture.frames_ - 2, capture.frames_ - 1, capture.frames_};
  }

  // The frame that carries it.
  std::uint32_t say(bool from_client, const Bytes& payload) {
    const Station& from = from_client ? client : server;
    const Station& to = from_client ? server : client;
    if (transport == policy::Transport::tcp) {
      segment(from_client, payload, wire::kTcpAck | wire::kTcpPsh);
      (from_client ? client_next : server_next) += static_cast<std::uint32_t>(payload.size());
    } else if (transport == policy::Transport::udp) {
      Bytes datagram;
      put16(datagram, from_client ? client_port : port);
      put16(datagram, from_client ? port : client_port);
      put16(datagram, wire::kUdpHeaderBytes + payload.size());
      put16(datagram, 0);
      append(datagram, payload);
      send(from, to, packet(from, to, wire::kProtocolUdp, std::move(datagram), 6));
    } else {
      non_ip(from, to, payload);
    }
    return capture.frames_;
  }

 private:
  void send(const Station& from, const Station& to, const Bytes& ip) {
    const bool v4 = from.address.is_v4();
    capture.record(
        ethernet_frame(from, to, vlan, v4 ? wire::kEtherTypeIpv4 : wire::kEtherTypeIpv6, ip));
  }

  // Of IEEE 802.2 the message begins with the length, which stands in the EtherType's place.
  void non_ip(const Station& from, const Station& to, const Bytes& payload) {
    if (port >= wire::kEtherTypeMin || payload.size() < wire::kLengthBytes) {
      return capture.record(ethernet_frame(from, to, vlan, port, payload));
    }
    capture.record(ethernet_frame(from, to, vlan, load_be16(payload.data()),
                                  {payload.begin() + wire::kLengthBytes, payload.end()}));
  }

  void segment(bool from_client, const Bytes& payload, std::uint8_t flags) {
    const Station& from = from_client ? client : server;
    const Station& to = from_client ? server : client;
    Bytes out;
    put16(out, from_client ? client_port : port);
    put16(out, from_client ? port : client_port);
    put32(out, from_client ? client_next : server_next);
    put32(out, flags == wire::kTcpSyn ? 0 : from_client ? server_next : client_next);
    out.push_back(0x50);
    out.push_back(flags);
    put16(out, kWindow);
    put32(out, 0);
    append(out, payload);
    send(from, to, packet(from, to, wire::kProtocolTcp, std::move(out), 16));
  }
};

CaseCapture::CaseCapture() {
  put_le32(bytes_, 0xa1b23c4d);  // pcap with nanoseconds
  put_le32(bytes_, 0x00040002);  // version 2.4
  put_le32(bytes_, 0);
  put_le32(bytes_, 0);
  put_le32(bytes_, 262'144);  // longest frame
  put_le32(bytes_, 1);        // Ethernet
}

void CaseCapture::record(const std::vector<std::uint8_t>& frame) {
  nanosecond_ += 1'000'000;
  put_le32(bytes_, static_cast<std::uint32_t>(second_));
  put_le32(bytes_, nanosecond_);
  put_le32(bytes_, static_cast<std::uint32_t>(frame.size()));
  put_le32(bytes_, static_cast<std::uint32_t>(frame.size()));
  bytes_.append(frame.begin(), frame.end());
  ++frames_;
}

FramedCase CaseCapture::add(const PolicyCase& each, const CaseSession& session,
                            const Model& model) {
  pass_time(kBetweenCasesSeconds);
  nanosecond_ = 0;
  client_port_ = client_port_ == UINT16_MAX ? 20'000 : static_cast<std::uint16_t>(client_port_ + 1);
  wire::VlanIds vlan = model.zones[session.client.zone].vlan;
  if (each.vlan) vlan = {*each.vlan, wire::VlanIds::kNoVlan};
  Talk talk{*this,
            station_of(session.client, 0x51),
            station_of(session.server, 0x52),
            session.transport,
            session.port,
            client_port_,
            vlan};
  FramedCase framed;
  framed.opening = talk.open();
  for (const CaseTurn& turn : each.before) {
    framed.before.push_back(talk.say(turn.from_client, turn.bytes));
  }
  framed.message = talk.say(each.from_client.value_or(true), each.message);
  return framed;
}

}  // namespace bulkhead::controlplane
