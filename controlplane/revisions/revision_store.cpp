// Files under FOLDER: revisions/NUMBER, active, prepared, journal, incarnation, lock; damaged/
// holds what cannot be used.
#include "controlplane/revisions/revision_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "controlplane/revisions/files.h"
#include "dataplane/artefact/artefact.h"
#include "dataplane/artefact/digest.h"
#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

namespace fs = std::filesystem;

namespace {

// An artefact, its text, and what is said of it.
constexpr std::uint64_t kFileBytesMax = artefact::kPolicyBytesMax + (std::uint64_t{32} << 20);

// 0 if there is none.
std::uint64_t read_number(const std::string& path) {
  const auto text = read_file(path);
  return text ? std::strtoull(text->c_str(), nullptr, 10) : 0;
}

// Why a revision's file cannot be used; empty if it can.
std::string damage_of(const std::string& bytes, const std::string& name,
                      v1::GetPolicyResponse& stored) {
  if (!stored.ParseFromString(bytes)) return "it cannot be parsed";
  const v1::Revision& revision = stored.revision();
  if (revision.number() == 0 || name != std::to_string(revision.number())) {
    return "it holds revision " + std::to_string(revision.number());
  }
  const std::string digest = artefact::sha256(stored.artefact().policy());
  if (digest != stored.artefact().sha256() || artefact::to_hex(digest) != revision.sha256()) {
    return "its digest is wrong";
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<RevisionStore>, std::string> RevisionStore::open(const std::string& folder) {
  const mode_t before = umask(0077);
  std::error_code error;
  fs::create_directories(fs::path(folder) / "revisions", error);
  umask(before);
  if (error) return "cannot create " + folder + ": " + error.message();
  const std::string lock_path = folder + "/lock";
  const int lock = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return file_problem("cannot create", lock_path);
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    close(lock);
    return "another bulkheadd works in " + folder + "; stop it, or give this one another --state";
  }
  std::unique_ptr<RevisionStore> store(new RevisionStore(folder, lock));
  std::vector<std::string> notes;
  auto journal = Journal::open(folder + "/journal", notes);
  if (!journal) return journal.error();
  store->journal_ = std::move(journal).value();
  store->load(notes);
  return store;
}

RevisionStore::~RevisionStore() { close(lock_); }

std::string RevisionStore::path_of(std::uint64_t number) const {
  return folder_ + "/revisions/" + std::to_string(number);
}

void RevisionStore::load(const std::vector<std::string>& notes) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator each(folder_ + "/revisions", error), end; !error && each != end;
       each.increment(error)) {
    names.push_back(each->path().filename().string());
  }
  if (error) damage_.push_back("cannot list " + folder_ + "/revisions: " + error.message());
  for (const std::string& name : names) load_file(name);
  unlink((folder_ + "/active.new").c_str());
  prepared_.number = read_number(folder_ + "/prepared");
  active_ = read_number(folder_ + "/active");
  replay(notes);
  if (revisions_.count(prepared_.number) == 0) prepared_ = {};
  load_active();
  if (!notes.empty()) fold();  // or later, when the journal is full
  prune();
}

void RevisionStore::replay(const std::vector<std::string>& notes) {
  for (const std::string& text : notes) {
    const auto note = parse_note(text);
    if (!note) continue;
    const auto before = revisions_.find(active_);
    active_ = note->active;
    trial_ = note->trial;
    prepared_ = {note->prepared, note->prepared_generation, note->prepared_trial,
                 note->act == Act::none ? note->by : std::string()};
    const auto found = revisions_.find(note->number);
    if (found == revisions_.end()) continue;
    found->second.revision.set_generation(note->generation);
    found->second.revision.set_committed_wall_time_ns(note->committed_wall_ns);
    enter_act(*note, found->second.revision,
              before == revisions_.end() ? nullptr : &before->second.revision);
    noted_.insert(note->number);
    if (is_return(note->act) && before != revisions_.end()) noted_.insert(before->first);
  }
}

