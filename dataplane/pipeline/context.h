// Shared state of the stages for one burst, and the ways in which a packet leaves them.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>

#include "dataplane/flow/expectation_table.h"
#include "dataplane/flow/flow_table.h"
#include "dataplane/flow/fragments.h"
#include "dataplane/flow/mac_table.h"
#include "dataplane/flow/openings.h"
#include "dataplane/flow/packet.h"
#include "dataplane/flow/packet_edit.h"
#include "dataplane/flow/places.h"
#include "dataplane/flow/resolutions.h"
#include "dataplane/flow/segments.h"
#include "dataplane/flow/timer_wheel.h"
#include "dataplane/pipeline/egress.h"
#include "dataplane/pipeline/image.h"
#include "dataplane/pipeline/planted.h"
#include "dataplane/pipeline/spans.h"
#include "dataplane/pipeline/stats.h"
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
  bool challenge_openings = true;  // false only where nobody would answer
  bool measure_stages = false;     // costs a few cycles itself
  bool remember_verdicts = true;   // false where each verdict is reported with its operation
  std::shared_ptr<Spans> spans = std::make_shared<Spans>();  // of all workers
  std::shared_ptr<flow::ExpectationOwners> owners{};         // of all workers; none: only one
  std::uint32_t worker = 0;                                  // number of this one among them
};

// Where a worker's time goes.
enum class Stage : std::uint8_t { parse, resolve, find_flows, classify, inspect, pass_time };
constexpr std::array<std::string_view, 6> kStageNames = {"parse",    "resolve", "find_flows",
                                                         "classify", "inspect", "pass_time"};

using StageCycles = std::array<std::uint64_t, kStageNames.size()>;

struct Context {
  const PipelineOptions& options;
  const Image& image;
  TimeNs now_ns;
  flow::FlowTable& flows;
  flow::ExpectationTable& expected;
  flow::SegmentPool& segments;
  flow::Openings& openings;
  flow::Places& places;
  flow::Proofs& proofs;
  flow::Resolutions& resolutions;
  flow::TimerWheel& timers;
  flow::MacTable& macs;
  VerdictCache& verdicts;
  protocols::OperationList& operations;
  protocols::Parsed& parsed;  // the message that was judged last
  std::span<std::uint8_t> scratch;
  Statistics& stats;
  flow::Reassembler& reassembler;
  WaitingRoom& waiting;
  Egress output;
  Observer& observer;
  std::span<flow::Packet> burst;
  std::span<const protocols::Module> modules;
  protocols::ProtocolSet with_expectations;  // protocols that open expectations
  TimeNs sessions_clock = 0;                 // clock offset for replicated protocol state
  TimeNs forwards_since_ns = 0;              // start or takeover
  bool all_usual = true;                     // every packet of the burst, see wire::parse_usual
  flow::HashKey hash_key{};                  // of this worker
  std::uint64_t erasures = 0;                // of flows, when those of the burst were looked up
  policy::Charges charged{};                 // charges of the last judged message
  protocols::Difference difference{};        // of the last refused answer

