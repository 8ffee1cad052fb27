// What the stages share while one burst is on its way, and the ways a packet can leave them.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>

#include "dataplane/flow/flow_table.h"
#include "dataplane/flow/fragments.h"
#include "dataplane/flow/mac_table.h"
#include "dataplane/flow/openings.h"
#include "dataplane/flow/packet.h"
#include "dataplane/flow/packet_edit.h"
#include "dataplane/flow/places.h"
#include "dataplane/flow/segments.h"
#include "dataplane/flow/timer_wheel.h"
#include "dataplane/pipeline/egress.h"
#include "dataplane/pipeline/image.h"
#include "dataplane/pipeline/planted.h"
#include "dataplane/pipeline/spans.h"
#include "dataplane/pipeline/verdict.h"
#include "dataplane/pipeline/verdict_cache.h"
#include "dataplane/pipeline/waiting_room.h"
#include "dataplane/policy/classifier.h"
#include "dataplane/policy/matcher.h"

namespace bulkhead::pipeline {

constexpr std::size_t kBurstMax = 32;

struct PipelineOptions {
  flow::Limits limits;
  std::uint16_t mtu = 1500;        // of the zone ports, IP packet
  bool verify_checksums = true;    // false only for captures taken before checksum offload
  bool accept_midstream = false;   // true only for captures that begin in mid-connection
  bool challenge_openings = true;  // false only where nobody answers
  bool measure_stages = false;     // costs a few cycles itself
  bool remember_verdicts = true;   // false where each verdict is told with what was asked
  std::shared_ptr<Spans> spans = std::make_shared<Spans>();  // of all workers
};

// Where a worker's time goes.
enum class Stage : std::uint8_t { parse, resolve, find_flows, classify, inspect, pass_time };
constexpr std::array<std::string_view, 6> kStageNames = {"parse",    "resolve", "find_flows",
                                                         "classify", "inspect", "pass_time"};

// What a worker did of its own accord. Plain counts since it began.
struct PipelineStats {
  std::uint64_t held_acknowledged = 0;  // times held bytes were acknowledged for their receiver
  std::uint64_t resent = 0;             // owned segments that were sent again
  std::uint64_t rejected = 0;           // refusals sent in living sessions
  std::uint64_t challenged = 0;         // challenge acknowledgements (RFC 5961)
  std::uint64_t reassembled = 0;        // datagrams put together from fragments
  std::uint32_t half_open = 0;          // sessions that are opening now
  std::array<std::uint64_t, kStageNames.size()> stage_cycles{};  // if they are measured
};

struct Context {
  const PipelineOptions& options;
  const Image& image;
  TimeNs now_ns;
  flow::FlowTable& flows;
  flow::SegmentPool& segments;
  flow::Openings& openings;
  flow::Places& places;
  flow::Proofs& proofs;
  flow::TimerWheel& timers;
  flow::MacTable& macs;
  VerdictCache& verdicts;
  protocols::OperationList& operations;
  std::span<std::uint8_t> scratch;
  PipelineStats& stats;
  flow::Reassembler& reassembler;
  WaitingRoom& waiting;
  Egress output;
  Observer& observer;
  std::span<flow::Packet> burst;
  std::span<const protocols::Protocol* const> protocols;
  protocols::ProtocolSet with_related;  // those whose sessions open something beside themselves
  protocols::ProtocolSet numbered;      // those whose messages are numbered
  protocols::ProtocolSet framed_by_session;
  TimeNs sessions_clock = 0;           // what protocol state counts time in is ahead by so much
  TimeNs forwards_since_ns = 0;        // start or takeover
  bool all_usual = true;               // every packet of the burst, see wire::parse_usual
  flow::HashKey hash_key{};            // of this worker
  std::uint64_t erasures = 0;          // of flows, when those of the burst were looked up
  policy::Charges charged{};           // what the message that was judged last has cost
  protocols::Difference difference{};  // of the answer that was refused last