RevisionNote RevisionStore::present(const v1::Revision& revision) const {
  RevisionNote note;
  note.number = revision.number();
  note.generation = revision.generation();
  note.committed_wall_ns = revision.committed_wall_time_ns();
  note.active = active_;
  note.trial = trial_;
  note.prepared = prepared_.number;
  note.prepared_generation = prepared_.generation;
  note.prepared_trial = prepared_.trial;
  note.by = prepared_.by;
  return note;
}

// While a revision awaits confirmation the last note is kept for what ends that.
std::string RevisionStore::note(const RevisionNote& note, std::size_t room) {
  const bool ends_trial = is_return(note.act) || note.act == Act::confirm;
  std::string problem = make_room(room + (trial_ && !ends_trial ? 1 : 0));
  if (problem.empty()) problem = journal_->add(to_text(note));
  if (problem.empty() && note.number != 0) noted_.insert(note.number);
  return problem;
}

std::string RevisionStore::make_room(std::size_t notes) {
  return journal_->has_room(notes) ? std::string() : fold();
}

std::string RevisionStore::fold() {
  for (const std::uint64_t number : noted_) {
    const auto found = revisions_.find(number);
    if (found == revisions_.end()) continue;
    if (std::string problem = rewrite(number, found->second.revision); !problem.empty()) {
      return problem;
    }
  }
  std::string problem;
  if (active_ != 0) problem = replace_file(folder_ + "/active", std::to_string(active_) + "\n");
  if (problem.empty()) {
    problem = replace_file(folder_ + "/prepared", std::to_string(prepared_.number) + "\n");
  }
  const auto active = revisions_.find(active_);
  const bool more = trial_ || prepared_.number != 0;
  const v1::Revision none;
  const v1::Revision& revision = active == revisions_.end() ? none : active->second.revision;
  if (problem.empty()) {
    problem = journal_->restart(more ? to_text(present(revision)) : std::string());
  }
  if (problem.empty()) noted_.clear();
  return problem;
}

void RevisionStore::load_file(const std::string& name) {
  const std::string path = folder_ + "/revisions/" + name;
  struct stat info{};
  if (lstat(path.c_str(), &info) != 0) return;
  if (S_ISREG(info.st_mode) && name.ends_with(".new")) {  // a crash left it behind
    unlink(path.c_str());
    return;
  }
  if (!S_ISREG(info.st_mode)) return set_aside(name, "it is no file");
  v1::GetPolicyResponse stored;
  const auto bytes = static_cast<std::uint64_t>(info.st_size);
  if (bytes > kFileBytesMax) return set_aside(name, "it is too long");
  const auto text = read_file(path);
  const std::string why = text ? damage_of(*text, name, stored) : "it cannot be read";
  if (!why.empty()) return set_aside(name, why);
  revisions_[stored.revision().number()] = {stored.revision(), bytes};
}

// Of two, of which one awaits confirmation, the one that can be read.
void RevisionStore::load_active() {
  if (active_ != 0 && revisions_.count(active_) == 0) {
    const std::string lost =
        "the active revision (" + std::to_string(active_) + ") is not in " + folder_ + "/revisions";
    active_ = trial_ && revisions_.count(trial_->former) != 0 ? trial_->former : 0;
    damage_.push_back(lost + (active_ != 0 ? ": revision " + std::to_string(active_) + " counts"
                                           : ": none counts until a policy is pushed and "
                                             "committed again"));
    trial_.reset();
  }
  if (!trial_ || revisions_.count(trial_->former) != 0) return;
  damage_.push_back("revision " + std::to_string(active_) + " stays in force: revision " +
                    std::to_string(trial_->former) + ", to which it would return, is not in " +
                    folder_ + "/revisions");
  trial_.reset();
}

