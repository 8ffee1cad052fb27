// Carries steps out in order; where one fails, those before it are taken back, the last one first.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/setup/machine.h"
#include "controlplane/setup/steps.h"

namespace bulkhead::setup {

// Keys are somebody else's work.
struct KeyWork {
  // A request by the key; without a key a new one is made. Throws std::runtime_error if it fails.
  std::function<void(std::string& key_pem, std::string& request_pem, const std::string& name,
                     const std::vector<std::string>& hosts)>
      make;
  // Whether the request is of the key, and for these.
  std::function<bool(const std::string& key_pem, const std::string& request_pem,
                     const std::string& name, const std::vector<std::string>& hosts)>
      fits;
};

enum class StepState { note, due, done_before, done, failed, undone, not_undone };

// Called as each step goes on; `problem` is of those that failed.
using Observer = std::function<void(std::size_t step, StepState state, const Problem& problem)>;

struct Outcome {
  std::size_t changed = 0;
  std::optional<Problem> problem;  // of the step that failed
  bool all_undone = true;
};

// Which steps would do something, nothing being changed: note, due or done_before each.
std::vector<StepState> compare(Machine& machine, const std::vector<Step>& steps,
                               const KeyWork& keys);

// Asked before each step: a setup that somebody breaks off is taken back as one that fails.
using IsBrokenOff = std::function<bool()>;

Outcome carry_out(Machine& machine, const std::vector<Step>& steps, const KeyWork& keys,
                  const Observer& observe, const IsBrokenOff& is_broken_off = {});

}  // namespace bulkhead::setup
