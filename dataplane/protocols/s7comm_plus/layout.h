// Numbers and shapes of S7 communication plus that the files of this module share. Siemens
// publishes no specification; sources are what the open analyses agree on (the dissector of T.
// Wiens, the papers of E. Biham and others), checked against real traffic. Below it stands
// ../cotp.h.
#pragma once

#include <array>
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

// Objects that every controller has, and classes of objects.
constexpr std::uint32_t kProgramObject = 3;
constexpr std::uint32_t kRootObject = 201;
constexpr std::uint32_t kSessionContainer = 0x011d;  // a client's session is created in it
constexpr std::uint32_t kSessionClass = 287;
constexpr std::uint32_t kSubscriptionClass = 1001;

// What one number is for, by the objects that it is about.
enum Kind : std::int32_t {
  kOnSession = 1,       // the client's own session
  kOnSubscription = 2,  // reports to the client, in its own session
  kOnObjects = 3,       // other objects than the memory that programs use
  kAsUser = 4,          // proves a password
  kOfLimits = 5,        // how much the controller can do at once, which panels ask first
};

// Indices into the catalogue's fields.
enum Field : std::uint8_t {
  kProtocolVersion,
  kOpcode,
  kFunction,
  kSession,
  kObject,
  kTsap,
  kTsapName,
  kArea,
  kAttribute,
  kElement,
  kItemCount,
  kSymbolCrc,
  kMore,
  kCallingTsap,
  kTpduSize,
};

const protocols::Catalogue& catalogue();

// One part of a message. A message longer than a data unit goes on in the next ones: only the first
// part tells what it is, only the last has a trailer.
struct Part {
  std::uint8_t version = 0;
  bool last = false;
  ByteView content;  // after the part's integrity, where it has one
};
protocols::Fault parse_part(ByteView user, Part& part);

// What the first part of a message says of it.
struct Head {
  std::uint8_t version = 0;
  std::uint8_t opcode = 0;
  std::uint16_t function = 0;
  std::uint16_t sequence = 0;
  std::uint32_t session = 0;  // of requests
  std::uint32_t object = 0;   // that a request is about
  std::uint8_t flags = 0;     // of requests
  bool whole = false;         // the message ends with this part
  ByteView rest;              // after it
};
// False if it is no first part of what this direction carries: then it goes on with a message.
bool parse_head(const Part& part, protocols::Direction direction, Head& head);

// Objects that answers gave this client: numbers that a client names itself prove nothing.
constexpr std::size_t kSessionsMax = 2;
constexpr std::size_t kSubscriptionsMax = 10;
struct Own {
  struct Session {
    std::uint32_t object = 0;
    std::uint32_t container = 0;  // of what is created in it
  };
  std::array<Session, kSessionsMax> sessions{};
  std::array<std::uint32_t, kSubscriptionsMax> subscriptions{};

  bool has_session(std::uint32_t object) const;
  bool has_container(std::uint32_t object) const;
  bool has_subscription(std::uint32_t object) const;
};

// The catalogue index of what a first part says; kNotInCatalogue if it is nothing known.
std::uint16_t function_of(const Head& head, const Own& own);
// An operation for each address of a request that lists some; otherwise one.
protocols::Fault add_request(const Head& head, std::uint16_t function,
                             protocols::OperationList& operations);

struct Outstanding {
  std::uint32_t asked_ms = 0;
  std::uint16_t sequence = 0;
  std::uint16_t function = 0;  // index of the catalogue
};

// Which direction's message goes on in its next part, and what the client was given.
struct State {
  bool from_client = false;
  bool from_server = false;
  Own own;

  bool& unfinished(protocols::Direction direction) {
    return direction == protocols::Direction::request ? from_client : from_server;
  }
};

constexpr std::size_t kOutstandingUsual = 7;
using Session = protocols::OutstandingTable<Outstanding, State>;
constexpr auto kStateLayout = Session::layout<kOutstandingUsual, 8, 60>(3);

// By which number an answer that accept_part() refused differs. `answer` is the head of the part,
// if it has one.
protocols::Difference difference(Session session, const Part& part, const Head* answer);
// What a response answers, by what the session knows; kNotInCatalogue if it knows of nothing.
std::uint16_t asked_function(std::span<const std::byte> session, const Head& response);

// `head` is that of the part, if it may begin a message.
protocols::Fault accept_part(Session session, const Part& part, const Head* head,
                             protocols::Direction direction, std::uint32_t now_ms);

}  // namespace bulkhead::s7comm_plus
