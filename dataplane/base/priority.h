// Threads that must not wait behind other programs: a pair's heartbeats, and who answers for them.
#pragma once

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

namespace bulkhead {

// The calling thread runs before all that have no real-time priority. Only for one that sleeps most
// of the time. 0, or an error number: it is not allowed, and the thread runs as before.
inline int run_before_others() {
  constexpr int kPriority = 10;
  sched_param parameters{};
  parameters.sched_priority = kPriority;
  return pthread_setschedparam(pthread_self(), SCHED_RR, &parameters);
}

// The calling thread runs as others do again.
inline void run_as_others() {
  const sched_param parameters{};
  pthread_setschedparam(pthread_self(), SCHED_OTHER, &parameters);
}

// The calling thread gets a core sooner than most that have no real-time priority, and may still be
// kept from it. Where it is not allowed it runs as before.
inline void run_sooner() {
  constexpr int kNice = -10;
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);
}

// As operators see the calling thread; 15 characters at most.
inline void name_thread(const char* name) { pthread_setname_np(pthread_self(), name); }

}  // namespace bulkhead
