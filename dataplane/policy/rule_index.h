// Bit rows of the rules that name a host, a service or a function: one for each set of hosts that
// the same rules name. A session's rules are the intersection of its rows, found in the same time
// for few rules and for many (bit-vector classification: Lakshman and Stiliadis, SIGCOMM 1998; with
// summaries: Baboescu and Varghese, SIGCOMM 2001).
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "dataplane/policy/interval_map.h"
#include "dataplane/wire/address.h"

namespace bulkhead::policy {

struct Rule;
struct Endpoints;

// A session's position among its conduit's rules. Valid under one policy only.
struct RuleCell {
  std::uint16_t clients = 0;  // set of hosts; 0: named by no rule
  std::uint16_t servers = 0;
  std::uint16_t service = 0;
};

// An address as two integers, for fast comparison.
struct AddressKey {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  static AddressKey of(const wire::IpAddress& address) { return {address.high(), address.low()}; }
  // The first address of a prefix, and the address after its last; zero if there is none.
  static AddressKey first_of(const wire::Prefix& prefix) { return of(prefix.address); }
  static AddressKey behind(const wire::Prefix& prefix);

  bool is_zero() const { return (high | low) == 0; }
  bool operator<(const AddressKey& other) const {
    return high < other.high || (high == other.high && low < other.low);
  }
};

class RuleIndex {
 public:
  static constexpr std::size_t kRulesMax = 64 * 64;  // a summary of 64 words of 64 rules

  void build(const std::vector<Rule>& rules);

  RuleCell locate(const Endpoints& endpoints) const;

  // The lowest rule of the cell (from 1), 0 if there is none; an inspecting rule if there is one.
  std::uint16_t first_rule(RuleCell cell) const;

  // Calls visit(i) for each rule of the cell that names a protocol, as each() does.
  template <typename Visit>
  void each_inspecting(RuleCell cell, Visit&& visit) const {
    walk(row(cell.clients), row(servers_row_ + cell.servers), row(services_row_ + cell.service),
         row(inspects_row_), visit);
  }

  // Calls visit(i) for each rule of the cell, as each() does.
  template <typename Visit>
  void each_of(RuleCell cell, Visit&& visit) const {
    walk(row(cell.clients), row(servers_row_ + cell.servers), row(services_row_ + cell.service),
         row(all_row_), visit);
  }

  // Whether any rule names the host, as a client or as a server, whatever the service.
  bool names(const wire::IpAddress& host) const;
  // Whether any rule names both hosts, whatever the service.
  bool joins(const wire::IpAddress& client, const wire::IpAddress& server) const;

  // Calls visit(i) for each rule of the cell that names the function, by rising place i in the
  // conduit's list, until it returns false.
  template <typename Visit>
  void each(RuleCell cell, std::uint8_t protocol, std::uint16_t function, Visit&& visit) const {
    if (protocol >= functions_.size() || function >= functions_[protocol].count) return;
    walk(row(cell.clients), row(servers_row_ + cell.servers), row(services_row_ + cell.service),
         row(functions_[protocol].first_row + function), visit);
  }

 private:
  struct FunctionRows {
    std::uint32_t first_row = 0;
    std::uint16_t count = 0;  // 0: no rule is of the protocol
  };

  class Builder;

  const std::uint64_t* row(std::uint32_t index) const {
    return bits_.data() + std::size_t{index} * stride_;
  }

  // The first word of a long row marks the words that are not zero.
  template <typename Visit>
  void walk(const std::uint64_t* a, const std::uint64_t* b, const std::uint64_t* c,
            const std::uint64_t* d, Visit&& visit) const {
    const std::size_t skip = stride_ > 1 ? 1 : 0;
    std::uint64_t words = skip == 0 ? 1 : a[0] & b[0] & c[0] & d[0];
    for (; words != 0; words &= words - 1) {
      const auto w = static_cast<std::size_t>(std::countr_zero(words));
      const std::size_t at = w + skip;
      for (std::uint64_t word = a[at] & b[at] & c[at] & d[at]; word != 0; word &= word - 1) {
        if (!visit(w * 64 + static_cast<std::size_t>(std::countr_zero(word)))) return;
      }
    }
  }

  std::size_t stride_ = 1;  // words of a row
  std::uint32_t servers_row_ = 0;
  std::uint32_t services_row_ = 0;
  std::uint32_t inspects_row_ = 0;  // the rules that name a protocol
  std::uint32_t all_row_ = 0;
  std::vector<std::uint64_t> bits_{0};
  std::vector<FunctionRows> functions_;  // by protocol
  IntervalMap<AddressKey> clients_;
  IntervalMap<AddressKey> servers_;
  IntervalMap<std::uint32_t> services_;  // transport and port
};

}  // namespace bulkhead::policy
