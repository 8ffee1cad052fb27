// Commits that await confirmation, as the operators of a run know of them, and what must hold: none
// stays that nobody confirmed, none returns too early or once its confirmation was answered, and
// nothing is in force that nobody committed.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/simulation/appliance.h"

namespace bulkhead::simulation {

// How long an appliance whose machine has restarted asks for a deadline.
constexpr TimeNs kAskNs = 500 * kMillisecondNs;

class Trials {
 public:
  using Violate = std::function<void(const std::string&)>;
  explicit Trials(Violate violate) : violate_(std::move(violate)) {}

  void at(std::uint64_t now_ms) { now_ms_ = now_ms; }
  // An operator commits it; `window_ms` 0: it needs no confirmation.
  void propose(const failover::Policy& policy, const failover::Policy& former,
               std::uint64_t window_ms);
  void ask_confirmation(const failover::Policy& policy);
  // The operator's confirmation was answered: both have it, or this one alone.
  void confirm(const Appliance& node, bool both);
  void roll_back(const failover::Policy& policy);
  // A machine has restarted: what it knew of time is lost.
  void restart(std::size_t node);
  // On the disk of the appliance from now on.
  void prepare(const failover::Policy& policy);
  void commit(const Appliance& node);
  void check(const Appliance& node);
  void check_end(const std::array<Appliance, 2>& nodes);

 private:
  struct Known {
    failover::Policy policy;
    failover::Policy returned;  // epoch 0: it is no trial
    failover::Policy confirmed;
    std::uint64_t window_ms = 0;
    std::uint64_t prepared_ms = 0;  // first; 0: not yet
    std::uint64_t first_ms = 0;     // when it was committed by one; 0: not yet
    std::size_t first = 0;          // by which
    std::array<std::uint64_t, 2> of_node_ms{};
    bool asked = false;
    bool answered = false;
    bool answered_by_both = false;
    bool rolled_back = false;
    bool is_back = false;  // with one at least
    // It knew the time when it committed it, and its machine has not restarted since.
    std::array<bool, 2> knows_time{};
  };

  Known* of(const failover::Policy& policy);
  void give_back(Known& known, const Appliance& node);
  // May return early: nobody whom it hears knows the deadline, and it has asked for long enough.
  bool may_guess(const Known& known, const Appliance& node) const;

  Violate violate_;
  std::uint64_t now_ms_ = 0;
  std::vector<Known> known_ = {{{1, 0x1111}, {}, {}}, {}};  // the first one, and none
  std::array<std::uint64_t, 2> awake_ms_{};  // for so long the agent has run without a pause
  std::array<std::uint64_t, 2> begun_ms_{};  // when it began
};

}  // namespace bulkhead::simulation
