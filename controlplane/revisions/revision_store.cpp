// Files under FOLDER: revisions/NUMBER, active, prepared, journal, incarnation, lock; damaged/
// holds what cannot be used. A note of the journal: a revision's number, generation and time of its
// commit, and the numbers of the active and of the prepared one.
#include "controlplane/revisions/revision_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>
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
  prepared_ = read_number(folder_ + "/prepared");
  active_ = read_number(folder_ + "/active");
  replay(notes);
  if (revisions_.count(prepared_) == 0) prepared_ = 0;
  load_active();
  if (!notes.empty()) fold();  // or later, when the journal is full
  prune();
}

void RevisionStore::replay(const std::vector<std::string>& notes) {
  for (const std::string& text : notes) {
    std::istringstream fields(text);
    std::uint64_t number = 0;
    std::uint64_t generation = 0;
    std::uint64_t committed_ns = 0;
    std::uint64_t active = 0;
    std::uint64_t prepared = 0;
    if (!(fields >> number >> generation >> committed_ns >> active >> prepared)) continue;
    active_ = active;
    prepared_ = prepared;
    const auto found = revisions_.find(number);
    if (found == revisions_.end()) continue;
    found->second.revision.set_generation(generation);
    found->second.revision.set_committed_wall_time_ns(committed_ns);
    noted_.insert(number);
  }
}

std::string RevisionStore::note(const v1::Revision& revision, std::uint64_t active,
                                std::uint64_t prepared) {
  std::string problem = journal_->has_room() ? std::string() : fold();
  if (problem.empty()) {
    problem = journal_->add(std::to_string(revision.number()) + " " +
                            std::to_string(revision.generation()) + " " +
                            std::to_string(revision.committed_wall_time_ns()) + " " +
                            std::to_string(active) + " " + std::to_string(prepared));
  }
  if (problem.empty() && revision.number() != 0) noted_.insert(revision.number());
  return problem;
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
    problem = replace_file(folder_ + "/prepared", std::to_string(prepared_) + "\n");
  }
  if (problem.empty()) problem = journal_->clear();
  if (problem.empty()) noted_.clear();
  return problem;
}

void RevisionStore::load_file(const std::string& name) {
  const std::string path = folder_ + "/revisions/" + name;
  struct stat info {};
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

void RevisionStore::load_active() {
  if (active_ == 0 || revisions_.count(active_) != 0) return;
  damage_.push_back("the active revision (" + std::to_string(active_) + ") is not in " + folder_ +
                    "/revisions");
  active_ = 0;
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

Result<v1::Revision, std::string> RevisionStore::activate(std::uint64_t number) {
  const std::lock_guard guard(mutex_);
  if (std::string problem = begin(number); !problem.empty()) return problem;
  return finish();
}

std::string RevisionStore::begin_activation(std::uint64_t number) {
  const std::lock_guard guard(mutex_);
  return begin(number);
}

Result<v1::Revision, std::string> RevisionStore::finish_activation() {
  const std::lock_guard guard(mutex_);
  return finish();
}

void RevisionStore::abandon_activation() {
  const std::lock_guard guard(mutex_);
  activating_ = 0;
}

std::string RevisionStore::begin(std::uint64_t number) {
  const auto found = revisions_.find(number);
  if (found == revisions_.end()) return "there is no revision " + std::to_string(number);
  if (std::string problem = journal_->has_room() ? std::string() : fold(); !problem.empty()) {
    return problem;
  }
  after_activation_ = found->second.revision;
  after_activation_.set_committed_wall_time_ns(wall_now_ns());
  if (after_activation_.generation() == 0) {
    const auto before = revisions_.find(active_);
    after_activation_.set_generation(
        before == revisions_.end() ? 1 : before->second.revision.generation() + 1);
  }
  activating_ = number;
  return {};
}

// One that was prepared is not any more: both are one note.
Result<v1::Revision, std::string> RevisionStore::finish() {
  const auto found = revisions_.find(activating_);
  if (found == revisions_.end()) return std::string("nothing is being activated");
  const std::uint64_t prepared = prepared_ == activating_ ? 0 : prepared_;
  if (std::string problem = note(after_activation_, activating_, prepared); !problem.empty()) {
    return problem;
  }
  found->second.revision = after_activation_;
  active_ = std::exchange(activating_, 0);
  prepared_ = prepared;
  v1::Revision revision = found->second.revision;
  revision.set_active(true);
  return revision;
}

std::string RevisionStore::set_generation(std::uint64_t number, std::uint64_t generation) {
  const std::lock_guard guard(mutex_);
  const auto found = revisions_.find(number);
  if (found == revisions_.end()) return "there is no revision " + std::to_string(number);
  found->second.revision.set_generation(generation);
  return {};
}

std::string RevisionStore::set_prepared(std::uint64_t number) {
  const std::lock_guard guard(mutex_);
  if (number == prepared_) return {};
  const auto found = revisions_.find(number);
  const v1::Revision none;
  const v1::Revision& revision = found == revisions_.end() ? none : found->second.revision;
  std::string problem = note(revision, active_, number);
  if (problem.empty()) prepared_ = number;
  return problem;
}

std::optional<v1::Revision> RevisionStore::prepared() const {
  const std::lock_guard guard(mutex_);
  const auto found = revisions_.find(prepared_);
  if (found == revisions_.end()) return std::nullopt;
  return found->second.revision;
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
    if (number == active_ || number == prepared_ || number == activating_ || newest) {
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

}  // namespace bulkhead::controlplane
