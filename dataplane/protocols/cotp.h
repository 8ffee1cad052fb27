// What s7comm, s7comm_plus and mms stand on: TPKT (RFC 1006, section 6) with TPDUs of the ISO
// transport protocol class 0 (ISO 8073, RFC 905 section 13). A message is what one user's data unit
// needs: all DT TPDUs up to its end, or one TPDU alone.
#pragma once

#include <cstdint>

#include "dataplane/base/bytes.h"
#include "dataplane/protocols/protocol.h"

namespace bulkhead::cotp {

constexpr std::size_t kTpktBytes = 4;
constexpr std::size_t kUserBytesMax = 65536;  // of one user's data unit

// The code of a TPDU (RFC 905, 13.2.2.1), without its credit.
enum Tpdu : std::uint8_t {
  kConnect = 0xe0,
  kConfirm = 0xd0,
  kDisconnect = 0x80,
  kError = 0x70,
  kData = 0xf0,
};

// A message taken apart. Views are good as long as the message's bytes, and no longer than until
// the same thread parses another.
struct Message {
  std::uint8_t tpdu = 0;
  ByteView user;         // of kData; empty if the TPDU keeps the connection alive
  ByteView called_tsap;  // of kConnect and kConfirm
  ByteView calling_tsap;
};

protocols::Frame frame_message(ByteView stream);

// Expects exactly one message.
protocols::Fault parse_message(ByteView bytes, Message& message);

// The first octet that users exchange, if the stream goes so far; `fault` if it is no such stream.
struct FirstOctet {
  protocols::Fault fault = protocols::Fault::none;
  bool known = false;
  std::uint8_t octet = 0;
};
FirstOctet first_user_octet(ByteView stream);

// TPKT and DT headers in front of `user_bytes` of a data unit.
constexpr std::size_t kDataHeaderBytes = 7;
void put_data_header(std::span<std::uint8_t> to, std::size_t user_bytes);

}  // namespace bulkhead::cotp
