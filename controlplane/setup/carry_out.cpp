// A kind of step is a class: whether it is done, how it is done, how it is taken back.
#include "controlplane/setup/carry_out.h"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <memory>
#include <set>
#include <utility>

#include "controlplane/setup/bind.h"
#include "dataplane/base/secret.h"

namespace bulkhead::setup {

namespace {

using Failed = std::optional<Problem>;

const FileKind kSecret{0640, "root", "bulkhead"};
const FileKind kPublic{0644, "root", "bulkhead"};

// What a file was, to be put back.
struct Before {
  std::string path;
  std::optional<std::string> text;
  FileKind kind;
};

Before remember(const Machine& machine, const std::string& path) {
  return {path, machine.read(path), machine.kind_of(path).value_or(FileKind{})};
}

Failed put_back(Machine& machine, const Before& before) {
  const auto failed = before.text ? machine.replace(before.path, *before.text, before.kind)
                                  : machine.remove(before.path);
  if (!failed) return std::nullopt;
  return Problem{*failed, "put it back by hand"};
}

class Work {
 public:
  Work(Machine& machine, const KeyWork& keys) : machine_(machine), keys_(keys) {}

  // What is changed before this step, in this setup.
  std::set<std::string> changed;

  bool is_done(const WriteFile& file) const {
    return machine_.read(file.path) == file.text && machine_.kind_of(file.path) == file.kind;
  }
  bool is_done(const RemoveFile& file) const { return !machine_.exists(file.path); }
  bool is_done(const Reserve& pages) const { return number_in(pages.path) >= pages.least; }
  bool is_done(const BindPort& port) const {
    return driver_of(machine_, port.pci) == port.driver &&
           machine_.read_line("/sys/bus/pci/devices/" + port.pci + "/driver_override") ==
               port.driver;
  }
  bool is_done(const MakeKey& key) const {
    const auto key_pem = machine_.read(key.key_path);
    const auto request_pem = machine_.read(key.request_path);
    return key_pem && request_pem && machine_.kind_of(key.key_path) == kSecret &&
           keys_.fits(*key_pem, *request_pem, key.name, key.hosts);
  }
  bool is_done(const Run& run) const {
    const bool is_due = std::any_of(run.after.begin(), run.after.end(),
                                    [this](const auto& path) { return changed.count(path) != 0; });
    if (is_due || run.check.empty()) return !is_due;
    const Ran ran = machine_.run(run.check);
    return ran.code == 0 && ran.said.find(run.expected) != std::string::npos;
  }
  bool is_done(const Note& /*note*/) const { return true; }

  Failed carry_out(const WriteFile& file) {
    keep(remember(machine_, file.path));
    return told(machine_.replace(file.path, file.text, file.kind));
  }
  Failed carry_out(const RemoveFile& file) {
    keep(remember(machine_, file.path));
    return told(machine_.remove(file.path));
  }
  Failed carry_out(const Reserve& pages);
  Failed carry_out(const BindPort& port);
  Failed carry_out(const MakeKey& key);
  Failed carry_out(const Run& run);
  Failed carry_out(const Note& /*note*/) { return std::nullopt; }

  // Takes back what the step did that has this number among those that did something.
  Failed undo(std::size_t step);
  // What ran before with what has been put back runs anew.
  Failed run_anew();
  void begin_step() { undo_.emplace_back(); }
  bool can_undo(std::size_t step) const { return !undo_.at(step).empty(); }

 private:
  std::uint64_t number_in(const std::string& path) const {
    return std::strtoull(machine_.read_line(path).c_str(), nullptr, 10);
  }
  static Failed told(const std::optional<std::string>& failed) {
    if (!failed) return std::nullopt;
    return Problem{*failed, {}};
  }
  void keep(Before before) {
    changed.insert(before.path);
    undo_.back().push_back(
        [this, before = std::move(before)]() { return put_back(machine_, before); });
  }
  static Failed result_of(const std::vector<std::string>& words, const Ran& ran) {
    if (ran.code == 0) return std::nullopt;
    return Problem{"`" + joined(words) + "` failed" + (ran.said.empty() ? "" : ": " + ran.said),
                   {}};
  }

