// What s7comm, s7comm_plus and mms stand on: TPKT (RFC 1006, section 6) with TPDUs of the ISO
// transport protocol class 0 (ISO 8073, RFC 905 section 13). A message is what one user's data unit
// needs: all DT TPDUs up to its end, or one TPDU alone. Each TPDU has one accepted form: class 0,
// no options, no credit, each known parameter at most once, lengths that agree; it leaves without a
// number.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/base/bytes.h"
#include "dataplane/protocols/lookup.h"
#include "dataplane/protocols/protocol.h"

namespace bulkhead::cotp {

constexpr std::size_t kTpktBytes = 4;
constexpr std::size_t kDataHeaderBytes = 7;   // of a TPKT and its DT TPDU
constexpr std::size_t kUserBytesMax = 65536;  // of one user's data unit, put together
// Of what only answers, more passes in pieces of so many bytes, TPDUs that are whole: the first is
// read for what it is, what follows is content. With the next header they can be held.
constexpr std::size_t kPieceBytes = 65520;

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
  ByteView references;  // of both ends, as far as the TPDU leaves them free
  ByteView tpdu_size;   // as a power of two
  ByteView told;        // why the connection ends, and by what
  bool more = false;    // a piece: the data unit goes on in the next
};

// Whether a data unit may stand in several TPDUs. What S7 speaks needs no second one (its PDUs are
// shorter than the least TPDU that its devices agree on), and a receiver that does not join them
// would take the second for a PDU of its own.
// `pieces`, `next_piece`: it may be longer than is put together, and the next TPDU begins one, or
// goes on with one.
enum class DataUnits : std::uint8_t { whole, joined, pieces, next_piece };

protocols::Frame frame_message(ByteView stream, DataUnits units);

// Expects exactly one message, or a piece.
protocols::Fault parse_message(ByteView bytes, Message& message,
                               DataUnits units = DataUnits::joined);

// What stands in the catalogues of all that is carried so: TPDUs without user data, by their codes.
constexpr std::uint16_t kTpduCode = 0x800;
constexpr std::uint16_t kEmptyDataCode = kTpduCode | 0x0f;
constexpr std::uint16_t kContinuationCode = kTpduCode | 0x0e;  // in catalogues of what has pieces
constexpr std::array<protocols::FunctionInfo, 5> tpdu_functions(std::uint32_t tsap_fields) {
  using protocols::Initiator;
  constexpr auto kSession = protocols::AccessClass::session;
  constexpr auto kNone = protocols::kNoSubCode;
  return {{
      {"cotp_connect", kTpduCode | kConnect, kNone, kSession, tsap_fields, Initiator::client},
      {"cotp_confirm", kTpduCode | kConfirm, kNone, kSession, tsap_fields, Initiator::client},
      {"cotp_disconnect", kTpduCode | kDisconnect, kNone, kSession, 0, Initiator::either},
      {"cotp_error", kTpduCode | kError, kNone, kSession, 0, Initiator::either},
      {"cotp_empty_data", kEmptyDataCode, kNone, kSession, 0, Initiator::either},
  }};
}

// The called TSAP: as a number where it has two octets, as a name otherwise; what the caller calls
// itself, and the longest TPDU that it takes.
struct TsapFields {
  std::uint8_t number;
  std::uint8_t name;
  std::uint8_t calling;
  std::uint8_t tpdu_size;
};
constexpr protocols::FieldInfo kTsapInfo{"tsap", protocols::FieldKind::integer, 16, "",
                                         "called TSAP of two octets: kind of connection, rack and "
                                         "slot"};
constexpr protocols::FieldInfo kTsapNameInfo{
    "tsap_name", protocols::FieldKind::name, 0, "",
    "called TSAP of other lengths: text, or x'0a' for octets"};
constexpr protocols::FieldInfo kCallingTsapInfo{
    "calling_tsap", protocols::FieldKind::name, 0, "",
    "TSAP by which the caller calls itself: text, or x'0100'"};
