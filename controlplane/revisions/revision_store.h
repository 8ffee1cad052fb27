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
#include "dataplane/base/result.h"

namespace bulkhead::controlplane {

class RevisionStore {
 public:
  static constexpr std::size_t kRevisionsKept = 200;
  static constexpr std::uint64_t kBytesKept = std::uint64_t{1} << 30;

  // Opens the folder, creating it if necessary, and locks it against other instances.
  static Result<std::unique_ptr<RevisionStore>, std::string> open(const std::string& folder);
  ~RevisionStore();

  // Damaged, foreign or missing files found at opening, a sentence each.
  const std::vector<std::string>& damage() const { return damage_; }

  // Stores a new revision and sets its number. Deletes the oldest inactive ones beyond
  // kRevisionsKept and kBytesKept.
  Result<v1::Revision, std::string> add(v1::GetPolicyResponse stored);
  // Makes a revision the active one. It counts as the commit of its generation, or of the next one
  // if it has none.
  Result<v1::Revision, std::string> activate(std::uint64_t number);
  // The same in two steps: a full disk can only refuse the first, and nothing changes until the
  // second. A caller that gives up in between calls abandon_activation().
  std::string begin_activation(std::uint64_t number);
  Result<v1::Revision, std::string> finish_activation();
  void abandon_activation();

  // For a pair. A revision gets its generation, and is stored with it, before it is prepared or
  // committed.
  std::string set_generation(std::uint64_t number, std::uint64_t generation);
  // Sets the prepared revision: ready to be committed, whichever appliance survives. 0: none.
  std::string set_prepared(std::uint64_t number);
  std::optional<v1::Revision> prepared() const;
  std::optional<v1::Revision> find(std::uint64_t generation,
                                   const std::string& sha256_prefix) const;
  // Counts the starts of the agent: greater each time, also after a crash.
  Result<std::uint64_t, std::string> next_incarnation();

  // Reads the revision's file, and checks it. 0 asks for the active revision; nothing if there is
  // none, or it cannot be read.
  std::optional<v1::GetPolicyResponse> get(std::uint64_t number) const;
  // The same without its file.
  std::optional<v1::Revision> revision(std::uint64_t number) const;
  std::vector<v1::Revision> list() const;  // newest first
  std::optional<v1::Revision> active() const;
  std::uint64_t latest() const;

 private:
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
  std::string begin(std::uint64_t number);
  Result<v1::Revision, std::string> finish();
  // Applies notes on top of the files.
  void replay(const std::vector<std::string>& notes);
  std::string note(const v1::Revision& revision, std::uint64_t active, std::uint64_t prepared);
  // Makes room for notes by merging them into the files.
  std::string fold();
  void prune();

  std::string folder_;
  int lock_;
  std::vector<std::string> damage_;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, Kept> revisions_;
  std::uint64_t active_ = 0;
  std::uint64_t prepared_ = 0;
  // Between the steps of an activation: the revision, and its metadata afterwards.
  std::uint64_t activating_ = 0;
  v1::Revision after_activation_;
  std::unique_ptr<Journal> journal_;
  std::set<std::uint64_t> noted_;  // revisions with notes that are not in their files yet
};

}  // namespace bulkhead::controlplane
