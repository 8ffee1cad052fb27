// One case: what observing foretells of a conversation is what enforcing refuses in it. Everything
// follows from the seed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/adversarial/model/conversation.h"

namespace bulkhead::adversary {

// How much was compared.
struct Foretold {
  std::uint64_t messages = 0;  // refused alike
  std::uint64_t packets = 0;   // likewise, of frames that are no message
  std::uint64_t frames = 0;    // that left as they came
  std::uint64_t unjudged = 0;  // cases of which observing could not judge all, so that it said so
  std::uint64_t fragments = 0, repeated = 0, malformed = 0;  // of them
};

// Both enforce case_policy(on_deny), but that its conduit observes in the first.
struct Plants {
  support::Plant& observing;
  support::Plant& enforcing;
};

struct ForetoldCase {
  std::uint64_t seed = 0;
  bool trace = false;  // prints every frame and refusal
};

// Two comparisons. The same frames arrive at both plants: refusals are alike up to the first
// message that is refused or not judged. And the same ends talk through either plant by itself,
// over links that lose, repeat, reorder and fragment, unless one of them attacks: each message that
// is refused in the one is foretold in the other, once, in its stream's order, as is each malformed
// frame beside them. What differed, or nothing.
std::optional<std::string> run_foretold(const Plants& plants, policy::OnDeny on_deny,
                                        const ForetoldCase& config, Foretold& tally);

}  // namespace bulkhead::adversary
