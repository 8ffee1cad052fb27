// Which zone port a captured frame came in at, and how the replay fails.
#pragma once

#include <string>

#include "dataplane/base/bytes.h"
#include "dataplane/capture/capture_file.h"
#include "dataplane/policy/tables.h"

namespace bulkhead::replay {

enum ExitCode : int { kOk = 0, kPolicyFailed = 1, kUsage = 2, kEalFailed = 3, kFileFailed = 4 };

struct Failure {
  int exit_code;
  std::string text;
};

// A capture of Ethernet frames. Throws Failure.
capture::CaptureFile open_capture(const std::string& path);

// The port of the zone whose networks hold the frame's source; 0 if none does.
std::uint16_t port_of(const policy::Tables& tables, ByteView frame);

}  // namespace bulkhead::replay
