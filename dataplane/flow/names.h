// The names that sessions of one worker learned for handles and aliases (protocols/names.h): a
// bounded store that never allocates once made. Not shared. A name and its handle stand in blocks
// of 128 bytes, chained where one is too short; a hash from session and handle finds the first.
//
// A session is the slot of its flow. Blocks are charged to the flow's host and conduit
// (flow/shares.h); at a limit nothing is learned, and what is known stays.
//
// For replication, each name is unsent until a record has it. A forgotten handle leaves a tombstone
// (a block without name) until then; once a session has more tombstones than names and a few, all
// of its names are sent anew instead.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/flow/flow.h"
#include "dataplane/flow/keyed_hash.h"
#include "dataplane/protocols/names.h"

namespace bulkhead::flow {

// Less than a block: no names are kept, and the store takes no memory.
struct NameLimits {
  std::uint32_t bytes = 0;          // of all sessions, in whole blocks
  std::uint32_t session_names = 0;  // of one session
  std::uint32_t session_bytes = 0;  // of one session: its handles and names
};

class NameStore final : public protocols::NameSource, public protocols::NameChanges {
 public:
  static constexpr std::uint32_t kBlockBytes = 128;

  NameStore(std::uint32_t sessions, const NameLimits& limits);
  NameStore(const NameStore&) = delete;
  NameStore& operator=(const NameStore&) = delete;

  bool is_kept() const { return capacity_ != 0; }

  std::optional<ByteView> find(std::uint32_t session, ByteView handle) const override;
  // What find() gave is no longer needed.
  void release_views() { gathered_bytes_ = 0; }

  // Changes of one session, between begin() and keep() or undo(). The session is not dropped in
  // between.
  void begin(std::uint32_t session, ShareIds owner);
  std::optional<ByteView> find(ByteView handle) const override { return find(session_, handle); }
  bool learn(ByteView handle, ByteView name) override { return bind(handle, name, true); }
  // As learn(), for a replicated change: the limits of a session were checked at the peer, and
  // changes may come in another order.
  bool adopt(ByteView handle, ByteView name) { return bind(handle, name, false); }
  void forget(ByteView handle) override;
  void forget_all() override;
  // A change since begin() found no room.
  bool has_failed() const { return failed_; }
  // True if anything has changed.
  bool keep();
  void undo();

  // Forgets all that the session has: it ended, or its state is not known any more.
  void drop(std::uint32_t session);

  std::uint32_t names(std::uint32_t session) const { return sessions_[session].names; }
  std::uint32_t bytes(std::uint32_t session) const { return sessions_[session].bytes; }
  std::uint32_t used_bytes() const { return (capacity_ - free_) * kBlockBytes; }

  // For replication: forgotten handles leave tombstones from now on.
  void track_changes() { tracks_ = true; }
  // The peer may have other names under the session's key: it has to forget them first.
  bool is_anew(std::uint32_t session) const { return sessions_[session].anew; }
  void note_anew_sent(std::uint32_t session) { sessions_[session].anew = false; }
  // Replicates all of the session's names anew.
  void send_all(std::uint32_t session);
  // A change that was not replicated yet.
  struct Unsent {
    ByteView handle;
    std::uint16_t name_bytes = 0;
    bool forgotten = false;
    std::uint32_t block = 0;
  };
  std::optional<Unsent> unsent(std::uint32_t session) const;
  // Writes the name; `to` has its size.
  void copy_name(const Unsent& change, std::span<std::uint8_t> to) const;
  void note_sent(const Unsent& change);

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;
  static constexpr std::size_t kDataBytes = 100;
  static constexpr std::size_t kGatheredBytesMax = 16384;
  static constexpr std::uint32_t kTombstonesFree = 8;

  // Plain, so that memory that no name has used is not touched. All but `next` and `data` count in
  // the first block of a name only; its data begins with the handle.
  struct alignas(64) Block {
    std::uint32_t next;  // of the name, or of the free ones
    std::uint32_t hash_next;
    std::uint32_t previous;  // in the session's list
    std::uint32_t following;
    std::uint32_t session;
    std::uint32_t hash;
    std::uint16_t name_bytes;
    std::uint8_t handle_bytes;
    bool unsent : 1;
    bool forgotten : 1;
    std::array<std::uint8_t, kDataBytes> data;

    ByteView handle() const { return {data.data(), handle_bytes}; }
    std::uint32_t bytes() const { return std::uint32_t{handle_bytes} + name_bytes; }
  };
  static_assert(sizeof(Block) == kBlockBytes);
  static_assert(protocols::kHandleBytesMax <= kDataBytes);

  // Unsent names come before the others in its list.
  struct Session {
    std::uint32_t first = kNone;
    std::uint32_t last = kNone;
    std::uint32_t names = 0;
    std::uint32_t tombstones = 0;
    std::uint32_t bytes = 0;   // of names and their handles
    std::uint32_t blocks = 0;  // charged to the owner
    ShareIds owner;
    bool anew = true;
  };
  // Blocks that took part in a change; kNone where there was none.
  struct Change {
    std::uint32_t added = kNone;
    std::uint32_t removed = kNone;
  };

  bool bind(ByteView handle, ByteView name, bool bounded);
  Session& state() { return sessions_[session_]; }
  std::uint32_t hash_of(std::uint32_t session, ByteView handle) const;
  std::uint32_t look_up(std::uint32_t session, ByteView handle) const;
  std::uint32_t make(ByteView handle, ByteView name, bool forgotten);
  bool take_block(Session& session, bool of_share, std::uint32_t& block);
  void give_back(std::uint32_t first);
  void link(std::uint32_t first);
  void unlink(std::uint32_t first);
  void join_list(std::uint32_t first);
  void leave_list(std::uint32_t first);
  void replace(std::uint32_t added, std::uint32_t removed);
  bool says(std::uint32_t first, ByteView name) const;

  NameLimits limits_;
  std::uint32_t capacity_;
  std::unique_ptr<Block[]> blocks_;
  std::uint32_t free_;
  std::uint32_t free_first_ = kNone;  // of those that were used before
  std::uint32_t unused_ = 0;          // none from this one on was ever used
  std::vector<std::uint32_t> buckets_;
  std::vector<Session> sessions_;
  Shares shares_;
  HashKey hash_key_{};
  bool tracks_ = false;
  // The session that changes.
  std::uint32_t session_ = 0;
  bool open_ = false;
  bool failed_ = false;
  bool all_forgotten_ = false;
  std::size_t made_ = 0;
  std::vector<Change> changes_;
  // Names of several blocks that were found, in one piece each.
  mutable std::vector<std::uint8_t> gathered_;
  mutable std::size_t gathered_bytes_ = 0;
};

}  // namespace bulkhead::flow
