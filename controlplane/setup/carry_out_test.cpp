// Steps carried out on an invented machine: once, again, and taken back where one fails.
#include "controlplane/setup/carry_out.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "controlplane/setup/bind.h"
#include "controlplane/setup/invented.h"

namespace bulkhead::setup {
namespace {

// Answers as the kernel and programs would.
class Invented final : public Machine {
 public:
  explicit Invented(const Tree& tree) : Machine(tree.root), tree_(tree) {}

  std::optional<std::string> write(std::string_view path, std::string_view text) override {
    const std::string at(path);
    writes.push_back(at.substr(at.rfind('/') + 1) + " " + std::string(text));
    if (at == refused) return "the kernel refuses it";
    if (at.ends_with("/driver/unbind")) {
      tree_.give(std::string(text), "");
    } else if (at == "/sys/bus/pci/drivers_probe") {
      const std::string pci(text);
      const std::string wanted = read_line("/sys/bus/pci/devices/" + pci + "/driver_override");
      tree_.give(pci, wanted.empty() ? natural[pci] : never == wanted ? "" : wanted);
    } else {
      tree_.file(at, at.ends_with("nr_hugepages") && most < std::atoi(std::string(text).c_str())
                         ? std::to_string(most)
                         : std::string(text));
    }
    return std::nullopt;
  }
  Ran run(const std::vector<std::string>& words) override {
    const std::string text = joined(words);
    ran.push_back(text);
    const auto found = answers.find(text);
    return found == answers.end() ? Ran{0, ""} : found->second;
  }

  std::map<std::string, std::string> natural;  // the driver that the kernel chooses
  std::string never;                           // a driver that takes nothing
  std::string refused;                         // a file that takes nothing
  int most = 1000;                             // huge pages
  std::map<std::string, Ran> answers;
  std::vector<std::string> writes;
  std::vector<std::string> ran;

