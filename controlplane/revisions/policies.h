// Operations on policies. Thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bulkhead/v1/control.pb.h"
#include "controlplane/access/refusal.h"
#include "dataplane/base/result.h"
#include "dataplane/policy/health.h"

namespace bulkhead::controlplane {

class Policies {
 public:
  virtual ~Policies() = default;

  virtual Result<v1::Revision, Refusal> stage(v1::StagePolicyRequest request,
                                              const std::string& by) = 0;
  // How long a commit may await confirmation.
  static constexpr std::uint64_t kConfirmMsMin = 1000;
  static constexpr std::uint64_t kConfirmMsMax = std::uint64_t{7} * 24 * 3600 * 1000;

  struct CommitOrder {
    std::uint64_t number = 0;      // 0: the one that was staged last
    std::uint64_t confirm_ms = 0;  // without confirm() in that time the revision before comes back
                                   // 0: it needs none
    // While it awaits confirmation it also returns past these; without any, past the policy's.
    std::optional<policy::HealthBounds> health = {};
  };
  // These return the commit once it is done, or after a while one that is running.
  virtual Result<v1::Commit, Refusal> commit(const CommitOrder& order, const std::string& by) = 0;
  virtual Result<v1::Commit, Refusal> confirm(const std::string& by) = 0;
  // To one that was confirmed here; 0: the one before, or that to which the active one would
  // return.
  virtual Result<v1::Commit, Refusal> roll_back(std::uint64_t number, const std::string& by) = 0;
  // Of the active revision, while it awaits confirmation.
  virtual std::optional<v1::Trial> trial() const = 0;
  virtual Result<v1::Commit, Refusal> find_commit(const std::string& id) const = 0;
  virtual Result<v1::PreviewPolicyResponse, Refusal> preview(
      const v1::PreviewPolicyRequest& request) = 0;
  // 0 asks for the active revision.
  virtual Result<v1::GetPolicyResponse, Refusal> get(std::uint64_t number) const = 0;
  virtual std::vector<v1::Revision> list() const = 0;
};

}  // namespace bulkhead::controlplane
