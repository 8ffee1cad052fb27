// Entries of different lengths stand one behind the other: the node that was asked for, and the
// handle once the answer gave it. A store is searched from its beginning; it is small.
#include "dataplane/protocols/opcua/handles.h"

#include <algorithm>
#include <cstring>

namespace bulkhead::opcua {

namespace {

struct Entry {
  std::uint32_t handle = 0;  // while it waits, the request that asks for it
  std::uint32_t number = 0;  // of the node
  std::uint16_t handle_space = 0;
  std::uint16_t name_space = 0;
  std::uint16_t name_bytes = 0;  // behind the entry
  NodeId::Kind kind{};
  std::uint8_t session = 0;  // index of KnownSessions::created
  bool waits = false;
  bool dropped = false;
};

std::size_t bytes_of(const Entry& entry) { return sizeof(Entry) + entry.name_bytes; }

Entry entry_at(std::span<const std::byte> store, std::size_t at) {
  Entry entry;
  std::memcpy(&entry, store.data() + at, sizeof(entry));
  return entry;
}

NodeId node_at(std::span<const std::byte> store, std::size_t at, const Entry& entry) {
  NodeId node;
  node.kind = entry.kind;
  node.name_space = entry.name_space;
  node.number = entry.number;
  const auto* name = reinterpret_cast<const std::uint8_t*>(store.data() + at + sizeof(Entry));
  node.name = {name, entry.name_bytes};
  return node;
}

bool same_node(const NodeId& a, const NodeId& b) {
  return a.kind == b.kind && a.name_space == b.name_space && a.number == b.number &&
         std::equal(a.name.begin(), a.name.end(), b.name.begin(), b.name.end());
}

template <typename Keep>
void filter(KnownSessions& sessions, std::span<std::byte> store, Keep keep) {
  std::size_t to = 0;
  for (std::size_t at = 0; at < sessions.handle_bytes;) {
    const Entry entry = entry_at(store, at);
    const std::size_t bytes = bytes_of(entry);
    if (keep(entry)) {
      std::memmove(store.data() + to, store.data() + at, bytes);
      to += bytes;
    }
    at += bytes;
  }
  sessions.handle_bytes = static_cast<std::uint16_t>(to);
}

bool is_handle(const Entry& entry, std::size_t session, const NodeId& id) {
  return !entry.waits && !entry.dropped && entry.session == session && entry.handle == id.number &&
         entry.handle_space == id.name_space;
}

std::size_t index_of(const KnownSessions& sessions, std::uint64_t session) {
  if (session == 0) return kSessionsMax;
  const auto found = std::find(sessions.created.begin(), sessions.created.end(), session);
  return static_cast<std::size_t>(found - sessions.created.begin());
}

}  // namespace

std::uint64_t session_of(const NodeId& token) {
  constexpr std::uint64_t kPrime = 0x100000001b3;
  if (token.is_null()) return 0;
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&](std::uint64_t octet) { hash = (hash ^ octet) * kPrime; };
  add(static_cast<std::uint64_t>(token.kind));
  add(token.name_space);
  add(token.number);
  for (const std::uint8_t octet : token.name) add(octet);
  return hash != 0 ? hash : 1;
}

bool Handles::created(std::uint64_t session) const {
  return sessions_ == nullptr || index_of(*sessions_, session) < kSessionsMax;
}

bool Handles::complete(std::uint64_t session) const {
  if (sessions_ == nullptr) return true;
  const std::size_t index = index_of(*sessions_, session);
  if (index == kSessionsMax || sessions_->unseen || sessions_->lost) return false;
  for (std::size_t at = 0; at < sessions_->handle_bytes;) {
    const Entry entry = entry_at(store_, at);
    if (entry.session == index && entry.waits) return false;
    at += bytes_of(entry);
  }
  return true;
}

bool Handles::resolve(std::uint64_t session, const NodeId& id, NodeId& stands_for) const {
  stands_for = id;
  if (sessions_ == nullptr || id.is_standard()) return true;
  // Nothing is done without a session, so that its server refuses it.
  if (session == 0 && !sessions_->unseen) return true;
  const std::size_t index = index_of(*sessions_, session);
  const bool number = id.kind == NodeId::Kind::number;
  bool waiting = false;
  for (std::size_t at = 0; at < sessions_->handle_bytes;) {
    const Entry entry = entry_at(store_, at);
    waiting = waiting || (entry.waits && entry.session == index);
    if (number && is_handle(entry, index, id)) {
      stands_for = node_at(store_, at, entry);
      return true;
    }
    at += bytes_of(entry);
  }
  return index < kSessionsMax && !waiting && !sessions_->unseen && !sessions_->lost;
}

