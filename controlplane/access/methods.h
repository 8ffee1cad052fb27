// Each RPC of ours: its kind of call, what it does, and the roles that may call it. The gate admits
// no other. `bulkheadctl access table` and the guide print these rows.
#pragma once

#include <string_view>

#include "controlplane/access/limits.h"
#include "controlplane/access/role.h"

namespace bulkhead::controlplane {

struct Method {
  std::string_view name;  // as gRPC has it
  const limits::Calls& kind;
  std::string_view act;  // for people, with the command in parentheses
  Roles roles;
};

namespace methods {

inline constexpr std::string_view kOurs = "/bulkhead.v1.";

inline constexpr Roles kEverybody = Roles::all();
inline constexpr Roles kReadsPolicies = {Role::operator_, Role::engineer, Role::approver,
                                         Role::auditor, Role::administrator};

inline constexpr Method kStagePolicy = {"/bulkhead.v1.PolicyService/StagePolicy",
                                        limits::kPolicies,
                                        "stage a policy (push)",
                                        {Role::engineer}};
inline constexpr Method kCommitPolicy = {"/bulkhead.v1.PolicyService/CommitPolicy",
                                         limits::kCommits,
                                         "put a staged policy in force (commit)",
                                         {Role::engineer}};
inline constexpr Method kConfirmPolicy = {"/bulkhead.v1.PolicyService/ConfirmPolicy",
                                          limits::kCommits,
                                          "keep a policy that awaits confirmation (confirm)",
                                          {Role::engineer}};
inline constexpr Method kRollbackPolicy = {"/bulkhead.v1.PolicyService/RollbackPolicy",
                                           limits::kCommits,
                                           "go back to a policy that was confirmed (rollback)",
                                           {Role::engineer}};
inline constexpr Method kGetCommit = {"/bulkhead.v1.PolicyService/GetCommit", limits::kQuestions,
                                      "learn what came of a commit (commit)", kEverybody};
inline constexpr Method kPreviewPolicy = {"/bulkhead.v1.PolicyService/PreviewPolicy",
                                          limits::kPolicies,
                                          "see what a staged policy would change (commit)",
                                          {Role::engineer, Role::approver, Role::auditor}};
inline constexpr Method kGetPolicy = {"/bulkhead.v1.PolicyService/GetPolicy", limits::kPolicies,
                                      "fetch a policy (policy get)", kReadsPolicies};
inline constexpr Method kListPolicies = {"/bulkhead.v1.PolicyService/ListPolicies",
                                         limits::kQuestions, "list policies (history)", kEverybody};
inline constexpr Method kGetStatus = {"/bulkhead.v1.TelemetryService/GetStatus", limits::kQuestions,
                                      "see the status (status)", kEverybody};
inline constexpr Method kGetCounters = {"/bulkhead.v1.TelemetryService/GetCounters",
                                        limits::kListings, "see counters (counters)", kEverybody};
inline constexpr Method kWatchCounters = {"/bulkhead.v1.TelemetryService/WatchCounters",
                                          limits::kStreams, "watch counters", kEverybody};
inline constexpr Method kWatchEvents = {"/bulkhead.v1.TelemetryService/WatchEvents",
                                        limits::kStreams, "see events (events)", kEverybody};
inline constexpr Method kGetEvent = {"/bulkhead.v1.TelemetryService/GetEvent", limits::kQuestions,
                                     "see an event with its message (why)", kReadsPolicies};
inline constexpr Method kListRules = {"/bulkhead.v1.TelemetryService/ListRules", limits::kListings,
                                      "see when rules were last used (rules)", kReadsPolicies};
inline constexpr Method kListFlows = {"/bulkhead.v1.TelemetryService/ListFlows", limits::kListings,
                                      "list sessions (flows)", kEverybody};
inline constexpr Method kRunSelfTest = {
    "/bulkhead.v1.TelemetryService/RunSelfTest",
    limits::kQuestions,
    "test what passes and what does not (selftest)",
    {Role::operator_, Role::engineer, Role::auditor, Role::administrator}};
inline constexpr Method kGetPair = {"/bulkhead.v1.PairService/GetPair", limits::kQuestions,
                                    "see the pair (pair status)", kEverybody};
inline constexpr Method kOrderPair = {"/bulkhead.v1.PairService/OrderPair",
                                      limits::kQuestions,
                                      "choose the active appliance (pair switchover, maintenance)",
                                      {Role::operator_, Role::administrator}};
inline constexpr Method kGetAccess = {"/bulkhead.v1.AccessService/GetAccess", limits::kQuestions,
                                      "see one's own roles and access.yaml's digest (access show)",
                                      kEverybody};

inline constexpr Roles kReadsAudit = {Role::auditor, Role::administrator};
inline constexpr Method kListAudit = {"/bulkhead.v1.AuditService/ListAudit", limits::kListings,
                                      "see who did what (audit show)", kReadsAudit};
inline constexpr Method kExportAudit = {"/bulkhead.v1.AuditService/ExportAudit", limits::kListings,
                                        "take the audit log away (audit export)", kReadsAudit};
inline constexpr Method kVerifyAudit = {"/bulkhead.v1.AuditService/VerifyAudit", limits::kPolicies,
                                        "check the audit log (audit verify)", kReadsAudit};

inline constexpr Method kListContainment = {"/bulkhead.v1.ContainmentService/ListContainment",
                                            limits::kQuestions,
                                            "see what is contained (contain list)", kEverybody};
inline constexpr Method kSetContainment = {"/bulkhead.v1.ContainmentService/SetContainment",
                                           limits::kQuestions,
                                           "contain a zone or conduit (contain)",
                                           {Role::operator_, Role::administrator}};
// Of these the policy names one, `containment: {release: ROLE}`; of a policy that names none the
// second ones may: the operator who has contained the wrong zone must not wait for somebody else.
inline constexpr Roles kMayRelease = {Role::operator_, Role::engineer, Role::approver,
                                      Role::administrator};
inline constexpr Roles kUsuallyRelease = {Role::operator_, Role::administrator};
inline constexpr Method kReleaseContainment = {
    "/bulkhead.v1.ContainmentService/ReleaseContainment", limits::kQuestions,
    "release a containment, if it is the role that the policy names (contain release)",
    kMayRelease};
// No RPC: the HTTP endpoint of metrics asks the gate with it where it wants a certificate.
inline constexpr Method kReadMetrics = {"/metrics", limits::kListings, "read metrics (/metrics)",
                                        kEverybody};

inline constexpr const Method* kAll[] = {
    &kStagePolicy,    &kCommitPolicy,       &kGetCommit,      &kPreviewPolicy,
    &kGetPolicy,      &kListPolicies,       &kGetStatus,      &kGetCounters,
    &kWatchCounters,  &kWatchEvents,        &kListFlows,      &kGetPair,
    &kOrderPair,      &kGetAccess,          &kListAudit,      &kExportAudit,
    &kVerifyAudit,    &kConfirmPolicy,      &kRollbackPolicy, &kListContainment,
    &kSetContainment, &kReleaseContainment, &kRunSelfTest,    &kGetEvent,
    &kListRules};

// nullptr if it is none of ours.
constexpr const Method* find(std::string_view name) {
  for (const Method* method : kAll) {
    if (method->name == name) return method;
  }
  return nullptr;
}

// Its name without package and service: `StagePolicy`.
constexpr std::string_view short_name(const Method& method) {
  return method.name.substr(method.name.rfind('/') + 1);
}

}  // namespace methods
}  // namespace bulkhead::controlplane
