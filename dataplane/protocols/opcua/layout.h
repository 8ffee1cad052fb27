// Numbers and shapes of OPC UA that the files of this module share. Source: OPC 10000-6 (mappings,
// "6") and OPC 10000-4 (services, "4"), release 1.05.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "dataplane/base/bytes.h"
#include "dataplane/protocols/lookup.h"
#include "dataplane/protocols/protocol.h"

namespace bulkhead::opcua {

constexpr std::size_t kHeaderBytes = 8;          // 6, 7.1.2.2: type, kind of chunk, size
constexpr std::size_t kSecureHeaderBytes = 24;   // channel, token, sequence number, request
constexpr std::size_t kChunkBytesMax = 1 << 20;  // more than any stack's default
constexpr std::size_t kChunksMax = 64;           // of one message
constexpr std::size_t kBodyBytesMax = 65536;     // of one message in several chunks, put together
// Of what is content (answers, and what is hidden) more passes in pieces: chunks up to so many
// bytes are one piece, and of a longer chunk its head is read.
constexpr std::size_t kPieceBytes = 49152;
constexpr std::size_t kHeadBytes = 4096;
// Of a request so much is read whole. One that is longer passes in pieces where its first chunk
// tells all that it asks for, and the rest is one value.
constexpr std::size_t kRequestPieceBytes = 65536;
constexpr std::size_t kLongBytesMax = std::size_t{1} << 24;  // of its body
constexpr unsigned kDepthMax = 8;                            // of values inside values

// What is no service has a code of its own, below those of all encodings.
enum Code : std::uint16_t {
  kHello = 1,
  kAcknowledge = 2,
  kError = 3,
  kReverseHello = 4,
  kSecuredMessage = 5,
  kAbort = 6,
  kContinuation = 7,
  kServiceFault = 397,
  kGetEndpoints = 428,
  kOpenChannel = 446,
  kOpenChannelAnswer = 449,
  kCloseChannel = 452,
  kCreateSession = 461,
  kCreateSessionAnswer = 464,
  kActivateSession = 467,
  kCloseSession = 473,
  kBrowse = 527,
  kRegisterNodes = 560,
  kRegisterNodesAnswer = 563,
  kUnregisterNodes = 566,
  kRead = 631,
  kHistoryRead = 664,
  kWrite = 673,
  kCall = 712,
  kCreateMonitoredItems = 751,
};

// Functions that one service is, by what it is asked for.
constexpr std::int32_t kOfSettings = 1;     // a write or call that changes the server itself
constexpr std::int32_t kOfServerState = 2;  // a call that does
constexpr std::int32_t kAsUser = 1;         // of an activation: with a user's name or token
constexpr std::int32_t kElsewhere = 2;      // of a session that another connection created

// Indices into the catalogue's fields.
enum Field : std::uint8_t {
  kNamespace,
  kNode,
  kNodeName,
  kAttribute,
  kMethodNamespace,
  kMethod,
  kMethodName,
  kValue,
  kSecurityPolicy,
  kSecurityMode,
  kThumbprint,
  kEndpoint,
  kNodeGuid,
  kNodeBytes,
  kMethodGuid,
  kMethodBytes,
  kDataType,
  kStatus,
  kIndexRange,
  kDataEncoding,
  kArguments,
  kHandleNamespace,
  kHandle,
  kHandleName,
  kUser,
  kUserToken,
  kMethodHandleNamespace,
  kMethodHandle,
  kMethodHandleName,
  kSenderThumbprint,
};

const protocols::Catalogue& catalogue();

using protocols::kNotInCatalogue;
// The catalogue index of a code or encoding; kNotInCatalogue if the catalogue does not have it.
std::uint16_t find_function(std::uint32_t code, std::int32_t sub_code = protocols::kNoSubCode);

enum class Kind : std::uint8_t { hello, acknowledge, error, reverse_hello, open, message, close };

// The first chunk of a message and the content of all of them. `body` lives as long as the
// message's bytes, and no longer than until the same thread parses another.
struct Message {
  Kind kind{};
  bool aborted = false;     // 6, 6.7.3: its sender gave it up
  bool consistent = true;   // its chunks name one request, with numbers that follow
  bool unfinished = false;  // further chunks make another piece
  std::size_t chunks = 0;
  std::uint32_t channel = 0;
  std::uint32_t token = 0;  // of Kind::message and close
  std::uint32_t sequence = 0;
  std::uint32_t last_sequence = 0;
  std::uint32_t request = 0;
  std::size_t body_bytes = 0;  // of all its chunks, also where only a head is there
  ByteView policy;             // of Kind::open
  ByteView certificate;        // of its sender, with its length
  ByteView thumbprint;         // of its receiver's certificate
  ByteView first;              // content of the first chunk, as far as it is there
  ByteView body;

