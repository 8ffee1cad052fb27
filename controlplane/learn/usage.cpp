// Verdicts added up by rule, and by what was refused.
#include "controlplane/learn/usage.h"

namespace bulkhead::learn {

void Usage::refuse(const Refused& what, TimeNs at_ns) {
  if (refused_.size() < kEntriesMax || refused_.contains(what)) refused_[what].note(at_ns);
}

void Usage::note(const Verdict& verdict, const Refused& what, TimeNs at_ns) {
  if (verdict.reason == Reason::not_for_another_zone) return;
  if (!is_allowed(verdict.reason)) return refuse(what, at_ns);
  ++granted_;
  used_[verdict.conduit].insert(verdict.rule);
}

void Usage::note_operation(const Session& session, std::uint8_t protocol,
                           const protocols::Operation& operation, TimeNs at_ns) {
  const Verdict verdict = judge_operation(tables_, session, protocol, operation);
  note(verdict, {session, protocol, operation.function, verdict.reason}, at_ns);
}

bool Usage::grants(const Session& service) const {
  return judge_service(tables_, service).allowed();
}

void Usage::note_service(const Session& session, TimeNs at_ns) {
  const Verdict verdict = judge_service(tables_, session);
  note(verdict, {session, protocols::kNoProtocol, 0, verdict.reason}, at_ns);
}

}  // namespace bulkhead::learn
