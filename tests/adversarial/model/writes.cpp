// Where applications cut what they say is theirs to choose.
#include "tests/adversarial/model/writes.h"

namespace bulkhead::adversary {

void Writes::add_request(const Bytes& request, const Plan& plan, Random& random, TimeNs now_ns) {
  TimeNs at_ns = writes_.empty() ? now_ns : writes_.back().first;
  if (plan.pieces == 0 || plan.pieces == 3) {
    add(request, at_ns);
  } else if (plan.pieces == 1) {
    const auto cut =
        request.begin() + 1 + below(random, static_cast<std::uint32_t>(request.size()) - 1);
    add(Bytes(request.begin(), cut), at_ns);
    add(Bytes(cut, request.end()), at_ns + below(random, 3000) * kMicrosecondNs);
  } else {
    for (const std::uint8_t byte : request) {
      add({byte}, at_ns);
      at_ns += below(random, 200) * kMicrosecondNs;
    }
  }
}

void Writes::add_answer(const Bytes& request, const Bytes& answer, const Plan& plan, Random& random,
                        TimeNs at_ns) {
  if (below(random, 100) >= plan.strays) return add(answer, at_ns);
  const bool behind = one_in(random, 2);
  Bytes first = behind ? answer : stray_beside(random, request, behind);
  const Bytes second = behind ? stray_beside(random, request, behind) : answer;
  if (one_in(random, 2)) {
    first.insert(first.end(), second.begin(), second.end());
    return add(first, at_ns);
  }
  add(first, at_ns);
  add(second, at_ns);
}

void Writes::write_due(TcpModel& end, TimeNs now_ns, bool together) {
  Bytes all;
  std::size_t due = 0;
  for (; due < writes_.size() && writes_[due].first <= now_ns; ++due) {
    const Bytes& bytes = writes_[due].second;
    if (together) {
      all.insert(all.end(), bytes.begin(), bytes.end());
    } else {
      end.write(bytes, now_ns);
    }
  }
  if (!all.empty()) end.write(all, now_ns);
  writes_.erase(writes_.begin(), writes_.begin() + static_cast<std::ptrdiff_t>(due));
}

Bytes server_answer(const Bytes& request, const Plan& plan, Random& random) {
  Bytes answer = answer_to(request);
  if (plan.rogue_server && one_in(random, 4)) answer[below(random, 9)] ^= 1;
  return answer;
}

}  // namespace bulkhead::adversary
