// Each RPC of ours and its kind of call. The gate admits no other.
#pragma once

#include <string_view>

#include "controlplane/access/limits.h"

namespace bulkhead::controlplane {

struct Method {
  std::string_view name;  // as gRPC has it
  const limits::Calls& kind;
};

namespace methods {

inline constexpr std::string_view kOurs = "/bulkhead.v1.";

inline constexpr Method kStagePolicy = {"/bulkhead.v1.PolicyService/StagePolicy",
                                        limits::kPolicies};
inline constexpr Method kCommitPolicy = {"/bulkhead.v1.PolicyService/CommitPolicy",
                                         limits::kCommits};
inline constexpr Method kGetCommit = {"/bulkhead.v1.PolicyService/GetCommit", limits::kQuestions};
inline constexpr Method kPreviewPolicy = {"/bulkhead.v1.PolicyService/PreviewPolicy",
                                          limits::kPolicies};
inline constexpr Method kGetPolicy = {"/bulkhead.v1.PolicyService/GetPolicy", limits::kPolicies};
inline constexpr Method kListPolicies = {"/bulkhead.v1.PolicyService/ListPolicies",
                                         limits::kQuestions};
inline constexpr Method kGetStatus = {"/bulkhead.v1.TelemetryService/GetStatus",
                                      limits::kQuestions};
inline constexpr Method kGetCounters = {"/bulkhead.v1.TelemetryService/GetCounters",
                                        limits::kListings};
inline constexpr Method kWatchCounters = {"/bulkhead.v1.TelemetryService/WatchCounters",
                                          limits::kStreams};
inline constexpr Method kWatchEvents = {"/bulkhead.v1.TelemetryService/WatchEvents",
                                        limits::kStreams};
inline constexpr Method kListFlows = {"/bulkhead.v1.TelemetryService/ListFlows", limits::kListings};
inline constexpr Method kGetPair = {"/bulkhead.v1.PairService/GetPair", limits::kQuestions};
inline constexpr Method kOrderPair = {"/bulkhead.v1.PairService/OrderPair", limits::kQuestions};

inline constexpr const Method* kAll[] = {
    &kStagePolicy,  &kCommitPolicy, &kGetCommit,   &kPreviewPolicy, &kGetPolicy,
    &kListPolicies, &kGetStatus,    &kGetCounters, &kWatchCounters, &kWatchEvents,
    &kListFlows,    &kGetPair,      &kOrderPair};

// nullptr if it is none of ours.
constexpr const Method* find(std::string_view name) {
  for (const Method* method : kAll) {
    if (method->name == name) return method;
  }
  return nullptr;
}

}  // namespace methods
}  // namespace bulkhead::controlplane
