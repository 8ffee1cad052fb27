// What the agent records, and how much of it: joins calls, the agent's own events and the clock to
// the log. Thread-safe.
//
// - Acts (acts.h): two records each, on disk before the next step.
// - Refused acts, logins and their ends, failed logins, the agent's events: one record each, up to
//   a number a minute; the others of that minute are counted in one record. On disk with the next
//   flush, within a second.
// - Calls that only read: their number, when the login ends.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "controlplane/access/refusal.h"
#include "controlplane/audit/acts.h"
#include "controlplane/audit/clock_watch.h"
#include "controlplane/audit/log.h"
#include "controlplane/audit/logins.h"
#include "controlplane/audit/tally.h"

namespace bulkhead::audit {

class Trail {
 public:
  // Records of a minute that stand alone.
  static constexpr std::uint32_t kFailedLoginsMax = 3;
  static constexpr std::uint32_t kRefusedMax = 10;
  static constexpr std::uint32_t kLoginsMax = 10;
  static constexpr std::uint32_t kEventsMax = 30;

  // `on_turn` of the options is the trail's own.
  Trail(const std::string& folder, Log::Options options);
  // Records the agent's end.
  ~Trail();

  // A call with a valid certificate, accepted or refused by the gate, and why. Does not wait.
  void judged(const Caller& caller, std::string_view rpc, bool accepted, const std::string& why);
  // A connection or call without one. Does not wait.
  void failed_login(const std::string& address, const std::string& why);
  // An event of the agent: kinds as Entry has them. Does not wait.
  void event(const std::string& kind, const std::string& text, Details details = {});

  // An act that has begun: the number and hash of its record.
  struct Act {
    Caller caller;
    std::string rpc;
    Head begun;
  };
  // Waits for the disk. An act that cannot be recorded must not be carried out.
  Result<Act, controlplane::Refusal> begin(const Caller& caller, const ActRow& row,
                                           Details details = {});
  // The act's result, before it is answered; `text` says why it failed. Waits for the disk.
  // Returns why it could not be recorded, or nothing.
  std::optional<controlplane::Refusal> end(const Act& act, bool done, const std::string& text,
                                           Details details = {});

  Log& log() { return *log_; }

 private:
  struct Counted {
    Tally tally;
    const char* kind;  // of the record with the counts
    const char* text;
  };
  void start();
  void turn();
  void post(Counted& counted, const std::string& name, Entry entry);
  void post_end(const Logins::Login& login);

  std::function<Stamp()> stamp_;
  std::mutex mutex_;
  Counted failed_logins_ = {Tally(kFailedLoginsMax), "failed_logins", "failed logins by address"};
  Counted refused_ = {Tally(kRefusedMax), "refused", "more refused acts, by identity"};
  Counted logins_counted_ = {Tally(kLoginsMax), "login", "more logins, by identity"};
  Counted ends_ = {Tally(kLoginsMax), "logout", "more ended logins, by identity"};
  Counted events_ = {Tally(kEventsMax), "event", "more events, by kind"};
  Logins logins_;
  ClockWatch clock_;
  std::uint64_t dropped_ = 0;  // that has been recorded
  std::unique_ptr<Log> log_;   // last: its thread calls turn()
};

}  // namespace bulkhead::audit
