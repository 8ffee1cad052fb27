// The lists: what the daemons and their libraries call, and calls of the same use, which another
// release of a library makes instead. The kernel's log has what was refused in the tests.
#include "dataplane/daemon/calls.h"

#include <linux/sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <memory>
#include <sstream>
#include <string_view>
#include <vector>

namespace bulkhead::daemon {

namespace {

// A name that this architecture or release does not have is left out.
constexpr std::string_view kAllowed =
    // Memory; mmap and mprotect have rules of their own.
    "brk get_mempolicy madvise mbind membarrier memfd_create mlock mlock2 mlockall "
    "mremap msync munlock munlockall munmap set_mempolicy "
    // Files and descriptors.
    "access chmod close close_range copy_file_range dup dup2 dup3 faccessat faccessat2 "
    "fadvise64 fallocate fchmod fchmodat fcntl fdatasync flock fstat fstatfs fsync ftruncate "
    "getcwd getdents getdents64 ioctl link linkat lseek lstat mkdir mkdirat newfstatat open "
    "openat openat2 pipe pipe2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readlink "
    "readlinkat readv rename renameat renameat2 rmdir sendfile splice stat statfs statx "
    "symlink symlinkat sync_file_range syncfs truncate umask unlink unlinkat utimensat write "
    "writev "
    // Sockets; socket has rules of its own.
    "accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg "
    "recvmsg sendmmsg sendmsg sendto setsockopt shutdown socketpair "
    // Waiting.
    "epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd "
    "eventfd2 inotify_add_watch inotify_init1 inotify_rm_watch pause poll ppoll pselect6 "
    "select signalfd4 timerfd_create timerfd_gettime timerfd_settime "
    // Time.
    "clock_getres clock_gettime clock_nanosleep gettimeofday nanosleep time timer_create "
    "timer_delete timer_getoverrun timer_gettime timer_settime times "
    // Threads and their signals; clone, tgkill and prctl have rules of their own.
    "exit exit_group futex futex_waitv get_robust_list getcpu gettid getpriority getrlimit "
    "getrusage restart_syscall rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigreturn "
    "rt_sigsuspend rt_sigtimedwait sched_get_priority_max sched_get_priority_min "
    "sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_setaffinity "
    "sched_setattr sched_setparam sched_setscheduler sched_yield set_robust_list "
    "set_tid_address setpriority sigaltstack "
    // The process and its machine.
    "arch_prctl capget getegid geteuid getgid getgroups getpgid getpgrp getpid getppid "
    "getrandom getresgid getresuid getsid getuid sysinfo uname ";

// No library that is linked has a use for these.
constexpr std::string_view kFatal =
    "acct chroot clock_adjtime clock_settime delete_module execve execveat finit_module "
    "fsconfig fsmount fsopen init_module ioperm iopl kexec_file_load kexec_load mount "
    "mount_setattr move_mount open_by_handle_at open_tree perf_event_open pidfd_getfd "
    "pivot_root process_vm_readv process_vm_writev ptrace reboot setdomainname setfsgid "
    "setfsuid setgid setgroups sethostname setns setregid setresgid setresuid setreuid "
    "settimeofday setuid swapoff swapon umount2 unshare userfaultfd ";

std::vector<std::string> words_of(std::string_view text) {
  std::istringstream words{std::string(text)};
  return {std::istream_iterator<std::string>(words), {}};
}

using Filter = std::unique_ptr<void, void (*)(scmp_filter_ctx)>;

// Adds rules and keeps the first error.
class Rules {
 public:
  explicit Rules(scmp_filter_ctx filter) : filter_(filter) {}

  template <typename... Compare>
  void allow(const std::string& name, Compare... compare) {
    add(SCMP_ACT_ALLOW, name, compare...);
  }
  void end_at(const std::string& name) { add(SCMP_ACT_KILL_PROCESS, name); }
  int error() const { return error_; }

