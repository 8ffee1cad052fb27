// Priorities of threads: those that must not wait for other programs (a pair's heartbeats, and the
// threads that answer them), and those that others must not wait for.
#pragma once

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

namespace bulkhead {

constexpr int kRealTimePriority = 10;
constexpr int kNiceOfSooner = -10;

// Gives the calling thread real-time priority. Only for threads that sleep most of the time.
// Returns 0, or an error number if it is not allowed; the priority is then unchanged.
inline int run_before_others() {
  sched_param parameters{};
  parameters.sched_priority = kRealTimePriority;
  return pthread_setschedparam(pthread_self(), SCHED_RR, &parameters);
}

// Ends the calling thread's real-time priority.
inline void run_as_others() {
  const sched_param parameters{};
  pthread_setschedparam(pthread_self(), SCHED_OTHER, &parameters);
}

// Raises the calling thread's nice priority: it gets a core sooner than most threads without
// real-time priority. Unchanged where that is not allowed.
inline void run_sooner() { setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNiceOfSooner); }

// Lowers it: the program's threads that forward or renew a lease get a core first.
inline void run_later() {
  constexpr int kNice = 5;
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);
}

// The calling thread's name as operators see it; 15 characters at most.
inline void name_thread(const char* name) { pthread_setname_np(pthread_self(), name); }

}  // namespace bulkhead