  Machine& machine_;
  const KeyWork& keys_;
  std::vector<std::vector<std::function<Failed()>>> undo_;  // by step
  std::vector<std::vector<std::string>> anew_;
};

Failed Work::carry_out(const Reserve& pages) {
  const std::string before = machine_.read_line(pages.path);
  if (const auto failed = machine_.write(pages.path, std::to_string(pages.least))) {
    return Problem{*failed, "run it as root, on the appliance itself"};
  }
  undo_.back().push_back(
      [this, pages, before]() { return told(machine_.write(pages.path, before)); });
  const std::uint64_t got = number_in(pages.path);
  if (got >= pages.least) return std::nullopt;
  return Problem{"the kernel found memory for " + std::to_string(got) + " of " +
                     std::to_string(pages.least) + " huge pages",
                 {}};
}

Failed Work::carry_out(const BindPort& port) {
  const std::string before = driver_of(machine_, port.pci);
  undo_.back().push_back([this, port, before]() {
    auto failed = bind_port(machine_, port.pci, "");
    if (!failed && !before.empty() && driver_of(machine_, port.pci) != before) {
      failed = Problem{port.pci + " does not go back to " + before, "start the machine anew"};
    }
    return failed;
  });
  changed.insert(port.pci);
  return bind_port(machine_, port.pci, port.driver);
}

Failed Work::carry_out(const MakeKey& key) {
  std::string key_pem = machine_.read(key.key_path).value_or("");
  const bool had_key = !key_pem.empty();
  std::string request_pem;
  try {
    keys_.make(key_pem, request_pem, key.name, key.hosts);
  } catch (const std::exception& error) {
    return Problem{error.what(), had_key ? key.key_path + " cannot be used: move it away" : ""};
  }
  Failed failed;
  if (!had_key || machine_.kind_of(key.key_path) != kSecret) {
    keep(remember(machine_, key.key_path));
    failed = told(machine_.replace(key.key_path, key_pem, kSecret));
  }
  wipe(key_pem);
  if (failed) return failed;
  keep(remember(machine_, key.request_path));
  return told(machine_.replace(key.request_path, request_pem, kPublic));
}

Failed Work::carry_out(const Run& run) {
  const bool ran_before = !run.check.empty() && machine_.run(run.check).code == 0;
  if (ran_before || (run.check.empty() && !run.after.empty())) {
    anew_.push_back(run.words);
  } else if (!run.undo.empty()) {
    undo_.back().push_back(
        [this, words = run.undo]() { return result_of(words, machine_.run(words)); });
  }
  return result_of(run.words, machine_.run(run.words));
}

Failed Work::undo(std::size_t step) {
  Failed first;
  std::vector<std::function<Failed()>>& all = undo_.at(step);
  for (auto each = all.rbegin(); each != all.rend(); ++each) {
    Failed failed = (*each)();
    if (failed && !first) first = failed;
  }
  return first;
}

Failed Work::run_anew() {
  Failed first;
  for (const std::vector<std::string>& words : anew_) {
    Failed failed = result_of(words, machine_.run(words));
    if (failed && !first) first = failed;
  }
  return first;
}

bool is_note(const Step& step) { return std::holds_alternative<Note>(step.deed); }

// Files that a step would change, for those after it.
void note_changes(const Step& step, std::set<std::string>& changed) {
  if (const auto* file = std::get_if<WriteFile>(&step.deed)) changed.insert(file->path);
  if (const auto* file = std::get_if<RemoveFile>(&step.deed)) changed.insert(file->path);
  if (const auto* port = std::get_if<BindPort>(&step.deed)) changed.insert(port->pci);
  if (const auto* key = std::get_if<MakeKey>(&step.deed)) changed.insert(key->key_path);
}

}  // namespace

std::vector<StepState> compare(Machine& machine, const std::vector<Step>& steps,
                               const KeyWork& keys) {
  Work work(machine, keys);
  std::vector<StepState> states;
  for (const Step& step : steps) {
    const bool done = std::visit([&](const auto& deed) { return work.is_done(deed); }, step.deed);
    if (!done) note_changes(step, work.changed);
    states.push_back(is_note(step) ? StepState::note
                     : done        ? StepState::done_before
                                   : StepState::due);
  }
  return states;
}

Outcome carry_out(Machine& machine, const std::vector<Step>& steps, const KeyWork& keys,
                  const Observer& observe, const IsBrokenOff& is_broken_off) {
  Work work(machine, keys);
  Outcome outcome;
  std::vector<std::size_t> begun;  // steps, in order
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto& deed = steps[i].deed;
    if (is_broken_off && is_broken_off()) {
      outcome.problem = Problem{"broken off before this step", "run it again"};
      observe(i, StepState::failed, *outcome.problem);
      break;
    }
    if (std::visit([&](const auto& each) { return work.is_done(each); }, deed)) {
      observe(i, is_note(steps[i]) ? StepState::note : StepState::done_before, {});
      continue;
    }
    work.begin_step();
    begun.push_back(i);
    Failed failed = std::visit([&](const auto& each) { return work.carry_out(each); }, deed);
    if (!failed) {
      ++outcome.changed;
      observe(i, StepState::done, {});
      continue;
    }
    if (failed->mend.empty()) failed->mend = steps[i].mend;
    observe(i, StepState::failed, *failed);
    outcome.problem = std::move(failed);
    break;
  }
  if (!outcome.problem) return outcome;
  for (std::size_t at = begun.size(); at-- > 0;) {
    if (!work.can_undo(at)) continue;
    const Failed failed = work.undo(at);
    if (failed) outcome.all_undone = false;
    observe(begun[at], failed ? StepState::not_undone : StepState::undone,
            failed.value_or(Problem{}));
  }
  if (work.run_anew()) outcome.all_undone = false;
  return outcome;
}

}  // namespace bulkhead::setup