 private:
  template <typename... Compare>
  void add(std::uint32_t action, const std::string& name, Compare... compare) {
    const int number = seccomp_syscall_resolve_name(name.c_str());
    if (number == __NR_SCMP_ERROR || error_ != 0) return;
    const std::array<scmp_arg_cmp, sizeof...(compare)> all{compare...};
    error_ = seccomp_rule_add_array(filter_, action, number, sizeof...(compare), all.data());
  }

  scmp_filter_ctx filter_;
  int error_ = 0;
};

// The bits of `mask` in the argument are exactly those of `value`.
scmp_arg_cmp has_bits(unsigned argument, std::uint64_t mask, std::uint64_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

// An argument of 32 bits: what stands above them in the register does not count.
scmp_arg_cmp equals(unsigned argument, int value) {
  return has_bits(argument, 0xffffffff, static_cast<std::uint32_t>(value));
}

// Memory is written or executed, never first one and then the other.
void allow_memory(Rules& rules) {
  constexpr std::uint64_t kBoth = PROT_WRITE | PROT_EXEC;
  for (const int one : {0, PROT_WRITE, PROT_EXEC}) {
    rules.allow("mmap", has_bits(2, kBoth, static_cast<std::uint64_t>(one)));
  }
  rules.allow("mprotect", has_bits(2, PROT_EXEC, 0));
}

// A thread, not a process. Of clone3 the kernel shows no flags: libraries fall back to clone.
void allow_threads(Rules& rules) {
  rules.allow("clone", has_bits(0, CLONE_THREAD, CLONE_THREAD));
  rules.allow("tgkill", equals(0, getpid()));
  constexpr int kNameMapping = 0x53564d41;  // PR_SET_VMA, which malloc tries
  for (const int operation : {PR_SET_NAME, PR_GET_NAME, PR_SET_TIMERSLACK, PR_GET_DUMPABLE,
                              PR_CAPBSET_READ, kNameMapping}) {
    rules.allow("prctl", equals(0, operation));
  }
  // Limits are read.
  rules.allow("prlimit64", has_bits(2, ~std::uint64_t{0}, 0));
}

void allow_sockets(Rules& rules, Program program) {
  rules.allow("socket", equals(0, AF_UNIX));
  if (program != Program::agent) return;
  // Netlink: names are resolved with it.
  for (const int family : {AF_INET, AF_INET6, AF_NETLINK}) {
    rules.allow("socket", equals(0, family));
  }
}

// SSB: without it kernels before 5.16 slow every filtered thread down (speculative stores), for the
// sake of programs that run foreign code.
int set_attributes(scmp_filter_ctx filter) {
  int error = 0;
  for (const scmp_filter_attr attribute :
       {SCMP_FLTATR_CTL_TSYNC, SCMP_FLTATR_CTL_NNP, SCMP_FLTATR_CTL_LOG, SCMP_FLTATR_CTL_SSB}) {
    if (error == 0) error = seccomp_attr_set(filter, attribute, 1);
  }
  // A tree: a call late in the list costs as much as an early one.
  if (error == 0) error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
  return error;
}

}  // namespace

std::optional<std::string> confine(Program program) {
  const Filter filter(seccomp_init(SCMP_ACT_ERRNO(ENOSYS)), seccomp_release);
  if (filter == nullptr) return std::string("system calls cannot be filtered: not enough memory");
  int error = set_attributes(filter.get());
  Rules rules(filter.get());
  for (const std::string& name : words_of(kAllowed)) rules.allow(name);
  for (const std::string& name : words_of(kFatal)) rules.end_at(name);
  allow_memory(rules);
  allow_threads(rules);
  allow_sockets(rules, program);
  if (error == 0) error = rules.error();
  if (error == 0) error = seccomp_load(filter.get());
  if (error == 0) return std::nullopt;
  return std::string("system calls cannot be filtered: ") + std::strerror(-error) +
         "; the kernel must have CONFIG_SECCOMP_FILTER, or use --unconfined";
}

}  // namespace bulkhead::daemon
