// Judges a message that is given in words: by the compiled policy, as the data plane judges the
// operation that such a message asks for. No bytes are made, so what a message's encoding or its
// session could add to the verdict is not seen.
#pragma once

#include <string>

#include "controlplane/cli/case_session.h"
#include "controlplane/policy/compiler.h"
#include "dataplane/base/reason.h"

namespace bulkhead::controlplane {

struct CaseVerdict {
  bool allowed = false;
  std::string reason;
  std::string fault;    // of a message in bytes that is malformed
  std::string conduit;  // empty where none leads between the zones
  std::uint32_t rule = 0;
  std::string derived;    // values of fields that follow from those that the case states
  std::string assumed;    // of those that it leaves open and rules limit, if it is allowed for them
  bool observed = false;  // it passes whatever the reason is, since its conduit observes
  std::string sender;     // what makes the message's sender the server of its session, if it is
};

// A field that the case leaves open may have any value: the message is allowed if it passes with
// some value of it. Nothing, with the reason in the diagnostics, which are empty before, if the
// words are no message. `tables` are finished.
std::optional<CaseVerdict> judge_words(const PolicyCase& each, const Model& model,
                                       const policy::Tables& tables, Diagnostics& diagnostics);

}  // namespace bulkhead::controlplane
