// Results as JUnit XML, which build servers show.
#pragma once

#include <string>
#include <vector>

namespace bulkhead::controlplane {

struct JunitCase {
  std::string name;
  std::string where;    // file and line
  std::string failure;  // empty if it went well
  bool broken = false;  // it could not be judged: an error, not a failure
};

// One suite. `timestamp`: UTC, as 2026-11-30T04:05:06.
std::string junit_xml(const std::string& suite, const std::string& timestamp, double seconds,
                      const std::vector<JunitCase>& cases);

}  // namespace bulkhead::controlplane
