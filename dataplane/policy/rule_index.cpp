// Sweeps over the ends of all rules' intervals; a set of rules that came before has its row.
#include "dataplane/policy/rule_index.h"

#include <algorithm>
#include <map>

#include "dataplane/policy/classifier.h"

namespace bulkhead::policy {

namespace {

using Row = std::vector<std::uint64_t>;

// Where rules begin or end to name a key.
template <typename Key>
struct Edge {
  Key at{};
  std::uint32_t rule = 0;
  int step = 0;
};

std::uint32_t service_key(Transport transport, std::uint16_t port) {
  return static_cast<std::uint32_t>(transport) << 16 | port;
}

}  // namespace

AddressKey AddressKey::behind(const wire::Prefix& prefix) {
  AddressKey key = of(prefix.address);
  const unsigned rest = wire::kPrefixLengthMax - prefix.length;  // host bits
  if (rest >= 128) return {};
  if (rest >= 64) return {key.high + (std::uint64_t{1} << (rest - 64)), 0};
  key.low += std::uint64_t{1} << rest;
  if (key.low == 0) ++key.high;
  return key;
}

class RuleIndex::Builder {
 public:
  Builder(RuleIndex& index, std::size_t rules)
      : index_(index), words_(std::max<std::size_t>((rules + 63) / 64, 1)) {
    index.stride_ = words_ == 1 ? 1 : words_ + 1;
    index.bits_.clear();
  }

  std::uint32_t rows() const {
    return static_cast<std::uint32_t>(index_.bits_.size() / index_.stride_);
  }

  Row empty() const { return Row(words_); }

  void add(const Row& row) {
    if (index_.stride_ > 1) {
      std::uint64_t summary = 0;
      for (std::size_t w = 0; w < words_; ++w) summary |= std::uint64_t{row[w] != 0} << w;
      index_.bits_.push_back(summary);
    }
    index_.bits_.insert(index_.bits_.end(), row.begin(), row.end());
  }

  // Adds a row for each set of rules; the empty set's is the first.
  template <typename Key>
  IntervalMap<Key> sweep(std::vector<Edge<Key>> edges) {
    std::stable_sort(edges.begin(), edges.end(),
                     [](const auto& a, const auto& b) { return a.at < b.at; });
    std::map<Row, std::uint16_t> known{{empty(), 0}};
    add(empty());
    IntervalMap<Key> map;
    Row row = empty();
    std::vector<int> names(words_ * 64);  // how many intervals of a rule hold the key
    for (std::size_t i = 0; i < edges.size();) {
      const Key at = edges[i].at;
      for (; i < edges.size() && !(at < edges[i].at); ++i) {
        const Edge<Key>& edge = edges[i];
        names[edge.rule] += edge.step;
        const std::uint64_t bit = std::uint64_t{1} << (edge.rule % 64);
        std::uint64_t& word = row[edge.rule / 64];
        word = names[edge.rule] > 0 ? word | bit : word & ~bit;
      }
      const auto [found, added] = known.emplace(row, static_cast<std::uint16_t>(known.size()));
      if (added) add(row);
      map.change(at, found->second);
    }
    return map;
  }

 private:
  RuleIndex& index_;
  std::size_t words_;
};

namespace {

std::vector<Edge<AddressKey>> host_edges(const std::vector<Rule>& rules,
                                         const std::vector<wire::Prefix> Rule::* side) {
  std::vector<Edge<AddressKey>> edges;
  for (std::uint32_t i = 0; i < rules.size(); ++i) {
    for (const wire::Prefix& prefix : rules[i].*side) {
      edges.push_back({AddressKey::first_of(prefix), i, 1});
      const AddressKey behind = AddressKey::behind(prefix);
      if (!behind.is_zero()) edges.push_back({behind, i, -1});
    }
  }
  return edges;
}

std::vector<Edge<std::uint32_t>> service_edges(const std::vector<Rule>& rules) {
  std::vector<Edge<std::uint32_t>> edges;
  const auto name = [&](std::uint32_t rule, PortRange ports) {
    edges.push_back({service_key(rules[rule].transport, ports.low), rule, 1});
    edges.push_back({service_key(rules[rule].transport, ports.high) + 1, rule, -1});
  };
  for (std::uint32_t i = 0; i < rules.size(); ++i) {
    if (rules[i].transport == Transport::icmp) name(i, {0, 0xffff});
    for (const PortRange& ports : rules[i].ports) name(i, ports);
  }
  return edges;
}

}  // namespace

void RuleIndex::build(const std::vector<Rule>& rules) {
  Builder builder(*this, rules.size());
  clients_ = builder.sweep(host_edges(rules, &Rule::clients));
  servers_row_ = builder.rows();
  servers_ = builder.sweep(host_edges(rules, &Rule::servers));
  services_row_ = builder.rows();
  services_ = builder.sweep(service_edges(rules));
  Row all = builder.empty();
  Row inspects = builder.empty();
  functions_.assign(protocols::registry().size(), {});
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const std::uint64_t bit = std::uint64_t{1} << (i % 64);
    all[i / 64] |= bit;
    if (rules[i].protocol == protocols::kNoProtocol) continue;
    inspects[i / 64] |= bit;
    functions_[rules[i].protocol].count = static_cast<std::uint16_t>(
        protocols::registry()[rules[i].protocol]->catalogue().functions.size());
  }
  all_row_ = builder.rows();
  builder.add(all);
  inspects_row_ = builder.rows();
  builder.add(inspects);
  for (std::size_t p = 0; p < functions_.size(); ++p) {
    functions_[p].first_row = builder.rows();
    for (std::size_t f = 0; f < functions_[p].count; ++f) {
      Row row = builder.empty();
      for (std::size_t i = 0; i < rules.size(); ++i) {
        const bool names = rules[i].protocol == p && rules[i].functions.test(f);
        row[i / 64] |= std::uint64_t{names} << (i % 64);
      }
      builder.add(row);
    }
  }
  bits_.shrink_to_fit();
}

RuleCell RuleIndex::locate(const Endpoints& endpoints) const {
  return {clients_.find(AddressKey::of(endpoints.client)),
          servers_.find(AddressKey::of(endpoints.server)),
          services_.find(service_key(endpoints.transport, endpoints.server_port))};
}

std::uint16_t RuleIndex::first_rule(RuleCell cell) const {
  std::uint16_t first = kNoRule;
  for (const std::uint32_t among : {inspects_row_, all_row_}) {
    walk(row(cell.clients), row(servers_row_ + cell.servers), row(services_row_ + cell.service),
         row(among), [&](std::size_t i) {
           first = static_cast<std::uint16_t>(i + 1);
           return false;
         });
    if (first != kNoRule) break;
  }
  return first;
}

bool RuleIndex::names(const wire::IpAddress& host) const {
  const AddressKey key = AddressKey::of(host);
  const std::uint64_t* all = row(all_row_);
  for (const std::uint64_t* named :
       {row(clients_.find(key)), row(servers_row_ + servers_.find(key))}) {
    bool any = false;
    walk(named, all, all, all, [&](std::size_t) {
      any = true;
      return false;
    });
    if (any) return true;
  }
  return false;
}

bool RuleIndex::joins(const wire::IpAddress& client, const wire::IpAddress& server) const {
  bool any = false;
  const std::uint64_t* all = row(all_row_);
  walk(row(clients_.find(AddressKey::of(client))),
       row(servers_row_ + servers_.find(AddressKey::of(server))), all, all, [&](std::size_t) {
         any = true;
         return false;
       });
  return any;
}

}  // namespace bulkhead::policy