  // The clock of protocol modules; it wraps.
  std::uint32_t now_ms() const {
    return static_cast<std::uint32_t>((now_ns + sessions_clock) / kMillisecondNs);
  }
  // Sends a frame of the flow to one of its ends, as soon as it may leave.
  void send(flow::Flow& flow, rte_mbuf* mbuf, std::size_t receiver) {
    const std::uint16_t port = flow.ports[receiver];
    if (!flow.waits || !waiting.take(flow, mbuf, port)) output.transmit(mbuf, port);
  }
  // The same for a segment that is not a received packet: writes the session's MAC addresses
  // first.
  void send_segment(flow::Flow& flow, rte_mbuf* mbuf, std::size_t receiver) {
    const flow::Link& link = flow.links[1 - receiver];
    if (link.is_known() && !planted(Mistake::keep_addresses)) {
      link.write(rte_pktmbuf_mtod(mbuf, std::uint8_t*));
    }
    send(flow, mbuf, receiver);
  }
  // Holds the flow's frames until the peer has its record.
  void tell_peer_first(flow::Flow& flow) { waiting.hold(flows, flow); }
  const flow::Limits& limits() const { return options.limits; }
  // Whether sessions of the conduit pass unjudged now if they cannot be judged.
  bool fails_open(std::uint16_t conduit) const {
    return tables().conduits[conduit].fail_open &&
           now_ns - forwards_since_ns < limits().fail_open_ns;
  }
  const policy::Tables& tables() const { return image.tables; }
  // Whether the packet's flow is still the one that was looked up: an earlier packet of the burst
  // may have ended it, and its slot may be reused.
  bool still_of(const flow::Packet& packet) const {
    return flows.erasures() == erasures || (packet.flow->in_use && packet.flow->key == packet.key);
  }
  // Whether messages of the flow may open expectations, or be covered by them.
  bool has_expectations(const flow::Flow& flow) const {
    return (with_expectations >> flow.protocol & 1) != 0;
  }
  // Whether messages of the flow are numbered, so that they may be renumbered.
  bool is_numbered(const flow::Flow& flow) const { return module_of(flow).numbered != nullptr; }
  // Whether messages of the flow define or carry handles.
  bool learns_names(const flow::Flow& flow) const { return module_of(flow).names != nullptr; }
  // The context of a message of the flow.
  protocols::MessageContext message_context(flow::Flow& flow,
                                            protocols::Direction direction) const {
    protocols::MessageContext way{direction, policy::carrier_over(flow.transport),
                                  flows.session(flow)};
    if (learns_names(flow)) way.names = flows.names_of(flow);
    return way;
  }
  // The same for framing: the session only where the module asks for it.
  protocols::MessageContext framing_context(flow::Flow& flow,
                                            protocols::Direction direction) const {
    if (module_of(flow).frames_by_session) return message_context(flow, direction);
    return {direction, policy::carrier_over(flow.transport)};
  }
  // The flow's protocol. Precondition: it is inspected.
  const protocols::Protocol& protocol_of(const flow::Flow& flow) const {
    return *modules[flow.protocol].protocol;
  }
  const protocols::Module& module_of(const flow::Flow& flow) const {
    return modules[flow.protocol];
  }
  // `message` with what parse() kept of it; that is empty if another was judged since.
  const protocols::Parsed& parsed_of(ByteView message, protocols::Direction direction) {
    const bool same =
        parsed.message().data() == message.data() && parsed.message().size() == message.size();
    if (!same) parsed.begin(message, direction);
    return parsed;
  }
};

// The stages, in order: each processes the packets that are left in the burst.
void parse(Context& context);
void resolve_neighbours(Context& context);
void find_flows(Context& context);
void classify(Context& context);
void inspect(Context& context);

// Consumes a parsed fragment. If it completes its packet, the packet is the reassembled one
// afterwards, to be parsed; if it waits for others, or its session is another worker's, the
// packet's buffer is gone. Otherwise returns the reason for refusal.
Reason reassemble(Context& context, flow::Packet& packet);

// Reports the verdict on a packet and drops it: it is refused, or has been consumed.
void refuse(Context& context, flow::Packet& packet, Reason reason);

// Reports the verdict on a packet of a flow and forwards it, unless its receiver is on the same
// port.
void pass(Context& context, flow::Packet& packet, Reason reason);

// Sets a datagram's destination MAC address to the one that is bound to its host, or that the host
// has announced. Groups and non-IP frames keep theirs. The parsed header does not change.
void direct_datagram(const Context& context, const flow::Packet& packet);

// Whether the packet is non-IP. Precondition: neighbours are resolved.
inline bool is_bare(const flow::Packet& packet) { return packet.ip.version == 0; }

// The direction of the packet's messages.
inline protocols::Direction direction_of(const flow::Packet& packet) {
  return packet.from_client ? protocols::Direction::request : protocols::Direction::response;
}

// Notes in the protocol's state that the session's beginning was not seen.
inline void begin_unseen(Context& context, flow::Flow& flow) {
  if (flow.protocol == protocols::kNoProtocol) return;
  context.protocol_of(flow).begin_unseen(context.flows.session(flow));
}

// The session's handles are unknown from now on: messages that define some were not seen, or did
// not leave.
inline void forget_names(Context& context, flow::Flow& flow) {
  context.flows.names().drop(context.flows.index_of(flow));
}

// The MAC address of a host on the port: bound to it, or announced by it there.
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

// Learns where the sender of a packet of an answered session stands. In TCP its MAC address is the
// session's, so that it is learned again only every half a second.
inline void learn_speaker(Context& context, const flow::Packet& packet) {
  constexpr int kPeriodShift = 28;  // and the lowest bit is always set
  flow::Flow& flow = *packet.flow;
  if (flow.transport == policy::Transport::tcp) {
    std::uint8_t& learned = flow.learned[sender_of(packet)];
    const auto period = static_cast<std::uint8_t>(context.now_ns >> kPeriodShift | 1);
    if (learned == period) return;
    learned = period;
  }
  context.macs.learn(packet.ethernet.source, packet.port, context.now_ns, flow::Evidence::spoken);
}

// Prefetches the cached verdict of the packet's request. Precondition: its flow is inspected.
void prefetch_verdict(const Context& context, const flow::Packet& packet);

