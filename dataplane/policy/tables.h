// The compiled policy in the data plane: flat tables, built once, checked in full by validate(),
// then read by all workers and never changed, except for the clocks of rate limits.
#pragma once

#include <array>
#include <atomic>
#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/base/clock.h"
#include "dataplane/base/range.h"
#include "dataplane/base/result.h"
#include "dataplane/policy/rule_index.h"
#include "dataplane/protocols/registry.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/ethernet.h"

namespace bulkhead::policy {

constexpr std::size_t kZonesMax = 32768;
constexpr std::size_t kConduitsMax = 32768;
constexpr std::size_t kRulesMax = RuleIndex::kRulesMax;  // of one conduit
constexpr std::size_t kFunctionsMax = 256;
constexpr std::size_t kPrefixesMax = 1024;  // of one rule's side, or of one zone
constexpr std::size_t kRangesMax = 1024;    // of one constraint
constexpr std::size_t kPatternsMax = 1024;  // of one constraint
constexpr std::size_t kPatternBytesMax = 256;
constexpr std::size_t kBindingsMax = 65536;
constexpr std::size_t kGroupsMax = 1024;                        // of one zone
constexpr std::size_t kIndexBytesMax = std::size_t{256} << 20;  // of all rule indices together
constexpr std::size_t kNameBytesMax = 64;
constexpr std::uint16_t kPortsMax = 32;
constexpr std::uint16_t kNoRule = 0;  // rules count from 1
constexpr std::uint16_t kNoBudget = 0xffff;
constexpr std::uint16_t kNoConduit = 0xffff;
constexpr std::uint16_t kNoZone = 0xffff;

enum class OnDeny : std::uint8_t { drop, reset, reject };
// For non-IP frames, endpoints are MAC addresses (as addresses of that form), and the port is the
// EtherType or the service access point (IEEE 802.2).
enum class Transport : std::uint8_t { tcp, udp, icmp, ethernet };
constexpr Transport transport_over(protocols::Carrier carrier) {
  switch (carrier) {
    case protocols::Carrier::tcp:
      return Transport::tcp;
    case protocols::Carrier::udp:
      return Transport::udp;
    case protocols::Carrier::ethernet:
      return Transport::ethernet;
  }
  return Transport::tcp;
}
// Precondition: not ICMP.
constexpr protocols::Carrier carrier_over(Transport transport) {
  if (transport == Transport::udp) return protocols::Carrier::udp;
  return transport == Transport::ethernet ? protocols::Carrier::ethernet : protocols::Carrier::tcp;
}
enum class ValueType : std::uint8_t { plain, int16, uint32, int32, float32 };
enum class WordOrder : std::uint8_t {
  big,
  little
};  // which register of a pair holds the high word

struct Zone {
  std::string name;
  std::uint16_t port = 0;
  wire::VlanIds vlan;
  std::vector<wire::Prefix> networks;
  // Addresses whose datagrams reach many of its hosts: multicast, and broadcast to all or to a
  // subnet. A group may be in several zones.
  std::vector<wire::IpAddress> groups{};
  bool prp = false;  // its frames have trailers and leave as they came (IEC 62439-3, 4)
};

struct Group {
  wire::IpAddress address;
  std::uint16_t zone = 0;
};

struct Binding {
  wire::IpAddress address;
  wire::Mac mac;
};

struct PortRange {
  std::uint16_t low = 0;
  std::uint16_t high = 0;

  bool contains(std::uint16_t port) const { return low <= port && port <= high; }
};

// The values of one field that a rule grants: ranges for a number, sorted, disjoint and not
// adjacent; patterns for a name, in which `*` stands for any bytes and everything else for itself,
// or the protocol's own (FieldInfo::patterns).
struct Constraint {
  std::uint8_t field = 0;
  std::vector<Range> ranges{};
  std::vector<std::string> patterns{};
};

// A rule's rate limit, shared by all workers: the time at which the bucket would be full again (a
// generic cell rate algorithm). Judging only reads it; a message that leaves is charged.
class RateLimit {
 public:
  RateLimit(TimeNs interval_ns, std::uint32_t burst) : interval_ns_(interval_ns), burst_(burst) {}
  RateLimit(RateLimit&& other) noexcept : interval_ns_(other.interval_ns_), burst_(other.burst_) {}
  RateLimit& operator=(RateLimit&& other) noexcept {
    interval_ns_ = other.interval_ns_;
    burst_ = other.burst_;
    return *this;
  }