void RevisionStore::set_aside(const std::string& name, const std::string& why) {
  const fs::path from = fs::path(folder_) / "revisions" / name;
  const fs::path to = fs::path(folder_) / "damaged" / (name + "." + std::to_string(wall_now_ns()));
  const mode_t before = umask(0077);
  std::error_code error;
  fs::create_directories(to.parent_path(), error);
  umask(before);
  if (!error) fs::rename(from, to, error);
  damage_.push_back(
      "revision file " + from.string() + " cannot be used (" + why + ")" +
      (error ? ", nor moved: " + error.message() : "; it is " + to.string() + " now"));
}

std::optional<v1::GetPolicyResponse> RevisionStore::read(std::uint64_t number) const {
  const auto found = revisions_.find(number);
  if (found == revisions_.end()) return std::nullopt;
  const auto bytes = read_file(path_of(number));
  v1::GetPolicyResponse stored;
  if (!bytes || !damage_of(*bytes, std::to_string(number), stored).empty()) return std::nullopt;
  *stored.mutable_revision() = *metadata(number);
  return stored;
}

// The revision's file anew, with something said of it that was not before.
std::string RevisionStore::rewrite(std::uint64_t number, const v1::Revision& revision) {
  auto stored = read(number);
  if (!stored) return "revision " + std::to_string(number) + " cannot be read any more";
  *stored->mutable_revision() = revision;
  stored->mutable_revision()->set_active(false);
  std::string problem = replace_file(path_of(number), stored->SerializeAsString());
  if (problem.empty()) revisions_[number].revision = revision;
  return problem;
}

Result<v1::Revision, std::string> RevisionStore::add(v1::GetPolicyResponse stored) {
  const std::lock_guard guard(mutex_);
  const std::uint64_t number = revisions_.empty() ? 1 : revisions_.rbegin()->first + 1;
  stored.mutable_revision()->set_number(number);
  stored.mutable_revision()->set_staged_wall_time_ns(wall_now_ns());
  const std::string bytes = stored.SerializeAsString();
  std::string problem = make_file(path_of(number), bytes);
  if (!problem.empty()) return problem;
  revisions_[number] = {stored.revision(), bytes.size()};
  prune();
  return stored.revision();
}

Result<v1::Revision, std::string> RevisionStore::activate(const Activation& activation) {
  const std::lock_guard guard(mutex_);
  if (std::string problem = begin(activation); !problem.empty()) return problem;
  return finish(activation.trial ? activation.trial->deadline_ns : 0);
}

std::string RevisionStore::begin_activation(const Activation& activation) {
  const std::lock_guard guard(mutex_);
  return begin(activation);
}

Result<v1::Revision, std::string> RevisionStore::finish_activation(TimeNs deadline_ns) {
  const std::lock_guard guard(mutex_);
  return finish(deadline_ns);
}

void RevisionStore::abandon_activation() {
  const std::lock_guard guard(mutex_);
  activating_.reset();
}

std::string RevisionStore::begin(const Activation& activation) {
  if (revisions_.count(activation.number) == 0) {
    return "there is no revision " + std::to_string(activation.number);
  }
  if (!is_return(activation.act)) {
    std::string problem = make_room(activation.trial ? 1 + kNotesOfTrial : 1);
    if (!problem.empty()) return problem;
  }
  activating_ = activation;
  return {};
}

