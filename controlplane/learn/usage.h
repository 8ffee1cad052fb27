// What was observed, against a policy that there is: which of its rules are never used, and what it
// would have refused.
#pragma once

#include <map>
#include <set>

#include "controlplane/learn/verdict.h"

namespace bulkhead::learn {

class Usage {
 public:
  // Finished tables, which live as long as this.
  explicit Usage(const policy::Tables& tables) : tables_(tables) {}

  // Judges the operation alone: no rate, no state of its session.
  void note_operation(const Session& session, std::uint8_t protocol,
                      const protocols::Operation& operation, TimeNs at_ns);
  void note_service(const Session& session, TimeNs at_ns);
  bool grants(const Session& service) const;

  struct Refused {
    Session session;
    std::uint8_t protocol = protocols::kNoProtocol;  // none: a service
    std::uint16_t function = 0;
    Reason reason{};

    auto operator<=>(const Refused&) const = default;
  };
  const std::map<Refused, Seen>& refused() const { return refused_; }
  // Operations and services that it grants.
  std::uint64_t granted() const { return granted_; }
  // Numbers of rules that granted something, by conduit.
  const std::map<std::uint16_t, std::set<std::uint16_t>>& used() const { return used_; }

 private:
  static constexpr std::size_t kEntriesMax = 100'000;

  void refuse(const Refused& what, TimeNs at_ns);
  void note(const Verdict& verdict, const Refused& what, TimeNs at_ns);

  const policy::Tables& tables_;
  std::uint64_t granted_ = 0;
  std::map<std::uint16_t, std::set<std::uint16_t>> used_;
  std::map<Refused, Seen> refused_;
};

}  // namespace bulkhead::learn
