// Two-phase commit of a policy over the pair, pure like machine.h: both store it before either
// enforces it, and what both have prepared is never lost, whichever appliance survives.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "controlplane/failover/heartbeat.h"
#include "dataplane/base/clock.h"

namespace bulkhead::failover {

// Messages over the pair link's stream, which keeps their order. `prepare` and `policy` come with
// the artefact.
struct CommitMessage {
  enum class Kind : std::uint8_t { prepare, prepared, refused, commit, abort, fetch, policy };
  Kind kind{};
  Policy policy;
};

enum class CommitOutcome : std::uint8_t {
  none,
  committed,        // by both, or alone because no peer is heard
  peer_refused,     // it cannot enforce it; nothing has changed
  peer_unanswering  // nothing has changed here; the peer may have prepared it
};

struct CommitActions {
  bool changed = false;  // committed() or prepared(): to be stored before anything is sent
  CommitOutcome outcome = CommitOutcome::none;

  std::span<const CommitMessage> to_send() const { return std::span(messages_).first(count_); }
  void send(CommitMessage::Kind kind, const Policy& policy) {
    messages_[count_++] = {kind, policy};
  }

 private:
  std::array<CommitMessage, 2> messages_{};
  std::size_t count_ = 0;
};

class Commit {
 public:
  static constexpr TimeNs kAnswerNs = 20 * kSecondNs;
  static constexpr TimeNs kFetchAgainNs = kSecondNs;

  // Both as stored on disk.
  Commit(const Policy& committed, const Policy& prepared)
      : committed_(committed), prepared_(prepared) {}

  // A later policy, which this appliance has checked and could enforce. Precondition: it is active
  // and no other is under way. `peer`: whether one is heard.
  CommitActions propose(const Policy& policy, bool peer, TimeNs now_ns);
  // `can_enforce`: of the artefact that came with it.
  CommitActions take(const CommitMessage& message, bool can_enforce);
  // The peer's state, as its newest heartbeat says.
  CommitActions heard(const Heartbeat& peer, TimeNs now_ns);
  CommitActions pass_time(bool peer, TimeNs now_ns);
  // This appliance becomes active: what it had prepared counts as committed.
  CommitActions take_over();
  // A stream to the peer is up: earlier questions will not be answered, or were never sent.
  CommitActions stream_begun();

  const Policy& committed() const { return committed_; }
  const Policy& prepared() const { return prepared_; }
  bool under_way() const { return proposal_.has_value(); }

 private:
  CommitActions conclude(CommitOutcome outcome);

  Policy committed_;
  Policy prepared_;
  std::optional<Policy> proposal_;
  TimeNs proposed_ns_ = 0;
  TimeNs fetched_ns_ = 0;  // when it was last asked for; 0: not
};

}  // namespace bulkhead::failover