// One that was prepared before it is not any more: both are one note.
Result<v1::Revision, std::string> RevisionStore::finish(TimeNs deadline_ns) {
  const auto found = revisions_.find(activating_ ? activating_->number : 0);
  if (found == revisions_.end()) return std::string("nothing is being activated");
  const Activation activation = *std::exchange(activating_, std::nullopt);
  const auto before = revisions_.find(active_);
  v1::Revision after = found->second.revision;
  if (activation.generation != 0) after.set_generation(activation.generation);
  if (after.generation() == 0) {
    after.set_generation(before == revisions_.end() ? 1 : before->second.revision.generation() + 1);
  }
  const bool commit = activation.act == Act::commit || activation.act == Act::begin_trial;
  if (commit) after.set_committed_wall_time_ns(wall_now_ns());
  RevisionNote note = present(after);
  note.active = activation.number;
  note.trial = activation.trial;
  if (note.trial) note.trial->deadline_ns = deadline_ns;
  const bool stays = prepared_.number != activation.number &&
                     !(is_return(activation.act) && prepared_.number == active_);
  if (!stays) note.prepared = note.prepared_generation = 0;
  if (!stays) note.prepared_trial.reset();
  note.act = activation.act;
  note.act_wall_ns = wall_now_ns();
  note.by = activation.by;
  if (note.by.empty() && !is_return(note.act)) note.by = prepared_.by;
  if (note.by.empty() && commit) note.by = after.committed_by();  // as the peer says
  std::string problem = this->note(note, 1);
  if (!problem.empty() && !is_return(note.act)) return problem;
  found->second.revision = after;
  enter_act(note, found->second.revision,
            before == revisions_.end() ? nullptr : &before->second.revision);
  if (is_return(note.act) && before != revisions_.end()) noted_.insert(before->first);
  active_ = activation.number;
  trial_ = note.trial;
  if (!stays) prepared_ = {};
  if (!problem.empty()) return problem;
  return *metadata(activation.number);
}

