// Who gets a place in the table of sessions, and who gives his away for it.
#include "dataplane/pipeline/places.h"

#include "dataplane/pipeline/openings.h"
#include "dataplane/pipeline/parts.h"
#include "dataplane/pipeline/shadow.h"

namespace bulkhead::pipeline {

namespace {

// Whether the session goes on without the end that it began with: it is not displaced for one of
// which nobody knows whether anybody answers.
bool is_answered(const flow::Flow& flow) {
  if (flow.transport == policy::Transport::tcp) return flow.phase >= flow::TcpPhase::established;
  return flow.packets[flow::kClient] > 0 && flow.packets[flow::kServer] > 0;
}

}  // namespace

flow::PlaceOwner sender_as_owner(const NeighbourContext& context, const flow::Packet& packet) {
  const std::uint64_t hash = sending_host(packet).hash(context.hash_key);
  const std::uint16_t mac_id = flow::Places::mac_id_of(context.hash_key, packet.ethernet.source);
  const std::uint16_t conduit = packet.flow == nullptr ? 0 : packet.flow->standing.conduit;
  return {
      {flow::Shares::host_id(hash), flow::Shares::conduit_id(conduit)}, packet.port, mac_id, true};
}

flow::Flow* insert_for_owner(Context& context, const flow::FlowKey& key,
                             const flow::PlaceOwner& owner, const flow::Flow* keep) {
  using Seen = flow::Places::Seen;
  flow::FlowTable& flows = context.flows;
  const std::uint32_t free = flows.capacity() - flows.size();
  const bool plenty = free > flows.capacity() / 4;
  if (!plenty && (owner.one_way || !context.places.may_take(owner, free, flows.capacity()))) {
    const std::uint32_t victim =
        context.places.find_victim(context.now_ns, [&](std::uint32_t slot, TimeNs listed_ns) {
          const flow::Flow& flow = flows.slot(slot);
          if (&flow == keep) return Seen::kept;
          if (!flow.in_use || is_answered(flow)) return Seen::answered;
          return flow.last_seen_ns > listed_ns ? Seen::used : Seen::idle;
        });
    if (victim != flow::Places::kNone) {
      forget(context, flows.slot(victim));
    } else if (!context.places.may_take(owner, free, flows.capacity())) {
      return nullptr;
    }
  }
  flow::Flow* flow = flows.insert(key);
  if (flow == nullptr) return nullptr;
  flow->heard = context.shadow != nullptr && context.shadow->hears;
  context.places.add(flows.index_of(*flow), owner, context.now_ns);
  return flow;
}

void forget(Context& context, flow::Flow& flow) {
  if (flow.transport != policy::Transport::tcp) drop_parts(context, flow);
  flow::drop_all(context.segments, flow);
  context.timers.disarm(context.flows.index_of(flow));
  if (flow.half_open) end_opening(context, flow);
  context.places.remove(context.flows.index_of(flow));
  context.flows.erase(flow);
}

}  // namespace bulkhead::pipeline
