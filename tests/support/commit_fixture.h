// A single appliance whose data plane accepts, refuses or disappears.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "controlplane/agent/agent.h"
#include "dataplane/artefact/digest.h"
#include "tests/support/becomes.h"
#include "tests/support/fake_dataplane.h"

namespace bulkhead::controlplane {

namespace fs = std::filesystem;
using support::becomes;

inline v1::PolicyArtefact artefact_of(const std::string& policy) {
  v1::PolicyArtefact artefact;
  artefact.set_policy(policy);
  artefact.set_sha256(artefact::sha256(policy));
  return artefact;
}

inline std::string digest_of(const v1::PolicyArtefact& artefact) {
  return artefact::to_hex(artefact.sha256());
}

class CommitTest : public ::testing::Test {
 protected:
  CommitTest() {
    char name[] = "/tmp/bulkhead-commit-XXXXXX";
    folder_ = mkdtemp(name);
    start();
  }
  ~CommitTest() override {
    agent_.reset();
    fs::remove_all(folder_);
  }

  void start() {
    agent_.reset();
    agent_ = std::make_unique<Agent>(RevisionStore::open((folder_ / "state").string()).value(),
                                     dataplane_.path, sinks_);
    agent_->start();
    EXPECT_TRUE(becomes([this] { return agent_->readings().status().dataplane_connected(); }));
  }
  std::uint64_t stage(const std::string& policy) {
    v1::StagePolicyRequest request;
    *request.mutable_artefact() = artefact_of(policy);
    const auto staged = agent_->policies().stage(std::move(request), "alice");
    return staged ? staged.value().number() : 0;
  }
  v1::Commit commit(std::uint64_t number) {
    auto commit = agent_->policies().commit({number, 0}, "alice");
    return commit ? commit.value() : v1::Commit();
  }
  std::uint64_t active() { return agent_->readings().status().active().number(); }
  std::string enforced() {
    const std::lock_guard guard(mutex_);
    return enforced_;
  }
  void restart_dataplane() {
    {
      const std::lock_guard guard(mutex_);
      enforced_.clear();
      prepared_.clear();
    }
    dataplane_.hang_up();
  }
  // It has made room for others.
  void forget_prepared() {
    const std::lock_guard guard(mutex_);
    prepared_.clear();
  }

  fs::path folder() const { return folder_; }

  enum class Mode { accept, refuse, hang_up };
  std::atomic<Mode> mode_{Mode::accept};
  std::atomic<int> applied_{0};
  std::atomic<int> artefacts_{0};  // that were sent to it
  std::atomic<int> sessions_{0};   // that live
  std::unique_ptr<Agent> agent_;
  Sinks sinks_;

 private:
  void act(FakeDataplane::Stream& stream, const v1::DataplaneRequest& request) {
    v1::DataplaneAnswer answer;
    answer.set_id(request.id());
    const std::lock_guard guard(mutex_);
    if (request.has_get_status()) {
      answer.mutable_status()->set_policy_sha256(enforced_);
    } else if (request.has_get_counters()) {
      answer.mutable_counters();
    } else if (request.has_list_flows()) {
      list_flows(*answer.mutable_flows());
    } else if (request.has_prepare_policy()) {
      prepare(request.prepare_policy(), answer);
    } else if (!request.has_apply_prepared()) {
      return;
    } else if (mode_ == Mode::hang_up) {
      mode_ = Mode::accept;
      enforced_.clear();
      prepared_.clear();
      stream.socket().close();
      return;
    } else if (prepared_.erase(request.apply_prepared().sha256()) == 0) {
      answer.set_not_prepared("not prepared; nothing was changed");
    } else {
      answer.mutable_policy_applied()->set_generation(++applied_);
      enforced_ = request.apply_prepared().sha256();
    }
    FakeDataplane::answer(stream, answer);
  }
  void list_flows(v1::DataplaneFlows& flows) {
    for (int i = 0; i < sessions_; ++i) {
      flows.add_flows()->set_conduit("scada");
      flows.mutable_flows(i)->set_state("established");
    }
    flows.set_complete(true);
  }
  void prepare(const v1::PreparePolicy& request, v1::DataplaneAnswer& answer) {
    std::string digest = request.sha256();
    if (request.has_artefact()) {
      ++artefacts_;
      if (mode_ == Mode::refuse) return answer.set_refused("zone 7 has no port");
      digest = digest_of(request.artefact());
      prepared_.insert(digest);
    }
    if (prepared_.count(digest) == 0) return answer.set_not_prepared("not prepared");
    answer.mutable_policy_prepared()->set_site("plant");
    answer.mutable_policy_prepared()->set_sha256(digest);
  }

  fs::path folder_;
  std::mutex mutex_;
  std::string enforced_;
  std::set<std::string> prepared_;

 protected:
  FakeDataplane dataplane_{[this](auto& stream, const auto& request) { act(stream, request); },
                           ".commit"};
};

}  // namespace bulkhead::controlplane
