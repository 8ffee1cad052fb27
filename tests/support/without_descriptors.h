// A process that has no descriptor left.
#pragma once

#include <sys/resource.h>

namespace bulkhead::support {

// None can be opened from its beginning to its end; those that are open stay. One at a time.
class WithoutDescriptors {
 public:
  WithoutDescriptors() {
    getrlimit(RLIMIT_NOFILE, &usual_);
    rlimit none = usual_;
    none.rlim_cur = 0;  // a bound of the next number, not of those in use
    setrlimit(RLIMIT_NOFILE, &none);
  }
  ~WithoutDescriptors() { end(); }
  WithoutDescriptors(const WithoutDescriptors&) = delete;
  WithoutDescriptors& operator=(const WithoutDescriptors&) = delete;
  void end() const { setrlimit(RLIMIT_NOFILE, &usual_); }

 private:
  rlimit usual_{};
};

}  // namespace bulkhead::support
