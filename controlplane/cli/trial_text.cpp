// A revision that awaits confirmation, for people and scripts.
#include "controlplane/cli/commit_commands.h"

namespace bulkhead::controlplane {

Json trial_json(const v1::Trial& trial) {
  return {{"revision", trial.number()},
          {"returns_to", trial.former()},
          {"committed_by", trial.committed_by()},
          {"committed", iso_time(trial.committed_wall_time_ns())},
          {"window_ms", trial.window_ms()},
          {"left_ms", trial.deadline_known() ? Json(trial.left_ms()) : Json()}};
}

std::string trial_text(const v1::Trial& trial) {
  const std::string by = trial.committed_by().empty() ? "" : " by " + trial.committed_by();
  return "NOT CONFIRMED: revision " + std::to_string(trial.number()) + ", committed " +
         local_time(trial.committed_wall_time_ns()) + by + ", returns to revision " +
         std::to_string(trial.former()) +
         (trial.deadline_known() ? " in " + duration(trial.left_ms())
                                 : " unless the peer knows the deadline") +
         "; `bulkheadctl confirm` keeps it, `bulkheadctl rollback` returns now";
}

}  // namespace bulkhead::controlplane
