// What is remembered of a secure channel: whether its messages can be read, both sides' sequence
// numbers (6, 6.7.2.4), and requests that wait for their answers. Plain data.
#pragma once

#include "dataplane/protocols/opcua/layout.h"
#include "dataplane/protocols/outstanding.h"

namespace bulkhead::opcua {

constexpr std::size_t kOutstandingUsual = 7;

struct Outstanding {
  std::uint32_t asked_ms = 0;
  std::uint32_t request = 0;
  std::uint16_t code = 0;
};

enum class Channel : std::uint8_t { closed, plain, secured, unseen };

struct Known {
  Channel channel = Channel::closed;
  bool client_counted = false;  // the next number of that side is known
  bool server_counted = false;
  std::uint32_t client_next = 0;
  std::uint32_t server_next = 0;
  std::uint32_t taken_out = 0;  // chunks of the client that the server never saw
  std::uint32_t put_in = 0;     // chunks that the server never sent
};

using Session = protocols::OutstandingTable<Outstanding, Known>;
static_assert(Session::bytes_for(kOutstandingUsual) <= protocols::kSessionBytesUsual);

// Both expect a message that decode accepted.
protocols::Fault accept_message(Session session, const Message& message,
                                protocols::Direction direction, std::uint32_t now_ms);

// See Protocol::take_out(), put_in() and renumber().
bool take_out(Known& known, const Message& message);
void put_in(Known& known, std::span<std::uint8_t> chunk);
void renumber(const Known& known, protocols::Direction direction, std::span<std::uint8_t> chunk);

}  // namespace bulkhead::opcua