std::string RevisionStore::set_health_watch(const std::optional<v1::HealthWatch>& watch) {
  const std::lock_guard guard(mutex_);
  const std::string path = folder_ + "/health";
  if (watch) return replace_file(path, watch->SerializeAsString());
  if (unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return file_problem("cannot remove", path);
}

std::optional<v1::HealthWatch> RevisionStore::health_watch() const {
  const std::lock_guard guard(mutex_);
  const auto text = read_file(folder_ + "/health");
  v1::HealthWatch watch;
  if (!text || !watch.ParseFromString(*text) || watch.number() == 0) return std::nullopt;
  return watch;
}

std::string RevisionStore::reserve_for_trial() {
  const std::lock_guard guard(mutex_);
  return make_room(1 + kNotesOfTrial);
}

std::string RevisionStore::set_generation(std::uint64_t number, std::uint64_t generation) {
  const std::lock_guard guard(mutex_);
  const auto found = revisions_.find(number);
  if (found == revisions_.end()) return "there is no revision " + std::to_string(number);
  found->second.revision.set_generation(generation);
  return {};
}

std::string RevisionStore::set_prepared(const Preparation& preparation) {
  const std::lock_guard guard(mutex_);
  if (preparation.number == prepared_.number && preparation.generation == prepared_.generation) {
    return {};
  }
  const auto found = revisions_.find(preparation.number);
  const v1::Revision none;
  const Preparation before = std::exchange(prepared_, preparation);
  std::string problem = note(present(found == revisions_.end() ? none : found->second.revision),
                             preparation.trial ? 1 + kNotesOfTrial : 1);
  if (!problem.empty()) prepared_ = before;
  return problem;
}

std::optional<v1::Revision> RevisionStore::prepared() const {
  const std::lock_guard guard(mutex_);
  const auto found = revisions_.find(prepared_.number);
  if (found == revisions_.end()) return std::nullopt;
  v1::Revision revision = found->second.revision;
  if (prepared_.generation != 0) revision.set_generation(prepared_.generation);
  return revision;
}

std::optional<StoredTrial> RevisionStore::prepared_trial() const {
  const std::lock_guard guard(mutex_);
  return prepared_.trial;
}

std::optional<StoredTrial> RevisionStore::trial() const {
  const std::lock_guard guard(mutex_);
  return trial_;
}

std::optional<v1::Revision> RevisionStore::find_artefact(const std::string& sha256_prefix) const {
  const std::lock_guard guard(mutex_);
  const auto has = [&](const auto& each) {
    return each.second.revision.sha256().starts_with(sha256_prefix);
  };
  const auto active = revisions_.find(active_);
  if (active != revisions_.end() && has(*active)) return metadata(active_);
  const auto newest = std::find_if(revisions_.rbegin(), revisions_.rend(), has);
  return newest == revisions_.rend() ? std::nullopt : metadata(newest->first);
}

std::optional<v1::Revision> RevisionStore::find(std::uint64_t generation,
                                                const std::string& sha256_prefix) const {
  const std::lock_guard guard(mutex_);
  for (auto each = revisions_.rbegin(); each != revisions_.rend(); ++each) {
    const v1::Revision& revision = each->second.revision;
    if (revision.generation() == generation && revision.sha256().starts_with(sha256_prefix)) {
      return metadata(each->first);
    }
  }
  return std::nullopt;
}

Result<std::uint64_t, std::string> RevisionStore::next_incarnation() {
  const std::lock_guard guard(mutex_);
  const std::string path = folder_ + "/incarnation";
  const std::uint64_t next = read_number(path) + 1;
  if (std::string problem = replace_file(path, std::to_string(next) + "\n"); !problem.empty()) {
    return problem;
  }
  return next;
}

void RevisionStore::prune() {
  std::uint64_t bytes = 0;
  for (const auto& [number, kept] : revisions_) bytes += kept.bytes;
  auto oldest = revisions_.begin();
  while ((revisions_.size() > kRevisionsKept || bytes > kBytesKept) && oldest != revisions_.end()) {
    const std::uint64_t number = oldest->first;
    const bool newest = number == revisions_.rbegin()->first;
    const bool used = number == active_ || number == prepared_.number ||
                      (activating_ && number == activating_->number) ||
                      (trial_ && number == trial_->former);
    if (used || newest) {
      ++oldest;
      continue;
    }
    unlink(path_of(number).c_str());
    bytes -= oldest->second.bytes;
    oldest = revisions_.erase(oldest);
  }
}

std::optional<v1::GetPolicyResponse> RevisionStore::get(std::uint64_t number) const {
  const std::lock_guard guard(mutex_);
  return read(number == 0 ? active_ : number);
}

std::vector<v1::Revision> RevisionStore::list() const {
  const std::lock_guard guard(mutex_);
  std::vector<v1::Revision> list;
  for (auto each = revisions_.rbegin(); each != revisions_.rend(); ++each) {
    list.push_back(each->second.revision);
    list.back().set_active(each->first == active_);
  }
  return list;
}

std::optional<v1::Revision> RevisionStore::metadata(std::uint64_t number) const {
  const auto found = revisions_.find(number);
  if (found == revisions_.end()) return std::nullopt;
  v1::Revision revision = found->second.revision;
  revision.set_active(number == active_);
  return revision;
}

std::optional<v1::Revision> RevisionStore::revision(std::uint64_t number) const {
  const std::lock_guard guard(mutex_);
  return metadata(number == 0 ? active_ : number);
}

std::optional<v1::Revision> RevisionStore::active() const { return revision(0); }

std::uint64_t RevisionStore::latest() const {
  const std::lock_guard guard(mutex_);
  return revisions_.empty() ? 0 : revisions_.rbegin()->first;
}

std::optional<v1::Trial> describe_trial(const RevisionStore& store, TimeNs now_ns) {
  const auto stored = store.trial();
  const auto active = store.active();
  if (!stored || !active) return std::nullopt;
  v1::Trial trial;
  trial.set_number(active->number());
  trial.set_former(stored->former);
  trial.set_committed_by(active->committed_by());
  trial.set_committed_wall_time_ns(active->committed_wall_time_ns());
  trial.set_window_ms(stored->window_ms);
  trial.set_deadline_known(stored->boot == boot_number());
  if (trial.deadline_known() && stored->deadline_ns > now_ns) {
    trial.set_left_ms((stored->deadline_ns - now_ns) / kMillisecondNs);
  }
  const auto watch = store.health_watch();
  if (watch && watch->number() == active->number()) *trial.mutable_health() = watch->bounds();
  return trial;
}

}  // namespace bulkhead::controlplane
