// The compiled policy as the data plane holds it: plain tables, built once, checked in full by
// validate(), never changed afterwards (but for the clocks of rate limits) and read by all workers.
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
#include "dataplane/protocols/registry.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/ethernet.h"

namespace bulkhead::policy {

constexpr std::size_t kZonesMax = 64;
constexpr std::size_t kConduitsMax = 256;
constexpr std::size_t kRulesMax = 256;  // of one conduit
constexpr std::size_t kFunctionsMax = 256;
constexpr std::size_t kPrefixesMax = 1024;  // of one rule's side, or of one zone
constexpr std::size_t kRangesMax = 1024;    // of one constraint
constexpr std::size_t kBindingsMax = 65536;
constexpr std::size_t kNameBytesMax = 64;
constexpr std::uint16_t kPortsMax = 32;
constexpr std::uint16_t kNoRule = 0;  // rules count from 1
constexpr std::uint16_t kNoConduit = 0xffff;
constexpr std::uint16_t kNoZone = 0xffff;

enum class OnDeny : std::uint8_t { drop, reset, reject };
enum class Transport : std::uint8_t { tcp, udp, icmp };
enum class ValueType : std::uint8_t { plain, int16, uint32, int32, float32 };
enum class WordOrder : std::uint8_t {
  big,
  little
};  // which register of a pair holds the high word

// A set of a conduit's rules; bit i is the rule with id i + 1.
struct RuleMask {
  std::array<std::uint64_t, kRulesMax / 64> words{};

  void set(std::size_t bit) { words[bit / 64] |= std::uint64_t{1} << (bit % 64); }
  bool test(std::size_t bit) const { return (words[bit / 64] >> (bit % 64) & 1U) != 0; }
  bool none() const { return (words[0] | words[1] | words[2] | words[3]) == 0; }
  RuleMask operator&(const RuleMask& other) const {
    RuleMask both;
    for (std::size_t i = 0; i < words.size(); ++i) both.words[i] = words[i] & other.words[i];
    return both;
  }
  // Calls visit(bit) from the lowest; stops when it returns false.
  template <typename Visit>
  void each(Visit&& visit) const {
    for (std::size_t i = 0; i < words.size(); ++i) {
      for (std::uint64_t word = words[i]; word != 0; word &= word - 1) {
        if (!visit(i * 64 + static_cast<std::size_t>(std::countr_zero(word)))) return;
      }
    }
  }
};

struct Zone {
  std::string name;
  std::uint16_t port = 0;
  wire::VlanIds vlan;
  std::vector<wire::Prefix> networks;
};

struct Binding {
  wire::IpAddress address;
  wire::Mac mac;
};

struct PortRange {
  std::uint16_t low = 0;
  std::uint16_t high = 0;
};

// The ranges of one field that a rule grants: sorted, disjoint, not adjacent.
struct Constraint {
  std::uint8_t field = 0;
  std::vector<Range> ranges;
};

// A limit on how often a rule may grant, shared by all workers: the time at which the bucket would
// be full again (a generic cell rate algorithm). Interval 0: no limit.
class RateLimit {
 public:
  RateLimit() = default;
  RateLimit(TimeNs interval_ns, std::uint32_t burst) : interval_ns_(interval_ns), burst_(burst) {}
  RateLimit(RateLimit&& other) noexcept : interval_ns_(other.interval_ns_), burst_(other.burst_) {}
  RateLimit& operator=(RateLimit&& other) noexcept {
    interval_ns_ = other.interval_ns_;
    burst_ = other.burst_;
    return *this;
  }

  TimeNs interval_ns() const { return interval_ns_; }
  std::uint32_t burst() const { return burst_; }
  bool take(TimeNs now_ns) const;

 private:
  TimeNs interval_ns_ = 0;
  std::uint32_t burst_ = 1;
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
  RateLimit rate;
};

struct Conduit {
  std::string name;
  std::uint16_t from = 0;  // zone whose hosts open sessions
  std::uint16_t to = 0;
  OnDeny on_deny = OnDeny::drop;
  bool resume = false;      // sessions that were open before this process was are taken up
  bool reassemble = false;  // fragmented packets are put together and judged, else dropped
  std::vector<Rule> rules;

  // Derived by finish(): rules that name a function, by protocol and function.
  std::vector<std::vector<RuleMask>> rules_by_function;
};

struct Tables {
  std::string site;
  std::string digest;  // of the artefact, in hexadecimal
  std::vector<Zone> zones;
  std::vector<Binding> bindings;  // sorted by address
  std::vector<Conduit> conduits;

  // Derived by finish(): from * zones + to -> conduit, kNoConduit where there is none.
  std::vector<std::uint16_t> conduit_by_zones;
};

// What is wrong with the tables, or nothing. Trusts no field of them.
std::optional<std::string> validate(const Tables& tables);

// Builds the derived parts. Precondition: validate() found nothing.
void finish(Tables& tables);

}  // namespace bulkhead::policy
