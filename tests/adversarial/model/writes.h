// What the application of an end will write, and when.
#pragma once

#include <utility>
#include <vector>

#include "tests/adversarial/model/plan.h"

namespace bulkhead::adversary {

class Writes {
 public:
  bool empty() const { return writes_.empty(); }
  // When the next one is due; UINT64_MAX: none waits.
  TimeNs next_ns() const { return writes_.empty() ? UINT64_MAX : writes_.front().first; }

  void add(const Bytes& bytes, TimeNs at_ns) { writes_.emplace_back(at_ns, bytes); }
  // In the plan's pieces, from now on and after what waits.
  void add_request(const Bytes& request, const Plan& plan, Random& random, TimeNs now_ns);
  // In one write with what answers nothing, or in two, as often as the plan says.
  void add_answer(const Bytes& request, const Bytes& answer, const Plan& plan, Random& random,
                  TimeNs at_ns);
  // Hands what is due to the end; `together`: in one write.
  void write_due(TcpModel& end, TimeNs now_ns, bool together);

 private:
  std::vector<std::pair<TimeNs, Bytes>> writes_;
};

// The answer to a granted request, or what a rogue server says instead.
Bytes server_answer(const Bytes& request, const Plan& plan, Random& random);

}  // namespace bulkhead::adversary
