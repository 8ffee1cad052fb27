// Files younger than a second are read at each look: a second change may leave the same times.
#include "controlplane/access/access_file.h"

#include <utility>

#include "controlplane/access/operator_file.h"
#include "dataplane/artefact/digest.h"

namespace bulkhead::controlplane {

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
  const OperatorFile file = read_operator_file(path_, kAccessBytesMax);
  if (!file.problem.empty()) return fail(file.problem);
  stamp_ = file.stamp;
  const std::string& text = file.text;
  const std::string sha256 = artefact::to_hex(artefact::sha256(text));
  if (rules_ && sha256 == sha256_) return !std::exchange(problem_, std::string()).empty();
  Diagnostics diagnostics(path_);
  AccessRules rules = parse_access(text, diagnostics);
  if (diagnostics.errors() > 0) return fail(diagnostics.errors_text());
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
