// Files younger than a second are read at each look: a second change may leave the same times.
#include "controlplane/access/access_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "dataplane/artefact/digest.h"

namespace bulkhead::controlplane {

namespace {

constexpr std::size_t kErrorsShownMax = 5;

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

// Others could give themselves roles.
std::string wrong_with(const struct stat& info) {
  if (!S_ISREG(info.st_mode)) return "it is no regular file";
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return "others than its owner may write it: chmod go-w";
  }
  if (info.st_uid != 0 && info.st_uid != geteuid()) {
    return "it belongs to another user: chown root";
  }
  if (info.st_size > static_cast<off_t>(kAccessBytesMax)) return "it is larger than 1 MiB";
  return {};
}

std::optional<std::string> read_whole(int file, std::size_t bytes) {
  std::string text(bytes + 1, '\0');  // one more: it may have grown
  std::size_t length = 0;
  while (length < text.size()) {
    const ssize_t got = read(file, text.data() + length, text.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
  }
  text.resize(length);
  return text;
}

std::string text_of(const Diagnostics& diagnostics) {
  std::string text;
  std::size_t shown = 0;
  for (const Diagnostic& each : diagnostics.list()) {
    if (each.severity != Severity::error || shown == kErrorsShownMax) continue;
    text += (shown++ == 0 ? "" : "; ") + diagnostics.to_text(each);
  }
  const std::size_t more = diagnostics.errors() - shown;
  return more == 0 ? text : text + "; and " + std::to_string(more) + " more";
}

}  // namespace

AccessFile::AccessFile(std::string path, OnChange on_change)
    : path_(std::move(path)), on_change_(std::move(on_change)) {}

AccessPointer AccessFile::current() {
  std::string changed;
  AccessPointer rules;
  {
    const std::lock_guard guard(mutex_);
    if (look()) changed = change_text();
    rules = rules_;
  }
  if (!changed.empty() && on_change_) on_change_(changed);
  return rules;
}

AccessFile::State AccessFile::state() const {
  const std::lock_guard guard(mutex_);
  return {path_, rules_ != nullptr, sha256_, problem_};
}

bool AccessFile::look() {
  const FileStamp stamp = stamp_of(path_);
  if (looked_ && stamp == stamp_ && !may_change_unseen_) return false;
  const bool first = !std::exchange(looked_, true);
  const FileStamp before = std::exchange(stamp_, stamp);
  may_change_unseen_ = stamp.is_young();
  if (stamp.exists) return load() || first;
  if (!first && !before.exists) return false;
  rules_.reset();
  sha256_.clear();
  problem_ = "there is no " + path_;
  return true;
}

bool AccessFile::load() {
  const Descriptor file(open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.number() < 0) return fail("cannot read " + path_ + ": " + std::strerror(errno));
  struct stat info {};
  if (fstat(file.number(), &info) != 0) {
    return fail("cannot read " + path_ + ": " + std::strerror(errno));
  }
  const std::string wrong = wrong_with(info);
  if (!wrong.empty()) return fail(path_ + ": " + wrong);
  stamp_ = stamp_of(info);
  const auto text = read_whole(file.number(), static_cast<std::size_t>(info.st_size));
  if (!text) return fail("cannot read " + path_ + ": " + std::strerror(errno));
  const std::string sha256 = artefact::to_hex(artefact::sha256(*text));
  if (rules_ && sha256 == sha256_) return !std::exchange(problem_, std::string()).empty();
  Diagnostics diagnostics(path_);
  AccessRules rules = parse_access(*text, diagnostics);
  if (diagnostics.errors() > 0) return fail(text_of(diagnostics));
  rules_ = std::make_shared<const AccessRules>(std::move(rules));
  sha256_ = sha256;
  problem_.clear();
  return true;
}

bool AccessFile::fail(const std::string& problem) {
  return std::exchange(problem_, problem) != problem;
}

std::string AccessFile::change_text() const {
  if (problem_.empty()) {
    return path_ + " is in force: " + std::to_string(rules_->identities.size()) +
           " identities, sha256 " + sha256_.substr(0, 16);
  }
  return rules_ ? problem_ + "; the former access file stays in force"
                : problem_ + "; only root on the appliance may act, on the local socket";
}

}  // namespace bulkhead::controlplane
