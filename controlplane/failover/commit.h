// Two-phase commit of a policy over the pair, pure like machine.h: both store it before either
// enforces it, and what both have prepared is never lost, whichever appliance survives.
//
// A commit may await confirmation (a trial, the confirmed commit of RFC 6241, 8.4). One of epoch e
// ends in one of two policies that both appliances know beforehand: the former one as epoch e + 1,
// once the time is over, or itself as epoch e + 2, once it is confirmed. So each returns by itself,
// both come to the same, and a confirmation outlives a return that did not know of it. To confirm
// is a two-phase commit of e + 2.
//
// Times are of a clock that counts suspension (CLOCK_BOOTTIME), valid for one start of the machine.
// Between appliances only the time that is left is sent.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "controlplane/failover/heartbeat.h"
#include "dataplane/base/clock.h"

namespace bulkhead::failover {

// Of a policy that awaits confirmation.
struct Trial {
  Policy former;           // to which it returns
  TimeNs window_ns = 0;    // from its commit on
  TimeNs deadline_ns = 0;  // by the clock of the start `boot` of the machine
  std::uint64_t boot = 0;  // 0: not known, nor is the deadline

  bool operator==(const Trial&) const = default;
};

constexpr Policy returned(const Policy& policy, const Trial& trial) {
  return {policy.epoch + 1, trial.former.digest};
}
constexpr Policy confirmed(const Policy& policy) { return {policy.epoch + 2, policy.digest}; }

// For heartbeats: 0 without a trial, else what is left, 1 at least; kTrialNotKnown.
TimeNs trial_left(const std::optional<Trial>& trial, TimeNs now_ns);

// Messages over the pair link's stream, which keeps their order. `prepare` and `policy` come with
// the artefact, except a confirmation.
struct CommitMessage {
  enum class Kind : std::uint8_t { prepare, prepared, refused, commit, abort, fetch, policy };
  Kind kind{};
  Policy policy;
  // Of one that awaits confirmation: with `prepare` and `policy`.
  Policy former = {};  // epoch 0: it does not
  TimeNs window_ns = 0;
  TimeNs left_ns = 0;  // with `policy`, see trial_left()
};

enum class CommitOutcome : std::uint8_t {
  none,
  committed,         // by both, or by both once the peer's stream carries the word
  committed_alone,   // no peer is heard
  peer_refused,      // it cannot enforce it; nothing has changed
  peer_unanswering,  // nothing has changed here; the peer may have prepared it
  expired            // of a confirmation: the deadline has passed
};

// How the committed policy came to be.
enum class CommitCause : std::uint8_t {
  committed,
  confirmed,
  expired,      // not confirmed in time
  restarted,    // nobody knows the deadline any more
  rolled_back,  // an operator's order
  followed,     // the peer has returned
  unhealthy     // it cost more than it might
};

struct CommitActions {
  bool changed = false;  // committed() or prepared(): to be stored before anything is sent
  CommitCause cause = CommitCause::committed;
  CommitOutcome outcome = CommitOutcome::none;

  std::span<const CommitMessage> to_send() const { return std::span(messages_).first(count_); }
  void send(CommitMessage::Kind kind, const Policy& policy) { send(CommitMessage{kind, policy}); }
  void send(const CommitMessage& message) { messages_[count_++] = message; }

 private:
  std::array<CommitMessage, 3> messages_{};
  std::size_t count_ = 0;
};

class Commit {
 public:
  static constexpr TimeNs kAnswerNs = 20 * kSecondNs;
  static constexpr TimeNs kFetchAgainNs = kSecondNs;
  // How long an appliance that has restarted asks for the deadline before it returns.
  static constexpr TimeNs kAskNs = 5 * kSecondNs;
  // How long one that has prepared a confirmation waits behind the deadline for the peer's word.
  static constexpr TimeNs kDoubtNs = 2 * kSecondNs;

