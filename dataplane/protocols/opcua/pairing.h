// What is remembered of a secure channel: whether its messages can be read, both sides' sequence
// numbers (6, 6.7.2.4), requests that wait for their answers, and the sessions that it carries.
// Plain data.
#pragma once

#include "dataplane/protocols/opcua/handles.h"
#include "dataplane/protocols/opcua/layout.h"
#include "dataplane/protocols/outstanding.h"
#include "dataplane/protocols/protocol.h"

namespace bulkhead::opcua {

constexpr std::size_t kOutstandingUsual = 4;

struct Outstanding {
  std::uint32_t asked_ms = 0;
  std::uint32_t request = 0;
  std::uint16_t code = 0;
};

// `secured`: its first answer will say whether messages are signed or encrypted, for the opening
// hides the mode. Then it is `signing` or `hidden`, and stays so.
enum class Channel : std::uint8_t { closed, plain, secured, signing, hidden, unseen };

struct Known {
  Channel channel = Channel::closed;
  bool client_counted = false;  // the next number of that side is known
  bool server_counted = false;
  std::uint8_t signature_bytes = 0;  // of each chunk, where messages are signed
  bool answer_goes_on = false;       // in further pieces, of this request
  bool begun = false;                // something was said
  std::uint32_t answered = 0;
  std::uint32_t client_next = 0;
  std::uint32_t server_next = 0;
  std::uint32_t taken_out = 0;  // chunks of the client that the server never saw
  // Chunks that the server never sent, less those that the client never saw; modulo 2^32.
  std::uint32_t put_in = 0;
  KnownSessions sessions;
  std::uint32_t asking = 0;        // a request that goes on in further pieces,
  std::uint32_t asking_bytes = 0;  // and what its body still has to have; 0: none does

  // How a message that travels so may be delimited.
  Pieces pieces(protocols::Direction direction) const {
    if (channel == Channel::hidden) return Pieces::many_chunks;
    if (direction != protocols::Direction::response) return Pieces::request;
    return put_in != 0 ? Pieces::one_chunk : Pieces::many_chunks;
  }
  // Whether messages are read without the end of each chunk.
  std::size_t unread_bytes() const {
    return channel == Channel::secured || channel == Channel::signing ? signature_bytes : 0;
  }
};

using Session = protocols::OutstandingTable<Outstanding, Known>;

// A session's block: requests, and behind the most that there can be, handles. A block of the usual
// size has none.
constexpr std::size_t kHandlesAt = Session::bytes_for(protocols::kOutstandingMax);
constexpr std::size_t kSessionBytesMax = kHandlesAt + kHandleBytesMax;
constexpr auto kStateLayout = Session::layout<kOutstandingUsual, 12, 64>(3, kSessionBytesMax);
Session session_in(std::span<std::byte> block);
Handles handles_in(std::span<const std::byte> block);

// See protocols::Protocol::accept().
protocols::Fault accept_message(std::span<std::byte> block, const protocols::Parsed& parsed,
                                std::uint32_t now_ms);

// By which number an answer that accept_message() refused differs: its sequence number from the
// next, its request from the latest, or its type from that of its request.
protocols::Difference difference(Session session, const Message& answer);

// See protocols::Splicing and protocols::NumberedMessages.
bool take_out(Known& known, const Message& message, protocols::Direction direction);
void put_in(Known& known, std::span<std::uint8_t> chunk);
void renumber(const Known& known, protocols::Direction direction, std::span<std::uint8_t> chunk);

}  // namespace bulkhead::opcua
