// Messages that are numbered (IEC 60870-5-104's APDUs, OPC UA's chunks) count on after one was
// taken out or put in (splicing.h): the others get new numbers on their way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/base/bytes.h"
#include "dataplane/protocols/catalogue.h"

namespace bulkhead::protocols {

constexpr std::size_t kNumberedBytesMax = 32;

class NumberedMessages {
 public:
  // How many of a message's first bytes hold its numbers, at most kNumberedBytesMax.
  virtual std::size_t numbered_bytes() const = 0;

  // Whether messages of the session get other numbers on their way.
  virtual bool renumbers(std::span<std::byte> session) const {
    (void)session;
    return false;
  }

  // Whether renumber() changes a message in a session from which nothing was taken out: it has a
  // form that not every receiver reads alike, and leaves in one that they do.
  virtual bool is_rewritten(ByteView message) const {
    (void)message;
    return false;
  }

  // A message passes: changes its first bytes from the numbers of its sender to its receiver's.
  // Precondition: accept() accepted it.
  virtual void renumber(std::span<std::byte> session, Direction direction,
                        std::span<std::uint8_t> first_bytes) const = 0;

  // For judging beside the traffic: a message that accept() did not accept has reached its receiver
  // all the same. Both sides' numbers go on from what their next messages say.
  virtual void forget_numbers(std::span<std::byte> session) const { (void)session; }

 protected:
  ~NumberedMessages() = default;
};

}  // namespace bulkhead::protocols
