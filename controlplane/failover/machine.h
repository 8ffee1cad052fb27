// Which appliance of a pair forwards. A pure state machine: no clock, no socket; its driver gives
// it events with the time of a monotonic clock, and carries out the actions that it returns.
//
// Safety rests on leases. An active appliance may forward until lease_ns after it sent its newest
// echoed heartbeat; a standby takes over only when it has heard nothing on any path for longer than
// that. So while heartbeats of the active arrive on one path nobody takes over, and while those of
// the standby do, an active that is not heard stops before the standby begins. An active that hears
// nothing at all takes its peer for dead and goes on alone. Hence both forward only while no
// heartbeat passes in either direction: at the first one, that of the lower term steps down.
//
// Heartbeats may be recorded and replayed. An incarnation is believed, whatever its number, once it
// echoes or answers a heartbeat that this appliance sent within the time of a takeover; until then
// its heartbeats do not count. Nor does one that arrives much later than it was sent, by the peer's
// clock. A peer that echoes nothing fresh may only be unable to hear, and may forward.
//
// A standby that is heard becomes active only by a grant of the other. That one is then not active,
// and does not take over by silence until the grant has expired.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "controlplane/failover/heartbeat.h"
#include "controlplane/failover/lateness.h"
#include "dataplane/base/clock.h"

namespace bulkhead::failover {

struct Timing {
  TimeNs heartbeat_ns = 10 * kMillisecondNs;
  // Silence on all paths after which an active no longer depends on its peer.
  TimeNs peer_lost_ns = 5 * heartbeat_ns;
  // How long an active forwards after it sent a heartbeat that was echoed. Each announces its own;
  // both use the slower one's times.
  TimeNs lease_ns = 7 * heartbeat_ns;
  // Silence on all paths after which a standby takes over.
  TimeNs takeover_ns = 9 * heartbeat_ns;
  // How long an appliance has to be fit before it may be active.
  TimeNs settle_ns = kSecondNs;
  // How long one of higher priority has to be ready before it asks for the active's place.
  TimeNs preempt_after_ns = 5 * kSecondNs;
  // How long an appliance that has started listens before it assumes that there is no peer.
  TimeNs start_alone_ns = 30 * kSecondNs;
  // How long an orderly hand-over may wait for the last changes of flows to be acknowledged.
  TimeNs drain_ns = 100 * kMillisecondNs;

  // These times beside a peer with that lease: the longer of the two.
  Timing beside(TimeNs peer_lease_ns) const;
};

// What is wrong with the times, or nothing. Both clocks may run apart by a tenth.
std::optional<std::string_view> validate(const Timing& timing);

struct Config {
  NodeId self = 0;
  NodeId peer = 0;
  std::uint8_t priority = 100;  // greater is preferred
  bool preempt = false;
  std::uint64_t incarnation = 0;
  Timing timing;
};

// How long the data plane may forward. `alone`: without an end, but the data plane stops if it
// hears an active peer while the agent is silent.
struct Lease {
  TimeNs until_ns = 0;  // 0: not at all
  bool alone = false;
  std::uint64_t term = 0;

  bool operator==(const Lease&) const = default;
  bool lets_forward() const { return alone || until_ns != 0; }
};

// Events.
struct Tick {};  // once each heartbeat interval, or whenever nothing else happened for so long
struct Heard {
  std::size_t path = kPairLink;
  Heartbeat heartbeat;  // authenticated by its carrier
};
struct Fitness {  // the data plane, its workers, its zone ports and the self-test
  bool fit = false;
};
struct Replica {  // of the flows, as the digests prove
  bool equal = false;
};
struct PolicyIs {
  Policy committed;
  Policy prepared;  // epoch 0: none
};
struct Drained {};  // all changes of flows were acknowledged since forwarding stopped
// The data plane's report, at the start and each heartbeat interval. It may have a lease from an
// agent that is gone, since it forwards on while no agent is there.
struct Forwarding {
  bool forwards = false;
  Lease lease;  // the one that it has
};
enum class Order : std::uint8_t { switchover, maintenance_on, maintenance_off };
using Event = std::variant<Tick, Heard, Fitness, Replica, PolicyIs, Drained, Forwarding, Order>;

// Why something happened or did not, for operators.
enum class Cause : std::uint8_t {
  none,
  peer_silent,
  started_alone,
  granted,
  peer_unfit,
  better_active,
  unfit,
  handed_over,
  not_active,
  peer_not_heard,
  peer_not_ready,
  not_drained,
};
std::string_view text_of(Cause cause);

// What is to be done, in the order of the members.
struct Actions {
  std::optional<Lease> lease;    // for the data plane
  bool commit_prepared = false;  // before the lease: the prepared epoch is the committed one
  std::optional<Lease> adopted;  // active by this lease, which the data plane already has
  bool took_over = false;
  bool peer_anew = false;  // the peer is another, or has lost its state: it counts from the start
  bool stepped_down = false;
  bool drain = false;           // bring all changes of flows to the peer, then report Drained
  bool send = false;            // heartbeat() on all paths
  Cause cause = Cause::none;    // of taking over or stepping down
  Cause refused = Cause::none;  // an order was not carried out
};

class Machine {
 public:
  // A standby. Give it Forwarding before the first Heard: a data plane that an earlier agent let
  // forward goes on.
  Machine(const Config& config, TimeNs now_ns);

