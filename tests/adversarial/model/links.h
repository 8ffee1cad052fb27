// Frames under way between two ends and what stands between them, over links that lose, repeat and
// reorder.
#pragma once

#include <optional>
#include <queue>

#include "tests/adversarial/model/plan.h"

namespace bulkhead::adversary {

class Links {
 public:
  struct Arrival {
    TimeNs at_ns;
    std::uint64_t order;  // of those that arrive at one time
    std::size_t end;      // whose link it is
    bool from_end;        // to what stands between; else to the end
    Bytes frame;
    bool operator<(const Arrival& other) const {
      return at_ns != other.at_ns ? at_ns > other.at_ns : order > other.order;
    }
  };

  // Both outlive it.
  Links(const Plan& plan, Random& random) : plan_(plan), random_(random) {}

  // How many copies of the frame will arrive.
  int put(std::size_t end, bool from_end, const Bytes& frame, TimeNs now_ns);
  // An attacker's frame, of which none is lost.
  void put_surely(std::size_t end, const Bytes& frame, TimeNs now_ns);
  // When the next one arrives; UINT64_MAX: none is under way.
  TimeNs next_ns() const { return arrivals_.empty() ? UINT64_MAX : arrivals_.top().at_ns; }
  std::optional<Arrival> take_due(TimeNs now_ns);

 private:
  const Plan& plan_;
  Random& random_;
  std::priority_queue<Arrival> arrivals_;
  std::uint64_t order_ = 0;
};

}  // namespace bulkhead::adversary
