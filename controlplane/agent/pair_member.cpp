// Policies of a pair are known by an epoch and the beginning of a digest.
#include "controlplane/agent/pair_member.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <stdexcept>
#include <utility>

#include "controlplane/agent/dataplane_policy.h"
#include "controlplane/telemetry/notice.h"
#include "dataplane/base/boot_clock.h"

namespace bulkhead::controlplane {

namespace {

constexpr TimeNs kPatienceNs = 5 * kSecondNs;

std::uint64_t digest_of(const v1::Revision& revision) {
  return std::strtoull(revision.sha256().substr(0, 16).c_str(), nullptr, 16);
}

std::string digest_text(const failover::Policy& policy) {
  auto digest = std::array<char, 17>{};
  std::snprintf(digest.data(), digest.size(), "%016llx",
                static_cast<unsigned long long>(policy.digest));
  return digest.data();
}

Refusal alone() { return {Refusal::Kind::unavailable, "this appliance is not one of a pair"}; }

bool is_source_of(const RevisionStore& store, std::uint64_t number, const std::string& source) {
  const auto stored = store.get(number);
  return stored && stored->source() == source;
}

}  // namespace

PairMember::PairMember(RevisionStore& store, DataplaneClient& dataplane, Enforcer& enforcer,
                       Sink& sink, const std::string& lease_socket)
    : store_(store),
      dataplane_(dataplane),
      enforcer_(enforcer),
      sink_(sink),
      lease_(lease_socket, {[this](bool connected) { pair_->on_dataplane(connected); },
                            {},
                            [this](v1::PairNews news) { pair_->on_news(std::move(news)); }}) {}

void PairMember::join(PairOptions options) {
  const auto incarnation = store_.next_incarnation();
  if (!incarnation) throw std::runtime_error(incarnation.error());
  // Who counts anew because its state is lost is another one still.
  options.incarnation = incarnation.value() << 32 | std::random_device()();
  PairHost& host = *this;
  pair_ = std::make_unique<Pair>(options, host);
  enforcer_.join_pair([this](const Enforcer::Request& request) { return agree(request); });
}

void PairMember::use(const CredentialsPointer& credentials) {
  if (pair_) pair_->use(credentials);
}

void PairMember::watch(daemon::Pulses& pulses) {
  if (!pair_) return;
  pair_->watch(pulses);
  pulses.watch("lease", kPatienceNs, [this](std::function<void()> function) {
    lease_.behind_what_came(std::move(function));
  });
}

void PairMember::start() {
  if (!pair_) return;
  pair_->start();
  lease_.start(true);
}

void PairMember::stop() {
  if (pair_) pair_->stop();
  lease_.stop();
}

void PairMember::on_policy(bool in_force) {
  if (pair_) pair_->on_policy(in_force);
}

Result<v1::PairStatus, Refusal> PairMember::pair_status() {
  if (!pair_) return alone();
  v1::PairStatus status = pair_->status();
  const auto trial = describe_trial(store_, boot_now_ns());
  if (!trial) {
    status.clear_trial();
  } else {
    // The pair knows the deadline, the disk the rest.
    v1::Trial of_pair = *trial;
    of_pair.set_deadline_known(status.trial().deadline_known());
    of_pair.set_left_ms(status.trial().left_ms());
    *status.mutable_trial() = of_pair;
  }
  return status;
}

Result<v1::PairStatus, Refusal> PairMember::order_pair(failover::Order order,
                                                       const std::string& by) {
  if (!pair_) return alone();
  const std::string wrong = pair_->order(order);
  if (!wrong.empty()) {
    return Refusal{Refusal::Kind::unavailable, wrong + "; nothing was changed"};
  }
  tell(std::string(order == failover::Order::switchover       ? "switchover"
                   : order == failover::Order::maintenance_on ? "maintenance"
                                                              : "end of maintenance") +
       " ordered by " + by);
  return pair_->status();
}

void PairMember::tell(const std::string& text) { notice(sink_, "pair", text); }

Enforcer::Agreement PairMember::agree(const Enforcer::Request& request) {
  if (request.wish == life::Wish::commit) return agree_on_commit(request);
  const PairCommit::Answer answer = request.wish == life::Wish::confirm
                                        ? pair_->confirm(request.by)
                                        : pair_->roll_back(request.by);
  if (!answer.alone) return {answer.problem, {}};
  return {answer.problem,
          "the peer is not heard: if it is alive it returns by itself at the deadline, and takes "
          "this over when it is heard again"};
}

Enforcer::Agreement PairMember::agree_on_commit(const Enforcer::Request& request) {
  const auto store = [this, &request](std::uint64_t epoch) {
    std::string problem = request.window_ns == 0 ? std::string() : store_.reserve_for_trial();
    return problem.empty() ? store_.set_generation(request.revision.number(), epoch) : problem;
  };
  return {pair_->commit(digest_of(request.revision), store, request.window_ns, request.by), {}};
}

std::optional<StoredTrial> PairMember::stored(const std::optional<failover::Trial>& trial) const {
  if (!trial) return std::nullopt;
  const auto former = find_artefact(trial->former);
  if (!former) return std::nullopt;
  return StoredTrial{former->number(), trial->window_ns / kMillisecondNs, trial->deadline_ns,
                     trial->boot};
}

std::optional<failover::Trial> PairMember::of_pair(const std::optional<StoredTrial>& trial) const {
  const auto former = trial ? store_.revision(trial->former) : std::nullopt;
  if (!former) return std::nullopt;
  return failover::Trial{{former->generation(), digest_of(*former)},
                         trial->window_ms * kMillisecondNs,
                         trial->deadline_ns,
                         trial->boot};
}

PairHost::Held PairMember::held() {
  Held held;
  if (auto active = store_.active()) {
    // One that was committed before there was a peer counts as the first of the pair.
    if (active->generation() == 0 && store_.set_generation(active->number(), 1).empty()) {
      active->set_generation(1);
    }
    held.committed = {active->generation(), digest_of(*active)};
  }
  if (const auto prepared = store_.prepared()) {
    held.prepared = {prepared->generation(), digest_of(*prepared)};
  }
  held.trials.of_committed = of_pair(store_.trial());
  held.trials.of_prepared = of_pair(store_.prepared_trial());
  held.trials.boot = boot_number();
  return held;
}

std::string PairMember::keep(v1::GetPolicyResponse revision) {
  const auto prepared = prepare_policy(dataplane_, *revision.mutable_artefact());
  if (!prepared) return prepared.error().text;
  const std::string& digest = prepared.value().sha256();
  if (store_.find(revision.revision().generation(), digest)) return {};
  // One that comes back, or is confirmed, is here already: no room on disk is needed.
  const auto known = store_.find_artefact(digest);
  if (known && is_source_of(store_, known->number(), revision.source())) return {};
  revision.mutable_revision()->set_site(prepared.value().site());
  revision.mutable_revision()->set_sha256(digest);
  const auto added = store_.add(std::move(revision));
  if (!added) return added.error();
  enforcer_.add(added.value());
  notice(sink_, "policy",
         "revision " + std::to_string(added.value().number()) + " came from the peer");
  return {};
}

std::string PairMember::prepare(const Decision& decision) {
  const auto revision = find_artefact(decision.policy);
  if (!revision) return "its revision is not stored here";
  const auto trial = stored(decision.trial);
  if (decision.trial && !trial) return "the revision to which it would return is not stored here";
  return store_.set_prepared({revision->number(), decision.policy.epoch, trial, decision.by});
}

namespace {

Act act_of(const PairHost::Decision& decision) {
  switch (decision.cause) {
    case failover::CommitCause::committed:
      return decision.trial ? Act::begin_trial : Act::commit;
    case failover::CommitCause::confirmed:
      return Act::confirm;
    case failover::CommitCause::expired:
      return Act::expire;
    case failover::CommitCause::restarted:
      return Act::restart;
    case failover::CommitCause::rolled_back:
      return Act::roll_back;
    case failover::CommitCause::followed:
      return Act::follow;
    case failover::CommitCause::unhealthy:
      return Act::unhealthy;
  }
  return Act::commit;
}

}  // namespace

// The pair has decided: it is noted first, and the data plane gets it until it has it.
std::string PairMember::enforce(const Decision& decision) {
  const failover::Policy& policy = decision.policy;
  if (policy.epoch == 0) return {};
  const auto revision = find_artefact(policy);
  if (!revision) return "its revision is not stored here";
  const auto trial = stored(decision.trial);
  if (decision.trial && !trial) return "the revision to which it returns is not stored here";
  const auto decided =
      enforcer_.decide({revision->number(), policy.epoch, trial, act_of(decision), decision.by});
  if (!decided) return decided.error();
  if (!decided.value()) return {};
  notice(sink_, "policy", "epoch " + std::to_string(policy.epoch) + " of the pair in force");
  if (dataplane_.connected()) pair_->on_policy(true);
  return {};
}

std::optional<v1::GetPolicyResponse> PairMember::revision_of(const failover::Policy& policy) {
  const auto revision = find(policy);
  return revision ? store_.get(revision->number()) : std::nullopt;
}

std::string PairMember::health_of(const failover::Policy& policy) {
  const auto revision = find_artefact(policy);
  const auto watch = store_.health_watch();
  if (!revision || !watch || watch->number() != revision->number()) return {};
  return watch->SerializeAsString();
}

// Each appliance has numbers of its own.
std::string PairMember::keep_health(const failover::Policy& policy, const std::string& health) {
  const auto revision = find_artefact(policy);
  v1::HealthWatch watch;
  if (health.empty() || !revision || !watch.ParseFromString(health)) {
    return store_.set_health_watch(std::nullopt);
  }
  watch.set_number(revision->number());
  return store_.set_health_watch(watch);
}

std::optional<v1::Revision> PairMember::find(const failover::Policy& policy) const {
  return store_.find(policy.epoch, digest_text(policy));
}

std::optional<v1::Revision> PairMember::find_artefact(const failover::Policy& policy) const {
  auto exact = find(policy);
  return exact ? exact : store_.find_artefact(digest_text(policy));
}

}  // namespace bulkhead::controlplane
