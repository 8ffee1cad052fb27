// A look at the counters, whose pages add up.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "bulkhead/v1/telemetry.pb.h"

namespace bulkhead::controlplane {

class CounterLook {
 public:
  CounterLook() = default;
  // Rows of more names than so many are counted and left out.
  explicit CounterLook(std::size_t rows_max) : rows_max_(rows_max) {}

  // True once the look is whole.
  bool take(const v1::Counters& page) {
    if (std::exchange(whole_, false) || page.anew()) {
      rows_.clear();
      left_out_ = 0;
    }
    for (const v1::Counter& row : page.rows()) add(row);
    wall_time_ns_ = page.wall_time_ns();
    cut_ = page.cut() || left_out_ > 0;
    whole_ = !page.more();
    return whole_;
  }
  const auto& rows() const { return rows_; }
  std::uint64_t wall_time_ns() const { return wall_time_ns_; }
  bool is_cut() const { return cut_; }
  bool is_whole() const { return whole_; }
  std::size_t left_out() const { return left_out_; }

 private:
  using Name = std::tuple<std::string, std::uint32_t, std::string, std::string, std::string,
                          std::string, std::string>;

  void add(const v1::Counter& row) {
    Name name{row.conduit(), row.rule(),   row.protocol(), row.function(),
              row.verdict(), row.reason(), row.fault()};
    if (rows_.size() >= rows_max_ && rows_.find(name) == rows_.end()) {
      ++left_out_;
      return;
    }
    const auto [place, is_new] = rows_.try_emplace(std::move(name), row);
    if (is_new) return;
    v1::Counter& sum = place->second;
    sum.set_messages(sum.messages() + row.messages());
    sum.set_bytes(sum.bytes() + row.bytes());
  }

  std::map<Name, v1::Counter> rows_;
  std::size_t rows_max_ = std::numeric_limits<std::size_t>::max();
  std::size_t left_out_ = 0;
  std::uint64_t wall_time_ns_ = 0;
  bool cut_ = false;
  bool whole_ = false;
};

}  // namespace bulkhead::controlplane
