// Files under FOLDER: revisions/NUMBER, active, prepared, incarnation, lock.
#include "controlplane/agent/revision_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

namespace fs = std::filesystem;

namespace {

std::string reason(const std::string& what, const std::string& path) {
  return what + " " + path + ": " + std::strerror(errno);
}

std::string write_all(int file, const std::string& bytes, const std::string& path) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = write(file, bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return reason("cannot write", path);
    done += static_cast<std::size_t>(count);
  }
  return fsync(file) == 0 ? std::string() : reason("cannot flush", path);
}

void flush_folder(const fs::path& folder) {
  const int handle = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (handle < 0) return;
  fsync(handle);
  close(handle);
}

// Empty on success; on failure the old file, if any, is untouched.
std::string replace_file(const std::string& path, const std::string& bytes) {
  const std::string aside = path + ".new";
  const int file = ::open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return reason("cannot create", aside);
  std::string error = write_all(file, bytes, aside);
  close(file);
  if (error.empty() && rename(aside.c_str(), path.c_str()) != 0) {
    error = reason("cannot rename to", path);
  }
  if (!error.empty()) {
    unlink(aside.c_str());
    return error;
  }
  flush_folder(fs::path(path).parent_path());
  return {};
}

std::optional<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// 0 if there is none.
std::uint64_t read_number(const std::string& path) {
  const auto text = read_file(path);
  return text ? std::strtoull(text->c_str(), nullptr, 10) : 0;
}

}  // namespace

Result<std::unique_ptr<RevisionStore>, std::string> RevisionStore::open(const std::string& folder) {
  std::error_code error;
  fs::create_directories(fs::path(folder) / "revisions", error);
  if (error) return "cannot create " + folder + ": " + error.message();
  const std::string lock_path = folder + "/lock";
  const int lock = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return reason("cannot create", lock_path);
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    close(lock);
    return "another bulkheadd works in " + folder + "; stop it, or give this one another --state";
  }
  std::unique_ptr<RevisionStore> store(new RevisionStore(folder, lock));
  if (std::string problem = store->load(); !problem.empty()) return problem;
  return store;
}

RevisionStore::~RevisionStore() { close(lock_); }

std::string RevisionStore::path_of(std::uint64_t number) const {
  return folder_ + "/revisions/" + std::to_string(number);
}

std::string RevisionStore::load() {
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_ + "/revisions")) {
    const std::string path = entry.path().string();
    if (path.ends_with(".new")) {
      unlink(path.c_str());
      continue;
    }
    v1::GetPolicyResponse stored;
    const auto bytes = read_file(path);
    if (!bytes || !stored.ParseFromString(*bytes) ||
        entry.path().filename() != std::to_string(stored.revision().number())) {
      return "revision file " + path + " is damaged; move it away to start without it";
    }
    revisions_[stored.revision().number()] = std::move(stored);
  }
  prepared_ = read_number(folder_ + "/prepared");
  if (revisions_.count(prepared_) == 0) prepared_ = 0;
  active_ = read_number(folder_ + "/active");
  if (active_ == 0) return {};
  if (revisions_.count(active_) == 0) {
    return "the active revision " + std::to_string(active_) + " is not in " + folder_ +
           "/revisions; restore it, or remove " + folder_ + "/active to start without a policy";
  }
  return {};
}

Result<v1::Revision, std::string> RevisionStore::add(v1::GetPolicyResponse stored) {
  const std::lock_guard guard(mutex_);
  const std::uint64_t number = revisions_.empty() ? 1 : revisions_.rbegin()->first + 1;
  stored.mutable_revision()->set_number(number);
  stored.mutable_revision()->set_staged_wall_time_ns(wall_now_ns());
  std::string problem = replace_file(path_of(number), stored.SerializeAsString());
  if (!problem.empty()) return problem;
  v1::Revision revision = stored.revision();
  revisions_[number] = std::move(stored);
  prune();
  return revision;
}