constexpr protocols::FieldInfo kTpduSizeInfo{"tpdu_size", protocols::FieldKind::integer, 16,
                                             "octets", "longest TPDU that an end takes"};

// What parse() keeps of a message whose TPDUs have their one form.
struct CarriedUnit {
  ByteView user;      // empty if a TPDU stands alone
  bool first = true;  // it is whole, or the first piece
  bool more = false;  // a piece: others follow
};

// The first octet that users exchange, if the stream goes so far; `fault` if it is no such stream.
struct FirstOctet {
  protocols::Fault fault = protocols::Fault::none;
  bool known = false;
  std::uint8_t octet = 0;
};
FirstOctet first_user_octet(ByteView stream);

// What all protocols that stand on it have in common: how messages are delimited, what TPDUs alone
// say, and that the first octet of what their users say tells them apart. The rest is asked of the
// module with the user's data unit, which is not empty; otherwise it is as in protocol.h.
class User : public protocols::Protocol,
             public protocols::NumberedMessages,
             public protocols::SharedPort {
 public:
  protocols::Frame frame(ByteView stream, const protocols::MessageContext& context) const final;
  const protocols::SharedPort* shared_port() const final { return this; }
  protocols::Recognition recognise(ByteView stream,
                                   const protocols::MessageContext& context) const final;
  protocols::Fault parse(protocols::Parsed& parsed, const protocols::MessageContext& context,
                         protocols::OperationList& operations) const final;
  std::optional<std::uint16_t> claimed_code(ByteView message) const final;
  protocols::Fault accept(std::span<std::byte> session, const protocols::Parsed& message,
                          std::uint32_t now_ms) const final;
  const protocols::NumberedMessages* numbered_messages() const final { return this; }
  std::size_t numbered_bytes() const final { return kDataHeaderBytes; }
  bool is_rewritten(ByteView message) const final;
  void renumber(std::span<std::byte> session, protocols::Direction direction,
                std::span<std::uint8_t> first_bytes) const final;

 protected:
  ~User() = default;
  protocols::Fault parse_next_piece(ByteView bytes, protocols::OperationList& operations) const;
  // Whether a further piece, of so many octets of user data, may be one; `more` follow.
  virtual protocols::Fault check_next_piece(std::size_t octets, bool more,
                                            const protocols::MessageContext& context) const {
    (void)octets, (void)more, (void)context;
    return protocols::Fault::none;
  }
  virtual TsapFields tsap_fields() const = 0;
  virtual DataUnits data_units() const { return DataUnits::joined; }
  // Of modules that read the head of a long data unit: what the next TPDU of this direction is.
  virtual DataUnits next_units(const protocols::MessageContext& context) const {
    (void)context;
    return data_units();
  }
  // The first piece of a data unit, which begins with `user`.
  virtual protocols::Fault parse_piece(ByteView user, protocols::Parsed& parsed,
                                       const protocols::MessageContext& context,
                                       protocols::OperationList& operations) const {
    (void)user, (void)parsed, (void)context, (void)operations;
    return protocols::Fault::bad_length;
  }
  virtual bool begins_with(std::uint8_t octet) const = 0;
  virtual protocols::Fault parse_user(ByteView user, protocols::Parsed& parsed,
                                      const protocols::MessageContext& context,
                                      protocols::OperationList& operations) const = 0;
  virtual std::optional<std::uint16_t> claimed_user_code(ByteView user) const = 0;
  virtual protocols::Fault accept_user(std::span<std::byte> session,
                                       const protocols::Parsed& message,
                                       std::uint32_t now_ms) const = 0;
  virtual protocols::Fault accept_piece(std::span<std::byte> session,
                                        const protocols::Parsed& message, const CarriedUnit& piece,
                                        std::uint32_t now_ms) const {
    (void)session, (void)message, (void)piece, (void)now_ms;
    return protocols::Fault::bad_length;
  }
};

// TPKT and DT headers in front of `user_bytes` of a data unit.
void put_data_header(std::span<std::uint8_t> to, std::size_t user_bytes);

}  // namespace bulkhead::cotp
