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
constexpr unsigned kDepthMax = 8;                // of values inside values

// What is no service has a code of its own, below those of all encodings.
enum Code : std::uint16_t {
  kHello = 1,
  kAcknowledge = 2,
  kError = 3,
  kReverseHello = 4,
  kSecuredMessage = 5,
  kAbort = 6,
  kServiceFault = 397,
  kOpenChannel = 446,
  kOpenChannelAnswer = 449,
  kCloseChannel = 452,
  kCreateSession = 461,
  kBrowse = 527,
  kRead = 631,
  kHistoryRead = 664,
  kWrite = 673,
  kCall = 712,
  kCreateMonitoredItems = 751,
  kRegisterNodes = 560,
};

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
};

const protocols::Catalogue& catalogue();

using protocols::kNotInCatalogue;
// The catalogue index of a code or encoding; kNotInCatalogue if the catalogue does not have it.
std::uint16_t find_function(std::uint32_t code);

enum class Kind : std::uint8_t { hello, acknowledge, error, reverse_hello, open, message, close };

// The first chunk of a message and the content of all of them. `body` lives as long as the
// message's bytes, and no longer than until the same thread parses another.
struct Message {
  Kind kind{};
  bool aborted = false;    // 6, 6.7.3: its sender gave it up
  bool consistent = true;  // its chunks name one request, with numbers that follow
  std::size_t chunks = 0;
  std::uint32_t channel = 0;
  std::uint32_t token = 0;  // of Kind::message and close
  std::uint32_t sequence = 0;
  std::uint32_t last_sequence = 0;
  std::uint32_t request = 0;
  ByteView policy;      // of Kind::open
  ByteView thumbprint;  // of its receiver's certificate
  ByteView body;

  bool is_secured_open() const;
};

protocols::Frame frame_message(ByteView stream);
// Expects exactly one message.
protocols::Fault parse_message(ByteView bytes, Message& message);

// The way that a service's number says; nothing where it cannot be read.
std::optional<protocols::Direction> told_by_service(const Message& message);

// How a service's body could be read.
enum class Reading : std::uint8_t { exact, with_signature, unreadable };

// Reads the body of a message and adds its operations; with `operations` nullptr it is only read.
// A fault is what is wrong with a body that must be readable.
protocols::Fault decode_body(const Message& message, protocols::Direction direction,
                             protocols::OperationList* operations, Reading& reading,
                             std::uint16_t& code);

}  // namespace bulkhead::opcua
