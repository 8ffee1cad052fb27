// Each link draws what it does to a frame when that is put on it.
#include "tests/adversarial/model/links.h"

namespace bulkhead::adversary {

int Links::put(std::size_t end, bool from_end, const Bytes& frame, TimeNs now_ns) {
  const Link& link = plan_.links[end];
  if (below(random_, 1000) < link.loss) return 0;
  const int copies = below(random_, 1000) < link.twice ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    TimeNs delay_ns = link.delay_ns + static_cast<TimeNs>(i) * 10 * kMicrosecondNs;
    if (below(random_, 1000) < link.late) delay_ns += below(random_, 3000) * kMicrosecondNs;
    arrivals_.push({now_ns + delay_ns, order_++, end, from_end, frame});
  }
  return copies;
}

void Links::put_surely(std::size_t end, const Bytes& frame, TimeNs now_ns) {
  arrivals_.push({now_ns + plan_.links[end].delay_ns, order_++, end, true, frame});
}

std::optional<Links::Arrival> Links::take_due(TimeNs now_ns) {
  if (next_ns() > now_ns) return std::nullopt;
  const Arrival arrival = arrivals_.top();
  arrivals_.pop();
  return arrival;
}

}  // namespace bulkhead::adversary