  // What protocol modules count time in; it wraps.
  std::uint32_t now_ms() const {
    return static_cast<std::uint32_t>((now_ns + sessions_clock) / kMillisecondNs);
  }
  // Sends a frame of the flow to one of its ends, as soon as it may leave.
  void send(flow::Flow& flow, rte_mbuf* mbuf, std::size_t receiver) {
    const std::uint16_t port = flow.ports[receiver];
    if (!flow.waits || !waiting.take(flow, mbuf, port)) output.transmit(mbuf, port);
  }
  // The same for a segment of a TCP session that is not a packet as it came: it gets the session's
  // own addresses.
  void send_segment(flow::Flow& flow, rte_mbuf* mbuf, std::size_t receiver) {
    const flow::Link& link = flow.links[1 - receiver];
    if (link.is_known() && !planted(Mistake::keep_addresses)) {
      link.write(rte_pktmbuf_mtod(mbuf, std::uint8_t*));
    }
    send(flow, mbuf, receiver);
  }
  // The flow has become something that the peer must know before anything of it leaves.
  void tell_peer_first(flow::Flow& flow) { waiting.hold(flows, flow); }
  const flow::Limits& limits() const { return options.limits; }
  // Whether sessions of the conduit that nobody can judge pass now.
  bool fails_open(std::uint16_t conduit) const {
    return tables().conduits[conduit].fail_open &&
           now_ns - forwards_since_ns < limits().fail_open_ns;
  }
  const policy::Tables& tables() const { return image.tables; }
  // Whether the packet's flow is still the one that was looked up: another packet of the burst may
  // have ended it, and its slot may have a new tenant.
  bool still_of(const flow::Packet& packet) const {
    return flows.erasures() == erasures || (packet.flow->in_use && packet.flow->key == packet.key);
  }
  // Whether messages of the flow may open something, or are covered by what was opened.
  bool has_related(const flow::Flow& flow) const {
    return (with_related >> flow.protocol & 1) != 0;
  }
  // Whether messages of the flow have numbers, which may leave as others than they came.
  bool is_numbered(const flow::Flow& flow) const { return (numbered >> flow.protocol & 1) != 0; }
  // What a module needs to know of a message that travels so in the flow.
  protocols::MessageContext message_context(flow::Flow& flow,
                                            protocols::Direction direction) const {
    return {direction, policy::carrier_over(flow.transport), flows.session(flow)};
  }
  // The same, for delimiting: what the session knows only where the module asks for it.
  protocols::MessageContext framing_context(flow::Flow& flow,
                                            protocols::Direction direction) const {
    if ((framed_by_session >> flow.protocol & 1) != 0) return message_context(flow, direction);
    return {direction, policy::carrier_over(flow.transport)};
  }
  // How the flow is read. Precondition: it is inspected.
  const protocols::Protocol& protocol_of(const flow::Flow& flow) const {
    return *protocols[flow.protocol];
  }
};

// The stages, in their order: each takes what is left of the burst.
void parse(Context& context);
void resolve_neighbours(Context& context);
void find_flows(Context& context);
void classify(Context& context);
void inspect(Context& context);

// Takes a parsed fragment. If it completes its packet, the packet is that one from now on and to be
// parsed anew; if it waits for others, or its session is another worker's, the packet's buffer is
// gone. Otherwise the reason of refusal.
Reason reassemble(Context& context, flow::Packet& packet);

// Tells of the verdict on a packet and drops it: it is refused, or needed no further.
void refuse(Context& context, flow::Packet& packet, Reason reason);

// Tells of the verdict on a packet of a flow and sends it on, unless its station is on this side.
void pass(Context& context, flow::Packet& packet, Reason reason);

// Turns a datagram to the MAC address of the host that it is for, whatever its sender wrote: the
// one that is bound to it, or that it has announced. What is for many, and what Ethernet itself
// carries, goes where it says. The packet's own header stays as it was.
void direct_datagram(const Context& context, const flow::Packet& packet);

// Whether Ethernet itself carries the packet, not IP. Precondition: neighbours are resolved.
inline bool is_bare(const flow::Packet& packet) { return packet.ip.version == 0; }

// The way the packet's messages travel.
inline protocols::Direction direction_of(const flow::Packet& packet) {
  return packet.from_client ? protocols::Direction::request : protocols::Direction::response;
}

// Tells the protocol that the session's beginning was not seen.
inline void begin_unseen(Context& context, flow::Flow& flow) {
  if (flow.protocol == protocols::kNoProtocol) return;
  context.protocol_of(flow).begin_unseen(context.flows.session(flow));
}

// The MAC address of a host behind the port: bound to it, or else announced by it there.
inline std::optional<wire::Mac> own_station(const Context& context, const wire::IpAddress& host,
                                            std::uint16_t port) {
  if (const wire::Mac* bound = policy::find_binding(context.tables(), host)) return *bound;
  return context.macs.announced(host, port, context.now_ns);
}

// The end of the packet's flow that it goes to.
inline std::size_t receiver_of(const flow::Packet& packet) {
  return packet.from_client ? flow::kServer : flow::kClient;
}

// The end of the packet's flow that it comes from.
inline std::size_t sender_of(const flow::Packet& packet) { return 1 - receiver_of(packet); }

// Fetches what is known of the request that the packet may hold. Precondition: its flow is
// inspected.
void prefetch_verdict(const Context& context, const flow::Packet& packet);

// One message of the flow: decoded, judged and paired. What was found is in `verdict`, which is the
// caller's to tell, and was a new one before. `length` is the whole message's; `message` may be its
// head alone.
void judge_message(Context& context, const flow::Packet& packet, ByteView message,
                   std::size_t length, Verdict& verdict);

// All messages that the bytes of a packet are, each whole. Of all but the last, `message`, it is
// told; `verdict` is on that one. False if any is refused: the packet leaves whole or not at all.
bool judge_whole_messages(Context& context, const flow::Packet& packet, ByteView bytes,
                          Verdict& verdict, ByteView& message);

// A verdict on a message that could not be delimited or is refused before it was decoded.
Verdict refused_message(const flow::Packet& packet, Reason reason, protocols::Fault fault);

// Writes the refusal of a request into `reply`; its length, 0 if the protocol has none.
std::size_t write_refusal(const flow::Flow& flow, const Verdict& verdict, ByteView request,
                          std::span<std::uint8_t> reply);

// Sets the flow of an ICMP error that quotes a packet of a living session.
void match_icmp_error(Context& context, flow::Packet& packet);
// Lets such an error through if it is about bytes under way, in the numbers of the one it goes to.
void pass_icmp_error(Context& context, flow::Packet& packet);

void inspect_tcp(Context& context, flow::Packet& packet);
void inspect_datagram(Context& context, flow::Packet& packet);

// Whether the session may keep no more segments. One that keeps next to nothing goes on while the
// last quarter is untouched, whatever others of its host do.
bool exceeds_share(const Context& context, const flow::Flow& flow);

// The usual case: a segment that is one message, the next of its stream, when nothing is held.
// `passed`: it was granted and has left. `refused`: `verdict` says why, and the message stands
// where it stood; it is to be held and inspected with that verdict.
enum class Whole : std::uint8_t { no, passed, refused };
Whole pass_whole_message(Context& context, flow::Packet& packet, const flow::Segment& segment,
                         Verdict& verdict);

// Judges and releases all whole messages that the packet's sender has standing. Precondition: the
// packet's buffer is held by its flow. `judged` is the verdict on the first, if it was judged.
void inspect_stream(Context& context, flow::Packet& packet, const Verdict* judged = nullptr);

// Of sessions of a zone with PRP (whole_frames.cpp): `segment` is what the packet brings behind
// what was released; its messages are judged, and it leaves as it came or is refused whole.
void take_whole_frame(Context& context, flow::Packet& packet, const flow::Segment& segment);
// A packet that repeats what was released leaves as it came if it begins and ends where what was
// released does. Precondition: its bytes are those.
void pass_whole_again(Context& context, flow::Packet& packet);
// The packet's sender may have bytes that came over the other LAN.
void catch_up_with_other_lan(Context& context, const flow::Packet& packet);

// Ends a session: what is held is dropped, both ends are reset if the conduit says so, and nothing
// passes in it any more. `packet` lends its headers; its buffer must still be whole.
void cut_session(Context& context, const flow::Packet& packet);

// A packet of a session that is being resumed. True if the session is established by it and the
// packet goes on; otherwise it was passed or refused.
bool resume_session(Context& context, flow::Packet& packet);
// Nobody knows where the packet's session stands. True if it goes on nevertheless.
bool give_up(Context& context, flow::Packet& packet);

// A RST to the packet's sender, who speaks in a session that does not exist.
void answer_with_reset(Context& context, const flow::Packet& packet);

// A session of those that were opening does so no more.
inline void end_opening(Context& context, const flow::Flow& flow) {
  context.openings.remove(context.flows.index_of(flow));
  context.stats.half_open = context.openings.count();
}

// Since when the receivers of a session have acknowledged nothing of what was released.
struct Progress {
  TimeNs since_ns = 0;  // 0: nothing waits for them
  std::array<std::uint32_t, 2> acknowledged{};
};
// Ends a session whose receiver has taken nothing for longer than a TCP repeats itself (RFC 9293,
// 3.8.3). Of a carried one its own timers do so.
void give_up_if_stuck(Context& context, flow::Flow& flow, Progress& progress);

// The packet's sender as the owner of a place in the flow table, for a session in which nobody has
// answered.
flow::PlaceOwner sender_as_owner(const Context& context, const flow::Packet& packet);
// A fresh flow under the key, charged to the owner; another one may be forgotten for it, but not
// `keep`. nullptr if there is no room, or none for the owner.
flow::Flow* take_place(Context& context, const flow::FlowKey& key, const flow::PlaceOwner& owner,
                       const flow::Flow* keep);

// Forgets a session.
void forget(Context& context, flow::Flow& flow);

}  // namespace bulkhead::pipeline