// Parses, judges and accepts one message of the flow. `verdict` is new, and the caller reports it.
// `length`: the whole message's; `message` may be its head alone.
void judge_message(Context& context, const flow::Packet& packet, ByteView message,
                   std::size_t length, Verdict& verdict);

// Judges all messages of a packet, each of which must be whole. Reports all verdicts but the last:
// `verdict`, on `message`. False if any is refused: the packet leaves whole or not at all.
bool judge_whole_messages(Context& context, const flow::Packet& packet, ByteView bytes,
                          Verdict& verdict, ByteView& message);

// A verdict on a message that could not be delimited, or is refused before it was parsed.
Verdict refused_message(const flow::Packet& packet, Reason reason, protocols::Fault fault);

// Writes the refusal of a request into `reply`; its length, 0 if the protocol has none.
std::size_t write_refusal(Context& context, const flow::Flow& flow, const Verdict& verdict,
                          ByteView request, std::span<std::uint8_t> reply);

// Finds the flow of an ICMP error that quotes a packet of a living session.
void match_icmp_error(Context& context, flow::Packet& packet);
// Forwards such an error if it quotes bytes in flight, in its receiver's numbers.
void pass_icmp_error(Context& context, flow::Packet& packet);

void inspect_tcp(Context& context, flow::Packet& packet);
void inspect_datagram(Context& context, flow::Packet& packet);

// True if the session may keep no more segments. One that keeps fewer than two may, until the
// pool's last quarter, whatever its host uses.
bool exceeds_share(const Context& context, const flow::Flow& flow);

// The common case: a segment that is exactly the next message of its stream while nothing is held.
// `passed`: it was granted and sent. `refused`: see `verdict`; the message is to be held and
// inspected with that verdict.
enum class Whole : std::uint8_t { no, passed, refused };
Whole pass_whole_message(Context& context, flow::Packet& packet, const flow::Segment& segment,
                         Verdict& verdict);

// Judges and releases all whole messages that the packet's sender has held. Precondition: the
// packet's buffer is held by its flow. `judged`: the verdict on the first, if it was judged.
void inspect_stream(Context& context, flow::Packet& packet, const Verdict* judged = nullptr);

// For PRP zones (whole_frames.cpp): judges the messages of `segment`, the packet's bytes after
// those released; it leaves unchanged or is refused whole.
void take_whole_frame(Context& context, flow::Packet& packet, const flow::Segment& segment);
// Forwards a retransmission unchanged if it begins and ends where released segments do.
// Precondition: its bytes equal those released.
void pass_whole_again(Context& context, flow::Packet& packet);
// Accepts acknowledgements of bytes that arrived over the other LAN.
void catch_up_with_other_lan(Context& context, const flow::Packet& packet);

// Ends a session: drops held bytes, resets both ends if the conduit says so, and passes nothing
// more. `packet` lends its headers; its buffer must be intact.
void cut_session(Context& context, const flow::Packet& packet);

// Processes a packet of a session that is being resumed. True if that establishes the session and
// the packet continues; otherwise it was passed or refused.
bool resume_session(Context& context, flow::Packet& packet);
// The position of the packet's session cannot be determined: passes it unjudged where its conduit
// fails open (true), else resets it.
bool give_up(Context& context, flow::Packet& packet);

// Sends a RST to the sender of a packet of no session.
void answer_with_reset(Context& context, const flow::Packet& packet);

// Removes a session from the opening ones.
inline void end_opening(Context& context, const flow::Flow& flow) {
  context.openings.remove(context.flows.index_of(flow));
}

// Time since which the receivers of a session have acknowledged nothing of what was released.
struct Progress {
  TimeNs since_ns = 0;  // 0: nothing is unacknowledged
  std::array<std::uint32_t, 2> acknowledged{};
};
// Ends a session whose receiver has acknowledged nothing for longer than TCP retransmits (RFC 9293,
// 3.8.3). Spliced sessions have timers of their own.
void give_up_if_stuck(Context& context, flow::Flow& flow, Progress& progress);

// The packet's sender as owner of an entry in the flow table, for a session that is not answered
// yet.
flow::PlaceOwner sender_as_owner(const Context& context, const flow::Packet& packet);
// Inserts a flow under the key, charged to the owner; may evict another one, but not `keep`.
// nullptr if there is no room, or none for the owner.
flow::Flow* take_place(Context& context, const flow::FlowKey& key, const flow::PlaceOwner& owner,
                       const flow::Flow* keep);

// Removes a session and all that it keeps.
void forget(Context& context, flow::Flow& flow);

}  // namespace bulkhead::pipeline
