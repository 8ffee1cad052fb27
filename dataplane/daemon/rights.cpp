// Capabilities belong to threads, and only a thread can give up its own: each is sent a signal, and
// the kernel is asked until none has more than it should. libpsx does the same, but Debian 12's
// (libcap 2.66) knows only threads whose creation the linker has wrapped, not those that DPDK and
// libstdc++ start.
#include "dataplane/daemon/rights.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <vector>

#include "dataplane/base/priority.h"

namespace bulkhead::daemon {

namespace {

constexpr int kRoundsMax = 2000;
constexpr timespec kRound{0, 1'000'000};

std::atomic<Capabilities> wanted{0};

// Async-signal-safe.
bool reduce_calling_thread(Capabilities kept) {
  __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> sets{};
  if (syscall(SYS_capget, &head, sets.data()) != 0) return false;
  for (std::size_t half = 0; half < sets.size(); ++half) {
    sets[half].permitted &= static_cast<std::uint32_t>(kept >> (32 * half));
    sets[half].effective = sets[half].permitted;
    sets[half].inheritable = 0;
  }
  return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0UL, 0UL, 0UL) == 0 &&
         prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) == 0 &&
         syscall(SYS_capset, &head, sets.data()) == 0;
}

void on_signal(int /*signal*/) {
  const int before = errno;
  reduce_calling_thread(wanted.load());
  errno = before;
}

// proc_pid_status(5). A thread that has ended has nothing.
bool has_more_than(const std::filesystem::path& thread, Capabilities kept) {
  std::ifstream status(thread / "status");
  for (std::string line; std::getline(status, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string name = line.substr(0, colon);
    const bool is_set =
        name == "CapInh" || name == "CapPrm" || name == "CapEff" || name == "CapAmb";
    const std::uint64_t value = std::strtoull(&line[colon + 1], nullptr, 16);
    if (is_set && (value & ~kept) != 0) return true;
    if (name == "NoNewPrivs" && value != 1) return true;
  }
  return false;
}

std::vector<pid_t> threads_above(Capabilities kept) {
  std::vector<pid_t> above;
  std::error_code error;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task", error)) {
    if (!has_more_than(thread.path(), kept)) continue;
    above.push_back(static_cast<pid_t>(std::atoi(thread.path().filename().c_str())));
  }
  return above;
}

bool raise_limit(int resource, rlim_t least) {
  rlimit limit{};
  if (getrlimit(resource, &limit) != 0) return false;
  if (limit.rlim_cur >= least) return true;  // RLIM_INFINITY is the largest
  limit.rlim_cur = least;
  limit.rlim_max = std::max(limit.rlim_max, least);
  return setrlimit(resource, &limit) == 0;
}

}  // namespace

std::optional<std::string> keep_only(Capabilities kept) {
  const int signal = SIGRTMAX - 1;
  wanted.store(kept);
  if (!reduce_calling_thread(kept)) {
    return std::string("capabilities cannot be given up: ") + std::strerror(errno);
  }
  struct sigaction action{};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, nullptr);
  std::vector<pid_t> above = threads_above(kept);
  for (int round = 0; !above.empty() && round < kRoundsMax; ++round) {
    for (const pid_t thread : above) syscall(SYS_tgkill, getpid(), thread, signal);
    nanosleep(&kRound, nullptr);
    above = threads_above(kept);
  }
  action.sa_handler = SIG_IGN;  // a late one must not end the process
  sigaction(signal, &action, nullptr);
  if (above.empty()) return std::nullopt;
  return "thread " + std::to_string(above.front()) + " does not give up its capabilities";
}

bool allow_priorities() {
  // RLIMIT_NICE counts from 20 downwards, see getrlimit(2).
  const bool nice = raise_limit(RLIMIT_NICE, static_cast<rlim_t>(20 - kNiceOfSooner));
  return raise_limit(RLIMIT_RTPRIO, static_cast<rlim_t>(kRealTimePriority)) && nice;
}

}  // namespace bulkhead::daemon
