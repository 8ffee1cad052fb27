// A note of the revision store's journal: which revision is active, which is prepared, and what has
// just become of one. As text: numbers with spaces between them, then a name. A reader of an
// earlier release reads the five that it knows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "bulkhead/v1/control.pb.h"
#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

// What became of the noted revision.
enum class Act : std::uint8_t {
  none,
  commit,
  begin_trial,  // committed, and awaits confirmation
  confirm,
  expire,     // it is back, since the one before it was not confirmed in time
  restart,    // ... since nobody knew the deadline any more
  roll_back,  // ... by an operator
  follow,     // ... since the peer has returned
  unhealthy   // ... since it cost more than it might; `by` says what
};
constexpr bool is_return(Act act) { return act >= Act::expire; }

// Of a revision that awaits confirmation. The deadline is by CLOCK_BOOTTIME of one start of the
// machine.
struct StoredTrial {
  std::uint64_t former = 0;  // revision that comes back
  std::uint64_t window_ms = 0;
  TimeNs deadline_ns = 0;
  std::uint64_t boot = 0;
};

struct RevisionNote {
  static constexpr std::size_t kByBytesMax = 64;

  std::uint64_t number = 0;  // 0: of no revision
  std::uint64_t generation = 0;
  std::uint64_t committed_wall_ns = 0;
  std::uint64_t active = 0;
  std::uint64_t prepared = 0;
  std::uint64_t prepared_generation = 0;      // 0: the revision's own
  std::optional<StoredTrial> trial;           // of the active one
  std::optional<StoredTrial> prepared_trial;  // of the prepared one; its former is the active one
  Act act = Act::none;
  std::uint64_t act_wall_ns = 0;
  std::string by;  // who, or of Act::unhealthy what; cut to kByBytesMax
};

std::string to_text(const RevisionNote& note);
std::optional<RevisionNote> parse_note(const std::string& text);

// Enters the act into the history of the revision, or of the one that it takes back.
void enter_act(const RevisionNote& note, v1::Revision& revision, v1::Revision* taken_back);

// Whether it was confirmed here: a commit that needs no confirmation counts as confirmed.
bool is_confirmed(const v1::Revision& revision);

// This start of the machine, as a number; never 0. If the kernel does not say, that of the process.
std::uint64_t boot_number();

}  // namespace bulkhead::controlplane
