// The appliance's agent: keeps policy revisions and holds the data plane to the active one, however
// often either of them restarts. Thread-safe.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "controlplane/agent/dataplane_client.h"
#include "controlplane/agent/event_hub.h"
#include "controlplane/agent/revision_store.h"

namespace bulkhead::controlplane {

// What stood in the way of a request, in words, and whose move it is.
struct Refusal {
  enum class Kind { invalid, not_found, unavailable, storage };
  Kind kind{};
  std::string text;
};

class Agent {
 public:
  Agent(std::unique_ptr<RevisionStore> store, const std::string& socket);
  ~Agent();
  void start();

  Result<v1::Revision, Refusal> stage(const v1::StagePolicyRequest& request, const std::string& by);
  Result<v1::CommitPolicyResponse, Refusal> commit(std::uint64_t number, const std::string& by);
  Result<v1::GetPolicyResponse, Refusal> get(std::uint64_t number) const;
  std::vector<v1::Revision> list() const { return store_->list(); }

  v1::GetStatusResponse status();
  Result<v1::Counters, Refusal> counters();
  Result<v1::DataplaneFlows, Refusal> flows(std::uint32_t limit);
  EventHub& events() { return events_; }

 private:
  void keep_reconciled();
  void reconcile();
  void tell(const std::string& kind, const std::string& text);
  Result<std::uint64_t, Refusal> apply(const v1::PolicyArtefact& artefact, bool check_only);

  std::unique_ptr<RevisionStore> store_;
  EventHub events_;
  DataplaneClient dataplane_;
  std::mutex policy_mutex_;  // held over a commit or a reconciliation: one at a time
  std::mutex status_mutex_;
  v1::DataplaneStatus last_status_;
  std::string problem_;
  std::mutex wake_mutex_;
  std::condition_variable wake_;
  bool woken_ = false;
  bool stopping_ = false;
  std::uint64_t started_ns_;
  std::thread reconciler_;
};

}  // namespace bulkhead::controlplane