  Actions step(const Event& event, TimeNs now_ns);

  // The heartbeat to send; each call counts on. Call it only when `send` asks for it.
  Heartbeat heartbeat(TimeNs now_ns);

  Role role() const { return role_; }
  bool hands_over() const { return yielding_; }
  std::uint64_t term() const { return term_; }
  bool eligible() const;
  bool ready() const;
  bool in_maintenance() const { return maintenance_; }
  bool hears_peer() const { return peer_known_ && silence_ns() < config_.timing.peer_lost_ns; }
  // Whether a heartbeat arrived on the path within peer_lost_ns.
  bool hears_on(std::size_t path) const;
  const Heartbeat& peer() const { return peer_; }
  Policy policy() const { return policy_; }

 private:
  struct Path {
    std::uint64_t sequence = 0;
    TimeNs heard_ns = 0;  // observed time
    bool heard = false;
  };
  // An incarnation of the peer that is not believed yet.
  struct Candidate {
    std::uint64_t incarnation = 0;
    std::uint64_t sequence = 0;
    TimeNs heard_ns = 0;  // observed time
  };
  struct Sent {
    std::uint64_t sequence = 0;
    TimeNs at_ns = 0;        // by the clock
    TimeNs observed_ns = 0;  // observed time
  };

  void observe(TimeNs now_ns);
  void take(const Heard& heard, TimeNs now_ns, Actions& actions);
  bool meets(const Heard& heard, TimeNs now_ns, Actions& actions);
  bool answers(const Heartbeat& beat, TimeNs now_ns) const;
  bool is_late(const Heartbeat& beat);
  // Nothing if it is not one of this incarnation's newest.
  const Sent* sent(std::uint64_t incarnation, std::uint64_t sequence) const;
  void answer(Heartbeat& beat);
  void take(const Forwarding& dataplane, Actions& actions);
  void adopt(const Lease& lease, Actions& actions);
  void accept_order(Order order, Actions& actions);
  void decide(TimeNs now_ns, Actions& actions);
  void decide_active(Actions& actions);
  void decide_standby(TimeNs now_ns, Actions& actions);
  void begin_hand_over(Actions& actions);
  void take_over(std::uint64_t term, Cause cause, Actions& actions);
  void step_down(Cause cause, Actions& actions);
  Lease lease(TimeNs now_ns) const;
  bool is_behind() const;
  bool wants() const;
  bool peer_is_preferred() const;
  bool peer_may_take_place() const;
  TimeNs silence_ns() const;
  bool grant_outstanding() const;

  Config config_;
  Timing timing_;  // of the pair
  Role role_ = Role::standby;
  bool yielding_ = false;  // stopped forwarding, waits for Drained
  TimeNs yield_ns_ = 0;
  bool handed_over_ = false;  // and nobody has taken it yet
  TimeNs handed_over_ns_ = 0;
  std::uint64_t term_ = 0;
  std::uint64_t active_term_ = 0;
  std::uint64_t grant_ = 0;
  bool ever_granted_ = false;
  TimeNs granted_ns_ = 0;  // observed: when a grant was last sent

  TimeNs begun_ns_;
  // Time counts only while the machine runs: a stall of its own is no silence of the peer.
  TimeNs last_step_ns_ = 0;
  TimeNs observed_ns_ = 0;
  // The process stood still, and heartbeats that came meanwhile may be unread: until the next tick
  // silence does not count. The tick after that counts, unless it is very late itself.
  bool stalled_ = false;
  bool was_stalled_ = false;

  std::uint64_t sequence_ = 0;
  std::array<Sent, 64> sent_{};
  bool echoed_ = false;
  TimeNs echoed_ns_ = 0;         // when the newest heartbeat that was echoed was sent
  TimeNs adopted_until_ns_ = 0;  // by what was echoed to an agent before this one

  bool peer_known_ = false;
  Heartbeat peer_;
  TimeNs peer_heard_ns_ = 0;        // observed; or when a lease was adopted
  TimeNs peer_heard_clock_ns_ = 0;  // by the clock
  Lateness lateness_;
  std::array<Path, kPathsMax> paths_{};
  // Answered in turn, so that heartbeats replayed in one zone do not displace another path's.
  std::array<Candidate, kPathsMax> candidates_{};
  std::size_t answered_path_ = 0;
  std::uint64_t left_incarnation_ = 0;  // of the peer before this one

  bool fit_ = false;
  TimeNs fit_since_ns_ = 0;
  TimeNs ineligible_ns_ = 0;  // observed: when it last could not be active
  bool maintenance_ = false;
  bool flows_equal_ = false;
  bool was_ready_ = false;
  TimeNs ready_since_ns_ = 0;
  bool switchover_ = false;
  Policy policy_;
  Policy prepared_;
  std::uint64_t epoch_seen_ = 0;
  Lease sent_lease_;  // to the data plane
};

}  // namespace bulkhead::failover
