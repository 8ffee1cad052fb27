// Sample messages of each protocol, for the self-test of an appliance: what a client may ask of a
// server, as data, with what a module must read in it. They are written down beside the modules and
// not derived from them, so that a module that reads wrongly is found out. None reaches a device.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "dataplane/protocols/catalogue.h"

namespace bulkhead::protocols {

// A length that counts a name whose length may change.
struct SampleLength {
  std::uint16_t at = 0;
  std::uint8_t octets = 1;  // of one octet: 127 at most, as BER's short form
  bool little = false;
};

// A field of the message's operation: as the bytes have it, and where they may be changed, so that
// a rule grants the message, or does not.
struct SampleField {
  std::string_view name;    // of the catalogue
  std::int64_t value = 0;   // of an integer
  std::string_view text{};  // of a name
  std::uint16_t at = 0;     // where it stands
  std::uint8_t octets = 0;  // of an integer; 0: it cannot be changed
  bool little = false;
  std::uint8_t shift = 0;  // of the integer there, its lowest bits are another field's
  std::int64_t max = 0;    // if other values are written differently; 0: what its octets hold
  std::span<const SampleLength> lengths{};  // of a name; none: it cannot be changed

  constexpr bool can_change() const { return octets != 0 || !lengths.empty(); }
};

struct SampleMessage {
  std::string_view function{};  // of the catalogue; empty: an answer, which needs no rule
  std::string_view hex;
  std::span<const SampleField> fields{};
  bool from_client = true;
};

// A session's first messages. The last one is the one that is tested.
struct Sample {
  Carrier carrier{};
  std::span<const SampleMessage> messages;
  bool to_group = false;  // for a group's address, else for a host's
};

struct Samples {
  std::span<const Sample> all{};
  std::string_view malformed{};  // a message that no module reads, in hexadecimal
  // Writes the checksums of a message after it was changed; nullptr: it has none.
  void (*seal)(std::span<std::uint8_t> message) = nullptr;
  // A client may say its last message once more before it is answered, and the verdict on it is one
  // that is remembered (remembered.h).
  bool repeats = false;
  // The malformed message in frames of Ethernet, where it is another one.
  std::string_view malformed_framed{};
};

// Of a module of the registry; none for one that tests have added.
Samples samples_of(std::uint8_t protocol);

}  // namespace bulkhead::protocols
