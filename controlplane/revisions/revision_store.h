// Policy revisions on disk: one file each, and a journal of the active and the prepared one and of
// each one's history. A step is one flush: of a new revision's file, or of a note; a crash or a
// full disk leaves the old state or the new, never half. Damaged files are set aside and reported;
// only metadata is kept in memory, not the texts.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bulkhead/v1/control.pb.h"
#include "controlplane/revisions/journal.h"
#include "controlplane/revisions/revision_note.h"
#include "dataplane/base/result.h"

namespace bulkhead::controlplane {

class RevisionStore {
 public:
  static constexpr std::size_t kRevisionsKept = 200;
  static constexpr std::uint64_t kBytesKept = std::uint64_t{1} << 30;

  // Opens the folder, creating it if necessary, and locks it against other instances.
  static Result<std::unique_ptr<RevisionStore>, std::string> open(const std::string& folder);
  ~RevisionStore();

  const std::string& folder() const { return folder_; }
  // Damaged, foreign or missing files found at opening, a sentence each.
  const std::vector<std::string>& damage() const { return damage_; }

  // Stores a new revision and sets its number. Deletes the oldest inactive ones beyond
  // kRevisionsKept and kBytesKept.
  Result<v1::Revision, std::string> add(v1::GetPolicyResponse stored);
  // A revision that becomes the active one, or is confirmed.
  struct Activation {
    std::uint64_t number = 0;
    std::uint64_t generation = 0;  // 0: its own, or the next one if it has none
    std::optional<StoredTrial> trial = {};
    Act act = Act::commit;
    std::string by = {};
  };
  // One with a trial has room on disk for what ends it: to confirm it or to go back never fails for
  // want of space. One that goes back is active even if its note failed, for after a restart the
  // store would come to the same; the error is returned.
  Result<v1::Revision, std::string> activate(const Activation& activation);
  Result<v1::Revision, std::string> activate(std::uint64_t number) {
    return activate(Activation{number});
  }
  // The same in two steps: a full disk can only refuse the first, and nothing changes until the
  // second. A caller that gives up in between calls abandon_activation().
  std::string begin_activation(const Activation& activation);
  std::string begin_activation(std::uint64_t number) {
    return begin_activation(Activation{number});
  }
  // With the deadline of the trial, which is known by now.
  Result<v1::Revision, std::string> finish_activation(TimeNs deadline_ns = 0);
  void abandon_activation();

  // For a pair. A revision gets its generation, and is stored with it, before it is prepared or
  // committed.
  std::string set_generation(std::uint64_t number, std::uint64_t generation);
  // Sets the prepared revision: ready to be committed, whichever appliance survives. 0: none.
  std::string set_prepared(std::uint64_t number) { return set_prepared(Preparation{number}); }
  struct Preparation {
    std::uint64_t number = 0;
    std::uint64_t generation = 0;  // 0: its own; another one where the active one is confirmed
    std::optional<StoredTrial> trial = {};
    std::string by = {};
  };
  std::string set_prepared(const Preparation& preparation);
  std::optional<v1::Revision> prepared() const;
  std::optional<StoredTrial> prepared_trial() const;
  std::optional<v1::Revision> find(std::uint64_t generation,
                                   const std::string& sha256_prefix) const;
  // One with this artefact, of whatever generation; the active one before others.
  std::optional<v1::Revision> find_artefact(const std::string& sha256_prefix) const;
  // Of the revision that awaits confirmation, or is about to. None: removes it. Empty, or the
  // problem.
  std::string set_health_watch(const std::optional<v1::HealthWatch>& watch);
  // As it was set, whatever has become of its revision since.
  std::optional<v1::HealthWatch> health_watch() const;
  // Makes room for the notes of a trial. Empty, or the problem.
  std::string reserve_for_trial();
  // Counts the starts of the agent: greater each time, also after a crash.
  Result<std::uint64_t, std::string> next_incarnation();

  // Reads the revision's file, and checks it. 0 asks for the active revision; nothing if there is
  // none, or it cannot be read.
  std::optional<v1::GetPolicyResponse> get(std::uint64_t number) const;
  // The same without its file.
  std::optional<v1::Revision> revision(std::uint64_t number) const;
  std::vector<v1::Revision> list() const;  // newest first
  std::optional<v1::Revision> active() const;
  // Of the active revision, while it awaits confirmation.
  std::optional<StoredTrial> trial() const;
  std::uint64_t latest() const;

 private:
  // It is prepared, confirmed and taken back, some of it more than once.
  static constexpr std::size_t kNotesOfTrial = 6;

  struct Kept {
    v1::Revision revision;
    std::uint64_t bytes = 0;  // of its file
  };

  RevisionStore(std::string folder, int lock) : folder_(std::move(folder)), lock_(lock) {}
  void load(const std::vector<std::string>& notes);
  void load_file(const std::string& name);
  void load_active();
  void set_aside(const std::string& name, const std::string& why);
  std::string path_of(std::uint64_t number) const;
  std::optional<v1::GetPolicyResponse> read(std::uint64_t number) const;
  std::optional<v1::Revision> metadata(std::uint64_t number) const;
  std::string rewrite(std::uint64_t number, const v1::Revision& revision);
  std::string begin(const Activation& activation);
  Result<v1::Revision, std::string> finish(TimeNs deadline_ns);
  // Applies notes on top of the files.
  void replay(const std::vector<std::string>& notes);
  std::string note(const RevisionNote& note, std::size_t room);
  // What is active and prepared, and nothing new.
  RevisionNote present(const v1::Revision& revision) const;
  // Room for so many notes, if necessary by merging those that there are into the files.
  std::string make_room(std::size_t notes);
  std::string fold();
  void prune();

  std::string folder_;
  int lock_;
  std::vector<std::string> damage_;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, Kept> revisions_;
  std::uint64_t active_ = 0;
  std::optional<StoredTrial> trial_;  // of the active one
  Preparation prepared_;
  // Between the steps of an activation.
  std::optional<Activation> activating_;
  std::unique_ptr<Journal> journal_;
  std::set<std::uint64_t> noted_;  // revisions with notes that are not in their files yet
};

// The trial for operators; nothing if no revision awaits confirmation. `now_ns`: CLOCK_BOOTTIME.
std::optional<v1::Trial> describe_trial(const RevisionStore& store, TimeNs now_ns);

}  // namespace bulkhead::controlplane
