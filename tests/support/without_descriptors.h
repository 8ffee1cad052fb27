// A process that has no descriptor left, or only a few.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

namespace bulkhead::support {

// From its beginning to its end `left` can be open beside those that are. One at a time.
class WithoutDescriptors {
 public:
  explicit WithoutDescriptors(rlim_t left = 0) {
    getrlimit(RLIMIT_NOFILE, &usual_);
    rlimit few = usual_;
    few.rlim_cur = left == 0 ? 0 : fill_gaps() + 1 + left;  // a bound of the number of the next
    setrlimit(RLIMIT_NOFILE, &few);
  }
  ~WithoutDescriptors() {
    end();
    for (const int descriptor : fillers_) close(descriptor);
  }
  WithoutDescriptors(const WithoutDescriptors&) = delete;
  WithoutDescriptors& operator=(const WithoutDescriptors&) = delete;
  void end() const { setrlimit(RLIMIT_NOFILE, &usual_); }

 private:
  // Takes all numbers below the highest that is in use, which it returns.
  rlim_t fill_gaps() {
    constexpr int kGapsMax = 256;
    int highest = 0;
    for (int i = 0; i < kGapsMax; ++i) {
      fillers_.push_back(dup(STDERR_FILENO));
      highest = std::max(highest, fillers_.back());
    }
    return static_cast<rlim_t>(highest);
  }

  rlimit usual_{};
  std::vector<int> fillers_;
};

}  // namespace bulkhead::support
