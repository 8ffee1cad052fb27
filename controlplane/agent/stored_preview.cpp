// What a staged policy would refuse, of what lives now and of what passed in the last day.
#include <algorithm>

#include "controlplane/agent/stored_policies.h"
#include "dataplane/artefact/artefact.h"

namespace bulkhead::controlplane {

namespace {

constexpr std::uint32_t kSessionsShown = 100;
constexpr std::uint32_t kSessionsShownMax = 1000;
// The rest of a larger table is not looked at, and the answer says so.
constexpr std::uint64_t kSessionsMax = 1'000'000;
constexpr auto kSessionsFor = std::chrono::seconds(30);
constexpr std::uint32_t kPage = 1000;

std::optional<v1::GetPolicyResponse> stored_with(const RevisionStore& store,
                                                 const std::string& digest) {
  for (const v1::Revision& revision : store.list()) {
    if (revision.sha256() == digest) return store.get(revision.number());
  }
  return std::nullopt;
}

std::optional<Refusal> preview_sessions(Readings& readings, const policy::Tables& staged,
                                        std::uint32_t limit, v1::PreviewPolicyResponse& preview) {
  v1::ListDataplaneFlows page;
  page.set_limit(kPage);
  const auto until = std::chrono::steady_clock::now() + kSessionsFor;
  while (preview.sessions() < kSessionsMax && std::chrono::steady_clock::now() < until) {
    const auto answer = readings.flows(page);
    if (!answer) return answer.error();
    for (const v1::Flow& session : answer.value().flows()) {
      add_session(staged, session, limit, preview);
    }
    if (answer.value().complete()) {
      preview.set_complete(true);
      return std::nullopt;
    }
    page.set_worker(answer.value().worker());
    page.set_slot(answer.value().slot());
  }
  return std::nullopt;
}

}  // namespace

Result<v1::PreviewPolicyResponse, Refusal> StoredPolicies::preview(
    const v1::PreviewPolicyRequest& request) {
  const std::uint64_t number = request.number() == 0 ? store_.latest() : request.number();
  const auto stored = store_.get(number);
  if (number == 0 || !stored) {
    return Refusal{Refusal::Kind::not_found,
                   number == 0 ? "no policy has been staged; push one first"
                               : "there is no revision " + std::to_string(number)};
  }
  const auto staged = artefact::decode(stored->artefact());
  if (!staged) return Refusal{Refusal::Kind::invalid, staged.error()};
  v1::PreviewPolicyResponse preview;
  *preview.mutable_revision() = stored->revision();
  const std::uint32_t limit = request.limit() == 0 ? kSessionsShown : request.limit();
  const auto refusal =
      preview_sessions(readings_, staged.value(), std::min(limit, kSessionsShownMax), preview);
  if (refusal) return *refusal;
  const Enforcer::PassedSoFar passed = enforcer_.passed();
  preview.set_since_wall_time_ns(passed.since_wall_ns);
  preview.set_messages_not_compared(passed.not_compared);
  for (const auto& [digest, messages] : passed.by_digest) {
    if (const auto before = stored_with(store_, digest)) {
      const auto tables = artefact::decode(before->artefact());
      if (tables) {
        add_messages(tables.value(), messages, staged.value(), preview);
        continue;
      }
    }
    std::uint64_t sum = 0;
    for (const auto& [key, count] : messages) sum += count;
    preview.set_messages_not_compared(preview.messages_not_compared() + sum);
  }
  return preview;
}

}  // namespace bulkhead::controlplane
