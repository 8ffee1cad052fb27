// Requests of one session and which responses answer them (IEEE 1815, 4.2.2.4: sequence numbers),
// and what is selected.
#pragma once

#include "dataplane/protocols/dnp3/layout.h"
#include "dataplane/protocols/outstanding.h"
#include "dataplane/protocols/protocol.h"

namespace bulkhead::dnp3 {

constexpr std::size_t kOutstandingUsual = 4;
// An outstation drops a selection after a time of its own (4.4.3), which is shorter.
constexpr std::uint32_t kSelectedMs = 30'000;

// The code of an entry that is no request, but a file that an outstation opened.
constexpr std::uint8_t kOpenedFile = 0xff;

struct Outstanding {
  std::uint32_t asked_ms = 0;
  std::uint16_t master = 0;
  std::uint16_t outstation = 0;
  std::uint64_t controls = 0;  // digest of what is controlled; or a file's handle
  std::uint8_t code = 0;
  std::uint8_t sequence = 0;  // of the fragment that answers next
  bool answered = false;      // only what was selected is still of interest
  bool continued = false;     // a first fragment of the answer has passed
  bool unsolicited = false;   // of a confirmation that a response asked for (code kConfirm)

  bool is_asked() const { return !answered && code != kConfirm && code != kOpenedFile; }
  bool is_between(std::uint16_t of_master, std::uint16_t of_outstation) const {
    return master == of_master && (outstation == of_outstation || outstation == kSelfAddress);
  }
};

struct Begun {
  bool unseen;   // answers and confirmations to what was before may still come
  bool settled;  // the outstation has answered the request that left last
  bool begun;    // a message has passed
  // Of the response in several datagrams that left last: its sequence number and whether it is
  // unsolicited, when, by whom, and the transport numbers that its receiver may wait for.
  std::uint8_t spanning;
  std::uint16_t spanning_source;
  std::uint16_t settled_master;
  std::uint16_t settled_outstation;
  std::uint32_t spanning_ms;
  std::uint64_t numbers;  // 0: none, or it was confirmed
};

// No master waits longer for the rest of a response.
constexpr std::uint32_t kSpanningMs = 30'000;

using Session = protocols::OutstandingTable<Outstanding, Begun>;
constexpr auto kStateLayout = Session::layout<kOutstandingUsual, 24, 24>(4);

// What a control request controls, whatever the status that an answer gives each: equal digests,
// equal objects. 0 if the objects are no whole controls.
std::uint64_t digest_of_controls(ByteView objects);

// The handle of a file in a request or a response that has one and nothing else (A.31.4, A.31.5);
// `status` is that of the answer to an open request.
struct FileHandle {
  bool known = false;
  std::uint32_t handle = 0;
  std::uint8_t status = 0;
};
FileHandle file_handle_of(ByteView objects);

// Requests that are still to be answered.
std::size_t awaited(Session session, std::uint32_t now_ms);

// Both expect a fragment with an application header that parse() accepted.
protocols::Fault accept_request(Session session, const Fragment& fragment,
                                const Application& application, std::uint32_t now_ms);
protocols::Fault accept_response(Session session, const Fragment& fragment,
                                 const Application& application, std::uint32_t now_ms);

// Whether a fragment may leave in several datagrams, none of which a receiver can take for
// another's: a request, if the outstation has got all that left before; a response, if none with
// its sequence number and numbers left lately.
bool may_span(Session session, const Fragment& request, const Application& application);
bool may_span_answer(Session session, const Fragment& response, const Application& application,
                     std::uint32_t now_ms);
// The response leaves so.
void note_spanning(Session session, const Fragment& response, const Application& application,
                   std::uint32_t now_ms);

// By which number a response that accept_response() refused differs: its sequence number or its
// station from those of the latest request.
protocols::Difference difference(Session session, const LinkHeader& link,
                                 const Application& application);

}  // namespace bulkhead::dnp3