Result<v1::Revision, std::string> RevisionStore::activate(std::uint64_t number) {
  const std::lock_guard guard(mutex_);
  const auto found = revisions_.find(number);
  if (found == revisions_.end()) return "there is no revision " + std::to_string(number);
  v1::GetPolicyResponse stored = found->second;
  stored.mutable_revision()->set_committed_wall_time_ns(wall_now_ns());
  if (stored.revision().generation() == 0) {
    const auto before = revisions_.find(active_);
    stored.mutable_revision()->set_generation(
        before == revisions_.end() ? 1 : before->second.revision().generation() + 1);
  }
  std::string problem = replace_file(path_of(number), stored.SerializeAsString());
  if (problem.empty()) problem = replace_file(folder_ + "/active", std::to_string(number) + "\n");
  if (!problem.empty()) return problem;
  active_ = number;
  found->second = std::move(stored);
  v1::Revision revision = found->second.revision();
  revision.set_active(true);
  return revision;
}

std::string RevisionStore::set_generation(std::uint64_t number, std::uint64_t generation) {
  const std::lock_guard guard(mutex_);
  const auto found = revisions_.find(number);
  if (found == revisions_.end()) return "there is no revision " + std::to_string(number);
  v1::GetPolicyResponse stored = found->second;
  stored.mutable_revision()->set_generation(generation);
  std::string problem = replace_file(path_of(number), stored.SerializeAsString());
  if (problem.empty()) found->second = std::move(stored);
  return problem;
}

std::string RevisionStore::set_prepared(std::uint64_t number) {
  const std::lock_guard guard(mutex_);
  if (number == prepared_) return {};
  std::string problem = replace_file(folder_ + "/prepared", std::to_string(number) + "\n");
  if (problem.empty()) prepared_ = number;
  return problem;
}

std::optional<v1::Revision> RevisionStore::prepared() const {
  const std::lock_guard guard(mutex_);
  const auto found = revisions_.find(prepared_);
  if (found == revisions_.end()) return std::nullopt;
  return found->second.revision();
}

std::optional<v1::GetPolicyResponse> RevisionStore::find(std::uint64_t generation,
                                                         const std::string& sha256_prefix) const {
  const std::lock_guard guard(mutex_);
  for (auto each = revisions_.rbegin(); each != revisions_.rend(); ++each) {
    const v1::Revision& revision = each->second.revision();
    if (revision.generation() == generation && revision.sha256().starts_with(sha256_prefix)) {
      return each->second;
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
  auto oldest = revisions_.begin();
  while (revisions_.size() > kRevisionsKept && oldest != revisions_.end()) {
    if (oldest->first == active_ || oldest->first == prepared_) {
      ++oldest;
      continue;
    }
    unlink(path_of(oldest->first).c_str());
    oldest = revisions_.erase(oldest);
  }
}

std::optional<v1::GetPolicyResponse> RevisionStore::get(std::uint64_t number) const {
  const std::lock_guard guard(mutex_);
  const auto found = revisions_.find(number == 0 ? active_ : number);
  if (found == revisions_.end()) return std::nullopt;
  v1::GetPolicyResponse stored = found->second;
  stored.mutable_revision()->set_active(found->first == active_);
  return stored;
}

std::vector<v1::Revision> RevisionStore::list() const {
  const std::lock_guard guard(mutex_);
  std::vector<v1::Revision> list;
  for (auto each = revisions_.rbegin(); each != revisions_.rend(); ++each) {
    list.push_back(each->second.revision());
    list.back().set_active(each->first == active_);
  }
  return list;
}

std::optional<v1::Revision> RevisionStore::active() const {
  const auto stored = get(0);
  if (!stored) return std::nullopt;
  return stored->revision();
}

std::uint64_t RevisionStore::latest() const {
  const std::lock_guard guard(mutex_);
  return revisions_.empty() ? 0 : revisions_.rbegin()->first;
}

}  // namespace bulkhead::controlplane
