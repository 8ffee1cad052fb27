// Every step ends with the same questions: who should be active, and until when may it forward?
#include "controlplane/failover/machine.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "controlplane/failover/planted.h"

namespace bulkhead::failover {

std::optional<std::string_view> validate(const Timing& timing) {
  if (timing.heartbeat_ns == 0) return "the heartbeat interval must not be zero";
  if (timing.peer_lost_ns < 3 * timing.heartbeat_ns) {
    return "a peer may be taken for lost after three heartbeats, not before";
  }
  if (timing.lease_ns < timing.peer_lost_ns + timing.heartbeat_ns) {
    return "the lease must be longer than what makes a peer lost, by a heartbeat at least";
  }
  if (timing.takeover_ns < timing.lease_ns + timing.lease_ns / 5) {
    return "the takeover must come later than the end of the lease, by a fifth of it at least";
  }
  if (timing.start_alone_ns < timing.takeover_ns) {
    return "an appliance that starts must listen for as long as a takeover takes";
  }
  return std::nullopt;
}

std::string_view text_of(Cause cause) {
  switch (cause) {
    case Cause::none:
      return "nothing";
    case Cause::peer_silent:
      return "the active appliance was heard on no path any more";
    case Cause::started_alone:
      return "no peer was heard since the start";
    case Cause::granted:
      return "the peer granted it";
    case Cause::peer_unfit:
      return "the peer cannot be active and does not hear this appliance";
    case Cause::better_active:
      return "the peer is active under a later term";
    case Cause::unfit:
      return "the data plane, a zone port or the self-test failed";
    case Cause::handed_over:
      return "it was handed over in order";
    case Cause::not_active:
      return "this appliance is not the active one";
    case Cause::peer_not_heard:
      return "the peer is not heard";
    case Cause::peer_not_ready:
      return "the peer's policy and flows are not proven equal";
    case Cause::not_drained:
      return "the peer did not acknowledge the last changes of flows in time";
  }
  return "unknown";
}

Timing Timing::beside(TimeNs peer_lease_ns) const {
  const Timing peer{.heartbeat_ns = peer_lease_ns / 7};
  Timing both = *this;
  both.peer_lost_ns = std::max(peer_lost_ns, peer.peer_lost_ns);
  both.lease_ns = std::max(lease_ns, peer_lease_ns);
  both.takeover_ns = std::max(takeover_ns, peer.takeover_ns);
  return both;
}

Machine::Machine(const Config& config, TimeNs now_ns)
    : config_(config), timing_(config.timing), begun_ns_(now_ns), last_step_ns_(now_ns) {}

void Machine::observe(TimeNs now_ns) {
  const TimeNs passed = now_ns > last_step_ns_ ? now_ns - last_step_ns_ : 0;
  const TimeNs counted =
      planted(Mistake::count_own_stalls) ? passed : std::min(passed, 2 * timing_.heartbeat_ns);
  last_step_ns_ = std::max(last_step_ns_, now_ns);
  observed_ns_ += counted;
  const bool long_ago = passed > timing_.peer_lost_ns;
  stalled_ = stalled_ || (counted < passed && (!was_stalled_ || long_ago));
}

TimeNs Machine::silence_ns() const { return observed_ns_ - peer_heard_ns_; }

bool Machine::hears_on(std::size_t path) const {
  return path < kPathsMax && paths_[path].heard &&
         observed_ns_ - paths_[path].heard_ns < timing_.peer_lost_ns;
}

// A later policy than its own was committed somewhere, and it does not have it.
bool Machine::is_behind() const {
  return epoch_seen_ > policy_.epoch && epoch_seen_ != prepared_.epoch;
}

// One that has heard nobody cannot take over before it may start alone; who knows that forwards on.
bool Machine::eligible() const {
  const bool may_begin = peer_known_ || observed_ns_ >= timing_.start_alone_ns;
  return may_begin && fit_ && observed_ns_ - fit_since_ns_ >= timing_.settle_ns && !maintenance_ &&
         (policy_.epoch > 0 || prepared_.epoch > 0) && !is_behind();
}

bool Machine::ready() const {
  return role_ == Role::standby && peer_known_ && flows_equal_ && eligible() &&
         policy_ == peer_.policy;
}

bool Machine::wants() const {
  if (planted(Mistake::skip_readiness_gate)) {
    return config_.preempt && config_.priority > peer_.priority;
  }
  return config_.preempt && config_.priority > peer_.priority && was_ready_ &&
         observed_ns_ - ready_since_ns_ >= timing_.preempt_after_ns;
}

// Of two that could be active: who has the later policy, then the later flows, then who was named.
bool Machine::peer_is_preferred() const {
  const auto mine = std::tuple(policy_.epoch, active_term_, config_.priority, config_.self);
  const auto theirs =
      std::tuple(peer_.policy.epoch, peer_.active_term, peer_.priority, config_.peer);
  return theirs > mine;
}

bool Machine::peer_may_take_place() const {
  const bool ready = peer_.ready || planted(Mistake::skip_readiness_gate);
  return hears_peer() && peer_.role == Role::standby && peer_.eligible && ready;
}

// While it is, the other may be active: this one is not, neither by silence nor by a grant.
bool Machine::grant_outstanding() const {
  return ever_granted_ && observed_ns_ - granted_ns_ < timing_.takeover_ns;
}

const Machine::Sent* Machine::sent(std::uint64_t incarnation, std::uint64_t sequence) const {
  const Sent& sent = sent_[sequence % sent_.size()];
  const bool is_ours = incarnation == config_.incarnation && sequence != 0;
  return is_ours && sent.sequence == sequence ? &sent : nullptr;
}

bool Machine::answers(const Heartbeat& beat, TimeNs now_ns) const {
  const TimeNs window_ns = config_.timing.beside(beat.lease_ns).takeover_ns;
  const auto is_fresh = [&](const Sent* sent) {
    return sent != nullptr && now_ns < sent->at_ns + window_ns;
  };
  return is_fresh(sent(beat.echo_incarnation, beat.echo_sequence)) ||
         is_fresh(sent(beat.answer_incarnation, beat.answer_sequence));
}

// By observed time, which runs behind if at all: in doubt the peer lives, for two that forward are
// worse than none.
bool Machine::is_late(const Heartbeat& beat) {
  if (beat.sent_ns == 0 || planted(Mistake::believe_late)) return false;
  std::optional<TimeNs> after_ns;
  const Sent* echoed = sent(beat.echo_incarnation, beat.echo_sequence);
  if (echoed != nullptr) after_ns = echoed->observed_ns;
  return !lateness_.accept(beat.sent_ns, observed_ns_, after_ns, timing_.takeover_ns);
}

// Whether the word is of the incarnation that is believed, or of one that is from now on.
bool Machine::meets(const Heard& heard, TimeNs now_ns, Actions& actions) {
  const Heartbeat& beat = heard.heartbeat;
  if (peer_known_ && beat.incarnation == peer_.incarnation) return true;
  if (beat.incarnation == 0 || beat.incarnation == left_incarnation_) return false;
  const bool earlier = peer_known_ && beat.incarnation < peer_.incarnation;
  if (earlier && planted(Mistake::ignore_lost_state)) return false;
  const bool credulous = planted(Mistake::believe_replays) && !earlier;
  if (!answers(beat, now_ns) && !credulous) {
    candidates_[heard.path] = {beat.incarnation, beat.sequence, observed_ns_};
    return false;
  }
  actions.peer_anew = earlier;
  left_incarnation_ = peer_.incarnation;
  candidates_ = {};
  paths_ = {};
  lateness_.forget();
  peer_ = {};
  peer_known_ = true;
  return true;
}

void Machine::answer(Heartbeat& beat) {
  for (std::size_t i = 0; i < kPathsMax; ++i) {
    answered_path_ = (answered_path_ + 1) % kPathsMax;
    const Candidate& candidate = candidates_[answered_path_];
    const bool lately = observed_ns_ - candidate.heard_ns < timing_.peer_lost_ns;
    if (candidate.incarnation == 0 || !lately) continue;
    beat.answer_incarnation = candidate.incarnation;
    beat.answer_sequence = candidate.sequence;
    return;
  }
}

void Machine::take(const Heard& heard, TimeNs now_ns, Actions& actions) {
  const Heartbeat& beat = heard.heartbeat;
  if (heard.path >= kPathsMax || beat.from != config_.peer) return;
  if (planted(Mistake::ignore_in_band) && heard.path != kPairLink) return;
  if (!meets(heard, now_ns, actions)) return;
  Path& path = paths_[heard.path];
  if (path.heard && beat.sequence <= path.sequence) return;  // replayed or twice
  if (is_late(beat)) return;
  path = {beat.sequence, observed_ns_, true};
  if (beat.sequence <= peer_.sequence) return;  // another path was faster
  peer_ = beat;
  if (!planted(Mistake::hurry_a_slow_peer)) timing_ = config_.timing.beside(beat.lease_ns);
  peer_heard_ns_ = observed_ns_;
  peer_heard_clock_ns_ = now_ns;
  term_ = std::max({term_, beat.term, beat.grant});
  epoch_seen_ = std::max(epoch_seen_, beat.policy.epoch);
  const Sent* echoed = sent(beat.echo_incarnation, beat.echo_sequence);
  if (echoed == nullptr) return;
  echoed_ns_ = echoed_ ? std::max(echoed_ns_, echoed->at_ns) : echoed->at_ns;
  echoed_ = true;
}

void Machine::take(const Forwarding& dataplane, Actions& actions) {
  if (!dataplane.forwards) {
    // It gave way while this machine stood still, to a peer that is not heard again now that all
    // that came meanwhile has been read.
    const bool alone = role_ == Role::active && sent_lease_.alone && !hears_peer();
    if (alone && !stalled_ && !was_stalled_) actions.lease = sent_lease_;
    return;
  }
  if (sent_lease_.lets_forward() || dataplane.lease.term == 0) return;
  if (observed_ns_ > 0 && planted(Mistake::trust_dead_agent)) return;
  const bool nothing_known = role_ == Role::standby && !peer_known_ && active_term_ == 0;
  if (nothing_known) return adopt(dataplane.lease, actions);
  actions.lease = sent_lease_;
}

// An agent that is gone let the data plane forward: it was away, not the data plane.
void Machine::adopt(const Lease& lease, Actions& actions) {
  role_ = Role::active;
  term_ = active_term_ = lease.term;
  sent_lease_ = lease;
  if (!fit_) fit_since_ns_ = observed_ns_;
  fit_ = true;
  flows_equal_ = false;
  peer_heard_ns_ = observed_ns_;
  if (!lease.alone) adopted_until_ns_ = lease.until_ns;
  actions.adopted = lease;
}

void Machine::accept_order(Order order, Actions& actions) {
  if (order == Order::maintenance_off) {
    maintenance_ = false;
    return;
  }
  if (order == Order::maintenance_on && role_ == Role::standby) {
    maintenance_ = true;
    return;
  }
  if (role_ != Role::active) {
    actions.refused = Cause::not_active;
  } else if (!hears_peer()) {
    actions.refused = Cause::peer_not_heard;
  } else if (!peer_may_take_place()) {
    actions.refused = Cause::peer_not_ready;
  } else {
    switchover_ = true;
    maintenance_ = order == Order::maintenance_on;
  }
}

void Machine::begin_hand_over(Actions& actions) {
  yielding_ = true;
  yield_ns_ = observed_ns_;
  switchover_ = false;
  actions.drain = true;
}

void Machine::take_over(std::uint64_t term, Cause cause, Actions& actions) {
  role_ = Role::active;
  term_ = active_term_ = std::max(term, term_);
  grant_ = 0;
  yielding_ = switchover_ = handed_over_ = false;
  flows_equal_ = false;
  if (prepared_.epoch > policy_.epoch && !planted(Mistake::forget_prepared)) {
    // The other may have committed it; what was prepared by both is never taken back.
    policy_ = prepared_;
    prepared_ = {};
    actions.commit_prepared = true;
  }
  actions.took_over = true;
  actions.cause = cause;
  actions.send = true;
}

void Machine::step_down(Cause cause, Actions& actions) {
  role_ = Role::standby;
  yielding_ = switchover_ = false;
  flows_equal_ = false;
  actions.stepped_down = true;
  actions.cause = cause;
  actions.send = true;
}

void Machine::decide_active(Actions& actions) {
  if (!fit_) return step_down(Cause::unfit, actions);
  const auto mine = std::tuple(active_term_, config_.priority, config_.self);
  const auto theirs = std::tuple(peer_.active_term, peer_.priority, config_.peer);
  const bool better = hears_peer() && peer_.role == Role::active && theirs > mine;
  if (better && !planted(Mistake::ignore_better_active)) {
    return step_down(Cause::better_active, actions);
  }
  const bool asked = switchover_ || (hears_peer() && peer_.wants);
  if (asked && planted(Mistake::skip_readiness_gate)) return step_down(Cause::handed_over, actions);
  if (!yielding_ && asked && peer_may_take_place()) begin_hand_over(actions);
  if (!yielding_ || observed_ns_ - yield_ns_ < timing_.drain_ns) return;
  yielding_ = false;
  maintenance_ = false;
  actions.refused = Cause::not_drained;
}

void Machine::decide_standby(TimeNs now_ns, Actions& actions) {
  if (observed_ns_ - handed_over_ns_ >= timing_.takeover_ns ||
      (hears_peer() && peer_.role == Role::active)) {
    handed_over_ = false;
  }
  const bool gives_way =
      hears_peer() && peer_.role == Role::standby && peer_.eligible &&
      (!eligible() || handed_over_ || (peer_is_preferred() && !peer_.hands_over));
  if (!gives_way) {
    grant_ = 0;
  } else if (grant_ == 0 || grant_ < term_) {
    grant_ = ++term_;
    actions.send = true;
  }
  if (grant_ != 0) {
    ever_granted_ = true;
    granted_ns_ = observed_ns_;
  }
  if (!eligible()) ineligible_ns_ = observed_ns_;
  if (!eligible() || grant_outstanding()) return;
  // A grant came with an echo: it is good for as long as a lease from then.
  const bool granted = hears_peer() && peer_.role == Role::standby && peer_.grant != 0 &&
                       peer_.grant > active_term_ && peer_.grant >= term_ && echoed_ &&
                       echoed_ns_ + timing_.lease_ns > now_ns;
  if (granted) return take_over(peer_.grant, Cause::granted, actions);
  // One way is cut: the other cannot grant what it was never asked for.
  const bool unheard = !echoed_ || now_ns > echoed_ns_ + timing_.takeover_ns;
  if (hears_peer() && peer_.role == Role::standby && !peer_.eligible && unheard) {
    return take_over(term_ + 1, Cause::peer_unfit, actions);
  }
  // An active relied on this one's word that it could not take over.
  if (observed_ns_ - ineligible_ns_ < timing_.takeover_ns) return;
  if (peer_known_ && silence_ns() >= timing_.takeover_ns && !stalled_) {
    return take_over(term_ + 1, Cause::peer_silent, actions);
  }
  if (!peer_known_ && observed_ns_ >= timing_.start_alone_ns) {
    return take_over(term_ + 1, Cause::started_alone, actions);
  }
}

void Machine::decide(TimeNs now_ns, Actions& actions) {
  const Role before = role_;
  if (role_ == Role::active) decide_active(actions);
  if (role_ == Role::standby) decide_standby(now_ns, actions);
  const bool is_ready = ready();
  if (is_ready && !was_ready_) ready_since_ns_ = observed_ns_;
  was_ready_ = is_ready;
  const Lease now_due = lease(now_ns);
  if (now_due == sent_lease_ && before == role_) return;
  sent_lease_ = now_due;
  actions.lease = now_due;
}

Lease Machine::lease(TimeNs now_ns) const {
  if (role_ != Role::active || yielding_) return {0, false, active_term_};
  const bool adopted =
      !peer_known_ && adopted_until_ns_ != 0 && silence_ns() < timing_.peer_lost_ns;
  if (adopted) return {adopted_until_ns_, false, active_term_};
  if (!hears_peer() && (!stalled_ || sent_lease_.alone)) return {0, true, active_term_};
  if (planted(Mistake::lease_without_echo)) return {now_ns + timing_.lease_ns, false, active_term_};
  TimeNs until_ns = adopted_until_ns_;
  if (echoed_) until_ns = std::max(until_ns, echoed_ns_ + timing_.lease_ns);
  // One that cannot take over now will not for as long as a takeover takes.
  if (!peer_.eligible) until_ns = std::max(until_ns, peer_heard_clock_ns_ + timing_.lease_ns);
  return {until_ns, false, active_term_};
}

Actions Machine::step(const Event& event, TimeNs now_ns) {
  observe(now_ns);
  Actions actions;
  if (std::holds_alternative<Tick>(event)) {
    actions.send = true;
  } else if (const auto* heard = std::get_if<Heard>(&event)) {
    take(*heard, now_ns, actions);
  } else if (const auto* fitness = std::get_if<Fitness>(&event)) {
    if (fitness->fit && !fit_) fit_since_ns_ = observed_ns_;
    fit_ = fitness->fit;
  } else if (const auto* replica = std::get_if<Replica>(&event)) {
    flows_equal_ = replica->equal && role_ == Role::standby;
  } else if (const auto* policy = std::get_if<PolicyIs>(&event)) {
    policy_ = policy->committed;
    prepared_ = policy->prepared;
    epoch_seen_ = std::max(epoch_seen_, policy_.epoch);
  } else if (std::holds_alternative<Drained>(event)) {
    if (role_ == Role::active && yielding_) {
      if (peer_may_take_place()) {
        step_down(Cause::handed_over, actions);
        handed_over_ = true;
        handed_over_ns_ = observed_ns_;
      } else {
        yielding_ = false;
      }
    }
  } else if (const auto* dataplane = std::get_if<Forwarding>(&event)) {
    take(*dataplane, actions);
  } else if (const auto* order = std::get_if<Order>(&event)) {
    accept_order(*order, actions);
  }
  decide(now_ns, actions);
  if (std::holds_alternative<Tick>(event)) was_stalled_ = std::exchange(stalled_, false);
  return actions;
}

Heartbeat Machine::heartbeat(TimeNs now_ns) {
  Heartbeat beat;
  beat.from = config_.self;
  beat.incarnation = config_.incarnation;
  beat.sequence = ++sequence_;
  sent_[sequence_ % sent_.size()] = {sequence_, now_ns, observed_ns_};
  if (peer_known_) {
    beat.echo_incarnation = peer_.incarnation;
    beat.echo_sequence = peer_.sequence;
  }
  answer(beat);
  beat.role = role_;
  beat.term = role_ == Role::active ? active_term_ : term_;
  beat.active_term = active_term_;
  beat.grant = role_ == Role::standby ? grant_ : 0;
  beat.hands_over = handed_over_;
  beat.priority = config_.priority;
  beat.eligible = eligible();
  beat.ready = was_ready_;
  beat.wants = role_ == Role::standby && wants();
  beat.policy = policy_;
  beat.lease_ns = config_.timing.lease_ns;
  beat.sent_ns = now_ns - begun_ns_ + 1;
  return beat;
}

}  // namespace bulkhead::failover
