// What came of each trial is held against what the script says.
#include "dataplane/service/self_test.h"

#include <rte_cycles.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <string>

#include "dataplane/ports/worker.h"
#include "dataplane/wire/text.h"

namespace bulkhead::service {

namespace {

using selftest::Kind;
using selftest::Outcome;
using selftest::Subject;

constexpr std::array<const char*, 4> kTransportNames = {"tcp", "udp", "icmp", "ethernet"};

v1::SelfTestRow row_of(const Subject& subject, const policy::Tables& tables) {
  const protocols::Catalogue* catalogue =
      subject.is_service() ? nullptr : &protocols::registry()[subject.protocol]->catalogue();
  v1::SelfTestRow row;
  row.set_protocol(catalogue == nullptr ? "service" : std::string(catalogue->name));
  row.set_transport(kTransportNames[static_cast<std::size_t>(subject.transport)]);
  row.set_kind(std::string(selftest::kKindNames[static_cast<std::size_t>(subject.kind)]));
  if (!subject.problem.empty()) {
    row.set_outcome("not_tested");
    row.set_text(subject.problem);
    return row;
  }
  row.set_conduit(tables.conduits[subject.conduit].name);
  if (catalogue == nullptr) {
    row.set_function(row.transport() + "/" + std::to_string(subject.server_port));
  } else if (subject.kind != Kind::malformed) {
    row.set_function(std::string(catalogue->functions[subject.function].name));
  }
  row.set_client(wire::to_text(subject.client));
  row.set_server(wire::to_text(subject.server));
  return row;
}

std::string text_of(const v1::SelfTestRow& row) {
  return row.protocol() + " over " + row.transport() + ", " + row.kind() + ": " + row.text();
}

}  // namespace

bool SelfTest::wants_one(const pipeline::Image& image, TimeNs now_ns) const {
  if (asked_) return true;
  if (every_ns_ == 0 || image.generation == pipeline::kNoPolicy) return false;
  return image.generation != tested_generation_ || now_ns - ended_ns_ >= every_ns_;
}

bool SelfTest::turn(const pipeline::Image& image, TimeNs now_ns) {
  if (abandoned_ != nullptr && is_rehearsed()) abandoned_.reset();
  if (script_ == nullptr) {
    if (abandoned_ != nullptr || !wants_one(image, now_ns)) return false;
    ++runs_;
    asked_ = false;
    attempts_ = 1;
    begin(image, now_ns);
  }
  if (!is_rehearsed() && now_ns - begun_ns_ < kPatienceNs) return false;
  if (is_rehearsed() && was_unheard() && attempts_ < kAttemptsMax) {
    ++attempts_;
    begin(image, now_ns);
    return false;
  }
  finish(now_ns);
  return true;
}

void SelfTest::begin(const pipeline::Image& image, TimeNs now_ns) {
  begun_ns_ = now_ns;
  tested_generation_ = image.generation;
  script_ = std::make_unique<selftest::Script>(selftest::write_script(
      image.tables, image.generation, image.containment.load(std::memory_order_relaxed)));
  under_way_.Clear();
  under_way_.set_policy_generation(image.generation);
  for (const selftest::Trial& trial : script_->trials) {
    *under_way_.add_rows() = row_of(trial.subject, image.tables);
  }
  for (const Subject& subject : script_->not_tested) {
    *under_way_.add_rows() = row_of(subject, image.tables);
  }
  if (script_->trials.empty()) return;
  for (ports::Worker* worker : shared_.workers) {
    worker->rehearsal().begin(*script_);
    worker->wake();
  }
}

bool SelfTest::is_rehearsed() const {
  return std::ranges::none_of(shared_.workers,
                              [](ports::Worker* worker) { return worker->rehearsal().is_asked(); });
}

bool SelfTest::was_unheard() const {
  return !script_->trials.empty() &&
         std::ranges::any_of(shared_.workers, [](ports::Worker* worker) {
           return std::ranges::any_of(worker->rehearsal().outcomes(), &Outcome::unheard);
         });
}

void SelfTest::judge_trial(std::size_t trial, v1::SelfTestRow& row) const {
  const Subject& subject = script_->trials[trial].subject;
  row.set_outcome("passed");
  for (std::size_t i = 0; i < shared_.workers.size(); ++i) {
    const selftest::Rehearsal& rehearsal = shared_.workers[i]->rehearsal();
    const std::string who = "worker " + std::to_string(i) + ": ";
    std::string problem;
    if (rehearsal.is_asked()) {
      problem = "it did not run the test in " + std::to_string(kPatienceNs / kSecondNs) + " s";
    } else if (rehearsal.outcomes()[trial].unheard) {
      row.set_outcome("not_tested");
      row.set_text("the policy or a containment has changed meanwhile");
      continue;
    } else {
      problem = selftest::problem_of(subject, rehearsal.outcomes()[trial]);
    }
    if (problem.empty()) continue;
    row.set_outcome("failed");
    row.set_text(who + problem);
    return;
  }
}

void SelfTest::finish(TimeNs now_ns) {
  const double ns_of_cycle = 1e9 / static_cast<double>(rte_get_tsc_hz());
  std::uint32_t longest = 0;
  for (std::size_t i = 0; i < script_->trials.size(); ++i) {
    v1::SelfTestRow& row = *under_way_.mutable_rows(static_cast<int>(i));
    judge_trial(i, row);
    if (row.outcome() == "failed" && under_way_.problem().empty()) {
      under_way_.set_problem(text_of(row));
    }
    for (ports::Worker* worker : shared_.workers) {
      if (worker->rehearsal().is_asked()) continue;
      longest = std::max(longest, worker->rehearsal().outcomes()[i].cycles);
    }
  }
  under_way_.set_longest_ns(static_cast<std::uint64_t>(longest * ns_of_cycle));
  under_way_.set_took_ns(now_ns - begun_ns_);
  under_way_.set_wall_time_ns(wall_now_ns());
  const bool failed = !under_way_.problem().empty();
  if (failed) spdlog::error("self-test failed: {}", under_way_.problem());
  if (!failed && !latest_.problem().empty()) spdlog::info("self-test passed again");
  shared_.self_test_failed.store(failed, std::memory_order_relaxed);
  latest_ = under_way_;
  ended_ns_ = now_ns;
  ended_run_ = runs_;
  if (!is_rehearsed()) abandoned_ = std::move(script_);
  script_.reset();
}

}  // namespace bulkhead::service
