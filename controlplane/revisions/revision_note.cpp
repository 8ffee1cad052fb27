// Text of notes, and what they say in a revision's history.
#include "controlplane/revisions/revision_note.h"

#include <random>
#include <sstream>

#include "dataplane/artefact/digest.h"
#include "dataplane/base/boot_clock.h"
#include "dataplane/base/bytes.h"

namespace bulkhead::controlplane {

namespace {

std::string reason_of(Act act) {
  switch (act) {
    case Act::expire:
      return "it was not confirmed in time";
    case Act::restart:
      return "the machine restarted before it was confirmed";
    case Act::roll_back:
      return "it was rolled back";
    case Act::follow:
      return "the peer had returned";
    case Act::unhealthy:
      return "its health was out of bounds";
    default:
      return {};
  }
}

}  // namespace

std::string to_text(const RevisionNote& note) {
  const StoredTrial trial = note.trial.value_or(StoredTrial());
  const StoredTrial prepared = note.prepared_trial.value_or(StoredTrial());
  std::ostringstream text;
  for (const std::uint64_t number :
       {note.number, note.generation, note.committed_wall_ns, note.active, note.prepared,
        note.prepared_generation, trial.former, trial.window_ms, trial.deadline_ns, trial.boot,
        prepared.former, prepared.window_ms, prepared.deadline_ns, prepared.boot,
        static_cast<std::uint64_t>(note.act), note.act_wall_ns}) {
    text << number << ' ';
  }
  text << note.by.substr(0, RevisionNote::kByBytesMax);
  return text.str();
}

std::optional<RevisionNote> parse_note(const std::string& text) {
  RevisionNote note;
  std::istringstream fields(text);
  if (!(fields >> note.number >> note.generation >> note.committed_wall_ns >> note.active >>
        note.prepared)) {
    return std::nullopt;
  }
  StoredTrial trial;
  StoredTrial prepared;
  std::uint64_t act = 0;
  if (!(fields >> note.prepared_generation >> trial.former >> trial.window_ms >>
        trial.deadline_ns >> trial.boot >> prepared.former >> prepared.window_ms >>
        prepared.deadline_ns >> prepared.boot >> act >> note.act_wall_ns)) {
    note.prepared_generation = 0;
    return note;  // of an earlier release
  }
  if (trial.former != 0) note.trial = trial;
  if (prepared.former != 0) note.prepared_trial = prepared;
  if (act <= static_cast<std::uint64_t>(Act::unhealthy)) note.act = static_cast<Act>(act);
  fields.get();
  std::getline(fields, note.by);
  return note;
}

void enter_act(const RevisionNote& note, v1::Revision& revision, v1::Revision* taken_back) {
  switch (note.act) {
    case Act::none:
      return;
    case Act::commit:
    case Act::begin_trial:
      revision.set_committed_by(note.by);
      revision.set_unconfirmed(note.act == Act::begin_trial);
      revision.clear_returned_wall_time_ns();
      revision.clear_returned_by();
      revision.clear_returned_why();
      if (note.act == Act::begin_trial) return;
      [[fallthrough]];
    case Act::confirm:
      revision.set_unconfirmed(false);
      revision.set_confirmed_by(note.by);
      revision.set_confirmed_wall_time_ns(note.act_wall_ns);
      return;
    case Act::expire:
    case Act::restart:
    case Act::roll_back:
    case Act::follow:
      if (taken_back == nullptr) return;
      taken_back->set_returned_by(note.by);
      taken_back->set_returned_wall_time_ns(note.act_wall_ns);
      taken_back->set_returned_why(reason_of(note.act));
      return;
    case Act::unhealthy:
      if (taken_back == nullptr) return;
      taken_back->clear_returned_by();
      taken_back->set_returned_wall_time_ns(note.act_wall_ns);
      taken_back->set_returned_why(reason_of(note.act) + (note.by.empty() ? "" : ": " + note.by));
      return;
  }
}

bool is_confirmed(const v1::Revision& revision) {
  return revision.confirmed_wall_time_ns() != 0 ||
         (revision.committed_wall_time_ns() != 0 && !revision.unconfirmed());
}

namespace {

std::uint64_t read_boot_number() {
  if (boot_id().empty()) return std::uint64_t{std::random_device()()} << 1 | 1;
  const std::string digest = artefact::sha256(boot_id());
  return load_be64(reinterpret_cast<const std::uint8_t*>(digest.data())) | 1;
}

}  // namespace

std::uint64_t boot_number() {
  static const std::uint64_t number = read_boot_number();
  return number;
}

}  // namespace bulkhead::controlplane
