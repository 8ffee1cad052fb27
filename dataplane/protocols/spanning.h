// Messages that may come in several datagrams.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/protocols/parsed.h"

namespace bulkhead::protocols {

// What a datagram is of a message that comes in several: nothing, its beginning, what goes on
// behind the datagram before, or its end.
enum class Part : std::uint8_t { none, first, next, last };

class SpanningMessages {
 public:
  // What a datagram is, alone or (`before` is not empty) behind another part of the same message.
  // What is not `none` is parts of one message and nothing else.
  virtual Part part_of(ByteView before, ByteView datagram) const = 0;

  // Whether the server answers the request: its answer shows that it got what left.
  virtual bool is_answered(ByteView request) const = 0;

  // Whether a message that came in several datagrams may leave in them: no receiver that loses some
  // of them, or of those that left before, can take parts of two messages for one. It is asked
  // before parse(). Of a request it is known that none has left in parts for its server, in any
  // session, since the last one of this session that is_answered(), unless that one itself did.
  virtual bool may_leave_in_parts(std::span<std::byte> session, ByteView message,
                                  Direction direction, std::uint32_t now_ms) const = 0;

  // It was granted, accept() accepted it, and it leaves in parts.
  virtual void left_in_parts(std::span<std::byte> session, const Parsed& message,
                             std::uint32_t now_ms) const = 0;

 protected:
  ~SpanningMessages() = default;
};

}  // namespace bulkhead::protocols