void add_session(KnownSessions& sessions, std::span<std::byte> store, std::uint64_t session) {
  if (session == 0 || index_of(sessions, session) < kSessionsMax) return;
  std::size_t index = 0;
  while (index + 1 < kSessionsMax && sessions.created[index] != 0) ++index;
  filter(sessions, store, [&](const Entry& entry) { return entry.session != index; });
  sessions.created[index] = session;
}

void remove_session(KnownSessions& sessions, std::uint64_t session) {
  const std::size_t index = index_of(sessions, session);
  if (index < kSessionsMax) sessions.created[index] = 0;
}

bool ask_handles(KnownSessions& sessions, std::span<std::byte> store, const ServiceHead& head,
                 std::uint32_t request, BodyReader& nodes) {
  const std::uint16_t before = sessions.handle_bytes;
  const std::size_t index = index_of(sessions, head.session);
  if (index == kSessionsMax) return true;
  std::size_t end = before;
  for (std::size_t left = nodes.array_length(); left > 0; --left) {
    const NodeId named = nodes.node_id();
    NodeId node;
    Handles(sessions, store).resolve(head.session, named, node);
    Entry entry;
    entry.waits = true;
    entry.handle = request;
    entry.session = static_cast<std::uint8_t>(index);
    entry.kind = node.kind;
    entry.name_space = node.name_space;
    entry.number = node.number;
    entry.name_bytes = static_cast<std::uint16_t>(std::min<std::size_t>(node.name.size(), 0xffff));
    if (!nodes.ok() || bytes_of(entry) > store.size() - end) return false;
    if (entry.name_bytes > 0) {
      std::memmove(store.data() + end + sizeof(entry), node.name.data(), entry.name_bytes);
    }
    std::memcpy(store.data() + end, &entry, sizeof(entry));
    end += bytes_of(entry);
  }
  sessions.handle_bytes = static_cast<std::uint16_t>(end);
  return true;
}

namespace {

void put(std::span<std::byte> store, std::size_t at, const Entry& entry) {
  std::memcpy(store.data() + at, &entry, sizeof(entry));
}

// A handle that is given out again stands for its new node alone.
void drop_handle(const KnownSessions& sessions, std::span<std::byte> store, std::size_t session,
                 const NodeId& handle) {
  for (std::size_t at = 0; at < sessions.handle_bytes;) {
    Entry entry = entry_at(store, at);
    if (is_handle(entry, session, handle)) {
      entry.dropped = true;
      put(store, at, entry);
    }
    at += bytes_of(entry);
  }
}

// What an answer gave for the node of the entry at `at`.
void learn_handle(KnownSessions& sessions, std::span<std::byte> store, std::size_t at,
                  const NodeId& handle) {
  Entry entry = entry_at(store, at);
  drop_handle(sessions, store, entry.session, handle);
  entry.waits = false;
  if (same_node(handle, node_at(store, at, entry))) {
    entry.dropped = true;
  } else if (handle.kind != NodeId::Kind::number || handle.is_standard()) {
    sessions.lost = true;  // handles are numbers: one that is something else is not kept
    entry.dropped = true;
  }
  entry.handle = handle.number;
  entry.handle_space = handle.name_space;
  put(store, at, entry);
}

}  // namespace

void learn_handles(KnownSessions& sessions, std::span<std::byte> store, std::uint32_t request,
                   BodyReader* given) {
  std::size_t left = given != nullptr ? given->array_length() : 0;
  for (std::size_t at = 0; at < sessions.handle_bytes;) {
    Entry entry = entry_at(store, at);
    if (entry.waits && entry.handle == request) {
      if (left > 0) {
        --left;
        learn_handle(sessions, store, at, given->node_id());
      } else {
        entry.waits = false;
        entry.dropped = true;
        put(store, at, entry);
        if (given != nullptr) sessions.lost = true;
      }
    }
    at += bytes_of(entry);
  }
  if (given != nullptr && (left > 0 || !given->ok())) sessions.lost = true;
  filter(sessions, store, [](const Entry& entry) { return !entry.dropped; });
}

}  // namespace bulkhead::opcua
