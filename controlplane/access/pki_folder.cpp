// Files are replaced one after the other: what does not fit at one look may fit at the next.
#include "controlplane/access/pki_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace bulkhead::controlplane {

namespace {

constexpr const char* kFiles[] = {kAuthorityFile, kCertificateFile, kKeyFile, kRevokedFile};

// Readable by others than root, this process's user and its group.
bool others_read(const std::string& path) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) return false;
  const bool foreign_group = info.st_gid != 0 && info.st_gid != getegid();
  return (info.st_mode & S_IROTH) != 0 || ((info.st_mode & S_IRGRP) != 0 && foreign_group);
}

}  // namespace

PkiFolder::PkiFolder(std::string folder, CredentialsPointer credentials, Callbacks callbacks)
    : folder_(std::move(folder)),
      callbacks_(std::move(callbacks)),
      credentials_(std::move(credentials)),
      stamps_(stamps()) {}

PkiFolder::Stamps PkiFolder::stamps() const {
  Stamps stamps;
  for (std::size_t i = 0; i < stamps.size(); ++i) stamps[i] = stamp_of(folder_ + "/" + kFiles[i]);
  return stamps;
}

CredentialsPointer PkiFolder::credentials() const {
  const std::lock_guard guard(mutex_);
  return credentials_;
}

std::vector<std::string> PkiFolder::warnings() const {
  const std::lock_guard guard(mutex_);
  return warnings_;
}

void PkiFolder::look(std::time_t now) {
  const Stamps found = stamps();
  const bool young = std::any_of(found.begin(), found.end(),
                                 [](const FileStamp& stamp) { return stamp.is_young(); });
  // Young files may be incomplete: their turn comes within two seconds.
  if (!young && (found != stamps_ || !problem_.empty())) {
    stamps_ = found;
    if (read_anew() && callbacks_.on_credentials) callbacks_.on_credentials(credentials());
  }
  note_warnings(now);
}

bool PkiFolder::read_anew() {
  auto next = read_credentials(folder_);
  problem_ = next ? compare(*next.value()) : next.error();
  if (!problem_.empty()) return false;
  const CredentialsPointer former = credentials();
  const bool same = former->authority_pem == next.value()->authority_pem &&
                    former->certificate_pem == next.value()->certificate_pem &&
                    former->key_pem == next.value()->key_pem &&
                    former->list_pem == next.value()->list_pem;
  if (same) return false;
  {
    const std::lock_guard guard(mutex_);
    credentials_ = next.value();
  }
  callbacks_.on_change("credentials of " + folder_ + " are in force: " + next.value()->name +
                       ", list of revoked certificates number " +
                       std::to_string(next.value()->trust->list_number()));
  return true;
}

// What must not become weaker or another's.
std::string PkiFolder::compare(const ApplianceCredentials& next) const {
  const CredentialsPointer former = credentials();
  const std::string list = folder_ + "/" + kRevokedFile;
  if (next.name != former->name) {
    return folder_ + "/" + kCertificateFile + " is " + next.name + "'s, this appliance is " +
           former->name + ": restart bulkheadd to rename it";
  }
  if (!next.trust->list_problem().empty()) return list + ": " + next.trust->list_problem();
  if (next.authority_pem == former->authority_pem &&
      next.trust->list_number() < former->trust->list_number()) {
    return list + " is older than the list in force, number " +
           std::to_string(former->trust->list_number());
  }
  return {};
}

std::vector<std::string> PkiFolder::find_warnings(std::time_t now) const {
  const CredentialsPointer current = credentials();
  std::vector<std::string> found;
  if (!problem_.empty()) found.push_back(problem_ + "; the former files stay in force");
  const std::string list = current->trust->list_problem();
  if (!list.empty() && problem_.empty()) {
    found.push_back(folder_ + "/" + kRevokedFile + ": " + list + "; no certificate may call");
  }
  for (const char* name : {kKeyFile, "pair.key"}) {
    const std::string path = folder_ + "/" + name;
    if (others_read(path)) found.push_back(path + " can be read by others: chmod 0640");
  }
  if (stamp_of(folder_ + "/ca.key").exists) {
    found.push_back("an authority's key lies on this appliance: " + folder_ +
                    "/ca.key; move it to the management host, its holder can command every "
                    "appliance");
  }
  const std::pair<const char*, std::time_t> ends[] = {
      {kCertificateFile, current->certificate_until},
      {kAuthorityFile, current->trust->authority_until()},
      {kRevokedFile, current->trust->list_until()}};
  for (const auto& [name, until] : ends) {
    const std::string text = expiry_text(until, now);
    if (!text.empty()) found.push_back(folder_ + "/" + name + " " + text);
  }
  return found;
}

// Each is reported once, and again if it goes and comes back.
void PkiFolder::note_warnings(std::time_t now) {
  std::vector<std::string> found = find_warnings(now);
  const std::set<std::string> all(found.begin(), found.end());
  for (const std::string& each : found) {
    if (reported_.count(each) == 0) callbacks_.on_change(each);
  }
  reported_ = all;
  const std::lock_guard guard(mutex_);
  warnings_ = std::move(found);
}

}  // namespace bulkhead::controlplane
