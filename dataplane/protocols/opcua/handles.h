// What a session's node identifiers stand for. A server may answer RegisterNodes with identifiers
// of its own (4, 5.8.5): they are learned from that answer, and only on the connection on which
// their session was created. Plain data in the session's block.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/protocols/opcua/body.h"

namespace bulkhead::opcua {

constexpr std::size_t kSessionsMax = 2;  // created on one connection, and not closed
constexpr std::size_t kHandleBytesMax = 4096;

struct KnownSessions {
  // What the authentication tokens of sessions that this connection created come to; 0 for none.
  std::array<std::uint64_t, kSessionsMax> created{};
  std::uint16_t handle_bytes = 0;
  bool unseen = false;  // the connection's beginning was not seen
  bool lost = false;    // a handle was given out that is not known
};

// What an authentication token comes to; 0 for the null token.
std::uint64_t session_of(const NodeId& token);

// The handles as they are known before a message; nothing is given out where nothing is known.
class Handles {
 public:
  Handles() = default;
  // Either may go on changing, but not while this is used.
  Handles(const KnownSessions& sessions, std::span<const std::byte> store)
      : sessions_(&sessions), store_(store) {}

  // Whether the session is one that this connection created; true where nothing is known.
  bool created(std::uint64_t session) const;
  bool empty() const { return sessions_ == nullptr; }
  // Whether all handles of the session are known.
  bool complete(std::uint64_t session) const;
  // What the identifier stands for; false where that is not known.
  bool resolve(std::uint64_t session, const NodeId& id, NodeId& stands_for) const;

 private:
  const KnownSessions* sessions_ = nullptr;
  std::span<const std::byte> store_{};
};

void add_session(KnownSessions& sessions, std::span<std::byte> store, std::uint64_t session);
void remove_session(KnownSessions& sessions, std::uint64_t session);

// A RegisterNodes request asks for handles of these nodes; false if there is no room, and nothing
// has changed then.
bool ask_handles(KnownSessions& sessions, std::span<std::byte> store, const ServiceHead& head,
                 std::uint32_t request, BodyReader& nodes);
// Its answer gave these; nullptr: it gave none.
void learn_handles(KnownSessions& sessions, std::span<std::byte> store, std::uint32_t request,
                   BodyReader* given);

}  // namespace bulkhead::opcua
