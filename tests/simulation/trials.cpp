// Bounds are of the real time, which no appliance knows.
#include "tests/simulation/trials.h"

#include <algorithm>
#include <utility>

namespace bulkhead::simulation {

namespace {

using failover::Policy;

// An agent that runs late, and asks a peer that has just come back.
constexpr std::uint64_t kLateMs = 200;
constexpr std::uint64_t kEarlyMs = 5;  // by the rate of a clock
constexpr std::uint64_t kSlackMs = 2;  // of a deadline that the appliance itself has set
constexpr std::uint64_t kAskMs = kAskNs / kMillisecondNs;
constexpr std::uint64_t kDoubtMs = failover::Commit::kDoubtNs / kMillisecondNs;

}  // namespace

Trials::Known* Trials::of(const Policy& policy) {
  const auto is_of = [&policy](const Known& known) {
    return policy == known.policy || policy == known.returned || policy == known.confirmed;
  };
  const auto found = std::find_if(known_.rbegin(), known_.rend(), is_of);
  return found == known_.rend() ? nullptr : &*found;
}

void Trials::propose(const Policy& policy, const Policy& former, std::uint64_t window_ms) {
  Known& known = known_.emplace_back();
  known.policy = policy;
  known.window_ms = window_ms;
  if (window_ms == 0) return;
  known.returned = failover::returned(policy, {former});
  known.confirmed = failover::confirmed(policy);
}

void Trials::ask_confirmation(const Policy& policy) {
  if (Known* known = of(policy)) known->asked = true;
}

void Trials::confirm(const Appliance& node, bool both) {
  Known* known = of(node.disk.committed);
  if (known == nullptr) return;
  known->answered = true;
  known->answered_by_both = known->answered_by_both || both;
  const bool exact = known->knows_time[node.index];
  const std::uint64_t begun_ms = exact ? known->of_node_ms[node.index] : known->first_ms;
  if (now_ms_ > begun_ms + known->window_ms + (exact ? kSlackMs : kLateMs)) {
    violate_("a confirmation counts though the time was over");
  }
}

void Trials::roll_back(const Policy& policy) {
  if (Known* known = of(policy)) known->rolled_back = true;
}

void Trials::restart(std::size_t node) {
  awake_ms_[node] = 0;
  for (Known& known : known_) known.knows_time[node] = false;
}

void Trials::prepare(const Policy& policy) {
  Known* known = of(policy);
  if (known != nullptr && policy == known->policy && known->prepared_ms == 0) {
    known->prepared_ms = now_ms_;
  }
}

bool Trials::may_guess(const Known& known, const Appliance& node) const {
  if (known.knows_time[node.index]) return false;
  const bool hears_peer = node.agent.machine->hears_peer();
  if (hears_peer) return !known.knows_time[1 - node.index];
  const std::uint64_t since_ms = std::max(begun_ms_[node.index], known.of_node_ms[node.index]);
  return now_ms_ + kSlackMs >= since_ms + std::min(kAskMs, known.window_ms);
}

void Trials::give_back(Known& known, const Appliance& node) {
  if (known.answered_by_both) violate_("a policy returns though its confirmation was answered");
  const bool follows = std::exchange(known.is_back, true);
  const std::uint64_t begun_ms =
      known.prepared_ms == 0 ? known.first_ms : std::min(known.prepared_ms, known.first_ms);
  const bool early = now_ms_ + kEarlyMs < begun_ms + known.window_ms;
  const bool excused = follows || known.rolled_back || may_guess(known, node);
  if (early && !excused) violate_("a policy returns too early");
}

void Trials::commit(const Appliance& node) {
  const Policy& policy = node.disk.committed;
  Known* known = of(policy);
  if (known == nullptr) return violate_("a policy is in force that nobody committed");
  if (known->window_ms == 0) return;
  if (policy == known->policy && known->first_ms == 0) {
    known->first_ms = now_ms_;
    known->first = node.index;
  }
  if (policy == known->policy) known->of_node_ms[node.index] = now_ms_;
  if (policy == known->policy && node.agent.commit->trial()) {
    known->knows_time[node.index] = node.agent.commit->trial()->boot != 0;
  }
  if (policy == known->confirmed && !known->asked) {
    violate_("a policy is confirmed that nobody confirmed");
  }
  if (policy == known->returned) give_back(*known, node);
}

void Trials::check(const Appliance& node) {
  std::uint64_t& awake_ms = awake_ms_[node.index];
  awake_ms = node.runs() ? awake_ms + 1 : 0;
  if (!node.agent.running) begun_ms_[node.index] = now_ms_;
  // The disk decides: an agent that has lost the deadline keeps the policy all the same.
  const Known* known = of(node.disk.committed);
  const bool on_trial =
      known != nullptr && known->window_ms != 0 && node.disk.committed == known->policy;
  if (!node.runs() || !on_trial) return;
  std::uint64_t until_ms = known->first_ms + known->window_ms + kLateMs;
  if (node.agent.commit->prepared() == known->confirmed) until_ms += kDoubtMs;
  // Who does not know the time asks, but not for longer than it could be.
  const std::optional<failover::Trial>& trial = node.agent.commit->trial();
  const bool asks = trial && trial->boot == 0;
  const std::uint64_t asks_ms = asks ? std::max(kAskMs, known->window_ms) : kAskMs;
  const std::uint64_t has_ms = std::min(awake_ms, now_ms_ - known->of_node_ms[node.index]);
  if (now_ms_ > until_ms && has_ms > kLateMs + asks_ms) {
    violate_("a policy stays that nobody confirmed");
  }
}

void Trials::check_end(const std::array<Appliance, 2>& nodes) {
  for (const Appliance& node : nodes) {
    const Known* known = of(node.disk.committed);
    if (known != nullptr && known->answered && node.disk.committed == known->returned) {
      violate_("a confirmation that was answered is lost");
    }
  }
}

}  // namespace bulkhead::simulation
