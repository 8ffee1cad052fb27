// The process that sets interfaces, in a network namespace of the test's own.
#include "dataplane/ports/carriers.h"

#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "dataplane/ports/kernel_interface.h"

namespace bulkhead::ports {
namespace {

// What the body returns in a child with a network namespace of its own.
int in_namespace(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(unshare(CLONE_NEWNET) == 0 ? body() : 99);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::optional<std::string> keep_all() { return std::nullopt; }

TEST(Carriers, SetsItsInterfacesAndNoOther) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  EXPECT_EQ(in_namespace([] {
              const unsigned lo = if_nametoindex("lo");
              auto ours = Carriers::begin({"lo"}, keep_all);
              auto others = Carriers::begin({"eth7"}, keep_all);
              if (!ours || !others) return 1;
              if (others.value()->set(lo, true) || interface_is_set_up(lo)) return 2;
              if (!ours.value()->set(lo, true) || !interface_is_set_up(lo)) return 3;
              if (!ours.value()->set(lo, false) || interface_is_set_up(lo)) return 4;
              return ours.value()->set(lo + 1000, true) ? 5 : 0;
            }),
            0);
}

TEST(Carriers, TakesNoOrderIfItCannotGiveUpItsRights) {
  auto begun = Carriers::begin({"lo"}, [] { return std::optional<std::string>("no"); });
  ASSERT_TRUE(begun);
  EXPECT_FALSE(begun.value()->set(1, true));
}

}  // namespace
}  // namespace bulkhead::ports
