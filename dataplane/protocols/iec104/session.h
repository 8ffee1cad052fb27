// What is remembered of a session: both stations' numbers, what was taken out and put in between
// them, which commands wait for their confirmation, and what is selected. Plain data.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/protocols/iec104/layout.h"
#include "dataplane/protocols/outstanding.h"
#include "dataplane/protocols/protocol.h"

namespace bulkhead::iec104 {

constexpr std::size_t kOutstandingUsual = 2;
// Many more frames than any station leaves unacknowledged (104, 5.5: k is 12 unless agreed).
constexpr std::uint16_t kUnacknowledgedMax = 1024;
// Of a session that is met in its midst: so many frames may not have been acknowledged, and so many
// confirmations may come of commands that were not seen.
constexpr std::uint16_t kUnseenWindow = 512;
constexpr std::uint8_t kUnseenConfirmations = 16;
constexpr std::uint32_t kSelectedMs = 60'000;  // a station's own time-out is shorter

// Frames that one station counts and the other does not: each stands before that number of the one
// that counts it. Those that the far end has acknowledged behind are only a difference.
struct Splices {
  static constexpr std::size_t kMax = 8;
  std::uint16_t behind = 0;
  std::uint16_t count = 0;
  std::array<std::uint16_t, kMax> at{};

  std::uint16_t total() const { return static_cast<std::uint16_t>(behind + count); }
};

enum class Transfer : std::uint8_t { stopped, starting, started, stopping, unseen };

// Numbers are modulo kNumbers. The client's count every frame that it sent, the server's every
// frame that it sent; what each acknowledges is in its own view.
struct Numbers {
  std::uint16_t client_next = 0;
  std::uint16_t server_next = 0;
  std::uint16_t client_acknowledged = 0;  // of what the client received
  std::uint16_t server_acknowledged = 0;  // of what the server received
  Splices taken_out;                      // of the client's frames, in the client's numbers
  Splices put_in;                         // among the server's, in the client's view
  Splices dropped;                        // of the server's frames, in the server's numbers
  Transfer transfer = Transfer::stopped;
  bool client_unknown = false;  // their first frame tells, where the beginning was not seen
  bool server_unknown = false;
  bool client_guessed = false;  // what each acknowledged is not known yet, but how much at most is
  bool server_guessed = false;  // not
  std::uint8_t unmatched = 0;   // confirmations that may still come of commands from before
};

struct Outstanding {
  std::uint32_t asked_ms = 0;
  std::uint32_t object_address = 0;
  std::uint32_t content = 0;  // digest of what is commanded, but for select
  std::uint16_t common_address = 0;
  std::uint8_t type = 0;
  std::uint8_t cause = 0;
  bool select = false;
  bool confirmed = false;
};

using Session = protocols::OutstandingTable<Outstanding, Numbers>;
constexpr auto kStateLayout = Session::layout<kOutstandingUsual, 20, 74>(3);

void begin_unseen(Session session);
// See protocols::NumberedMessages.
void forget_numbers(Numbers& numbers);

// Both expect a message that parse() accepted.
protocols::Fault accept_numbers(Numbers& numbers, const Apdu& apdu, protocols::Direction direction);
protocols::Fault accept_command(Session session, const Asdu& asdu, std::uint32_t now_ms);
protocols::Fault accept_confirmation(Session session, Numbers& numbers, const Asdu& asdu,
                                     std::uint32_t now_ms);

std::size_t awaited(Session session, std::uint32_t now_ms);

// By which number a frame of the server's that was not accepted differs: its send number from the
// next, or its object from that of the latest command of its type.
protocols::Difference difference(Session session, const Apdu& apdu);

// Acknowledges frames that were dropped behind what the client has acknowledged: the length of what
// does so (104, 5.4: an S frame), 0 if there are none or the client has to acknowledge others
// first.
std::size_t acknowledge_dropped(Numbers& numbers, std::span<std::uint8_t> frame);

// See protocols::Splicing and protocols::NumberedMessages.
bool take_out(Numbers& numbers, const Apdu& apdu, protocols::Direction direction);
void put_in(Numbers& numbers, std::span<std::uint8_t> frame);
void renumber(const Numbers& numbers, protocols::Direction direction,
              std::span<std::uint8_t> frame);

}  // namespace bulkhead::iec104
