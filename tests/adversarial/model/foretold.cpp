// Compares what two talks of one seed were refused, or two plants of one talk.
#include "tests/adversarial/model/foretold.h"

#include <algorithm>

#include "tests/adversarial/model/beside.h"
#include "tests/adversarial/model/cases.h"

namespace bulkhead::adversary {

namespace {

using pipeline::Event;

// The first messages of an end's: as many as observing has judged, and where a refusal ends the
// session, as many as enforcing saw.
std::optional<std::string> compare_messages(const std::vector<Event>& foretold,
                                            const std::vector<Event>& refused, std::size_t count,
                                            Foretold& tally) {
  for (std::size_t i = 0; i < count; ++i) {
    const Event* one = i < foretold.size() ? &foretold[i] : nullptr;
    const Event* other = i < refused.size() ? &refused[i] : nullptr;
    if (one == nullptr || other == nullptr || !are_alike(*one, *other)) {
      return differ("refusal " + std::to_string(i + 1) + " of a stream", one, other);
    }
    ++tally.messages;
  }
  return std::nullopt;
}

std::string names_of(const std::vector<Reason>& reasons) {
  std::string names;
  for (const Reason reason : reasons) names += " " + std::string(describe(reason).name);
  return names.empty() ? " nothing" : names;
}

// A spoiled checksum may be that of the pseudo header alone, which depends on time stamps.
Reason without_chance(Reason reason) {
  return reason == Reason::partial_checksum ? Reason::bad_transport_checksum : reason;
}

bool are_alike(const std::vector<Reason>& a, const std::vector<Reason>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](Reason one, Reason other) {
    return without_chance(one) == without_chance(other);
  });
}

// Malformed frames beside the requests that either talk came to.
std::optional<std::string> compare_malformed(const Talk& observed, const Talk& enforced,
                                             Foretold& tally) {
  for (const auto& [request, reasons] : enforced.malformed) {
    const auto found = observed.malformed.find(request);
    const bool known = found != observed.malformed.end();
    if (!known || !are_alike(found->second, reasons) || reasons.empty()) {
      return "a malformed frame beside request " + std::to_string(request + 1) + ": foretold" +
             (known ? names_of(found->second) : " nothing") + ", refused" + names_of(reasons);
    }
    ++tally.malformed;
  }
  return std::nullopt;
}

std::optional<std::string> compare_streams(const Talk& observed, const Talk& enforced, bool goes_on,
                                           Foretold& tally) {
  for (const std::size_t end : {kClient, kServer}) {
    const std::vector<Event>& foretold = observed.messages[end];
    const std::vector<Event>& refused = enforced.messages[end];
    std::size_t count = goes_on ? std::max(foretold.size(), refused.size()) : refused.size();
    if (observed.judged) count = std::min(count, (*observed.judged)[end]);
    if (auto wrong = compare_messages(foretold, refused, count, tally)) return wrong;
  }
  return std::nullopt;
}

void count_frames(const Talk& talk, Foretold& tally) {
  tally.frames += talk.frames;
  tally.fragments += talk.fragments;
  tally.repeated += talk.repeated;
}

// Through either plant by itself, after the same frames at both.
std::optional<std::string> compare_talks(const Plants& plants, const Plan& plan,
                                         policy::OnDeny on_deny, const ForetoldCase& config,
                                         Foretold& tally) {
  Beside beside(plants, plan, config.trace, tally);
  Talk observed(plants.observing, plan, {config.seed, true, config.trace}, &beside);
  if (const auto wrong = observed.run()) return "observing: " + *wrong;
  count_frames(observed, tally);
  if (beside.difference() || plan.attacked) return beside.difference();
  forget_sessions(plants.enforcing);
  Talk enforced(plants.enforcing, plan, {config.seed, false, config.trace});
  if (const auto wrong = enforced.run()) return "enforcing: " + *wrong;
  if (auto wrong = compare_malformed(observed, enforced, tally)) return wrong;
  const bool goes_on = on_deny == policy::OnDeny::reject && !plan.rogue_server;
  if (auto wrong = compare_streams(observed, enforced, goes_on, tally)) return wrong;
  if (observed.judged) ++tally.unjudged;
  // What else was refused of segments that came late or twice depends on when each came.
  if (!observed.is_way_perfect() || (observed.packets.empty() && enforced.packets.empty())) {
    return std::nullopt;
  }
  return "packets: foretold" + names_of(observed.packets) + ", refused" +
         names_of(enforced.packets);
}

bool is_unreadable(const Request& request) {
  return request.code >= 60 || (request.code == 3 && load_be16(&request.bytes[10]) == 0);
}

}  // namespace

std::optional<std::string> run_foretold(const Plants& plants, policy::OnDeny on_deny,
                                        const ForetoldCase& config, Foretold& tally) {
  const std::uint64_t seed = config.seed;
  Random random(seed * 0x9e3779b97f4a7c15ULL + 1);
  Plan plan = random_plan(random, static_cast<std::uint16_t>(1024 + seed % 60000));
  // Of what is no answer to anything and what may answer a request that nobody can read, either may
  // come first.
  if (plan.strays > 0) std::erase_if(plan.requests, is_unreadable);
  // A refused request is as if it had been granted, so that it may have an answer: a rogue's, too.
  if (plan.rogue_server) {
    std::erase_if(plan.requests, [](const Request& request) { return !request.granted; });
  }
  const TimeNs now_ns = std::max(plants.observing.now_ns(), plants.enforcing.now_ns());
  plants.observing.be_at(now_ns);
  plants.enforcing.be_at(now_ns);
  return compare_talks(plants, plan, on_deny, config, tally);
}

}  // namespace bulkhead::adversary
