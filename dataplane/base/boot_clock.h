// Time since the machine's start, suspension included: no clock that is set changes it, and it is
// valid for this start alone. And which start that is.
#pragma once

#include <fstream>
#include <string>

#include "dataplane/base/clock.h"

namespace bulkhead {

inline TimeNs boot_now_ns() { return read_clock(CLOCK_BOOTTIME); }

// The kernel's name of this start of the machine; empty if it does not say.
inline const std::string& boot_id() {
  static const std::string kId = [] {
    std::string id;
    std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
    return id;
  }();
  return kId;
}

}  // namespace bulkhead
