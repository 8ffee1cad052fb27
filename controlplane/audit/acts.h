// Which RPCs are acts: they change something, or take the log away. An act has two records, each on
// disk before the agent goes on: one before it is carried out, one with its result before it is
// answered. All other RPCs only read; they are counted by login (logins.h).
#pragma once

#include <string_view>

#include "controlplane/audit/log.h"

namespace bulkhead::audit {

struct ActRow {
  std::string_view rpc;  // as gRPC has it
  Claim claim;           // vital: mends what a full disk must not keep from being mended
};

inline constexpr ActRow kActs[] = {
    {"/bulkhead.v1.PolicyService/StagePolicy", Claim::ordinary},
    {"/bulkhead.v1.PolicyService/CommitPolicy", Claim::ordinary},
    {"/bulkhead.v1.PolicyService/ConfirmPolicy", Claim::vital},
    {"/bulkhead.v1.PolicyService/RollbackPolicy", Claim::vital},
    {"/bulkhead.v1.PairService/OrderPair", Claim::vital},
    {"/bulkhead.v1.AuditService/ExportAudit", Claim::vital},
    {"/bulkhead.v1.ContainmentService/SetContainment", Claim::vital},
    {"/bulkhead.v1.ContainmentService/ReleaseContainment", Claim::vital},
};

// nullptr if it only reads.
constexpr const ActRow* find_act(std::string_view rpc) {
  for (const ActRow& row : kActs) {
    if (row.rpc == rpc) return &row;
  }
  return nullptr;
}

}  // namespace bulkhead::audit
