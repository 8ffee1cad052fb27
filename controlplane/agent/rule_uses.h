// When rules were last used, on the appliance's disk and at its peer: what the data plane counts
// ends with its process. Thread-safe.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "bulkhead/v1/failover.pb.h"
#include "controlplane/agent/rule_book.h"
#include "controlplane/revisions/revision_store.h"
#include "controlplane/telemetry/readings.h"
#include "controlplane/telemetry/sink.h"

namespace bulkhead::controlplane {

class RuleUses {
 public:
  // How late what has changed is on disk: what is new, and that a rule was used once more. And how
  // long the peer waits for it.
  static constexpr TimeNs kSoonNs = 10 * kSecondNs;
  static constexpr TimeNs kLateNs = TimeNs{1800} * kSecondNs;
  static constexpr TimeNs kPeerNs = 60 * kSecondNs;
  static constexpr std::size_t kEntriesOfMessage = 500;

  // Both outlive it. Reads the file `rule-use` in the store's folder; one that is damaged is set
  // aside, and counting begins anew.
  RuleUses(const RevisionStore& store, Sink& sink);

  // A look at the counters of the data plane, which enforces the policy of this digest.
  void note(const std::string& sha256, const RuleCounts& counts, TimeNs wall_ns);
  // Asks for a look first, if that has been set.
  Readings::RulesInForce in_force() const;
  // What comes to a note() with the counts of now, unless it would have to wait for long. Before
  // any question.
  void set_look(std::function<void()> look) { look_ = std::move(look); }

  // Once a second, and note() by the same thread: writes and sends what is due. Waits for the disk;
  // nothing else here does.
  void turn(TimeNs now_ns);
  // Writes what has not been written; turn() is not called any more.
  void stop();

  using ToPeer = std::function<void(v1::PairRuleUse)>;  // does not wait
  void join_pair(ToPeer to_peer);
  void on_link(bool up);
  void on_peer(const v1::PairRuleUse& message);

 private:
  void load();
  void learn_policy(const std::string& sha256, TimeNs wall_ns);
  bool is_due(TimeNs now_ns) const;
  void write(TimeNs now_ns);
  void send(TimeNs now_ns);

  const RevisionStore& store_;
  Sink& sink_;
  const std::string path_;
  std::function<void()> look_ = [] {};
  mutable std::mutex mutex_;
  RuleBook book_;
  ToPeer to_peer_;
  std::uint64_t written_ = 0;  // changes that are on disk
  std::uint64_t urgent_written_ = 0;
  TimeNs written_ns_ = 0;
  bool problem_told_ = false;
  // To the peer goes all, part by part, and again when something has changed.
  bool link_ = false;
  bool sends_ = false;
  std::string sent_to_;     // the last identity of the parts that were sent
  std::uint64_t sent_ = 0;  // changes at the beginning of the round
  TimeNs sent_ns_ = 0;      // its end
};

}  // namespace bulkhead::controlplane
