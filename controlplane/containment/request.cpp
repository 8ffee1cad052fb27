// Texts name what is wrong and what would be right.
#include "controlplane/containment/request.h"

#include "controlplane/access/methods.h"
#include "controlplane/containment/state.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/printable.h"

namespace bulkhead::controlplane {

namespace {

std::optional<std::string> problem_of(const v1::ContainmentTarget& target) {
  if (target.target_case() == v1::ContainmentTarget::TARGET_NOT_SET) {
    return "name a zone, a conduit, or all of them";
  }
  if (target.has_all() && !target.all()) return "name a zone, a conduit, or all of them";
  const std::size_t bytes = target.zone().size() + target.conduit().size();
  if (!target.has_all() && (bytes == 0 || bytes > kTargetBytesMax)) {
    return "the name of a zone or conduit has 1 to " + std::to_string(kTargetBytesMax) + " bytes";
  }
  return std::nullopt;
}

std::string time_text(TimeNs left_ns) {
  const TimeNs s = (left_ns + kSecondNs - 1) / kSecondNs;
  if (s % 3600 == 0) return std::to_string(s / 3600) + " h";
  if (s % 60 == 0) return std::to_string(s / 60) + " min";
  return std::to_string(s) + " s";
}

}  // namespace

std::optional<std::string> problem_of(const v1::SetContainmentRequest& request) {
  if (auto wrong = problem_of(request.target())) return wrong;
  if (!v1::ContainmentLevel_IsValid(request.level()) ||
      request.level() == v1::CONTAINMENT_LEVEL_NORMAL) {
    return "the level is read-only, essential or isolate; release a containment to end it";
  }
  if (request.for_ms() > kForMsMax) return "a time is a year at most; leave it out for no end";
  if (request.reason().empty()) return "say why: who reads of it must know what to wait for";
  if (request.reason().size() > kReasonBytesMax) {
    return "the reason has more than " + std::to_string(kReasonBytesMax) + " bytes";
  }
  return std::nullopt;
}

std::optional<std::string> problem_of(const v1::ReleaseContainmentRequest& request) {
  if (!v1::ContainmentLevel_IsValid(request.level())) return "there is no such level";
  return problem_of(request.target());
}

std::optional<std::string> may_not_release(const std::string& policy_role, Roles roles) {
  if (policy_role.empty()) {
    if (roles.meets(methods::kUsuallyRelease)) return std::nullopt;
    return "a containment is released by " + methods::kUsuallyRelease.text() +
           ": the policy in force names no other role (containment: {release: ROLE})";
  }
  const auto role = find_role(policy_role);
  if (role && roles.has(*role)) return std::nullopt;
  return "the policy in force lets role " + printable(policy_role) +
         " alone release a containment (containment: {release: ...})";
}

v1::Containment requested(const v1::SetContainmentRequest& request, const std::string& by,
                          const std::string& appliance) {
  constexpr std::size_t kByBytesMax = 200;
  v1::Containment containment;
  containment.set_level(request.level());
  *containment.mutable_target() = request.target();
  containment.set_left_ns(request.for_ms() * kMillisecondNs);
  containment.set_reason(request.reason());
  containment.set_set_by(by.substr(0, kByBytesMax));
  containment.set_appliance(appliance);
  return containment;
}

v1::Containment from_file(const WatchedFile::Line& line, const std::string& path,
                          const std::string& appliance) {
  constexpr std::size_t kPathBytesMax = 200;
  v1::Containment containment;
  containment.set_level(line.level);
  *containment.mutable_target() = line.target;
  containment.set_reason("while the file has it");
  containment.set_set_by("file " + path.substr(0, kPathBytesMax));
  containment.set_set_wall_time_ns(wall_now_ns());
  containment.set_appliance(appliance);
  containment.set_from_file(true);
  return containment;
}

std::string sentence_of(const v1::Containment& each) {
  return text_of(each.target()) + ": " + std::string(name_of(each.level())) +
         (each.left_ns() == 0 ? "" : " for " + time_text(each.left_ns())) + " by " + each.set_by() +
         (each.appliance().empty() ? "" : " on " + each.appliance()) + ": \"" +
         printable(each.reason()) + "\"";
}

std::string nothing_to_release(const v1::ReleaseContainmentRequest& request,
                               const v1::ListContainmentResponse& stands) {
  const std::string target = text_of(request.target());
  for (const v1::Containment& each : stands.containments()) {
    if (!each.from_file() || !is_same_target(each.target(), request.target())) continue;
    return target + " is contained by the " + printable(each.set_by()) + " on " +
           printable(each.appliance()) + ": take its line away there";
  }
  std::string all;
  for (const v1::Containment& each : stands.containments()) {
    all += (all.empty() ? "" : "; ") + text_of(each.target()) + ": " +
           std::string(name_of(each.level()));
  }
  return "no such containment of " + target + " stands" + (all.empty() ? "" : " (" + all + ")");
}

}  // namespace bulkhead::controlplane
