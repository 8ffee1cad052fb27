// Learned names: a session defines a handle or alias for a name, and later messages carry the
// handle alone (MQTT 5 topic aliases, 3.3.2.3.4; OPC UA registered nodes, OPC 10000-4, 5.8.5; MMS
// named variable lists). A module that implements LearnsNames keeps them here, beside the fixed
// block of its session; parsing reads a handle as the name that it stands for.
//
// A message whose handle is unknown is a fault (Fault::unknown_handle), never a guess. The verdict
// on a message with a handle depends on the session, so RememberedVerdicts::key() is empty.
//
// Handles and names are bytes of the module's own choice. Where each direction has aliases of its
// own, or a request's names wait for the answer with their handles, the handle's first byte says
// which of the kinds it is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/base/bytes.h"
#include "dataplane/protocols/parsed.h"

namespace bulkhead::protocols {

constexpr std::size_t kHandleBytesMax = 80;  // 1 at least
constexpr std::size_t kNameBytesMax = 4096;
constexpr std::size_t kNameChangesMax = 1024;  // in one message

// A handle that is a number, after a byte for its kind.
constexpr std::array<std::uint8_t, 9> number_handle(std::uint8_t kind, std::uint64_t number) {
  std::array<std::uint8_t, 9> handle{kind};
  for (std::size_t i = 0; i < 8; ++i) {
    handle[1 + i] = static_cast<std::uint8_t>(number >> (56 - 8 * i));
  }
  return handle;
}

// Where the names of all sessions are kept.
class NameSource {
 public:
  virtual std::optional<ByteView> find(std::uint32_t session, ByteView handle) const = 0;

 protected:
  ~NameSource() = default;
};

// The names of one session, read only. None are known where there is no session.
class Names {
 public:
  constexpr Names() = default;
  constexpr Names(const NameSource& source, std::uint32_t session)
      : source_(&source), session_(session) {}

  // The name that the handle stands for; nothing if the session has not defined it. The view lives
  // until the worker parses the next message. Long names of one message have 16 KiB in all: a
  // name that does not fit is not found.
  std::optional<ByteView> find(ByteView handle) const {
    return source_ == nullptr ? std::nullopt : source_->find(session_, handle);
  }

 private:
  const NameSource* source_ = nullptr;
  std::uint32_t session_ = 0;
};

// What one message changes. All of it takes effect once the message is accepted, or none.
class NameChanges {
 public:
  // As Names::find(), with the changes that were made so far.
  virtual std::optional<ByteView> find(ByteView handle) const = 0;
  // The handle stands for the name from now on, whatever it stood for before. `name` is copied, and
  // may be a view that find() gave. False if there is no room for it, or its size is out of
  // bounds: the message is then refused (Fault::too_many_names), whatever else it changes.
  virtual bool learn(ByteView handle, ByteView name) = 0;
  virtual void forget(ByteView handle) = 0;
  virtual void forget_all() = 0;

 protected:
  ~NameChanges() = default;
};

// Implemented by modules whose sessions define handles; see Protocol::learns_names().
class LearnsNames {
 public:
  // Makes the changes of a granted request, or of an answer, to the session's names, by what
  // parse() kept of it (parse_head() of a long message, see Frame::head). Called right before
  // accept(): `session` is as it was, so that an answer's request is still there. If accept() does
  // not accept the message, nothing has changed. The peer has each change before the message
  // leaves.
  virtual void learn(const Parsed& message, std::span<const std::byte> session,
                     NameChanges& names) const = 0;

 protected:
  ~LearnsNames() = default;
};

}  // namespace bulkhead::protocols
