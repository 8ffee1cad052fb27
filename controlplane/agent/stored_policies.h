// Operators' requests about policies, on the revisions of this appliance. Thread-safe.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <string>
#include <vector>

#include "controlplane/agent/dataplane_client.h"
#include "controlplane/agent/enforcer.h"
#include "controlplane/revisions/policies.h"
#include "controlplane/revisions/revision_store.h"
#include "controlplane/telemetry/sink.h"

namespace bulkhead::controlplane {

class StoredPolicies final : public Policies {
 public:
  // All outlive it.
  StoredPolicies(RevisionStore& store, DataplaneClient& dataplane, Readings& readings,
                 Enforcer& enforcer, Sink& sink)
      : store_(store),
        dataplane_(dataplane),
        readings_(readings),
        enforcer_(enforcer),
        sink_(sink) {}
  // Waits for the commit that is under way; the data plane's client and the pair have stopped.
  void stop() { committer_.join(); }

  Result<v1::Revision, Refusal> stage(v1::StagePolicyRequest request,
                                      const std::string& by) override;
  Result<v1::Commit, Refusal> commit(const CommitOrder& order, const std::string& by) override;
  Result<v1::Commit, Refusal> confirm(const std::string& by) override;
  Result<v1::Commit, Refusal> roll_back(std::uint64_t number, const std::string& by) override;
  std::optional<v1::Trial> trial() const override;
  Result<v1::Commit, Refusal> find_commit(const std::string& id) const override;
  Result<v1::PreviewPolicyResponse, Refusal> preview(
      const v1::PreviewPolicyRequest& request) override;
  Result<v1::GetPolicyResponse, Refusal> get(std::uint64_t number) const override;
  std::vector<v1::Revision> list() const override { return store_.list(); }
  // The role that the policy in force lets release containments; empty: it names none. The highest
  // one if its revision cannot be read.
  std::string containment_release() const;

 private:
  Result<v1::Commit, Refusal> carry_out(
      const life::Event& request, const std::string& by,
      const std::optional<policy::HealthBounds>& health = std::nullopt);

  RevisionStore& store_;
  DataplaneClient& dataplane_;
  Readings& readings_;
  Enforcer& enforcer_;
  Sink& sink_;
  boost::asio::thread_pool committer_{1};  // the last member: ends before what it uses
};

}  // namespace bulkhead::controlplane
