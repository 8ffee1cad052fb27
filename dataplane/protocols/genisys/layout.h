// Numbers and shapes of Genisys that the files of this module share. Source: GENISYS serial
// communication protocol, section 5.1 of Union Switch & Signal's (Ansaldo STS) GENISYS manuals.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/base/bytes.h"
#include "dataplane/protocols/lookup.h"
#include "dataplane/protocols/protocol.h"

namespace bulkhead::genisys {

constexpr std::uint8_t kEscape = 0xf0;      // 5.1.1.1; it and all above are control characters
constexpr std::uint8_t kTerminator = 0xf6;  // 5.1.1.1
constexpr std::uint8_t kUnused = 0xff;      // 5.1.1.1
constexpr std::uint8_t kEscapedMax = 0x0f;  // 5.1.1.1: what follows an escape is added to it
constexpr std::uint8_t kAllStations = 0;    // 5.1.1.2

constexpr std::uint8_t kModeAddress = 0xe0;   // 5.1.6, behind the data bytes 0x00-0xdf (5.1.1.3)
constexpr std::uint8_t kModeReserved = 0xf0;  // 5.1.6
constexpr std::size_t kPairsMax = 1 + kModeAddress;  // one for each address
constexpr std::size_t kChecksumBytes = 2;            // 5.1.1.4

// Header, station, pairs, checksum and terminator. A station, a value and each byte of the checksum
// may be escaped, an address never is.
constexpr std::size_t kMessageMin = 3;
constexpr std::size_t kMessageMax = 1 + 2 + 3 * kPairsMax + 2 * kChecksumBytes + 1;

// 5.1.9: header characters.
enum Code : std::uint8_t {
  kAcknowledge = 0xf1,
  kIndicationData = 0xf2,
  kControlCheckback = 0xf3,
  kCommonControl = 0xf9,
  kAcknowledgeAndPoll = 0xfa,
  kPoll = 0xfb,
  kControlData = 0xfc,
  kRecall = 0xfd,
  kControlExecute = 0xfe,
};

constexpr bool is_answer(std::uint8_t code) { return code <= kControlCheckback; }

// Functions of one code that differ by what stands in the message, or before it in the session.
constexpr std::int32_t kOfMode = kModeAddress;
constexpr std::int32_t kUnseen = 1;

// Indices into the catalogue's fields.
enum Field : std::uint8_t { kStation, kAddress, kValue, kMode, kSecure, kBroadcast };

const protocols::Catalogue& catalogue();

using protocols::kNotInCatalogue;

struct Pair {
  std::uint8_t address = 0;
  std::uint8_t value = 0;
  bool operator==(const Pair&) const = default;
};

// A message taken apart.
struct Message {
  std::uint8_t code = 0;
  std::uint8_t station = 0;
  bool secure = false;  // it has a checksum
  std::uint8_t pair_count = 0;
  std::array<Pair, kPairsMax> stored{};

  std::span<const Pair> pairs() const { return std::span(stored).first(pair_count); }
};

// Fills `message` from one message whose code is in the catalogue.
protocols::Fault parse_message(ByteView bytes, Message& message);

}  // namespace bulkhead::genisys
