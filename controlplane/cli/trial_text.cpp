// A revision that awaits confirmation, for people and scripts.
#include "controlplane/cli/commit_commands.h"
#include "dataplane/artefact/artefact.h"
#include "dataplane/base/duration.h"

namespace bulkhead::controlplane {

Json trial_json(const v1::Trial& trial) {
  Json json = {{"revision", trial.number()},
               {"returns_to", trial.former()},
               {"committed_by", trial.committed_by()},
               {"committed", iso_time(trial.committed_wall_time_ns())},
               {"window_ms", trial.window_ms()},
               {"left_ms", trial.deadline_known() ? Json(trial.left_ms()) : Json()}};
  if (trial.has_health()) {
    json["health"] = {{"sessions_lost_percent", trial.health().sessions_lost_percent()},
                      {"refusals_per_s", trial.health().refusals_per_s()}};
  }
  return json;
}

std::string trial_text(const v1::Trial& trial) {
  const policy::HealthBounds bounds = artefact::from_message(trial.health());
  const std::string by = trial.committed_by().empty() ? "" : " by " + trial.committed_by();
  return "NOT CONFIRMED: revision " + std::to_string(trial.number()) + ", committed " +
         local_time(trial.committed_wall_time_ns()) + by + ", returns to revision " +
         std::to_string(trial.former()) +
         (trial.deadline_known() ? " in " + duration_text(trial.left_ms())
                                 : " unless the peer knows the deadline") +
         (bounds.any() ? ", and before that past " + policy::to_text(bounds) : "") +
         "; `bulkheadctl confirm` keeps it, `bulkheadctl rollback` returns now";
}

}  // namespace bulkhead::controlplane
