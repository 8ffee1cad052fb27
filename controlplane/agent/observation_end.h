// Ends `mode: observe` within the hours that the policy names: commits the same policy with the
// conduit enforcing, which may await confirmation. If it cannot, or nobody confirms, the data plane
// enforces when the hours are over: that needs nobody. A thread of its own, since a commit waits.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "controlplane/revisions/policies.h"
#include "controlplane/telemetry/sink.h"
#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

class ObservationEnd {
 public:
  // All outlive it. `may_commit`: whether this appliance commits, as the active one of a pair does.
  ObservationEnd(Policies& policies, Sink& sink, std::function<bool()> may_commit)
      : policies_(policies), sink_(sink), may_commit_(std::move(may_commit)) {}
  ~ObservationEnd() { stop(); }
  void start();
  void stop();

  // One round of its thread. `now_s`: seconds since 1970, UTC.
  void pass_time(std::uint64_t now_s);

 private:
  // What of the active revision is due.
  struct Due {
    std::uint64_t revision = 0;
    std::uint64_t from_s = 0;  // the earliest; 0: nothing
    std::uint64_t until_s = 0;
  };

  void look(const v1::Revision& active);
  void end(std::uint64_t now_s);
  std::optional<std::uint64_t> staged_before(const std::string& comment, bool& committed) const;
  void tell(const std::string& severity, const std::string& text);

  Policies& policies_;
  Sink& sink_;
  std::function<bool()> may_commit_;
  Due due_;
  std::uint64_t tried_s_ = 0;  // when it failed last; 0: it has not
  std::uint64_t ended_ = 0;    // the revision whose observation was ended here
  std::string problem_;        // of the last try, as it was reported
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

// The policy with those conduits enforcing whose hours have begun; nothing if there are none. Sets
// for how long the commit awaits confirmation.
std::optional<v1::PolicyArtefact> end_observation(const v1::PolicyArtefact& artefact,
                                                  std::uint64_t now_s, std::uint64_t& confirm_ms);

}  // namespace bulkhead::controlplane
