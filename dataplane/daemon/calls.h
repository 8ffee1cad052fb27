// Which system calls the process makes after its start (seccomp(2)), on every thread. Three kinds:
// what is listed is carried out; what only a taken-over process would call ends it; the rest is
// refused as if the kernel did not have it (ENOSYS, noted in the kernel's log), so that a library
// that tries something new finds another way and enforcement goes on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace bulkhead::daemon {

enum class Program : std::uint8_t {
  dataplane,  // opens Unix sockets, and none of a network
  agent,      // opens TCP and UDP sockets too
};

// For good, on all threads that there are and will be. Returns what failed.
std::optional<std::string> confine(Program program);

}  // namespace bulkhead::daemon
