// Messages that may come in several datagrams.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/protocols/parsed.h"

namespace bulkhead::protocols {

// Which part a datagram is of a message that comes in several: none, the first, one that continues
// the datagram before, or the last.
enum class Part : std::uint8_t { none, first, next, last };

class SpanningMessages {
 public:
  // Which part a datagram is, alone or, if `before` is not empty, after that part of the same
  // message. A datagram that is not `none` contains bytes of one message only.
  virtual Part part_of(ByteView before, ByteView datagram) const = 0;

  // Whether the server answers the request: the answer shows that it has received all of it. Bytes
  // of a granted request, which need not have been parsed if it repeats another.
  virtual bool is_answered(ByteView request) const = 0;

  // Whether a granted message that came in several datagrams may leave in them: no receiver that
  // loses some of them, or of those that left before, can take parts of two messages for one. It is
  // asked before accept(). Of a request it is known that none has left in parts for its server, in
  // any session, since the last one of this session that is_answered(), unless that one itself did.
  virtual bool may_leave_in_parts(std::span<std::byte> session, const Parsed& message,
                                  std::uint32_t now_ms) const = 0;

  // It was granted, accept() accepted it, and it leaves in parts.
  virtual void left_in_parts(std::span<std::byte> session, const Parsed& message,
                             std::uint32_t now_ms) const = 0;

 protected:
  ~SpanningMessages() = default;
};

}  // namespace bulkhead::protocols
