// The contract of a protocol module: bytes in, operations out. Modules are stateless and shared by
// all workers; what must be remembered between messages lives in a fixed-size block per session.
// No function allocates, throws, blocks or reads a clock; all are total over any input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/base/bytes.h"
#include "dataplane/protocols/catalogue.h"
#include "dataplane/protocols/fault.h"
#include "dataplane/protocols/operation.h"

namespace bulkhead::protocols {

// How the next message lies in a stream. `length` is known once `fault` is none and it is not zero;
// zero asks for at least `needed` bytes in all before the question is put again.
struct Frame {
  Fault fault = Fault::none;
  std::size_t length = 0;
  std::size_t needed = 0;
};

class Protocol {
 public:
  virtual const Catalogue& catalogue() const = 0;

  // How many bytes make the message at the start of `stream` (which may hold less, or more).
  virtual Frame frame(ByteView stream, Direction direction) const = 0;

  // Decodes exactly one message. On a fault the list's content is unspecified.
  virtual Fault decode(ByteView message, Direction direction, OperationList& operations) const = 0;

  // The standard's own number of the function that a message claims, for telling of messages that
  // do not decode. Nothing if it is too short to claim one.
  virtual std::optional<std::uint16_t> claimed_code(ByteView message) const = 0;

  // Bytes of state a session needs for pair(); plain data, valid when all zero.
  virtual std::size_t session_bytes() const { return 0; }

  // Ties responses to requests. Call it for each message that decoded and was granted, in order.
  // `session` has session_bytes() bytes, suitably aligned for any plain type.
  virtual Fault pair(std::span<std::byte> session, ByteView message, Direction direction,
                     std::uint32_t now_ms) const {
    (void)session, (void)message, (void)direction, (void)now_ms;
    return Fault::none;
  }

 protected:
  ~Protocol() = default;
};

}  // namespace bulkhead::protocols