  // Whether not all of it is in `body`.
  bool is_long() const { return unfinished || body.size() < body_bytes; }
  bool is_secured_open() const;
};

// What stands at the end of each chunk of a channel's messages where they are signed.
struct PolicyInfo {
  std::string_view name;  // the URI, or what stands after the # of one that is known
  std::uint8_t signature_bytes = 0;
};
// OPC 10000-7: the policies by their whole URIs. One that is not known has no signature.
PolicyInfo policy_of(ByteView uri);

// What parse() keeps beside the Message and the LongRequest, where a body could be read: bytes that
// stand after it.
struct ReadBody {
  std::size_t remaining = 0;
};

// 6, 6.7.2.4: numbers go up by one; from 4,294,966,271 on they may begin again below 1024.
bool follows(std::uint32_t last, std::uint32_t number);

// How much of a message may stand for it: all of it, pieces of several chunks (of a request none
// that could be read whole), or single chunks.
enum class Pieces : std::uint8_t { none, request, many_chunks, one_chunk };

protocols::Frame frame_message(ByteView stream, Pieces pieces);

struct Parsing {
  std::size_t signature_bytes = 0;  // left out at the end of each chunk of a message
  bool in_pieces = false;           // it may be a piece, or the head of one
  const protocols::OperationList* copies = nullptr;  // hears what a body is put together from
};
// Expects exactly one message, or piece of one.
protocols::Fault parse_message(ByteView bytes, Message& message, const Parsing& parsing = {});

// The way that a service's number says; nothing where it cannot be read.
std::optional<protocols::Direction> direction_of_service(const Message& message);

// What a body says in its first fields.
struct ServiceHead {
  std::uint16_t function = kNotInCatalogue;
  std::uint16_t code = kSecuredMessage;
  std::uint32_t handle = 0;   // of a request
  std::uint64_t session = 0;  // of a request: what its authentication token comes to; 0 for none
};
protocols::Fault parse_head(const Message& message, protocols::Direction direction,
                            ServiceHead& head);

// A request that is not read whole (long.cpp): what its first chunk holds up to the length of its
// one long value, and how many bytes its body has to have in all.
struct LongRequest {
  ByteView head;
  std::size_t total = 0;
};
constexpr std::string_view kLongValue = "a value that is no single number";
// Fault::too_long if its first chunk does not tell all that it asks for, or if its chunks so far
// have more or fewer bytes than that.
protocols::Fault find_long(const Message& message, LongRequest& found);

class BodyReader;
// Behind the type of a body: 4, 7.32 and 7.33.
void skip_request_header(BodyReader& reader);
void skip_response_header(BodyReader& reader);

class Handles;

// Adds the operations of a request that find_long() has found.
protocols::Fault decode_long(const Message& message, const LongRequest& request,
                             const Handles& handles, protocols::OperationList& operations);

// Reads the body of a message to its end, but for `remaining` bytes, and adds its operations; with
// `operations` nullptr it is only read. Names are read as `handles` knows them.
protocols::Fault decode_body(const Message& message, protocols::Direction direction,
                             const Handles& handles, protocols::OperationList* operations,
                             std::size_t& remaining, std::uint16_t& code);

}  // namespace bulkhead::opcua
