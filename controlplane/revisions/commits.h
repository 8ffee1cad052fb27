// Commits, running and done: each has an identifier, by which its outcome can be queried later. One
// runs at a time. Thread-safe.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>

#include "bulkhead/v1/control.pb.h"
#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

class Commits {
 public:
  static constexpr std::size_t kKept = 64;

  // `start` makes the identifiers of this start of the agent unique.
  explicit Commits(std::uint64_t start) : start_(start) {}

  // The new commit's identifier; nullopt while another one is running.
  std::optional<std::string> begin(std::uint64_t revision, const std::string& by);
  // Sets the present step of the running commit; ignored if there is none.
  void tell(const std::string& step);
  // Ends the running commit. Its text says what is known, and what is not.
  void finish(v1::Commit::State state, const std::string& text);
  void finish(const v1::Revision& in_force, std::uint64_t generation, const std::string& text);

  // An empty identifier asks for the newest.
  std::optional<v1::Commit> find(const std::string& id) const;
  // The same once it is done or the time is over.
  std::optional<v1::Commit> wait(const std::string& id, std::chrono::milliseconds timeout) const;

 private:
  std::optional<v1::Commit> look(const std::string& id) const;
  void end(const v1::Commit& done);

  const std::uint64_t start_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::deque<v1::Commit> commits_;  // the newest last
  std::uint64_t count_ = 0;
};

}  // namespace bulkhead::controlplane
