// A protocol's vocabulary: its functions and fields, by the standard's own names. The policy
// compiler, the CLI's help, decoding and event texts use this and know no protocol otherwise.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "dataplane/base/bytes.h"

namespace bulkhead::protocols {

// Equal in all protocols, so that a policy can be written without knowing codes. Each has one
// definition, in README.md beside this file.
enum class AccessClass : std::uint8_t {
  session,
  discover,
  read,
  publish,
  write,
  operate,
  configure,
  program,
  control,
  diagnose,
  opaque
};

inline constexpr std::array<std::string_view, 11> kAccessClassNames = {
    "session",   "discover", "read",    "publish",  "write", "operate",
    "configure", "program",  "control", "diagnose", "opaque"};

constexpr std::string_view describe(AccessClass access) {
  return kAccessClassNames[static_cast<std::size_t>(access)];
}

// The direction of a message: request from client or master, response back, publish where there are
// no such roles.
enum class Direction : std::uint8_t { request, response, publish };

inline constexpr std::array<std::string_view, 3> kDirectionNames = {"request", "response",
                                                                    "publish"};

constexpr std::string_view describe(Direction direction) {
  return kDirectionNames[static_cast<std::size_t>(direction)];
}

// Who may send a message of a function unasked. What a server sends is judged by rules like a
// request if it may begin it, and is an answer to one if the client does, which needs no rule; what
// accept() ties to something else says so (Operation::tied). `nobody`: a function of answers alone
// that need a rule too, and must answer a request all the same.
enum class Initiator : std::uint8_t { client, server, either, nobody };

inline constexpr std::array<std::string_view, 4> kInitiatorNames = {"client", "server", "either",
                                                                    "nobody"};

constexpr std::string_view describe(Initiator initiator) {
  return kInitiatorNames[static_cast<std::size_t>(initiator)];
}

constexpr std::int32_t kNoSubCode = -1;

struct FunctionInfo {
  std::string_view name;
  std::uint16_t code = 0;              // the standard's own number
  std::int32_t sub_code = kNoSubCode;  // where one code has several functions
  AccessClass access{};
  std::uint32_t fields = 0;  // bit i: operations of this function have field i
  Initiator initiator = Initiator::client;
  // The class that releases before 0.2 put it in, if that was another: rules that name either class
  // mean something else now, and the compiler says so.
  std::optional<AccessClass> access_before{};
  // What its element addresses count, where functions of one protocol count different things.
  std::string_view counts{};
};

// An integer is not negative. A real is any number: its range holds float64_order() values. A name
// is bytes, which a policy matches with patterns.
enum class FieldKind : std::uint8_t { integer, real, name };

// What is wrong with a rule's pattern, for people, and the byte where it is. Empty: nothing.
struct PatternFault {
  std::string_view what{};
  std::size_t at = 0;

  bool is_none() const { return what.empty(); }
};

// The patterns of a protocol that has its own (topic filters, paths): rules contain what the
// protocol says they contain. Both functions are total, allocate nothing, and their time is bounded
// by a multiple of the bytes that they are given.
struct NamePatterns {
  std::string_view name;  // "a topic filter": what rules give, for people
  PatternFault (*check)(std::string_view pattern) = nullptr;
  // Whether the pattern contains all that `value` stands for. That is a name of a message, or
  // another pattern: of a message that asks for many, or of another rule. Of a pattern that check()
  // refuses, any answer.
  bool (*contains)(std::string_view pattern, ByteView value) = nullptr;
};

struct FieldInfo {
  std::string_view name;
  FieldKind kind{};
  std::uint8_t width_bits = 0;
  std::string_view unit;  // the unit of one step, for people
  std::string_view text;
  bool spans = false;     // an operation may have a range of it
  bool any_case = false;  // a name that is not case-sensitive
  // An operation with the field needs a rule that constrains it: it reaches beyond the two hosts,
  // or many (a route, a broadcast). `any` constrains it to all values.
  bool by_name = false;
  // The key under which an asset's `route` gives this field's value: the addressee of a message
  // behind the server's address, and its sender behind the client's.
  std::string_view route{};
  std::string_view source_route{};
  // The value that addresses the gateway itself, where the standard has one.
  std::int32_t gateway_itself = -1;
  // Of a name; nullptr: text in which `*` stands for any bytes. With one, any_case is its matter.
  const NamePatterns* patterns = nullptr;
};

enum class Carrier : std::uint8_t { tcp, udp, ethernet };

struct DefaultPort {
  Carrier carrier{};
  std::uint16_t port = 0;  // Ethernet: the EtherType, or the service access point
};

constexpr std::uint8_t kNoField = 0xff;

// How single values lie among addresses where a message says in which type it writes: a receiver
// stores octets, whatever its program takes them for, so that a part of a number, or a number of
// another type, may be written. A rule that limits such values names their type, and each of its
// ranges of addresses stands for elements of that type, one behind the other from its start.
struct PlacedValues {
  std::uint8_t address = kNoField;
  std::uint8_t value = kNoField;
  std::uint8_t type = kNoField;
  // How many addresses one element of the type takes; 0: the type has no single values.
  std::int64_t (*places)(std::int64_t type) = nullptr;
};

struct Catalogue {
  std::string_view name;
  std::string_view title;
  std::string_view standard;
  std::span<const FunctionInfo> functions;
  std::span<const FieldInfo> fields;
  std::span<const DefaultPort> ports;
  // The fields that number and hold the elements of an operation; kNoField where it has none.
  std::uint8_t element_address_field = kNoField;
  std::uint8_t element_value_field = kNoField;
  const PlacedValues* placed_values = nullptr;  // of operations that are one value each
};

}  // namespace bulkhead::protocols
