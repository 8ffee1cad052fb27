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

namespace bulkhead::controlplane {

namespace {

constexpr TimeNs kPatienceNs = 5 * kSecondNs;

std::uint64_t digest_of(const v1::Revision& revision) {
  return std::strtoull(revision.sha256().substr(0, 16).c_str(), nullptr, 16);
}

Refusal alone() { return {Refusal::Kind::unavailable, "this appliance is not one of a pair"}; }

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
  enforcer_.join_pair([this](const v1::Revision& revision) { return agree(revision); });
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
  if (pair_) return pair_->status();
  return alone();
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

std::string PairMember::agree(const v1::Revision& revision) {
  return pair_->commit(digest_of(revision),
                       [this, number = revision.number()](std::uint64_t epoch) {
                         return store_.set_generation(number, epoch);
                       });
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
  return held;
}

std::string PairMember::keep(const v1::GetPolicyResponse& revision, bool commit) {
  const auto prepared = prepare_policy(dataplane_, revision.artefact());
  if (!prepared) return prepared.error().text;
  const std::string& digest = prepared.value().sha256();
  const std::uint64_t epoch = revision.revision().generation();
  std::uint64_t number = 0;
  if (const auto known = store_.find(epoch, digest)) {
    number = known->number();
  } else {
    v1::GetPolicyResponse stored = revision;
    stored.mutable_revision()->set_site(prepared.value().site());
    stored.mutable_revision()->set_sha256(digest);
    const auto added = store_.add(std::move(stored));
    if (!added) return added.error();
    number = added.value().number();
    enforcer_.add(added.value());
    notice(sink_, "policy", "revision " + std::to_string(number) + " came from the peer");
  }
  return commit ? std::string() : store_.set_prepared(number);
}

// The pair has decided: it is noted first, and the data plane gets it until it has it.
std::string PairMember::enforce(const failover::Policy& policy) {
  if (policy.epoch == 0) return {};
  const auto revision = find(policy);
  if (!revision) return "its revision is not stored here";
  const auto decided = enforcer_.decide(*revision);
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

std::optional<v1::Revision> PairMember::find(const failover::Policy& policy) const {
  auto digest = std::array<char, 17>{};
  std::snprintf(digest.data(), digest.size(), "%016llx",
                static_cast<unsigned long long>(policy.digest));
  return store_.find(policy.epoch, digest.data());
}

}  // namespace bulkhead::controlplane
