// When rules were last used, whatever number they have in which policy: pure, and bounded.
//
// A rule is what it grants in a conduit of that name: the digest of the conduit's name and of the
// rule's compiled form without its number. A rule that moves, is commented on, or names an asset
// that was renamed is the same; one that grants more, less or with another rate is a new one, as
// is one in a conduit that was renamed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bulkhead/v1/policy.pb.h"
#include "bulkhead/v1/telemetry.pb.h"
#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

// How many messages, and packets of plain services, each rule has let pass, page by page.
class RuleCounts {
 public:
  static constexpr std::size_t kRulesMax = 65536;
  using Rule = std::pair<std::string, std::uint32_t>;  // conduit and number

  void add(const v1::Counters& page);
  const std::map<Rule, std::uint64_t>& messages() const { return messages_; }

 private:
  std::map<Rule, std::uint64_t> messages_;
};

class RuleBook {
 public:
  static constexpr std::size_t kEntriesMax = 65536;
  static constexpr TimeNs kKeptNs = TimeNs{400} * 24 * 3600 * kSecondNs;  // after it was in force

  // The policy in force, of this digest. Rules that are new are counted from now on.
  void set_policy(const std::string& sha256, const v1::CompiledPolicy& policy, TimeNs wall_ns);
  const std::string& policy() const { return policy_; }
  // Not after read(), which knows the policy's digest alone.
  bool knows_rules() const { return knows_rules_; }
  // The counts of the data plane, which enforces that policy. The first ones after a change of the
  // policy say nothing: they hold what was counted before.
  void note(const RuleCounts& counts, TimeNs wall_ns);

  // In the policy's order.
  std::vector<v1::RuleUse> in_force() const;

  // What the peer knows: the earlier beginning and the later use count. True if that is news.
  bool join(const std::vector<v1::KeptRuleUse>& uses);
  // Entries after that one, by identity; empty: from the first on.
  std::vector<v1::KeptRuleUse> entries(const std::string& after, std::size_t count_max) const;

  v1::RuleUseFile to_file() const;
  // Precondition: it is new. False if that is no such file.
  bool read(const v1::RuleUseFile& file);

  // Counts changes of what to_file() gives, and those that must be on disk soon: rules that are new
  // or were used for the first time.
  std::uint64_t changes() const { return changes_; }
  std::uint64_t urgent_changes() const { return urgent_changes_; }

 private:
  struct Entry {
    TimeNs since_ns = 0;
    TimeNs used_ns = 0;  // 0: never
    TimeNs in_force_ns = 0;
  };

  void use(const std::string& identity, TimeNs wall_ns);
  void drop_old(TimeNs wall_ns);

  std::map<std::string, Entry> entries_;
  std::string policy_;
  std::vector<std::pair<RuleCounts::Rule, std::string>> rules_;  // identities, in order
  std::map<RuleCounts::Rule, std::uint64_t> counts_;
  bool knows_rules_ = false;
  bool counts_known_ = false;
  std::uint64_t changes_ = 0;
  std::uint64_t urgent_changes_ = 0;
};

}  // namespace bulkhead::controlplane
