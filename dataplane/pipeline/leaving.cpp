// Packets that leave are reported first: counters and events of a verdict are made by its observer.
#include "dataplane/pipeline/leaving.h"

#include <cstring>

#include "dataplane/flow/packet_edit.h"
#include "dataplane/pipeline/packet_ends.h"
#include "dataplane/pipeline/shadow.h"
#include "dataplane/policy/classifier.h"

namespace bulkhead::pipeline {

namespace {

// Bytes of a stream, or its end, that its receiver may have taken all the same, and acknowledges
// then.
void note_unseen(BurstContext& context, const flow::Packet& packet, Reason reason) {
  if (packet.flow != nullptr) {
    const bool ends = (packet.tcp.flags & wire::kTcpFin) != 0;
    if (ends || packet.payload_length > 0) packet.flow->set_lacks(sender_of(packet));
    return;
  }
  const bool in_pieces = reason == Reason::ip_options || reason == Reason::fragment ||
                         reason == Reason::fragment_conflict || reason == Reason::fragment_limit;
  const bool segment = packet.ip.protocol == wire::kProtocolTcp &&
                       (packet.tcp.flags & wire::kTcpSyn) == 0 && reason != Reason::flow_refused;
  if (in_pieces || segment) context.shadow->note_lost(context.now_ns);
}

}  // namespace

void refuse(BurstContext& context, flow::Packet& packet, Reason reason) {
  Verdict verdict;
  verdict.reason = reason;
  verdict.bytes = packet.mbuf == nullptr ? 0 : packet.mbuf->pkt_len;
  if (packet.flow != nullptr) {
    verdict.standing = packet.flow->standing;
    verdict.protocol = packet.flow->protocol;
  }
  if (context.shadow != nullptr && !is_allowed(reason)) note_unseen(context, packet, reason);
  context.observer.on_verdict(verdict, packet);
  rte_pktmbuf_free(packet.mbuf);
  packet.mbuf = nullptr;
}

void direct_datagram(const NeighbourContext& context, const flow::Packet& packet) {
  if (is_non_ip(packet) || packet.ethernet.destination.is_group()) return;
  const std::uint16_t port = packet.flow->ports[receiver_of(packet)];
  const auto own = mac_of_host(context, packet.ip.destination, port);
  if (own) std::memcpy(packet.bytes(), own->bytes.data(), own->bytes.size());
}

namespace {

// Whether the receiver has spoken in the session, through its own port.
bool is_answered(const flow::Packet& packet) {
  return packet.flow->phase == flow::TcpPhase::established ||
         packet.flow->packets[receiver_of(packet)] > 0;
}

// Whether the station that the frame is for was seen behind the port that it came from: a switch
// that does not know it sends the frame everywhere. Where the receiver is known to have that
// station behind its own port, somebody else claims it.
bool stays_here(const NeighbourContext& context, const flow::Packet& packet) {
  const wire::Mac& station = packet.ethernet.destination;
  if (is_answered(packet)) return false;
  if (!context.macs.stands_at(station, packet.port, context.now_ns)) return false;
  const std::uint16_t port = packet.flow->ports[receiver_of(packet)];
  return mac_of_host(context, packet.ip.destination, port) != station;
}

}  // namespace

void pass(SessionContext& context, flow::Packet& packet, Reason reason) {
  if (stays_here(context, packet)) return refuse(context, packet, Reason::not_for_another_zone);
  Verdict verdict;
  verdict.reason = reason;
  verdict.bytes = packet.mbuf->pkt_len;
  if (flow::Flow* flow = packet.flow; flow != nullptr) {
    const std::size_t side = packet.from_client ? flow::kClient : flow::kServer;
    // An error about the session is no answer in it.
    flow->packets[side] += packet.about_flow ? 0 : 1;
    flow->bytes[side] += packet.mbuf->pkt_len;
    verdict.standing = flow->standing;
    verdict.protocol = flow->protocol;
  }
  context.observer.on_verdict(verdict, packet);
  const bool answered = is_answered(packet);
  if (answered && !packet.about_flow) {
    learn_speaker(context, packet);
  } else {
    context.macs.learn(
        packet.ethernet.source, packet.port, context.now_ns,
        answered || is_non_ip(packet) ? flow::Evidence::spoken : flow::Evidence::claimed);
  }
  if (packet.trailer.is_present()) flow::put_trailer(packet);
  context.send(*packet.flow, packet.mbuf, receiver_of(packet));
  packet.mbuf = nullptr;
}

}  // namespace bulkhead::pipeline
