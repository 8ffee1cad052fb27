// What malloc keeps goes back to the system.
#include "controlplane/agent/memory.h"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "dataplane/base/priority.h"

namespace bulkhead::controlplane {

namespace {

constexpr TimeNs kLookPeriodNs = 15 * kSecondNs;
constexpr std::size_t kGrowthBytes = std::size_t{16} << 20;
constexpr std::size_t kChangeBytes = std::size_t{4} << 20;

std::size_t used_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

}  // namespace

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t all = 0;
  std::size_t resident = 0;
  file >> all >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

void MemoryKeeper::turn(TimeNs now_ns) {
  if (now_ns - looked_ns_ < kLookPeriodNs) return;
  looked_ns_ = now_ns;
  const std::size_t resident = resident_bytes();
  if (least_bytes_ == 0) least_bytes_ = resident;
  least_bytes_ = std::min(least_bytes_, resident);
  if (resident <= least_bytes_ + kGrowthBytes) return;
  // A thread with the allocator's locks must not wait for a core: a heartbeat may wait for them.
  const bool at_once = run_before_others() == 0;
  const std::size_t used = used_bytes();
  const std::size_t change = used > used_bytes_ ? used - used_bytes_ : used_bytes_ - used;
  if (change > kChangeBytes) {
    malloc_trim(0);
    used_bytes_ = used;
  }
  if (at_once) run_as_others();
}

}  // namespace bulkhead::controlplane
