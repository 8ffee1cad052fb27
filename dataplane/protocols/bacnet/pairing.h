// Outstanding requests of one session, and which answer answers which (5.4: the invoke identifier
// ties them, between the same two devices). Plain data, good when all zero.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/protocols/bacnet/layout.h"
#include "dataplane/protocols/outstanding.h"
#include "dataplane/protocols/protocol.h"

namespace bulkhead::bacnet {

constexpr std::size_t kOutstandingUsual = 6;

struct Outstanding {
  std::uint32_t asked_ms = 0;
  std::uint32_t route = 0;      // whom it is for and who sent it, beyond the two hosts
  std::uint32_t reference = 0;  // object, property and index of a read; 0: the answer names none
  std::uint8_t invoke_id = 0;
  std::uint8_t service = 0;
  bool by_server = false;     // it notifies
  bool any_instance = false;  // of a device or port: the answer names the one that was asked
};

// The Who-Is or Who-Has that the client put last: who is to answer, and to whom.
struct Question {
  enum class Of : std::uint8_t { nobody, one, network, anywhere };

  std::uint32_t asked_ms;
  std::uint32_t low;  // devices
  std::uint32_t high;
  std::uint32_t subject;  // of the object or the name that is looked for; 0: of none
  std::uint32_t to;       // both of addresses beyond the two hosts
  std::uint32_t from;
  std::uint16_t network;
  Of of;
};

using Session = protocols::OutstandingTable<Outstanding, Question>;
constexpr auto kStateLayout = Session::layout<kOutstandingUsual, 16, 28>(4);

// Whether an I-Am or an I-Have answers it. Any host may ask and is answered (16.9 and 16.10); a
// later announcement needs a rule.
bool answers(const Question& question, const Message& message);
void note_question(Session session, const Message& message, std::uint32_t now_ms);

// Both expect a message that parse() accepted. `from_server`: the side that did not begin the
// session sent it.
protocols::Fault accept_request(Session session, const Message& message, bool from_server,
                                std::uint32_t now_ms);
protocols::Fault accept_answer(Session session, const Message& message, bool from_server,
                               std::uint32_t now_ms);

// By which number a server's answer that was not accepted differs: its invoke identifier from that
// of the latest request, or its service from that of the request that has its identifier.
protocols::Difference difference(Session session, const Message& message);

}  // namespace bulkhead::bacnet
