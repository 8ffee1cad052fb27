// The appliance's agent: keeps policy revisions and holds the data plane to the active one, however
// often either of them restarts. Thread-safe.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "controlplane/agent/dataplane_client.h"
#include "controlplane/agent/memory.h"
#include "controlplane/pair/pair.h"
#include "controlplane/pair/pair_control.h"
#include "controlplane/revisions/commits.h"
#include "controlplane/revisions/passed.h"
#include "controlplane/revisions/policies.h"
#include "controlplane/revisions/revision_store.h"
#include "controlplane/telemetry/readings.h"
#include "controlplane/telemetry/sink.h"

namespace bulkhead::controlplane {

// What a status says is wrong; empty if the data plane enforces the active revision.
struct Enforcement {
  std::string unanswered;  // why the data plane does not answer; empty if it does
  v1::DataplaneStatus dataplane;
  std::optional<v1::Revision> active;
  std::string refused;  // why the data plane refuses the active revision
  std::string damage;   // of the store
};
std::string problem_of(const Enforcement& enforcement);

class Agent final : public Policies, public Readings, public PairControl, private PairHost {
 public:
  // The sink outlives it.
  Agent(std::unique_ptr<RevisionStore> store, const std::string& socket, Sink& sink);
  ~Agent() override;
  // Makes the appliance one of a pair; before start(). Throws with a text for people.
  void join_pair(PairOptions options);
  void start();

  Result<v1::Revision, Refusal> stage(v1::StagePolicyRequest request,
                                      const std::string& by) override;
  Result<v1::Commit, Refusal> commit(std::uint64_t number, const std::string& by) override;
  Result<v1::Commit, Refusal> find_commit(const std::string& id) const override;
  Result<v1::PreviewPolicyResponse, Refusal> preview(
      const v1::PreviewPolicyRequest& request) override;
  Result<v1::GetPolicyResponse, Refusal> get(std::uint64_t number) const override;
  std::vector<v1::Revision> list() const override { return store_->list(); }

  v1::GetStatusResponse status() override;
  Result<v1::Counters, Refusal> counters(v1::GetDataplaneCounters& question,
                                         std::chrono::milliseconds timeout) override;
  Result<v1::DataplaneFlows, Refusal> flows(const v1::ListDataplaneFlows& page) override;

  Result<v1::PairStatus, Refusal> pair_status() override;
  Result<v1::PairStatus, Refusal> order_pair(failover::Order order, const std::string& by) override;

 private:
  // What the pair needs, see PairHost.
  void to_dataplane(v1::DataplaneRequest request) override { lease_.post(std::move(request)); }
  void behind_news(std::function<void()> then) override {
    lease_.behind_what_came(std::move(then));
  }
  bool dataplane_waits_for_core() override { return lease_.waits_for_core(); }
  void tell(const std::string& text) override { tell("pair", text); }
  Held held() override;
  std::string keep(const v1::GetPolicyResponse& revision, bool commit) override;
  std::string enforce(const failover::Policy& policy) override;
  void forget_prepared() override { store_->set_prepared(0); }
  std::optional<v1::GetPolicyResponse> revision_of(const failover::Policy& policy) override;

  v1::GetStatusResponse describe(const DataplaneClient::Answer& answer);
  void keep_reconciled();
  // Whether the active revision is in force; nothing if the data plane has not said.
  std::optional<bool> reconcile();
  bool hold_to_active(const v1::DataplaneStatus& status);
  DataplaneClient::Answer ask_status();
  void wake();
  void carry_out_commit(std::uint64_t number, const std::string& by);
  void commit_alone(const v1::GetPolicyResponse& stored);
  void commit_as_pair(const v1::GetPolicyResponse& stored);
  void tell(const std::string& kind, const std::string& text);
  DataplaneClient::Answer apply(const v1::PolicyArtefact& artefact,
                                std::chrono::milliseconds timeout);
  // Does nothing if the data plane does not answer in time.
  void note_passed(const std::string& digest, std::chrono::milliseconds timeout);
  std::optional<Refusal> preview_sessions(const policy::Tables& staged, std::uint32_t limit,
                                          v1::PreviewPolicyResponse& preview);
  // Checks an artefact, by the data plane if connected: its site and digest.
  Result<v1::PolicyApplied, Refusal> check(const v1::PolicyArtefact& artefact);

  std::unique_ptr<RevisionStore> store_;
  Sink& sink_;
  std::unique_ptr<Pair> pair_;  // the data plane's thread calls it until that has ended
  DataplaneClient dataplane_;   // questions and policies
  DataplaneClient lease_;       // what a pair's lease depends on, and nothing else
  Commits commits_;
  std::mutex policy_mutex_;  // held over a commit or a reconciliation: one at a time
  PassedOfLastDay passed_;   // with policy_mutex_
  std::uint64_t passed_noted_ns_ = 0;
  std::mutex status_mutex_;
  v1::DataplaneStatus last_status_;
  std::string problem_;
  std::mutex wake_mutex_;
  std::condition_variable wake_;
  bool woken_ = false;
  bool stopping_ = false;
  std::uint64_t started_ns_;
  MemoryKeeper memory_;
  std::thread reconciler_;
  boost::asio::thread_pool committer_{1};  // the last member: ends before what it uses
};

}  // namespace bulkhead::controlplane
