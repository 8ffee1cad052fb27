// The smallest change of a policy that lets a refused message pass, and all that passes besides.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controlplane/learn/observations.h"
#include "dataplane/base/result.h"
#include "dataplane/policy/tables.h"

namespace bulkhead::learn {

// A message that was refused, or a session of a plain service.
struct RefusedTraffic {
  static constexpr std::size_t kOperationsMax = 16;

  Session session;
  std::uint8_t protocol = protocols::kNoProtocol;
  std::vector<const protocols::Operation*> operations;  // that need a rule; none: the session alone
};

struct Suggestion {
  enum class Kind : std::uint8_t { rule, wider_rule, conduit };

  Kind kind{};
  std::string conduit;
  std::string place;  // where the text stands, for people
  // Of the policy's text: after which it is pasted, or where the wider rule begins. 0: see `place`.
  std::uint32_t line = 0;
  std::string yaml;  // with the indentation of its place
  // For people: that the protocol of a session which was refused before its first message is a
  // guess, and what that is made from. Empty if a message was seen.
  std::string guess;
  // All that is granted with it and was not before, or was in part: what lies in one of these
  // rules, and what lies in them and the policy's together. Answers need no grant.
  std::vector<policy::Rule> grants;
  std::vector<std::string> allows;  // the same in words
};

// The first is the smallest: rules for these hosts that name each field that rules are made of. The
// last one widens a rule that failed on one thing alone. All were compiled and judge the message as
// granted. Of a session that was refused before its first message there is one for each protocol
// that it may be of, the likeliest first. The error says why there is none, for people.
Result<std::vector<Suggestion>, std::string> suggest(const std::string& policy_text,
                                                     const RefusedTraffic& refused);

}  // namespace bulkhead::learn
