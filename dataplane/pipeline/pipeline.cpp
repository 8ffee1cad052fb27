// Runs the stages over a burst and lets old sessions go.
#include "dataplane/pipeline/pipeline.h"

#include <rte_cycles.h>

#include <algorithm>
#include <limits>

#include "dataplane/pipeline/leaving.h"
#include "dataplane/pipeline/left_sessions.h"
#include "dataplane/pipeline/openings.h"
#include "dataplane/pipeline/parts.h"
#include "dataplane/pipeline/places.h"
#include "dataplane/pipeline/relations.h"
#include "dataplane/pipeline/shadow.h"
#include "dataplane/pipeline/stages.h"
#include "dataplane/pipeline/timers.h"
#include "dataplane/policy/classifier.h"

namespace bulkhead::pipeline {

namespace {

constexpr std::uint32_t kWaitingFramesMax = 1024;

// Counts cycles by stage, or does nothing.
class StageClock {
 public:
  StageClock(bool running, StageCycles& cycles)
      : running_(running), cycles_(cycles), last_(running ? rte_rdtsc() : 0) {}

  void lap(Stage stage) {
    if (!running_) return;
    const std::uint64_t now = rte_rdtsc();
    cycles_[static_cast<std::size_t>(stage)] += now - last_;
    last_ = now;
  }

