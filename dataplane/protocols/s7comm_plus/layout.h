// Numbers and shapes of S7 communication plus that the files of this module share. Siemens
// publishes no specification; sources are what the open analyses agree on (the dissector of T.
// Wiens, the papers of E. Biham and others), checked against real traffic. Below it stands
// ../cotp.h.
#pragma once

#include <cstdint>

#include "dataplane/base/bytes.h"
#include "dataplane/protocols/cotp.h"
#include "dataplane/protocols/lookup.h"
#include "dataplane/protocols/outstanding.h"
#include "dataplane/protocols/protocol.h"

namespace bulkhead::s7comm_plus {

constexpr std::uint8_t kProtocolId = 0x72;

enum Version : std::uint8_t { kVersion1 = 1, kVersion2 = 2, kVersion3 = 3, kSystemEvent = 0xfe };

enum Opcode : std::uint8_t {
  kOpenResponse = 0x02,  // a response to a client that is not logged in
  kRequest = 0x31,
  kResponse = 0x32,
  kNotification = 0x33,
};

enum Code : std::uint16_t {
  kExplore = 0x04bb,
  kCreateObject = 0x04ca,
  kDeleteObject = 0x04d4,
  kSetVariable = 0x04f2,
  kGetLink = 0x0524,
  kSetMultiVariables = 0x0542,
  kGetMultiVariables = 0x054c,
  kBeginSequence = 0x0556,
  kEndSequence = 0x0560,
  kInvoke = 0x056b,
  kSetVarSubStreamed = 0x057c,
  kGetVarSubStreamed = 0x0586,
  kGetVariablesAddress = 0x0590,
  kAbort = 0x059a,
  kError = 0x05a9,
  kInitSsl = 0x05b3,
};

// What has no function is named by its opcode, or by what it is.
constexpr std::uint16_t kContinuationCode = 0;
constexpr std::uint16_t kNotificationCode = kNotification;
constexpr std::uint16_t kSystemEventCode = kSystemEvent;

// Objects that every controller has.
constexpr std::uint32_t kSessionContainer = 0x011d;  // a client's session is created in it

// A request on the client's own session is another function than one on other objects.
constexpr std::int32_t kOnSession = 1;

// Indices into the catalogue's fields.
enum Field : std::uint8_t {
  kProtocolVersion,
  kOpcode,
  kFunction,
  kSession,
  kObject,
  kTsap,
  kTsapName
};

const protocols::Catalogue& catalogue();

// One part of a message. A message longer than a data unit goes on in the next ones: only the first
// part tells what it is, only the last has a trailer.
struct Part {
  std::uint8_t version = 0;
  bool last = false;
  ByteView content;  // behind the part's integrity, where it has one
};
protocols::Fault parse_part(ByteView user, Part& part);

// What the first part of a message says of it.
struct Head {
  std::uint8_t opcode = 0;
  std::uint16_t function = 0;
  std::uint16_t sequence = 0;
  std::uint32_t session = 0;  // of requests
  std::uint32_t object = 0;   // that a request is about
};
// False if it is no first part of what this direction carries: then it goes on with a message.
bool parse_head(const Part& part, protocols::Direction direction, Head& head);

struct Outstanding {
  std::uint32_t asked_ms = 0;
  std::uint16_t sequence = 0;
  std::uint16_t function = 0;
};

// Which direction's message goes on in its next part.
struct Unfinished {
  bool from_client = false;
  bool from_server = false;

  bool& of(protocols::Direction direction) {
    return direction == protocols::Direction::request ? from_client : from_server;
  }
};

constexpr std::size_t kOutstandingUsual = 8;
using Session = protocols::OutstandingTable<Outstanding, Unfinished>;
static_assert(Session::bytes_for(kOutstandingUsual) <= protocols::kSessionBytesUsual);

protocols::Fault accept_part(Session session, const Part& part, protocols::Direction direction,
                             std::uint32_t now_ms);

}  // namespace bulkhead::s7comm_plus
