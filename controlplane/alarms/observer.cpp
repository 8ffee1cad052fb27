// One question each.
#include "controlplane/alarms/observer.h"

#include <filesystem>
#include <system_error>
#include <utility>

namespace bulkhead::controlplane {

namespace {

std::vector<Observation::Ending> endings_of(const ApplianceCredentials& credentials) {
  return {{kCertificateFile, credentials.certificate_until},
          {kAuthorityFile, credentials.trust->authority_until()},
          {kRevokedFile, credentials.trust->list_until()}};
}

Observation::Disk disk_of(const std::string& folder) {
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(folder, error);
  if (error) return {folder, 0, 0};
  return {folder, space.available, space.capacity};
}

}  // namespace

Observation Observer::observe() const {
  Observation seen;
  seen.status = sources_.readings.status();
  sources_.complete(seen.status);
  if (auto pair = sources_.pair.pair_status()) seen.pair = std::move(pair).value();
  if (const CredentialsPointer credentials = sources_.credentials()) {
    seen.endings = endings_of(*credentials);
  }
  seen.disk = disk_of(sources_.state_folder);
  seen.now_ns = monotonic_now_ns();
  seen.wall_time_ns = wall_now_ns();
  return seen;
}

}  // namespace bulkhead::controlplane