 private:
  bool running_;
  StageCycles& cycles_;
  std::uint64_t last_;
};

flow::FlowTable::Blocks session_blocks(const flow::Limits& limits) {
  flow::FlowTable::Blocks blocks;
  blocks.deep_max = std::min(limits.deep_sessions, limits.flows);
  blocks.spliced_max = std::min(limits.carried_sessions, limits.flows);
  const auto learns = [](const protocols::Module& module) { return module.names != nullptr; };
  if (std::ranges::any_of(protocols::modules(), learns)) {
    blocks.names = {limits.name_bytes, limits.session_names, limits.session_name_bytes};
  }
  for (const protocols::Protocol* protocol : protocols::registry()) {
    const protocols::StateLayout layout = protocol->state_layout();
    blocks.usual_bytes = std::max(blocks.usual_bytes, layout.bytes);
    blocks.deep_bytes = std::max(blocks.deep_bytes, layout.bytes_max);
  }
  return blocks;
}

}  // namespace

Result<std::unique_ptr<Pipeline>, std::string> Pipeline::make(const std::string& name,
                                                              const PipelineOptions& options,
                                                              flow::MacTable& macs) {
  auto flows = flow::FlowTable::make(name, options.limits.flows, session_blocks(options.limits));
  if (!flows) return flows.error();
  auto reassembler = flow::Reassembler::make(name, options.limits);
  if (!reassembler) return reassembler.error();
  return std::unique_ptr<Pipeline>(
      new Pipeline(options, std::move(flows).value(), std::move(reassembler).value(), macs));
}

Pipeline::Pipeline(const PipelineOptions& options, std::unique_ptr<flow::FlowTable> flows,
                   std::unique_ptr<flow::Reassembler> reassembler, flow::MacTable& macs)
    : options_(options),
      flows_(std::move(flows)),
      expected_(options.limits.relations, options_.owners.get(), options.worker),
      segments_(options.limits.segments),
      openings_(options.limits.flows),
      places_(options.limits.flows),
      progress_(options.limits.flows),
      timers_(options.limits.flows),
      reassembler_(std::move(reassembler)),
      macs_(macs),
      verdicts_(options.remember_verdicts ? options.limits.known_verdicts : 0),
      scratch_(options.limits.held_bytes),
      waiting_(kWaitingFramesMax),
      shadow_(options.judges_only ? std::make_unique<Shadow>(options.limits.flows) : nullptr) {}

Pipeline::~Pipeline() {
  const std::uint32_t end = flows_->capacity();
  for (std::uint32_t i = 0; (i = flows_->next_in_use(i, end)) < end; ++i) {
    flow::drop_all(segments_, flows_->slot(i));
  }
}

Context Pipeline::make_context(const Image& image, TimeNs now_ns, Output& output,
                               Observer& observer, std::size_t burst) {
  // Each pair of braces is one of the contexts, from BurstContext on.
  return {{{{options_, image, now_ns, std::span(burst_.data(), burst), stats_,
             Egress(output, options_.mtu, identification_), observer,
             image.containment.load(std::memory_order_acquire), shadow_.get(), wall_s_},
            macs_,
            resolutions_,
            hash_key_},
           *flows_,
           segments_,
           timers_,
           waiting_,
           protocols::modules(),
           clock_offset_ns_,
           forwards_since_ns_,
           settled_ns_},
          expected_,
          openings_,
          places_,
          proofs_,
          verdicts_,
          operations_,
          parsed_,
          scratch_};
}

Pipeline::Sender Pipeline::sender_of(const flow::Packet& packet, TimeNs now_ns) const {
  flow::HostAt host = sending_host(packet);
  const std::uint64_t hash = host.hash(hash_key_);
  if (proofs_.holds(hash, packet.port, now_ns)) return {hash, true};
  host.address = wire::IpAddress{};
  return {host.hash(hash_key_), false};
}

void Pipeline::note_lost(TimeNs now_ns) { shadow_->note_lost(now_ns); }

void Pipeline::set_hears(bool hears) { shadow_->hears = hears; }

bool Pipeline::hears() const { return shadow_->hears; }

void Pipeline::let_go(std::uint64_t acknowledged, Output& output) {
  Egress egress(output, options_.mtu, identification_);
  waiting_.let_go(acknowledged, egress);
}

void Pipeline::let_all_go(Output& output) {
  Egress egress(output, options_.mtu, identification_);
  waiting_.let_all_go(egress);
}

void Pipeline::process(const Image& image, std::span<rte_mbuf* const> mbufs, TimeNs now_ns,
                       Output& output, Observer& observer, std::uint32_t first_frame) {
  for (std::size_t i = 0; i < mbufs.size(); ++i) {
    flow::Packet& packet = burst_[i];
    packet.mbuf = mbufs[i];
    packet.frame = first_frame + static_cast<std::uint32_t>(i);
    packet.port = mbufs[i]->port;
    packet.flow = nullptr;
    packet.about_flow = false;
    packet.reassembled = (mbufs[i]->ol_flags & whole_flag_) != 0;
  }
  if (!mbufs.empty()) buffers_ = mbufs[0]->pool;
  if (shadow_ != nullptr && shadow_->generation != image.generation) {
    shadow_->generation = image.generation;
    shadow_->refused.clear();
  }
  Context context = make_context(image, now_ns, output, observer, mbufs.size());
  see_containment(context);
  StageClock clock(options_.measure_stages, stage_cycles_);
  parse(context, *reassembler_);
  clock.lap(Stage::parse);
  if (image.generation == kNoPolicy) {
    for (flow::Packet& packet : context.burst) {
      if (packet.mbuf != nullptr) refuse(context, packet, Reason::no_policy);
    }
    return;
  }
  resolve_neighbours(context);
  clock.lap(Stage::resolve);
  context.erasures = flows_->erasures();
  find_flows(context, *flows_);
  clock.lap(Stage::find_flows);
  classify(context);
  clock.lap(Stage::classify);
  inspect(context);
  clock.lap(Stage::inspect);
  if (!flows_->tracks_changes()) return;
  // A slot that has a new tenant meanwhile has changed as well.
  for (const flow::Packet& packet : context.burst) {
    if (packet.flow != nullptr) flows_->touch(*packet.flow);
  }
}

void Pipeline::pass_time(const Image& image, TimeNs now_ns, Output& output, Observer& observer) {
  constexpr std::uint32_t kTimersPerCall = 256;
  StageClock clock(options_.measure_stages, stage_cycles_);
  Context context = make_context(image, now_ns, output, observer, 0);
  see_containment(context);
  timers_.advance(now_ns, kTimersPerCall, [&](std::uint32_t index) {
    flow::Flow& flow = flows_->slot(index);
    if (!flow.in_use) return;
    flows_->touch(flow);
    flow.transport == policy::Transport::tcp ? run_timers(context, flow)
                                             : drop_late_parts(context, flow);
  });
  probes_.run(context);
  expire(context);
  clock.lap(Stage::pass_time);
}

// What waited for the peer when a conduit was isolated does not leave any more.
void Pipeline::see_containment(const Context& context) {
  if (context.contained == nullptr || waiting_.is_empty()) return;
  if (!context.contained->isolates_any()) return;
  waiting_.drop_if([&context](std::uint32_t generation, std::uint16_t conduit) {
    return generation != context.image.generation || context.contained->of(conduit).isolates();
  });
}

void Pipeline::read_gauges() {
  stats_.flows = flows_->size();
  stats_.segments = segments_.capacity() - segments_.available();
  stats_.half_open = openings_.count();
  stats_.deep_sessions = flows_->deep_sessions();
  stats_.name_bytes = flows_->names().used_bytes();
  stats_.carried_sessions = flows_->carried_sessions();
  stats_.relations = expected_.size();
  stats_.waiting_dropped = waiting_.dropped();
}

void Pipeline::forget_all() {
  const std::uint32_t end = flows_->capacity();
  for (std::uint32_t i = 0; (i = flows_->next_in_use(i, end)) < end; ++i) {
    flow::Flow& flow = flows_->slot(i);
    flow::drop_all(segments_, flow);
    timers_.disarm(i);
    flows_->erase(flow);
  }
  expected_.clear();
  waiting_.clear();
  openings_.clear();
  places_.clear();
  reassembler_->expire(std::numeric_limits<TimeNs>::max());
}

// A walk over all slots, a part of it a call: how far time demands, but no more sessions than a
// packet that comes meanwhile can wait for.
void Pipeline::expire(Context& context) {
  constexpr std::uint32_t kSlotsPerPeriod = 64;
  constexpr std::uint32_t kSessionsPerCall = 256;
  constexpr TimeNs kPeriodNs = kMillisecondNs;
  constexpr TimeNs kPeriodsMax = 100;  // after a sleep
  const TimeNs periods = std::min((context.now_ns - expired_ns_) / kPeriodNs, kPeriodsMax);
  if (periods == 0) return;
  if (context.now_ns - fragments_expired_ns_ >= kSecondNs) {
    fragments_expired_ns_ = context.now_ns;
    reassembler_->expire(context.now_ns);
  }
  expire_relations(context, expire_next_relation_);
  auto slots = kSlotsPerPeriod * static_cast<std::uint32_t>(periods);
  // As long as there is plenty, what waits for its receiver harms nobody.
  const bool scarce = segments_.available() < segments_.capacity() / 4 * 3;
  for (std::uint32_t sessions = 0; slots > 0 && sessions < kSessionsPerCall;) {
    if (expire_next_ >= flows_->capacity()) expire_next_ = 0;
    const std::uint32_t end = std::min(expire_next_ + slots, flows_->capacity());
    const std::uint32_t slot = flows_->next_in_use(expire_next_, end);
    const std::uint32_t next = std::min(slot + 1, end);
    slots -= next - expire_next_;
    expire_next_ = next;
    if (slot == end) continue;
    ++sessions;
    expire_one(context, slot, scarce);
  }
  expires_behind_ = slots >= kSlotsPerPeriod;
  expired_ns_ = context.now_ns - slots / kSlotsPerPeriod * kPeriodNs;
}

void Pipeline::expire_one(Context& context, std::uint32_t slot, bool scarce) {
  flow::Flow& flow = flows_->slot(slot);
  const bool observes = !context.tables().observed.empty() && context.shadow == nullptr;
  if (observes && forget_if_observed(context, flow, buffers_)) return;
  if (flow.charged != 0 && scarce) {
    give_up_if_stuck(context, flow, progress_[slot]);
  } else {
    progress_[slot].since_ns = 0;
  }
  if (flow.expires_ns <= context.now_ns) forget(context, flow);
}

}  // namespace bulkhead::pipeline