 private:
  std::optional<std::string> set_kind(int /*file*/, const FileKind& /*kind*/) const override {
    return std::nullopt;  // tests need not be root
  }
  const Tree& tree_;
};

KeyWork keys() {
  KeyWork work;
  work.make = [](std::string& key, std::string& request, const std::string& name,
                 const std::vector<std::string>& hosts) {
    if (key.empty()) key = "key";
    request = key + " " + name + " " + joined(hosts);
  };
  work.fits = [](const std::string& key, const std::string& request, const std::string& name,
                 const std::vector<std::string>& hosts) {
    return request == key + " " + name + " " + joined(hosts);
  };
  return work;
}

struct Seen {
  std::vector<StepState> states;
  Outcome outcome;
};

Seen carry_out(Machine& machine, const std::vector<Step>& steps) {
  Seen seen;
  seen.outcome = setup::carry_out(
      machine, steps, keys(),
      [&](std::size_t, StepState state, const Problem&) { seen.states.push_back(state); });
  return seen;
}

FileKind own() {
  FileKind kind;
  kind.owner = std::to_string(geteuid());
  kind.group = std::to_string(getegid());
  if (geteuid() == 0) kind.owner = kind.group = "root";
  return kind;
}

TEST(Bind, TakesADeviceFromItsDriverAndGivesItBack) {
  const Tree tree;
  tree.card("eth1", "0000:00:05.0", "e1000e");
  tree.file("/sys/bus/pci/drivers/vfio-pci/unbind", "");
  Invented machine(tree);
  machine.natural["0000:00:05.0"] = "e1000e";
  EXPECT_FALSE(bind_port(machine, "0000:00:05.0", "vfio-pci"));
  EXPECT_EQ(driver_of(machine, "0000:00:05.0"), "vfio-pci");
  EXPECT_EQ(machine.writes,
            (std::vector<std::string>{"driver_override vfio-pci\n", "unbind 0000:00:05.0",
                                      "drivers_probe 0000:00:05.0"}));
  machine.writes.clear();
  EXPECT_FALSE(bind_port(machine, "0000:00:05.0", "vfio-pci"));
  EXPECT_EQ(machine.writes.size(), 1U) << "it is not taken from vfio-pci";
  EXPECT_FALSE(bind_port(machine, "0000:00:05.0", ""));
  EXPECT_EQ(driver_of(machine, "0000:00:05.0"), "e1000e");
}

TEST(Bind, SaysWhyNot) {
  const Tree tree;
  tree.card("eth1", "0000:00:05.0", "e1000e");
  Invented machine(tree);
  EXPECT_NE(bind_port(machine, "0000:00:09.0", "vfio-pci")->cause.find("there is no PCI device"),
            std::string::npos);
  EXPECT_NE(bind_port(machine, "0000:00:05.0", "vfio-pci")->cause.find("has no driver vfio-pci"),
            std::string::npos);
  tree.file("/sys/bus/pci/drivers/vfio-pci/unbind", "");
  machine.never = "vfio-pci";
  const auto failed = bind_port(machine, "0000:00:05.0", "vfio-pci");
  ASSERT_TRUE(failed);
  EXPECT_NE(failed->cause.find("vfio-pci does not take it"), std::string::npos);
}

std::vector<Step> some_steps() {
  return {
      {"a file", WriteFile{"/etc/bulkhead/a.conf", "a = 1\n", own()}},
      {"pages", Reserve{"/sys/nr_hugepages", 256}},
      {"the port", BindPort{"0000:00:05.0", "vfio-pci"}},
      {"a note", Note{}},
      {"a program", Run{.words = {"load", "it"},
                        .check = {"is", "loaded"},
                        .after = {"/etc/bulkhead/a.conf"},
                        .undo = {"unload", "it"}}},
      {"an old file", RemoveFile{"/etc/bulkhead/old.conf"}},
      {"the last", Run{.words = {"last"}, .check = {"is", "last"}, .undo = {"not", "last"}}},
  };
}

void prepare(const Tree& tree, Invented& machine) {
  tree.card("eth1", "0000:00:05.0", "e1000e");
  tree.file("/sys/bus/pci/drivers/vfio-pci/unbind", "");
  tree.file("/sys/nr_hugepages", "10\n");
  tree.file("/etc/bulkhead/old.conf", "old\n");
  machine.natural["0000:00:05.0"] = "e1000e";
  machine.answers["is loaded"] = {1, ""};
  machine.answers["is last"] = {1, ""};
}

TEST(CarryOut, ASecondTimeChangesNothing) {
  const Tree tree;
  Invented machine(tree);
  prepare(tree, machine);
  const Seen first = carry_out(machine, some_steps());
  EXPECT_FALSE(first.outcome.problem);
  EXPECT_EQ(first.outcome.changed, 6U);
  EXPECT_EQ(machine.read("/etc/bulkhead/a.conf"), "a = 1\n");
  EXPECT_EQ(machine.read_line("/sys/nr_hugepages"), "256");
  EXPECT_FALSE(machine.exists("/etc/bulkhead/old.conf"));
  machine.answers.clear();  // every check ends well
  machine.ran.clear();
  machine.writes.clear();
  const Seen second = carry_out(machine, some_steps());
  EXPECT_EQ(second.outcome.changed, 0U);
  EXPECT_EQ(machine.ran, (std::vector<std::string>{"is loaded", "is last"}));
  EXPECT_TRUE(machine.writes.empty());
}

TEST(CarryOut, WhatDependsOnAFileRunsAnewWhenItChanges) {
  const Tree tree;
  Invented machine(tree);
  prepare(tree, machine);
  carry_out(machine, some_steps());
  machine.answers.clear();
  tree.file("/etc/bulkhead/a.conf", "a = 2\n");
  machine.ran.clear();
  EXPECT_EQ(carry_out(machine, some_steps()).outcome.changed, 2U);
  EXPECT_EQ(machine.ran, (std::vector<std::string>{"is loaded", "load it", "is last"}));
}

TEST(CarryOut, ComparingChangesNothing) {
  const Tree tree;
  Invented machine(tree);
  prepare(tree, machine);
  const auto states = compare(machine, some_steps(), keys());
  EXPECT_EQ(states,
            (std::vector<StepState>{StepState::due, StepState::due, StepState::due, StepState::note,
                                    StepState::due, StepState::due, StepState::due}));
  EXPECT_TRUE(machine.writes.empty());
  EXPECT_FALSE(machine.exists("/etc/bulkhead/a.conf"));
}

TEST(CarryOut, AFailureUndoesWhatCameBefore) {
  const Tree tree;
  Invented machine(tree);
  prepare(tree, machine);
  tree.file("/etc/bulkhead/a.conf", "a = 0\n");
  machine.answers["last"] = {3, "no room"};
  const Seen seen = carry_out(machine, some_steps());
  ASSERT_TRUE(seen.outcome.problem);
  EXPECT_EQ(seen.outcome.problem->cause, "`last` failed: no room");
  EXPECT_TRUE(seen.outcome.all_undone);
  EXPECT_EQ(machine.read("/etc/bulkhead/a.conf"), "a = 0\n");
  EXPECT_EQ(machine.read("/etc/bulkhead/old.conf"), "old\n");
  EXPECT_EQ(machine.read_line("/sys/nr_hugepages"), "10");
  EXPECT_EQ(driver_of(machine, "0000:00:05.0"), "e1000e");
  EXPECT_EQ(std::count(machine.ran.begin(), machine.ran.end(), "unload it"), 1);
  EXPECT_EQ(std::count(seen.states.begin(), seen.states.end(), StepState::undone), 6)
      << "the step that failed too: it may have done a part";
}

TEST(CarryOut, WhatRanBeforeRunsAnewWithWhatWasPutBack) {
  const Tree tree;
  Invented machine(tree);
  prepare(tree, machine);
  machine.answers["is loaded"] = {0, ""};
  machine.answers["last"] = {1, ""};
  carry_out(machine, some_steps());
  EXPECT_EQ(machine.ran.back(), "load it");
  EXPECT_EQ(std::count(machine.ran.begin(), machine.ran.end(), "unload it"), 0);
}

TEST(CarryOut, WhatCannotBeUndoneIsNamed) {
  const Tree tree;
  Invented machine(tree);
  prepare(tree, machine);
  machine.answers["last"] = {1, ""};
  machine.answers["unload it"] = {1, "busy"};
  const Seen seen = carry_out(machine, some_steps());
  EXPECT_FALSE(seen.outcome.all_undone);
  EXPECT_EQ(std::count(seen.states.begin(), seen.states.end(), StepState::not_undone), 1);
  EXPECT_FALSE(machine.exists("/etc/bulkhead/a.conf")) << "the rest is undone nevertheless";
}

TEST(CarryOut, FewerPagesThanWantedFail) {
  const Tree tree;
  Invented machine(tree);
  prepare(tree, machine);
  machine.most = 255;
  const Seen seen = carry_out(machine, some_steps());
  ASSERT_TRUE(seen.outcome.problem);
  EXPECT_EQ(seen.outcome.problem->cause, "the kernel found memory for 255 of 256 huge pages");
  EXPECT_EQ(machine.read_line("/sys/nr_hugepages"), "10");
  machine.most = 256;
  EXPECT_FALSE(carry_out(machine, some_steps()).outcome.problem);
}

TEST(CarryOut, WhatIsBrokenOffIsUndoneAsWhatFails) {
  const Tree tree;
  Invented machine(tree);
  prepare(tree, machine);
  const std::vector<Step> steps = some_steps();
  for (std::size_t before = 0; before < steps.size(); ++before) {
    std::size_t asked = 0;
    std::vector<StepState> states;
    const Outcome outcome = setup::carry_out(
        machine, steps, keys(),
        [&](std::size_t, StepState state, const Problem&) { states.push_back(state); },
        [&] { return asked++ == before; });
    ASSERT_TRUE(outcome.problem) << before;
    EXPECT_TRUE(outcome.all_undone);
    EXPECT_EQ(asked, before + 1) << "nothing goes on after it";
    EXPECT_EQ(std::count(states.begin(), states.end(), StepState::failed), 1);
    EXPECT_FALSE(machine.exists("/etc/bulkhead/a.conf"));
    EXPECT_EQ(machine.read("/etc/bulkhead/old.conf"), "old\n");
    EXPECT_EQ(machine.read_line("/sys/nr_hugepages"), "10");
    EXPECT_EQ(driver_of(machine, "0000:00:05.0"), "e1000e");
  }
}

TEST(CarryOut, WhatTheKernelDoesNotTakeIsNothingToUndo) {
  const Tree tree;
  Invented machine(tree);
  prepare(tree, machine);
  machine.refused = "/sys/nr_hugepages";
  const Seen seen = carry_out(machine, some_steps());
  ASSERT_TRUE(seen.outcome.problem);
  EXPECT_EQ(seen.outcome.problem->cause, "the kernel refuses it");
  EXPECT_EQ(seen.outcome.problem->mend, "run it as root, on the appliance itself");
  EXPECT_TRUE(seen.outcome.all_undone);
}

TEST(CarryOut, AKeyIsMadeOnce) {
  const Tree tree;
  Invented machine(tree);
  const auto key_step = [](const std::string& name) {
    return std::vector<Step>{{"a key", MakeKey{"/etc/k.key", "/etc/k.csr", name, {"192.0.2.10"}}}};
  };
  carry_out(machine, key_step("alpha"));
  EXPECT_EQ(machine.read("/etc/k.csr"), "key alpha 192.0.2.10");
  EXPECT_EQ(machine.kind_of("/etc/k.key")->mode, 0640U);
  tree.file("/etc/k.key", "other");
  carry_out(machine, key_step("bravo"));
  EXPECT_EQ(machine.read("/etc/k.csr"), "other bravo 192.0.2.10") << "the key stays";
}

TEST(Machine, RunsProgramsAndTellsWhatTheySaid) {
  Machine machine;
  const Ran ran = machine.run({"sh", "-c", "echo out; echo err >&2; exit 3"});
  EXPECT_EQ(ran.code, 3);
  EXPECT_EQ(ran.said, "out\nerr");
  EXPECT_EQ(machine.run({"no-such-program"}).code, -1);
  EXPECT_EQ(machine.run({"sh", "-c", "kill -9 $$"}).code, -1);
  // Ctrl-C on the terminal is for setup, which takes the step back, and not for the step.
  EXPECT_EQ(machine.run({"sh", "-c", "cut -d ' ' -f 5 /proc/$$/stat; echo $$"})
                .said.find(std::to_string(getpgrp()) + "\n"),
            std::string::npos);
  EXPECT_EQ(machine.run({"printenv", "HOME"}).code, 1) << "the caller's surroundings stay out";
}

}  // namespace
}  // namespace bulkhead::setup