  struct Trials {
    std::optional<Trial> of_committed;
    std::optional<Trial> of_prepared;
    std::uint64_t boot = 1;  // this start of the machine
    TimeNs ask_ns = kAskNs;
  };

  // Both as stored on disk.
  Commit(const Policy& committed, const Policy& prepared) : Commit(committed, prepared, Trials()) {}
  Commit(const Policy& committed, const Policy& prepared, const Trials& trials);

  // A later policy, which this appliance has checked and could enforce. Precondition: it is active,
  // no other is under way, and none awaits confirmation. `peer`: whether one is heard.
  // `window_ns`: how long it awaits confirmation; 0: it needs none.
  CommitActions propose(const Policy& policy, bool peer, TimeNs now_ns, TimeNs window_ns = 0);
  // Precondition of both: there is a trial(), and nothing is under way.
  CommitActions confirm(bool peer, TimeNs now_ns);
  CommitActions roll_back(CommitCause cause = CommitCause::rolled_back);
  // `can_enforce`: of the artefact that came with it.
  CommitActions take(const CommitMessage& message, bool can_enforce, TimeNs now_ns);
  // The peer's state, as its newest heartbeat says.
  CommitActions heard(const Heartbeat& peer, TimeNs now_ns);
  // After heard(), for what the peer says comes first.
  CommitActions pass_time(bool peer, TimeNs now_ns);
  // This appliance becomes active: what it had prepared counts as committed.
  CommitActions take_over(TimeNs now_ns);
  // A stream to the peer is up: earlier questions will not be answered, or were never sent.
  CommitActions stream_begun();

  const Policy& committed() const { return committed_; }
  const Policy& prepared() const { return prepared_; }
  const std::optional<Trial>& trial() const { return trial_; }
  const std::optional<Trial>& prepared_trial() const { return prepared_trial_; }
  bool under_way() const { return proposal_.has_value(); }
  // Whether this is the confirmation of the policy that awaits it: its artefact is here.
  bool confirms(const Policy& policy) const { return trial_ && policy == confirmed(committed_); }
  // The trial of a policy to be prepared. Its time runs from here on where nobody says when it was
  // committed: at most a message's way too early.
  static std::optional<Trial> trial_of(const CommitMessage& prepare, std::uint64_t boot,
                                       TimeNs now_ns);

 private:
  CommitActions conclude(CommitOutcome outcome, TimeNs now_ns);
  CommitMessage proposal_message() const;
  // `begins`: it is being committed now, as far as is known.
  void promote(bool begins, TimeNs now_ns, CommitActions& actions);
  void become(const Policy& policy, CommitCause cause, CommitActions& actions);
  void give_back(CommitCause cause, CommitActions& actions);
  void note_left(TimeNs left_ns, TimeNs now_ns);
  bool knows_deadline() const { return trial_ && trial_->boot == boot_; }
  bool is_due(TimeNs now_ns) const { return knows_deadline() && now_ns >= trial_->deadline_ns; }
  void end_trial(bool peer, TimeNs now_ns, CommitActions& actions);
  void take_prepare(const CommitMessage& message, bool can_enforce, TimeNs now_ns,
                    CommitActions& actions);
  void take_commit(const Policy& policy, TimeNs now_ns, CommitActions& actions);
  void take_policy(const CommitMessage& message, TimeNs now_ns, CommitActions& actions);
  void answer_fetch(TimeNs now_ns, CommitActions& actions) const;

  std::uint64_t boot_;
  TimeNs ask_ns_;
  Policy committed_;
  Policy prepared_;
  std::optional<Trial> trial_;           // of committed_
  std::optional<Trial> prepared_trial_;  // of prepared_
  std::optional<Policy> proposal_;
  TimeNs proposed_window_ns_ = 0;
  TimeNs proposed_ns_ = 0;
  TimeNs fetched_ns_ = 0;               // when it was last asked for; 0: not
  std::optional<TimeNs> asking_since_;  // for a deadline that is not known
  bool first_ = true;                   // no time has passed yet
};

}  // namespace bulkhead::failover
