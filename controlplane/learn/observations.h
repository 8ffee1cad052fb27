// What a capture's hosts asked of each other, added up: which function, how often, with which
// values. Bounded whatever the capture holds.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "dataplane/base/clock.h"
#include "dataplane/base/range.h"
#include "dataplane/policy/tables.h"
#include "dataplane/protocols/registry.h"
#include "dataplane/wire/address.h"

namespace bulkhead::learn {

// How often and when, by the capture's clock.
struct Seen {
  std::uint64_t count = 0;
  TimeNs first_ns = 0;
  TimeNs last_ns = 0;

  void note(TimeNs at_ns);
  void add(const Seen& other);
};

// Hosts and the service of a session; of ICMP, whose port is 0, an exchange of echoes.
struct Session {
  wire::IpAddress client;
  wire::IpAddress server;
  policy::Transport transport{};
  std::uint16_t port = 0;

  auto operator<=>(const Session&) const = default;
};

// The values of one field: ranges for a number, names as they came.
struct Values {
  static constexpr std::size_t kRangesMax = 1024;
  static constexpr std::size_t kNamesMax = 1024;

  std::vector<Range> ranges;  // sorted, neither overlapping nor adjacent
  std::set<std::string> names;
  bool any = false;  // more than are kept

  // Whether it was new.
  bool add(const Range& range);
  bool add(const std::string& name);
  void add(const Values& other);
  bool operator==(const Values&) const = default;
};

using FieldValues = std::map<std::uint8_t, Values>;

struct Use {
  Seen seen;
  FieldValues values;  // of the fields that rules are made of
};

struct UseKey {
  Session session;
  std::uint8_t protocol = 0;
  std::uint16_t function = 0;
  std::uint32_t fields = 0;  // those that the operations had

  auto operator<=>(const UseKey&) const = default;
};

struct FaultKey {
  Session session;
  std::uint8_t protocol = 0;
  protocols::Fault fault{};

  auto operator<=>(const FaultKey&) const = default;
};

class Observations {
 public:
  // `with_values`: also what is written, not only where.
  explicit Observations(bool with_values) : with_values_(with_values) {}

  // An operation that a rule must grant. Whether it or one of its values is new.
  bool note_operation(const Session& session, std::uint8_t protocol,
                      const protocols::Operation& operation, TimeNs at_ns);
  void note_fault(const Session& session, std::uint8_t protocol, protocols::Fault fault,
                  TimeNs at_ns);
  // A session of a service that no module decodes, or the attempt to open one.
  void note_service(const Session& session, TimeNs at_ns, bool opened = true);
  // An attempt came about.
  void note_opened(const Session& session) { attempts_.erase(session); }

  const std::map<UseKey, Use>& uses() const { return uses_; }
  const std::map<FaultKey, Seen>& faults() const { return faults_; }
  const std::map<Session, Seen>& services() const { return services_; }
  // Of a service: there were attempts alone.
  bool never_opened(const Session& service) const { return attempts_.contains(service); }
  // Entries that found no room: not learned.
  std::uint64_t dropped() const { return dropped_; }

 private:
  static constexpr std::size_t kEntriesMax = 100'000;  // of each map

  bool with_values_;
  std::map<UseKey, Use> uses_;
  std::map<FaultKey, Seen> faults_;
  std::map<Session, Seen> services_;
  std::set<Session> attempts_;  // those of the services that never opened
  std::uint64_t dropped_ = 0;
};

// Whether a rule must grant an operation that came this way: an answer needs none.
bool needs_rule(const protocols::Operation& operation, protocols::Direction direction,
                const protocols::FunctionInfo& function);

// Whether rules name the field: it says what is addressed, not how much or what is written there.
bool is_named_by_rules(const protocols::Catalogue& catalogue, std::size_t field, bool with_values);

}  // namespace bulkhead::learn
