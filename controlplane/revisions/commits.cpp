// A short list: the oldest are forgotten.
#include "controlplane/revisions/commits.h"

namespace bulkhead::controlplane {

namespace {

bool is_under_way(const v1::Commit& commit) {
  return commit.state() == v1::Commit::STATE_UNDER_WAY;
}

}  // namespace

std::optional<std::string> Commits::begin(std::uint64_t revision, const std::string& by) {
  const std::lock_guard guard(mutex_);
  if (!commits_.empty() && is_under_way(commits_.back())) return std::nullopt;
  v1::Commit& commit = commits_.emplace_back();
  commit.set_id(std::to_string(start_) + "-" + std::to_string(++count_));
  commit.set_number(revision);
  commit.set_by(by);
  commit.set_state(v1::Commit::STATE_UNDER_WAY);
  commit.set_begun_wall_time_ns(wall_now_ns());
  commit.set_text("it is under way: revision " + std::to_string(revision) +
                  " may come into force at any moment, or be refused");
  if (commits_.size() > kKept) commits_.pop_front();
  return commit.id();
}

void Commits::tell(const std::string& step) {
  const std::lock_guard guard(mutex_);
  if (!commits_.empty() && is_under_way(commits_.back())) {
    commits_.back().set_text("it is under way: " + step);
  }
}

void Commits::end(const v1::Commit& done) {
  const std::lock_guard guard(mutex_);
  if (commits_.empty() || !is_under_way(commits_.back())) return;
  commits_.back().clear_text();  // it is not under way any more
  commits_.back().MergeFrom(done);
  changed_.notify_all();
}

void Commits::finish(v1::Commit::State state, const std::string& text) {
  v1::Commit done;
  done.set_state(state);
  done.set_text(text);
  end(done);
}

void Commits::finish(const v1::Revision& in_force, std::uint64_t generation,
                     const std::string& text) {
  v1::Commit done;
  done.set_state(v1::Commit::STATE_IN_FORCE);
  done.set_text(text);
  done.set_generation(generation);
  *done.mutable_revision() = in_force;
  end(done);
}

std::optional<v1::Commit> Commits::look(const std::string& id) const {
  for (auto each = commits_.rbegin(); each != commits_.rend(); ++each) {
    if (id.empty() || each->id() == id) return *each;
  }
  return std::nullopt;
}

std::optional<v1::Commit> Commits::find(const std::string& id) const {
  const std::lock_guard guard(mutex_);
  return look(id);
}

std::optional<v1::Commit> Commits::wait(const std::string& id,
                                        std::chrono::milliseconds timeout) const {
  std::unique_lock lock(mutex_);
  std::optional<v1::Commit> commit;
  changed_.wait_for(lock, timeout, [&] {
    commit = look(id);
    return !commit || !is_under_way(*commit);
  });
  return commit;
}

}  // namespace bulkhead::controlplane
