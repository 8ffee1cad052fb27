// Operations on policies. Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bulkhead/v1/control.pb.h"
#include "controlplane/access/refusal.h"
#include "dataplane/base/result.h"

namespace bulkhead::controlplane {

class Policies {
 public:
  virtual ~Policies() = default;

  virtual Result<v1::Revision, Refusal> stage(v1::StagePolicyRequest request,
                                              const std::string& by) = 0;
  // Returns the commit once it is done, or after a while one that is running.
  virtual Result<v1::Commit, Refusal> commit(std::uint64_t number, const std::string& by) = 0;
  virtual Result<v1::Commit, Refusal> find_commit(const std::string& id) const = 0;
  virtual Result<v1::PreviewPolicyResponse, Refusal> preview(
      const v1::PreviewPolicyRequest& request) = 0;
  // 0 asks for the active revision.
  virtual Result<v1::GetPolicyResponse, Refusal> get(std::uint64_t number) const = 0;
  virtual std::vector<v1::Revision> list() const = 0;
};

}  // namespace bulkhead::controlplane
