// What the stages need for one burst, in the order in which they need it: each context has what the
// stages before it had, and more. A function takes the least of them that it can do with.
#pragma once

#include <span>

#include "dataplane/flow/expectation_table.h"
#include "dataplane/flow/flow_table.h"
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
#include "dataplane/pipeline/options.h"
#include "dataplane/pipeline/planted.h"
#include "dataplane/pipeline/stats.h"
#include "dataplane/pipeline/verdict.h"
#include "dataplane/pipeline/verdict_cache.h"
#include "dataplane/pipeline/waiting_room.h"
#include "dataplane/policy/classifier.h"
#include "dataplane/policy/containment.h"
#include "dataplane/policy/matcher.h"

namespace bulkhead::pipeline {

constexpr std::size_t kBurstMax = 32;

struct Shadow;

// The packets, the policy and the ways out.
struct BurstContext {
  const PipelineOptions& options;
  const Image& image;
  TimeNs now_ns;
  std::span<flow::Packet> burst;
  Statistics& stats;
  Egress output;
  Observer& observer;
  const policy::Containment* contained = nullptr;  // of the image; nullptr: nothing is cut
  Shadow* shadow = nullptr;                        // of a pipeline that only judges
  std::uint64_t wall_s = 0;                        // seconds since 1970, UTC; 0: not told
  bool all_usual = true;  // every packet of the burst, see wire::parse_usual

  const flow::Limits& limits() const { return options.limits; }
  const policy::Tables& tables() const { return image.tables; }
};

// What is cut of the flow's conduit, also if the flow has not been judged under this policy yet.
// Precondition: something is contained.
policy::Cut cut_of(const BurstContext& context, const flow::Flow& flow);

// And where hosts are.
struct NeighbourContext : BurstContext {
  flow::MacTable& macs;
  flow::Resolutions& resolutions;
  flow::HashKey hash_key{};  // of this worker
};

// And the sessions, with all that their streams keep and send.
struct SessionContext : NeighbourContext {
  flow::FlowTable& flows;
  flow::SegmentPool& segments;
  flow::TimerWheel& timers;
  WaitingRoom& waiting;
  std::span<const protocols::Module> modules;
  TimeNs clock_offset_ns = 0;    // clock offset for replicated protocol state
  TimeNs forwards_since_ns = 0;  // start or takeover
  TimeNs settled_ns = 0;         // when all that was under way at a takeover has arrived
  std::uint64_t erasures = 0;    // of flows, when those of the burst were looked up

  // The clock of protocol modules; it wraps.
  std::uint32_t now_ms() const {
    return static_cast<std::uint32_t>((now_ns + clock_offset_ns) / kMillisecondNs);
  }
  // Whether acknowledgements say what their sender has: not just after a takeover (kSettleNs).
  bool is_settled() const { return now_ns >= settled_ns; }
  // Sends a frame of the flow to one of its ends, as soon as it may leave. None leaves an isolated
  // conduit, received or made here.
  void send(flow::Flow& flow, rte_mbuf* mbuf, std::size_t receiver) {
    if (contained != nullptr && cut_of(*this, flow).isolates()) return rte_pktmbuf_free(mbuf);
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
  void replicate_first(flow::Flow& flow) { waiting.hold(flows, flow); }
  // Whether sessions of the conduit pass unjudged now if they cannot be judged.
  bool fails_open(std::uint16_t conduit) const {
    return tables().conduits[conduit].fail_open &&
           (contained == nullptr || contained->of(conduit).none()) &&
           now_ns - forwards_since_ns < limits().fail_open_ns;
  }
  // Whether the packet's flow is still the one that was looked up: an earlier packet of the burst
  // may have ended it, and its slot may be reused.
  bool still_of(const flow::Packet& packet) const {
    return flows.erasures() == erasures || (packet.flow->in_use && packet.flow->key == packet.key);
  }
  // Whether messages of the flow may open expectations, or be covered by them.
  bool has_expectations(const flow::Flow& flow) const {
    return module_of(flow).expectations != nullptr;
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
};

// And what admits sessions and judges messages.
struct Context : SessionContext {
  flow::ExpectationTable& expected;
  flow::Openings& openings;
  flow::Places& places;
  flow::Proofs& proofs;
  VerdictCache& verdicts;
  protocols::OperationList& operations;
  protocols::Parsed& parsed;  // the message that was judged last
  std::span<std::uint8_t> scratch;
  policy::Charges charged{};           // charges of the last judged message
  protocols::Difference difference{};  // of the last refused answer

  // `message` with what parse() kept of it; that is empty if another was judged since.
  const protocols::Parsed& parsed_of(ByteView message, protocols::Direction direction) {
    const bool same =
        parsed.message().data() == message.data() && parsed.message().size() == message.size();
    if (!same) parsed.begin(message, direction);
    return parsed;
  }
};

}  // namespace bulkhead::pipeline
