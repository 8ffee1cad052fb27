// Written seldom: a rule that is used all the time would be a write each minute.
#include "controlplane/agent/rule_uses.h"

#include <spdlog/spdlog.h>

#include <cstdint>
#include <filesystem>
#include <utility>

#include "controlplane/revisions/files.h"
#include "controlplane/telemetry/notice.h"

namespace bulkhead::controlplane {

RuleUses::RuleUses(const RevisionStore& store, Sink& sink)
    : store_(store), sink_(sink), path_(store.folder() + "/rule-use") {
  load();
}

void RuleUses::load() {
  const auto bytes = read_file(path_);
  if (!bytes) return;
  v1::RuleUseFile file;
  if (file.ParseFromString(*bytes) && book_.read(file)) return;
  std::error_code error;
  std::filesystem::rename(path_, path_ + ".damaged", error);
  const std::string text = "the record of when rules were used was damaged; it is kept as " +
                           path_ + ".damaged, and counting begins anew";
  spdlog::error("{}", text);
  notice(sink_, "storage", text);
}

// Reads the policy's file without the mutex.
void RuleUses::learn_policy(const std::string& sha256, TimeNs wall_ns) {
  const auto revision = store_.find_artefact(sha256);
  const auto stored = revision ? store_.get(revision->number()) : std::nullopt;
  v1::CompiledPolicy policy;
  if (!stored || revision->sha256() != sha256 ||
      !policy.ParseFromString(stored->artefact().policy())) {
    return;
  }
  const std::lock_guard guard(mutex_);
  book_.set_policy(sha256, policy, wall_ns);
}

void RuleUses::note(const std::string& sha256, const RuleCounts& counts, TimeNs wall_ns) {
  if (sha256.empty()) return;
  bool known = false;
  {
    const std::lock_guard guard(mutex_);
    known = book_.policy() == sha256 && book_.knows_rules();
  }
  if (!known) learn_policy(sha256, wall_ns);
  const std::lock_guard guard(mutex_);
  if (book_.policy() == sha256) book_.note(counts, wall_ns);
}

Readings::RulesInForce RuleUses::in_force() const {
  look_();
  const std::lock_guard guard(mutex_);
  return {book_.policy(), book_.in_force()};
}

// With the mutex.
bool RuleUses::is_due(TimeNs now_ns) const {
  const bool soon = book_.urgent_changes() != urgent_written_;
  return book_.changes() + book_.urgent_changes() != written_ + urgent_written_ &&
         now_ns >= written_ns_ + (soon ? kSoonNs : kLateNs);
}

void RuleUses::turn(TimeNs now_ns) {
  bool due = false;
  {
    const std::lock_guard guard(mutex_);
    due = is_due(now_ns);
    if (link_ && to_peer_) send(now_ns);
  }
  if (due) write(now_ns);
}

void RuleUses::stop() {
  bool due = false;
  {
    const std::lock_guard guard(mutex_);
    due = is_due(UINT64_MAX);
  }
  if (due) write(0);
}

void RuleUses::write(TimeNs now_ns) {
  std::string bytes;
  std::uint64_t changes = 0;
  std::uint64_t urgent = 0;
  {
    const std::lock_guard guard(mutex_);
    bytes = book_.to_file().SerializeAsString();
    changes = book_.changes();
    urgent = book_.urgent_changes();
    written_ns_ = now_ns;
  }
  const std::string problem = replace_file(path_, bytes);
  const std::lock_guard guard(mutex_);
  if (problem.empty()) {
    written_ = changes;
    urgent_written_ = urgent;
  } else if (!problem_told_) {
    spdlog::error("when rules were used is not kept: {}", problem);
  }
  problem_told_ = !problem.empty();
}

void RuleUses::join_pair(ToPeer to_peer) {
  const std::lock_guard guard(mutex_);
  to_peer_ = std::move(to_peer);
}

void RuleUses::on_link(bool up) {
  const std::lock_guard guard(mutex_);
  link_ = up;
  sends_ = up;
  sent_ = book_.changes() + book_.urgent_changes();
  sent_to_.clear();
}

// With the mutex. A part in each turn.
void RuleUses::send(TimeNs now_ns) {
  if (!sends_) {
    const std::uint64_t changes = book_.changes() + book_.urgent_changes();
    if (changes == sent_ || now_ns < sent_ns_ + kPeerNs) return;
    sends_ = true;
    sent_ = changes;
  }
  std::vector<v1::KeptRuleUse> part = book_.entries(sent_to_, kEntriesOfMessage);
  sends_ = part.size() == kEntriesOfMessage;
  sent_to_ = sends_ ? part.back().identity() : std::string();
  if (!sends_) sent_ns_ = now_ns;
  if (part.empty()) return;
  v1::PairRuleUse message;
  for (v1::KeptRuleUse& use : part) *message.add_uses() = std::move(use);
  to_peer_(std::move(message));
}

void RuleUses::on_peer(const v1::PairRuleUse& message) {
  const std::lock_guard guard(mutex_);
  book_.join({message.uses().begin(), message.uses().end()});
}

}  // namespace bulkhead::controlplane
