// By the address that a frame came from, and where there is none in a zone by its station.
#include "dataplane/pipeline/mirrored.h"

#include <cstring>

#include "dataplane/flow/flow.h"
#include "dataplane/policy/classifier.h"
#include "dataplane/wire/ethernet.h"

namespace bulkhead::pipeline {

namespace {

constexpr std::size_t kMacBytes = 6;
constexpr std::size_t kAddressBytes = 2 * kMacBytes;

// Of a station that spoke from an address of one zone, or that an asset of one is bound to.
std::uint16_t zone_of_station(const policy::Tables& tables, const flow::MacTable& macs,
                              const wire::Mac& mac, TimeNs now_ns) {
  if (mac.is_group()) return policy::kNoZone;
  const std::uint16_t bound = policy::find_zone(tables, wire::IpAddress::from_mac(mac));
  if (bound != policy::kNoZone) return bound;
  for (std::uint16_t port = 0; port < policy::kPortsMax; ++port) {
    if (macs.stands_at(mac, port, now_ns)) {
      return tables.zone_by_port.find(policy::port_key(port, {}));
    }
  }
  return policy::kNoZone;
}

// A mirror may add tags, or leave them out: what they say is not compared. The frame without them.
ByteView without_tags(rte_mbuf& mbuf) {
  constexpr std::size_t kTagsMax = 4;
  auto* bytes = rte_pktmbuf_mtod(&mbuf, std::uint8_t*);
  std::size_t tags = 0;
  for (std::size_t i = 0; i < kTagsMax; ++i) {
    const std::size_t at = kAddressBytes + tags;
    if (mbuf.data_len < at + wire::kVlanTagBytes) break;
    const std::uint16_t type = load_be16(bytes + at);
    if (type != wire::kEtherTypeVlan && type != wire::kEtherTypeQinQ) break;
    tags += wire::kVlanTagBytes;
  }
  if (tags > 0) {
    std::memmove(bytes + tags, bytes, kAddressBytes);
    rte_pktmbuf_adj(&mbuf, static_cast<std::uint16_t>(tags));
  }
  return {rte_pktmbuf_mtod(&mbuf, const std::uint8_t*), mbuf.data_len};
}

// False if there is no room.
bool put_into_vlan(rte_mbuf& mbuf, wire::VlanIds vlan) {
  std::array<std::uint8_t, 2 * wire::kVlanTagBytes> tags{};
  std::size_t count = 0;
  const auto add = [&](std::uint16_t type, std::uint16_t vid) {
    store_be16(tags.data() + count, type);
    store_be16(tags.data() + count + 2, vid);
    count += wire::kVlanTagBytes;
  };
  if (vlan.inner != wire::VlanIds::kNoVlan) {
    add(wire::kEtherTypeQinQ, vlan.outer);
    add(wire::kEtherTypeVlan, vlan.inner);
  } else if (vlan.outer != wire::VlanIds::kNoVlan) {
    add(wire::kEtherTypeVlan, vlan.outer);
  }
  if (count == 0) return true;
  auto* bytes = reinterpret_cast<std::uint8_t*>(
      rte_pktmbuf_prepend(&mbuf, static_cast<std::uint16_t>(count)));
  if (bytes == nullptr) return false;
  std::memmove(bytes, bytes + count, kAddressBytes);
  std::memcpy(bytes + kAddressBytes, tags.data(), count);
  return true;
}

}  // namespace

// Whole frames, TCP's too, by a keyed hash: who knew it could hide a frame. `learn` compares the
// content of datagrams alone (Copies), also from both sides of a router: a different question.
bool MirroredFrames::is_copy(ByteView frame, TimeNs now_ns) {
  const std::uint64_t hash = flow::keyed_hash(hash_key_, frame);
  auto& set = recent_[hash % kSets];
  Frame* oldest = set.data();
  for (Frame& each : set) {
    if (each.hash == hash && each.heard_ns != 0 && now_ns - each.heard_ns < kCopyNs) return true;
    if (each.heard_ns < oldest->heard_ns) oldest = &each;
  }
  *oldest = {hash, now_ns};
  return false;
}

Heard MirroredFrames::place(const policy::Tables& tables, rte_mbuf& mbuf, flow::MacTable& macs,
                            TimeNs now_ns) {
  const ByteView frame = without_tags(mbuf);
  if (frame.size() < wire::kEthernetHeaderBytes) return Heard::unknown;
  if (is_copy(frame, now_ns)) return Heard::copy;
  const policy::FrameEnds ends = policy::read_ends(frame);
  const wire::Mac from = wire::Mac::from(frame.data() + kMacBytes);
  std::uint16_t zone = policy::find_zone(tables, ends.source);
  if (zone != policy::kNoZone) {
    if (!from.is_group())
      macs.learn(from, tables.zones[zone].port, now_ns, flow::Evidence::claimed);
  } else {
    zone = zone_of_station(tables, macs, from, now_ns);
    if (zone == policy::kNoZone) return Heard::unknown;
  }
  if (ends.names_destination && !policy::is_group(tables, ends.destination)) {
    std::uint16_t target = policy::find_zone(tables, ends.destination);
    if (target == policy::kNoZone)
      target = zone_of_station(tables, macs, wire::Mac::from(frame.data()), now_ns);
    if (target == zone) return Heard::within;
  }
  if (!put_into_vlan(mbuf, tables.zones[zone].vlan)) return Heard::unknown;
  mbuf.port = tables.zones[zone].port;
  return Heard::between;
}

bool may_be_a_gap(const Verdict& verdict, const flow::Packet& packet) {
  using protocols::Fault;
  switch (verdict.reason) {
    case Reason::message_too_slow:
    case Reason::stream_ended_in_message:
    case Reason::parts_incomplete:
    case Reason::tcp_not_a_session_start:
    case Reason::tcp_no_boundary:
    case Reason::tcp_out_of_window:
    case Reason::tcp_bad_acknowledgement:
    case Reason::tcp_reset_out_of_sequence:
    case Reason::tcp_unexpected_syn:
    case Reason::tcp_after_end:
    case Reason::icmp_unsolicited:
    case Reason::prp_gap:
      return true;
    case Reason::protocol_fault:
      break;
    default:
      return false;
  }
  // Of a stream gaps are known; a datagram that is missing leaves no trace.
  const flow::Flow* flow = packet.flow;
  const bool is_stream = packet.ip.protocol == wire::kProtocolTcp;
  const bool is_whole =
      is_stream && flow != nullptr && !flow->lacks(flow::kClient) && !flow->lacks(flow::kServer);
  if (is_whole) return false;
  switch (verdict.fault) {
    case Fault::unrequested_response:
    case Fault::mismatched_response:
    case Fault::too_many_outstanding:
    case Fault::bad_sequence:
    case Fault::not_selected:
    case Fault::not_started:
    case Fault::unknown_handle:
      return true;
    default:
      return is_stream;
  }
}

}  // namespace bulkhead::pipeline
