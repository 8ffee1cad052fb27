// Starts and stops the parts in the order in which they call each other.
#include "controlplane/agent/agent.h"

#include <spdlog/spdlog.h>

#include "controlplane/telemetry/notice.h"
#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

namespace {

// A worker may sleep for long, but an operator waits.
constexpr auto kContainTimeout = std::chrono::seconds(2);

}  // namespace

Agent::Agent(std::unique_ptr<RevisionStore> store, const std::string& socket, Sink& sink,
             ContainmentKeeper::Options containment)
    : store_(std::move(store)),
      sink_(sink),
      containment_(std::move(containment), containment_links(), sink),
      uses_(*store_, sink_),
      dataplane_(socket, {[this](bool connected) {
                            notice(sink_, "dataplane",
                                   connected ? "data plane connected" : "data plane lost");
                            wake();
                          },
                          [this](const v1::Event& event) { sink_.on_event(event); },
                          {},
                          // Before any policy.
                          [this] {
                            v1::DataplaneRequest request;
                            *request.mutable_set_containment() = containment_.greeting();
                            return request;
                          }}),
      readings_(dataplane_, *store_, uses_),
      health_(*store_, readings_),
      enforcer_(*store_, dataplane_, readings_, health_, uses_, sink_, [this] { wake(); }),
      pair_(*store_, dataplane_, enforcer_, sink_, socket + ".pair"),
      policies_(*store_, dataplane_, readings_, enforcer_, sink_),
      observation_end_(policies_, sink_,
                       [this] { return !pair_.is_joined() || pair_.is_active(); }) {
  uses_.set_look([this] { enforcer_.look(); });
  for (const std::string& damage : store_->damage()) {
    spdlog::error("{}", damage);
    notice(sink_, "storage", damage);
  }
}

Agent::~Agent() {
  {
    const std::lock_guard guard(wake_mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  if (reconciler_.joinable()) reconciler_.join();
  observation_end_.stop();
  health_.stop();
  containment_.stop();
  pair_.stop();
  dataplane_.stop();
  policies_.stop();
  uses_.stop();
}

ContainmentKeeper::Links Agent::containment_links() {
  ContainmentKeeper::Links links;
  links.to_dataplane =
      [this](v1::ContainmentSet set) -> Result<v1::ContainmentInForce, std::string> {
    v1::DataplaneRequest request;
    *request.mutable_set_containment() = std::move(set);
    const auto answer = dataplane_.call(std::move(request), kContainTimeout);
    if (!answer) return answer.error().text;
    if (!answer.value().has_containment()) return std::string("it does not say what it enforces");
    return answer.value().containment();
  };
  links.release_role = [this] { return policies_.containment_release(); };
  return links;
}

void Agent::join_pair(PairOptions options) {
  options.on_containment = [this](v1::PairContainment message) {
    containment_.on_peer(std::move(message));
  };
  options.on_rule_use = [this](const v1::PairRuleUse& message) { uses_.on_peer(message); };
  options.on_link = [this](bool up) {
    containment_.on_link(up);
    uses_.on_link(up);
  };
  pair_.join(std::move(options));
  uses_.join_pair([this](v1::PairRuleUse message) { pair_.send(std::move(message)); });
  containment_.join_pair([this](v1::PairContainment message) { pair_.send(std::move(message)); });
}

void Agent::start() {
  containment_.start();
  pair_.start();
  dataplane_.start(false);
  reconciler_ = std::thread([this] { keep_reconciled(); });
  observation_end_.start();
  health_.start({[this] { return !pair_.is_joined() || pair_.is_active(); },
                 [this](const std::string& why) {
                   return pair_.is_joined() ? pair_.give_back(why) : enforcer_.give_back(why);
                 }});
}

// The reconciler waits for the data plane's answers, and for as long as a commit takes.
void Agent::watch(daemon::Pulses& pulses) {
  constexpr TimeNs kPatienceNs = 5 * kSecondNs;
  constexpr TimeNs kReconcilerPatienceNs = 300 * kSecondNs;
  pulses.watch("questions", kPatienceNs, [this](std::function<void()> function) {
    dataplane_.behind_what_came(std::move(function));
  });
  pulses.watch("reconciler", kReconcilerPatienceNs, [this](std::function<void()> function) {
    const auto commit = enforcer_.commits().find("");
    if (commit && commit->state() == v1::Commit::STATE_UNDER_WAY) return function();
    const std::lock_guard guard(wake_mutex_);
    asked_.push_back(std::move(function));
  });
  pair_.watch(pulses);
  containment_.watch(pulses);
}

void Agent::wake() {
  const std::lock_guard guard(wake_mutex_);
  woken_ = true;
  wake_.notify_one();
}

void Agent::keep_reconciled() {
  auto period = std::chrono::milliseconds(0);
  for (;;) {
    std::vector<std::function<void()>> asked;
    {
      std::unique_lock lock(wake_mutex_);
      wake_.wait_for(lock, period, [this] { return woken_ || stopping_; });
      woken_ = false;
      if (stopping_) return;
      asked.swap(asked_);
    }
    for (const auto& answer : asked) answer();
    memory_.turn(monotonic_now_ns());
    uses_.turn(monotonic_now_ns());
    enforcer_.pass_time();  // before anything that waits for the data plane
    const Enforcer::Compared compared = enforcer_.reconcile();
    sink_.on_status(readings_.describe(compared.answer));
    if (compared.answer) containment_.on_dataplane(compared.answer.value().status());
    if (compared.in_force) pair_.on_policy(*compared.in_force);
    period = enforcer_.pass_time();
  }
}

}  // namespace bulkhead::controlplane
