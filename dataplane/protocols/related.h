// What a session opens beside itself: datagrams between the same two hosts that need no rule of
// their own, because a granted message opened exactly them (EtherNet/IP's implicit connections, CIP
// volume 2, 3-2), or from one of them to a group that the other is of. All that one host opened to
// another has one block of plain data, good when all zero; it outlives the session, for only the
// protocol says when it ends. As in protocol.h nothing allocates, throws, blocks or reads a clock,
// and all is total over any input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/protocols/catalogue.h"
#include "dataplane/protocols/fault.h"
#include "dataplane/protocols/operation.h"

namespace bulkhead::protocols {

class RelatedTraffic {
 public:
  // The UDP port that its datagrams go to, both ways.
  virtual std::uint16_t port() const = 0;
  // Bytes of the block.
  virtual std::size_t bytes() const = 0;

  // Whether note() has something to do with a message of the session.
  virtual bool concerns(ByteView message, Direction direction) const = 0;
  // Takes a granted request, or an answer that pair() accepted, into the block. A request for which
  // there is no room is Fault::too_many_outstanding.
  virtual Fault note(std::span<std::byte> block, ByteView message, Direction direction,
                     std::uint32_t now_ms) const = 0;
  // The group that datagrams of what an answer opens go to: its IPv4 address, the first byte most
  // significant; kOneHost if they go to the one that opened.
  static constexpr std::uint32_t kOneHost = 0;
  virtual std::uint32_t group_of(ByteView answer) const = 0;

  // Judges a datagram; `direction` is request if the host sent it that opened, and `group` is where
  // it goes, or kOneHost if to the other of both. Fault::not_started if nothing that is open covers
  // it.
  virtual Fault admit(std::span<std::byte> block, ByteView message, Direction direction,
                      std::uint32_t group, std::uint32_t now_ms) const = 0;

  // What was asked for when number `index` of the block was opened, to be judged anew after a
  // change of policy; false behind the last. Names point into the block.
  virtual bool opening(std::span<std::byte> block, std::size_t index,
                       OperationList& operations) const = 0;
  // Ends number `index`; the ones behind it move up.
  virtual void end(std::span<std::byte> block, std::size_t index) const = 0;

 protected:
  ~RelatedTraffic() = default;
};

}  // namespace bulkhead::protocols
