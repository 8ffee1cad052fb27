// Requests of callers and lines of the file as containments, and what is wrong with them, in words.
// Pure.
#pragma once

#include <optional>
#include <string>

#include "bulkhead/v1/containment.pb.h"
#include "controlplane/access/role.h"
#include "controlplane/containment/watched_file.h"

namespace bulkhead::controlplane {

constexpr std::size_t kReasonBytesMax = 200;
constexpr std::size_t kTargetBytesMax = 64;
constexpr std::uint64_t kForMsMax = std::uint64_t{366} * 24 * 60 * 60 * 1000;

std::optional<std::string> problem_of(const v1::SetContainmentRequest& request);
std::optional<std::string> problem_of(const v1::ReleaseContainmentRequest& request);
// `policy_role`: that the policy names; empty: none. Nothing if one of the caller's roles may.
std::optional<std::string> may_not_release(const std::string& policy_role, Roles roles);

// Without a number and the time of day. Precondition: no problem_of() the request.
v1::Containment requested(const v1::SetContainmentRequest& request, const std::string& by,
                          const std::string& appliance);
v1::Containment from_file(const WatchedFile::Line& line, const std::string& path,
                          const std::string& appliance);

// `zone control: isolate for 2 h by alice on a: "reason"`.
std::string sentence_of(const v1::Containment& containment);
std::string nothing_to_release(const v1::ReleaseContainmentRequest& request,
                               const v1::ListContainmentResponse& stands);

}  // namespace bulkhead::controlplane
