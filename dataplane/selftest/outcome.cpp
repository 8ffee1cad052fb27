// A message must be judged at the end of a session that nobody refused, and come out as its kind
// says.
#include "dataplane/selftest/outcome.h"

namespace bulkhead::selftest {

namespace {

std::string reason_text(Reason reason, protocols::Fault fault) {
  std::string text(describe(reason).name);
  if (reason == Reason::protocol_fault) text += ":" + std::string(describe(fault).name);
  return text;
}

// Why a message that must pass did not; empty if it did.
std::string why_not_passed(const Outcome& outcome) {
  if (!is_allowed(outcome.reason)) {
    return "it was refused: " + reason_text(outcome.reason, outcome.fault);
  }
  if (outcome.through != 1) return "it left " + std::to_string(outcome.through) + " times";
  return outcome.as_it_came ? "" : "it did not leave as it came";
}

std::string why_not_refused(Kind kind, const Outcome& outcome) {
  if (is_allowed(outcome.reason)) {
    return "it passed: " + reason_text(outcome.reason, outcome.fault);
  }
  if (outcome.through != 0) return "it was refused, but left all the same";
  const bool fault = outcome.reason == Reason::protocol_fault;
  const bool policy = outcome.reason == Reason::function_not_granted ||
                      outcome.reason == Reason::values_not_granted;
  if (fault || (policy && kind == Kind::not_granted)) return "";
  return "it was refused for another reason: " + reason_text(outcome.reason, outcome.fault);
}

// A plain service is judged by its packets. Of a session of TCP that is granted only the first has
// a verdict.
std::string problem_of_service(Kind kind, const Outcome& outcome) {
  if (kind == Kind::granted) {
    if (outcome.judged && !is_allowed(outcome.reason)) return why_not_passed(outcome);
    if (outcome.through != 1) return "it left " + std::to_string(outcome.through) + " times";
    return outcome.as_it_came ? "" : "it did not leave as it came";
  }
  if (outcome.left != 0) return "it passed";
  if (!outcome.judged) return "no verdict came of it";
  if (outcome.reason == Reason::no_rule) return "";
  return "it was refused for another reason: " + reason_text(outcome.reason, outcome.fault);
}

}  // namespace

std::string problem_of(const Subject& subject, const Outcome& outcome) {
  if (!outcome.ran) return "no packet buffer was free for it";
  if (outcome.refused_before != 0) {
    return "its session was refused before it: " +
           std::string(describe(outcome.refused_reason).name);
  }
  if (outcome.astray != 0) return "frames left by another port";
  if (subject.is_service()) return problem_of_service(subject.kind, outcome);
  if (!outcome.judged) return "no verdict came of it";
  const bool must_pass = subject.kind == Kind::granted || subject.kind == Kind::repeated;
  return must_pass ? why_not_passed(outcome) : why_not_refused(subject.kind, outcome);
}

}  // namespace bulkhead::selftest
