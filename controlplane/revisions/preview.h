// Previews a staged policy on a running plant: which of its sessions it would refuse, and which of
// the messages that passed before. Pure: nothing is asked or changed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bulkhead/v1/control.pb.h"
#include "dataplane/policy/tables.h"

namespace bulkhead::controlplane {

// Messages that a policy passed, by the key of its counters.
struct PassedKey {
  std::string conduit;
  std::uint32_t rule = 0;  // the author's number
  std::string protocol;
  std::string function;

  auto operator<=>(const PassedKey&) const = default;
};
using Passed = std::map<PassedKey, std::uint64_t>;

// How much of what a rule passed another policy grants.
enum class Coverage : std::uint8_t { none, part, whole };

// The name of the reason for which the policy refuses the session; empty if it is granted.
std::string refusal_of(const policy::Tables& staged, const v1::Flow& session);

// Coverage of the messages that the rule's parts in `before` passed. `whole` only where one part of
// a rule of the staged policy grants all that a part of the old one did; several that do so
// together count as `part`.
Coverage coverage_of(const policy::Tables& before, const PassedKey& passed,
                     const policy::Tables& staged);

constexpr int kRefusedKindsMax = 1000;  // of messages, listed one by one; the rest is a sum

// Adds the messages that passed under `before` and that the staged policy refuses or may refuse.
void add_messages(const policy::Tables& before, const Passed& passed, const policy::Tables& staged,
                  v1::PreviewPolicyResponse& preview);

// Adds sessions that the staged policy refuses, at most `limit` of them by name.
void add_session(const policy::Tables& staged, const v1::Flow& session, std::uint32_t limit,
                 v1::PreviewPolicyResponse& preview);

}  // namespace bulkhead::controlplane
