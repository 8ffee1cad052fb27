// What may be asked for at any rate passes a tally.
#include "controlplane/audit/trail.h"

#include <cstdio>
#include <utility>

namespace bulkhead::audit {

namespace {

std::string seconds_text(std::int64_t ns) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3f", static_cast<double>(ns) / 1e9);
  return text;
}

std::string step_text(std::int64_t step_ns) {
  return "the wall clock was set " + std::string(step_ns < 0 ? "back by " : "forward by ") +
         seconds_text(step_ns < 0 ? -step_ns : step_ns) + " s";
}

}  // namespace

Trail::Trail(const std::string& folder, Log::Options options) : stamp_(options.stamp) {
  options.on_turn = [this] { turn(); };
  // The thread starts in here: what turn() uses stands already, and it waits for the mutex.
  const std::lock_guard guard(mutex_);
  log_ = std::make_unique<Log>(folder, std::move(options));
  start();
}

Trail::~Trail() {
  {
    const std::lock_guard guard(mutex_);
    for (const Logins::Login& login : logins_.end()) post_end(login);
  }
  log_->append({.kind = "stop", .text = "the agent stops"}, Claim::own);
  log_->stop();  // its thread still asks for it
}

void Trail::start() {
  const Ending found = log_->found();
  const Stamp now = stamp_();
  Entry entry{.kind = "start", .text = "agent " BULKHEAD_VERSION};
  if (found.runs) entry.text += "; its predecessor ended without a stop";
  for (const std::uint64_t number : found.unfinished) {
    entry.details.emplace_back("unfinished_" + std::to_string(entry.details.size() + 1),
                               std::to_string(number));
  }
  log_->post(std::move(entry), Claim::own);
  if (found.stamp) {
    clock_.look(*found.stamp);
    const bool is_before = now.wall_ns < found.stamp->wall_ns;
    if (found.stamp->boot != now.boot && is_before) {
      log_->post({.kind = "time",
                  .text = "the wall clock is earlier than in the last record, of another boot"},
                 Claim::own);
    }
  }
  if (const auto step = clock_.look(now)) {
    log_->post({.kind = "time",
                .text = step_text(*step) + " while the agent did not run",
                .details = {{"seconds", seconds_text(*step)}}},
               Claim::own);
  }
}

// On the log's thread, which must not wait for itself: what it adds is only posted.
void Trail::turn() {
  const std::lock_guard guard(mutex_);
  const Stamp now = stamp_();
  if (const auto step = clock_.look(now)) {
    log_->post(
        {.kind = "time", .text = step_text(*step), .details = {{"seconds", seconds_text(*step)}}},
        Claim::own);
  }
  for (const Logins::Login& login : logins_.turn(now.boot_ns)) post_end(login);
  for (Counted* counted : {&failed_logins_, &refused_, &logins_counted_, &ends_, &events_}) {
    auto sum = counted->tally.turn(now.boot_ns);
    if (!sum) continue;
    log_->post({.kind = counted->kind,
                .text = std::to_string(sum->count) + " " + counted->text,
                .details = std::move(sum->details)},
               Claim::own);
  }
  const std::uint64_t dropped = log_->state().dropped;
  if (dropped <= dropped_ || !log_->state().problem.empty()) return;
  log_->post({.kind = "damage",
              .text = std::to_string(dropped - dropped_) +
                      " records found no room in the log and are lost; none was of an act"},
             Claim::own);
  dropped_ = dropped;
}

void Trail::post(Counted& counted, const std::string& name, Entry entry) {
  if (counted.tally.add(stamp_().boot_ns, name)) log_->post(std::move(entry), Claim::own);
}

void Trail::post_end(const Logins::Login& login) {
  post(ends_, login.caller.identity,
       {.kind = "logout",
        .caller = login.caller,
        .details = {
            {"calls", std::to_string(login.calls)},
            {"refused", std::to_string(login.refused)},
            {"seconds", seconds_text(static_cast<std::int64_t>(login.last_ns - login.first_ns))}}});
}

void Trail::judged(const Caller& caller, std::string_view rpc, bool accepted,
                   const std::string& why) {
  const std::lock_guard guard(mutex_);
  const Logins::Noted noted = logins_.note(caller, accepted, stamp_().boot_ns);
  for (const Logins::Login& login : noted.ended) post_end(login);
  if (noted.is_new) {
    post(logins_counted_, caller.identity, {.kind = "login", .caller = caller});
  }
  if (accepted) return;
  post(refused_, caller.identity,
       {.kind = "refused",
        .caller = caller,
        .rpc = std::string(rpc),
        .result = "refused",
        .text = why});
}

void Trail::failed_login(const std::string& address, const std::string& why) {
  const std::lock_guard guard(mutex_);
  post(failed_logins_, address,
       {.kind = "failed_logins", .caller = {.address = address}, .text = why});
}

void Trail::event(const std::string& kind, const std::string& text, Details details) {
  const std::lock_guard guard(mutex_);
  post(events_, kind, {.kind = kind, .text = text, .details = std::move(details)});
}

Result<Trail::Act, controlplane::Refusal> Trail::begin(const Caller& caller, const ActRow& row,
                                                       Details details) {
  const std::string rpc(row.rpc);
  auto head = log_->append({.kind = "act",
                            .caller = caller,
                            .rpc = rpc,
                            .result = "begun",
                            .details = std::move(details)},
                           row.claim);
  if (!head) {
    return controlplane::Refusal{controlplane::Refusal::Kind::storage, head.error().text};
  }
  return Act{caller, rpc, head.value()};
}

std::optional<controlplane::Refusal> Trail::end(const Act& act, bool done, const std::string& text,
                                                Details details) {
  details.emplace(details.begin(), "begun", std::to_string(act.begun.number));
  // Its beginning is on disk, so its end may use what is kept for vital acts.
  const auto head = log_->append({.kind = "act",
                                  .caller = act.caller,
                                  .rpc = act.rpc,
                                  .result = done ? "done" : "failed",
                                  .text = text,
                                  .details = std::move(details)},
                                 Claim::vital);
  if (head) return std::nullopt;
  return controlplane::Refusal{controlplane::Refusal::Kind::storage,
                               std::string(done ? "it was done" : "it failed") + ", and record " +
                                   std::to_string(act.begun.number) +
                                   " of the audit log says that it began; its result " +
                                   "could not be recorded: " + head.error().text};
}

}  // namespace bulkhead::audit
