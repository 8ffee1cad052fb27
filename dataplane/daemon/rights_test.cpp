// Rights that a process gives up, tried in children: capabilities on each of its threads, and calls
// that are carried out, refused, or end it.
#include "dataplane/daemon/rights.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/daemon/calls.h"

namespace bulkhead::daemon {
namespace {

// How a child that runs `body` ends: its exit code, or minus the signal.
int outcome_of(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

Capabilities held_by(const std::string& thread, const std::string& set) {
  std::ifstream status("/proc/self/task/" + thread + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(set + ":")) {
      return std::strtoull(&line[set.size() + 1], nullptr, 16);
    }
  }
  return ~Capabilities{0};
}

constexpr const char* kSets[] = {"CapInh", "CapPrm", "CapEff", "CapAmb"};

// All that any thread holds.
Capabilities held_by_all() {
  Capabilities held = 0;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    for (const char* set : kSets) held |= held_by(thread.path().filename().string(), set);
  }
  return held;
}

bool is_root() { return geteuid() == 0; }

TEST(Rights, AreGivenUpByEachThread) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  EXPECT_EQ(outcome_of([] {
              std::atomic<bool> end{false};
              std::vector<std::thread> threads;
              for (int i = 0; i < 8; ++i) {
                threads.emplace_back([&end, i] {
                  while (!end.load()) {
                    if (i % 2 == 0) usleep(100);  // waiting, and running
                  }
                });
              }
              const Capabilities kept = capability_bit(CAP_NET_ADMIN);
              if (held_by_all() == kept) return 1;
              if (keep_only(kept)) return 2;
              const Capabilities after = held_by_all();
              const Capabilities own = held_by(std::to_string(getpid()), "CapEff");
              if (keep_only(0)) return 3;
              const Capabilities last = held_by_all();
              end.store(true);
              for (std::thread& thread : threads) thread.join();
              if (after != kept || own != kept) return 4;
              return last == 0 ? 0 : 5;
            }),
            0);
}

TEST(Rights, DoNotComeBack) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  EXPECT_EQ(outcome_of([] {
              if (keep_only(0)) return 1;
              const int raw = socket(AF_PACKET, SOCK_RAW, 0);
              if (raw >= 0 || errno != EPERM) return 2;
              // A program of root's would have them all again, but for no_new_privs.
              execl("/bin/sh", "sh", "-c", "grep -q 'CapEff:.0*$' /proc/self/status", nullptr);
              return 3;
            }),
            0);
}

// The child's own calls after it is confined; it ends with what `body` returns.
int confined(Program program, const std::function<int()>& body) {
  return outcome_of([&] { return confine(program) ? 99 : body(); });
}

TEST(Calls, EndTheProcessThatWouldBecomeAnother) {
  for (const Program program : {Program::dataplane, Program::agent}) {
    EXPECT_EQ(confined(program,
                       [] {
                         execl("/bin/true", "true", nullptr);
                         return 0;
                       }),
              -SIGSYS);
    EXPECT_EQ(confined(program, [] { return static_cast<int>(ptrace(PTRACE_TRACEME)); }), -SIGSYS);
    EXPECT_EQ(confined(program, [] { return static_cast<int>(syscall(SYS_unshare, 0)); }), -SIGSYS);
    EXPECT_EQ(confined(program, [] { return setuid(0); }), -SIGSYS);
  }
}

TEST(Calls, EndTheProcessOnThreadsThatWereThere) {
  EXPECT_EQ(outcome_of([] {
              std::atomic<bool> go{false};
              std::thread thread([&go] {
                while (!go.load()) usleep(100);
                execl("/bin/true", "true", nullptr);
              });
              if (confine(Program::dataplane)) return 99;
              go.store(true);
              thread.join();
              return 1;
            }),
            -SIGSYS);
}

int refused(long result) { return result == -1 && errno == ENOSYS ? 0 : 1; }

TEST(Calls, AreRefusedWhenNobodyForesawThem) {
  EXPECT_EQ(confined(Program::dataplane, [] { return refused(socket(AF_INET, SOCK_DGRAM, 0)); }),
            0);
  EXPECT_EQ(confined(Program::dataplane, [] { return refused(socket(AF_NETLINK, SOCK_RAW, 0)); }),
            0);
  EXPECT_EQ(confined(Program::agent, [] { return refused(socket(AF_PACKET, SOCK_RAW, 0)); }), 0);
  EXPECT_EQ(confined(Program::agent, [] { return refused(syscall(SYS_bpf, 0, nullptr, 0)); }), 0);
  EXPECT_EQ(confined(Program::agent, [] { return refused(fork()); }), 0);
  EXPECT_EQ(confined(Program::agent, [] { return refused(kill(getppid(), 0)); }), 0);
  EXPECT_EQ(confined(Program::agent,
                     [] { return refused(syscall(SYS_tgkill, getppid(), getppid(), 0)); }),
            0);
}

TEST(Calls, WriteMemoryOrExecuteIt) {
  const auto map = [](int protection) {
    return mmap(nullptr, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  };
  EXPECT_EQ(
      confined(Program::dataplane,
               [&map] { return map(PROT_READ | PROT_WRITE | PROT_EXEC) == MAP_FAILED ? 0 : 1; }),
      0);
  EXPECT_EQ(confined(Program::dataplane,
                     [&map] {
                       void* page = map(PROT_READ | PROT_WRITE);
                       if (page == MAP_FAILED) return 1;
                       return refused(mprotect(page, 4096, PROT_READ | PROT_EXEC));
                     }),
            0);
}

TEST(Calls, OfDaemonsAreCarriedOut) {
  EXPECT_EQ(confined(Program::dataplane,
                     [] {
                       std::atomic<int> ran{0};
                       std::thread thread([&ran] { ran = 1; });
                       thread.join();
                       if (ran.load() != 1) return 1;
                       if (socket(AF_UNIX, SOCK_STREAM, 0) < 0) return 2;
                       const int file = open("/proc/self/stat", O_RDONLY);
                       return file < 0 ? 3 : 0;
                     }),
            0);
  EXPECT_EQ(confined(Program::agent,
                     [] {
                       const int listener = socket(AF_INET, SOCK_STREAM, 0);
                       sockaddr_in address{};
                       address.sin_family = AF_INET;
                       address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
                       if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)))
                         return 1;
                       return listen(listener, 1) == 0 ? 0 : 2;
                     }),
            0);
  EXPECT_EQ(confined(Program::agent,
                     [] {
                       abort();
                       return 0;
                     }),
            -SIGABRT)
      << "a failed assertion";
}

}  // namespace
}  // namespace bulkhead::daemon
