// From the transport's data unit to the MMS PDU: SPDU, presentation PDU, ACSE APDU.
#include "dataplane/protocols/mms/layout.h"

namespace bulkhead::mms {

using protocols::Fault;

namespace {

constexpr ber::Tag kFullyEncoded = ber::application(1);  // User-data (ISO 8823-1, 8.2)
constexpr ber::Tag kSingleAsn1Type = ber::context(0);

// What a PDV-list of the presentation and an EXTERNAL of ACSE both are: a presentation context, and
// one value in it, behind a transfer syntax that may stand.
Fault parse_in_context(ByteView bytes, std::uint32_t& context, ByteView& value) {
  ber::Reader reader(bytes);
  ber::Element part;
  reader.next_if(ber::kObjectIdentifier, part);
  if (!reader.next_if(ber::kInteger, part)) return Fault::bad_value;
  const auto id = ber::to_unsigned(part.content);
  if (!id || *id > 0x7fff) return Fault::bad_value;
  if (!reader.next_if(kSingleAsn1Type, part) || !reader.at_end()) return Fault::bad_value;
  context = static_cast<std::uint32_t>(*id);
  value = part.content;
  return Fault::none;
}

Fault parse_user_data(const ber::Element& all, std::uint32_t& context, ByteView& value) {
  ber::Element list;
  if (!all.is(kFullyEncoded)) return Fault::bad_value;
  if (!ber::only(all.content, list) || !list.is(ber::kSequence)) return Fault::bad_value;
  return parse_in_context(list.content, context, value);
}

Fault take_pdu(ByteView value, Unit& unit) {
  if (!ber::only(value, unit.pdu) || !unit.pdu.is_context()) return Fault::not_this_protocol;
  unit.has_pdu = true;
  return Fault::none;
}

// AARQ and AARE: what the user of the association says is an EXTERNAL in their user information
// (ISO 8650-1, 9.1).
Fault parse_association(ByteView value, Unit& unit) {
  constexpr ber::Tag kUserInformation = ber::context(30);
  ber::Element apdu;
  if (!ber::only(value, apdu)) return Fault::bad_length;
  const bool request = unit.spdu == kConnect;
  if (!apdu.is(ber::application(request ? 0 : 1))) return Fault::bad_value;
  ber::Reader reader(apdu.content);
  for (ber::Element part; reader.next(part);) {
    if (!part.is(kUserInformation)) continue;
    ber::Element external;
    if (unit.has_pdu || !ber::only(part.content, external) || !external.is(ber::kExternal)) {
      return Fault::bad_value;
    }
    ByteView initiate;
    Fault fault = parse_in_context(external.content, unit.context, initiate);
    if (fault == Fault::none) fault = take_pdu(initiate, unit);
    if (fault != Fault::none) return fault;
  }
  if (!reader.at_end()) return Fault::bad_length;
  // One that refuses the association may say nothing of MMS.
  return unit.has_pdu || !request ? Fault::none : Fault::bad_value;
}

// The CP and CPA PPDUs (ISO 8823-1, 8.2) in normal mode.
Fault parse_connection(ByteView ppdu, Unit& unit) {
  constexpr ber::Tag kModeSelector = ber::context(0);
  constexpr ber::Tag kNormalMode = ber::context(2);
  ber::Element set;
  if (!ber::only(ppdu, set)) return Fault::bad_length;
  if (!set.is(ber::kSet)) return Fault::bad_value;
  ber::Reader reader(set.content);
  ber::Element part;
  bool seen = false;
  while (reader.next(part)) {
    if (part.is(kModeSelector)) continue;
    if (!part.is(kNormalMode) || seen) return Fault::bad_value;
    seen = true;
    ber::Reader inside(part.content);
    for (ber::Element piece; inside.next(piece);) {
      if (!piece.is(kFullyEncoded)) continue;
      std::uint32_t acse_context = 0;
      ByteView apdu;
      Fault fault = parse_user_data(piece, acse_context, apdu);
      if (fault == Fault::none) fault = parse_association(apdu, unit);
      if (fault != Fault::none) return fault;
    }
    if (!inside.at_end()) return Fault::bad_length;
  }
  if (!reader.at_end()) return Fault::bad_length;
  return unit.has_pdu || unit.spdu == kAccept ? Fault::none : Fault::bad_value;
}

// Parameters of an SPDU (ISO 8327-1, 8.2): an octet, or 255 and two.
std::size_t parameter_length(ByteReader& reader) {
  const std::uint8_t length = reader.u8();
  return length == 0xff ? reader.u16() : length;
}

Fault parse_parameters(ByteView user, Unit& unit, ByteView& user_data) {
  constexpr std::uint8_t kUserData = 0xc1;
  ByteReader reader(user);
  unit.spdu = reader.u8();
  const std::size_t length = parameter_length(reader);
  if (!reader.ok() || length > reader.remaining()) return Fault::truncated;
  if (length < reader.remaining()) return Fault::trailing_bytes;
  while (reader.remaining() > 0) {
    const std::uint8_t code = reader.u8();
    const ByteView value = reader.take(parameter_length(reader));
    if (!reader.ok()) return Fault::truncated;
    if (code != kUserData) continue;
    if (!user_data.empty()) return Fault::bad_value;
    user_data = value;
  }
  return Fault::none;
}

// Give tokens without tokens, then data transfer without parameters (ISO 8327-1, 7.11 and 7.16).
constexpr std::size_t kDataHeadBytes = 4;
bool begins_data(ByteView user) {
  return user.size() >= kDataHeadBytes && user[0] == kGiveTokensOrData && user[1] == 0 &&
         user[2] == kGiveTokensOrData && user[3] == 0;
}

}  // namespace

bool begins_pdu(std::uint8_t octet) {
  constexpr std::uint8_t kContextSpecific = 0x80;
  return (octet & 0xc0) == kContextSpecific && (octet & 0x1f) <= kConcludeError;
}

Fault parse_unit(ByteView user, Unit& unit) {
  unit = Unit{};
  if (user.empty()) return Fault::truncated;
  if (begins_pdu(user[0])) {
    unit.bare = true;
    return take_pdu(user, unit);
  }
  if (user[0] == kGiveTokensOrData) {
    if (!begins_data(user)) return Fault::bad_value;
    unit.spdu = kGiveTokensOrData;
    ber::Element all;
    ByteView value;
    if (!ber::only(user.subspan(kDataHeadBytes), all)) return Fault::bad_length;
    const Fault fault = parse_user_data(all, unit.context, value);
    return fault == Fault::none ? take_pdu(value, unit) : fault;
  }
  ByteView user_data;
  if (const Fault fault = parse_parameters(user, unit, user_data); fault != Fault::none) {
    return fault;
  }
  switch (unit.spdu) {
    case kConnect:
    case kAccept:
      return parse_connection(user_data, unit);
    case kRefuse:
    case kFinish:
    case kDisconnect:
    case kNotFinished:
    case kAbort:
    case kAbortAccept:
      return ber::well_formed(user_data) ? Fault::none : Fault::bad_length;
    default:
      return Fault::unknown_function;
  }
}

}  // namespace bulkhead::mms