  TimeNs interval_ns() const { return interval_ns_; }
  std::uint32_t burst() const { return burst_; }
  bool available(TimeNs now_ns) const;
  // False, and nothing is charged, if another worker was faster.
  bool charge(TimeNs now_ns) const;
  // Refunds the charge for a message that did not leave.
  void refund() const;

 private:
  // Whether one more charge fits, and the bucket's full time then.
  bool fits(TimeNs full_at_ns, TimeNs now_ns, TimeNs& next_ns) const;

  TimeNs interval_ns_ = 0;
  std::uint32_t burst_ = 0;
  mutable std::atomic<TimeNs> full_at_ns_{0};
};

struct Rule {
  std::vector<wire::Prefix> clients;
  std::vector<wire::Prefix> servers;
  Transport transport{};
  std::vector<PortRange> ports;                    // of the server; none for ICMP
  std::uint8_t protocol = protocols::kNoProtocol;  // none: a plain service
  std::bitset<kFunctionsMax> functions;
  std::vector<Constraint> constraints;  // at most one a field
  ValueType value_type = ValueType::plain;
  WordOrder word_order = WordOrder::big;
  // The rule's number in the policy's source, from 1: one rule there may be several here, one for
  // each route. 0: its position in the list.
  std::uint16_t number = 0;
  std::uint16_t budget = kNoBudget;  // among its conduit's
  bool essential = false;            // grants under containment of that level too

  // Bit i: field i must be named (FieldInfo::by_name) and is not: an operation with that field is
  // not granted. Derived by finish().
  std::uint32_t unnamed = 0;
};

struct Conduit {
  std::string name;
  std::uint16_t from = 0;  // zone whose hosts open sessions
  std::uint16_t to = 0;
  OnDeny on_deny = OnDeny::drop;
  bool reset_on_stray = false;  // a stray answer ends its session, not only itself
  bool resume = false;          // sessions that were open before this process started are resumed
  bool fail_open = false;       // sessions that cannot be judged after a takeover or start pass
  bool reassemble = false;      // fragmented packets are reassembled and judged, else dropped
  bool link_follow = false;     // one zone's port shows no carrier while the other's has none
  // Until then, in seconds since 1970, UTC, its frames leave as they came and are judged beside;
  // 0: it enforces. See policy/observed.h.
  std::uint64_t observe_until_s = 0;
  // For the agent: since when it may commit the same policy with this conduit enforcing, and for
  // how long that awaits confirmation; 0: not at all.
  std::uint64_t enforce_from_s = 0;
  std::uint32_t enforce_confirm_s = 0;
  std::vector<Rule> rules;
  std::vector<RateLimit> budgets{};  // rules from one rule of the source share a budget

  RuleIndex index;  // derived by finish()
};

struct Tables {
  std::string site;
  std::string digest;  // of the artefact, in hexadecimal
  // The role that may release containments; empty: the usual ones. The agent's to know.
  std::string containment_release;
  std::vector<Zone> zones;
  std::vector<Binding> bindings;  // sorted by address
  std::vector<Conduit> conduits;

  // Derived by finish().
  std::uint32_t prp_ports = 0;                  // ports of zones with PRP, a bit each
  std::vector<Binding> bindings_by_mac;         // the bindings, sorted by MAC address
  std::vector<Group> groups;                    // of all zones, sorted by address
  std::vector<std::uint16_t> observed;          // places of conduits that observe, ended or not
  IntervalMap<AddressKey> zone_by_address;      // kNoZone where there is none
  IntervalMap<std::uint64_t> zone_by_port;      // port and VLAN; one of the zones there
  IntervalMap<std::uint32_t> conduit_by_zones;  // from and to
};

// Keys of the derived maps.
std::uint64_t port_key(std::uint16_t port, wire::VlanIds vlan);
std::uint32_t zones_key(std::uint16_t from, std::uint16_t to);

// Returns the first error in the tables, or nothing. Trusts no field of them.
std::optional<std::string> validate(const Tables& tables);

// Builds the derived parts. Precondition: validate() found nothing.
void finish(Tables& tables);

// Both: tables that can be enforced, or what is wrong with them.
Result<Tables, std::string> finished(Tables tables);

}  // namespace bulkhead::policy
