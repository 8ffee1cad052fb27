// What a staged policy would refuse, of what lives now and of what passed in the last day.
#include <algorithm>

#include "controlplane/agent/agent.h"
#include "dataplane/artefact/artefact.h"

namespace bulkhead::controlplane {

namespace {

constexpr std::uint32_t kSessionsShown = 100;
constexpr std::uint32_t kSessionsShownMax = 1000;
// The rest of a larger table is not looked at, and the answer says so.
constexpr std::uint64_t kSessionsMax = 1'000'000;
constexpr auto kSessionsFor = std::chrono::seconds(30);
constexpr std::uint32_t kPage = 1000;
constexpr auto kCountersTimeout = std::chrono::seconds(2);

std::optional<v1::GetPolicyResponse> stored_with(const RevisionStore& store,
                                                 const std::string& digest) {
  for (const v1::Revision& revision : store.list()) {
    if (revision.sha256() == digest) return store.get(revision.number());
  }
  return std::nullopt;
}

}  // namespace

// Precondition: policy_mutex_ is held, so that no commit comes in between.
void Agent::note_passed(const std::string& digest, std::chrono::milliseconds timeout) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  PassedOfLastDay::Look look;
  v1::GetDataplaneCounters question;
  for (bool more = true; more;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    if (left.count() <= 0) return;
    const auto page = counters(question, left);
    if (!page) return;
    look.add(page.value());
    sink_.on_counters(page.value());
    more = page.value().more();
  }
  passed_.note(wall_now_ns(), digest, std::move(look));
}

std::optional<Refusal> Agent::preview_sessions(const policy::Tables& staged, std::uint32_t limit,
                                               v1::PreviewPolicyResponse& preview) {
  v1::ListDataplaneFlows page;
  page.set_limit(kPage);
  const auto until = std::chrono::steady_clock::now() + kSessionsFor;
  while (preview.sessions() < kSessionsMax && std::chrono::steady_clock::now() < until) {
    const auto answer = flows(page);
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

Result<v1::PreviewPolicyResponse, Refusal> Agent::preview(const v1::PreviewPolicyRequest& request) {
  const std::uint64_t number = request.number() == 0 ? store_->latest() : request.number();
  const auto stored = store_->get(number);
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
      preview_sessions(staged.value(), std::min(limit, kSessionsShownMax), preview);
  if (refusal) return *refusal;
  std::map<std::string, Passed> passed;
  {
    const std::lock_guard guard(policy_mutex_);
    const auto active = store_->active();
    note_passed(active ? active->sha256() : std::string(), kCountersTimeout);
    passed = passed_.all();
    preview.set_since_wall_time_ns(passed_.since_wall_ns());
    preview.set_messages_not_compared(passed_.not_told_apart());
  }
  for (const auto& [digest, messages] : passed) {
    if (const auto before = stored_with(*store_, digest)) {
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
