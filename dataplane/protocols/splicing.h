// Keeps a session's state right when a refused message is removed from it or a refusal injected.
// Modules without this interface have no state that depends on that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/protocols/parsed.h"

namespace bulkhead::protocols {

class Splicing {
 public:
  // A refused message will not reach its receiver. False, and nothing has changed, if the session
  // cannot go on without it. Of an answer that needs a rule (Initiator::nobody) the request counts
  // as answered all the same: forget it. There is no clock here: OutstandingTable::answer() gets
  // the time of the entry itself.
  virtual bool take_out(std::span<std::byte> session, const Parsed& message) const = 0;

  // A server's message was taken out, and its sender waits until its client has acknowledged it in
  // terms of the protocol: writes what does so in the client's name and gives its length; 0 where
  // nothing is needed now. `message` has kNumberedBytesMax (numbered.h).
  virtual std::size_t acknowledge(std::span<std::byte> session,
                                  std::span<std::uint8_t> message) const {
    (void)session, (void)message;
    return 0;
  }

  // A refusal goes to the client now, as the server's next message: gives it its numbers.
  virtual void put_in(std::span<std::byte> session, std::span<std::uint8_t> refusal) const {
    (void)session, (void)refusal;
  }

 protected:
  ~Splicing() = default;
};

}  // namespace bulkhead::protocols
