// Walks TPKTs; nothing is copied unless a data unit stands in several TPDUs.
#include "dataplane/protocols/cotp.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace bulkhead::cotp {

using protocols::Fault;
using protocols::Frame;

namespace {

constexpr std::uint8_t kVersion = 3;
constexpr std::uint8_t kEndOfUnit = 0x80;
constexpr std::size_t kLengthMin = 7;  // RFC 1006, 6: with the shortest TPDU

// Reads a TPKT's header; zero if more bytes are needed.
Fault tpkt_length(ByteView stream, std::size_t& length) {
  length = 0;
  if (!stream.empty() && stream[0] != kVersion) return Fault::not_this_protocol;
  if (stream.size() >= 2 && stream[1] != 0) return Fault::not_this_protocol;
  if (stream.size() < kTpktBytes) return Fault::none;
  length = load_be16(stream.data() + 2);
  return length >= kLengthMin ? Fault::none : Fault::bad_length;
}

// A DT TPDU of class 0 (RFC 905, 13.7): three octets of header.
struct Data {
  bool end = false;
  std::size_t bytes = 0;
};

constexpr std::size_t kLookBytes = kTpktBytes + 3;
constexpr std::size_t kNumberAt = 6;
constexpr std::uint8_t kNumber = 0x7f;

// Class 0 has no numbers; one in a data unit that is whole is taken off before it leaves
// (renumber()). Of several TPDUs the first would be judged by another octet than leaves.
Fault parse_data(ByteView tpkt, std::size_t length, DataUnits units, bool begun, Data& data) {
  if (tpkt[4] != 2) return Fault::bad_length;
  data.end = (tpkt[kNumberAt] & kEndOfUnit) != 0;
  const bool numbered = (tpkt[kNumberAt] & kNumber) != 0;
  if (tpkt[5] != kData || (numbered && (begun || !data.end))) return Fault::bad_value;
  data.bytes = length - kLookBytes;
  const bool goes_on = !data.end && data.bytes > 0;
  return goes_on && units == DataUnits::whole ? Fault::bad_value : Fault::none;
}

// Parameters of a connection (RFC 905, 13.3.4), each at most once: of two that differ, one receiver
// believes the first and another the last.
Fault parse_parameters(ByteReader& reader, Message& message) {
  constexpr std::uint8_t kTpduSize = 0xc0;
  constexpr std::uint8_t kCallingTsap = 0xc1;
  constexpr std::uint8_t kCalledTsap = 0xc2;
  constexpr std::size_t kTsapBytesMax = 32;
  while (reader.remaining() > 0) {
    const std::uint8_t code = reader.u8();
    const ByteView value = reader.take(reader.u8());
    if (!reader.ok()) return Fault::truncated;
    ByteView* known = nullptr;
    if (code == kTpduSize) known = &message.tpdu_size;
    if (code == kCallingTsap) known = &message.calling_tsap;
    if (code == kCalledTsap) known = &message.called_tsap;
    if (known == nullptr || !known->empty()) return Fault::bad_value;
    if (value.empty() || value.size() > kTsapBytesMax) return Fault::bad_length;
    *known = value;
  }
  // As powers of two: 128 to 8192 octets.
  const ByteView size = message.tpdu_size;
  const bool sized = size.empty() || (size.size() == 1 && size[0] >= 7 && size[0] <= 13);
  return sized ? Fault::none : Fault::bad_value;
}

// RFC 905, 13.3 and 13.4: class 0 without options; a caller knows no reference yet.
Fault parse_connect(ByteView tpdu, Message& message) {
  ByteReader reader(tpdu);
  const ByteView references = reader.take(4);
  const std::uint8_t class_and_options = reader.u8();
  if (!reader.ok()) return Fault::truncated;
  if (class_and_options != 0) return Fault::bad_value;
  message.references = references;
  if (message.tpdu == kConnect) {
    if (load_be16(references.data()) != 0) return Fault::bad_value;
    message.references = references.last(2);
  }
  return parse_parameters(reader, message);
}

// RFC 905, 13.12: the header as it was received may stand behind the cause.
Fault parse_error(ByteView tpdu, Message& message) {
  constexpr std::uint8_t kInvalidTpdu = 0xc1;
  ByteReader reader(tpdu);
  message.references = reader.take(2);
  message.told = reader.rest();
  if (!reader.ok() || message.told.empty()) return Fault::truncated;
  reader = ByteReader(message.told.subspan(1));
  if (reader.remaining() == 0) return Fault::none;
  if (reader.u8() != kInvalidTpdu) return Fault::bad_value;
  reader.skip(reader.u8());
  if (!reader.ok()) return Fault::truncated;
  return reader.remaining() == 0 ? Fault::none : Fault::trailing_bytes;
}

Fault parse_alone(ByteView tpkt, Message& message) {
  const std::size_t header = tpkt[4];
  const std::uint8_t code = tpkt[5];                        // class 0 has no credit in it
  if (header + 5 != tpkt.size()) return Fault::bad_length;  // user data goes in DT only
  message.tpdu = code;
  const ByteView tpdu = tpkt.subspan(6);
  switch (code) {
    case kConnect:
    case kConfirm:
      return parse_connect(tpdu, message);
    case kDisconnect:
      if (tpdu.size() != 5) return tpdu.size() < 5 ? Fault::truncated : Fault::trailing_bytes;
      message.references = tpdu.first(4);
      message.told = tpdu.last(1);
      return Fault::none;
    case kError:
      return parse_error(tpdu, message);
    default:
      return Fault::unknown_function;
  }
}

// A message without user data: its code, and its one operation.
std::uint16_t code_alone(const Message& message) {
  if (message.tpdu == kData) return kEmptyDataCode;
  return static_cast<std::uint16_t>(kTpduCode | message.tpdu);
}

void put_hex(ByteView octets, std::span<std::uint8_t> text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::size_t at = 0;
  for (const std::uint8_t octet : octets) {
    text[at++] = static_cast<std::uint8_t>(kDigits[octet >> 4]);
    text[at++] = static_cast<std::uint8_t>(kDigits[octet & 15]);
  }
}

// Text as it is, other octets as x'0a1b'. Empty if there is no room for it.
ByteView tsap_text(ByteView tsap, protocols::OperationList& operations) {
  constexpr std::size_t kQuotes = 3;
  const bool quoted = tsap.size() >= 2 && tsap[0] == 'x' && tsap[1] == '\'';
  const bool text = std::all_of(tsap.begin(), tsap.end(),
                                [](std::uint8_t octet) { return octet >= 0x20 && octet <= 0x7e; });
  if (text && !quoted) return tsap;
  const std::span<std::uint8_t> room = operations.compose(2 * tsap.size() + kQuotes);
  if (room.empty()) return {};
  room[0] = 'x';
  room[1] = '\'';
  put_hex(tsap, room.subspan(2));
  room.back() = '\'';
  return room;
}

void set_tsaps(const Message& message, TsapFields fields, protocols::Operation& operation,
               protocols::OperationList& operations) {
  if (message.called_tsap.size() == 2) {
    operation.set(fields.number, load_be16(message.called_tsap.data()));
  } else {
    operation.set_name(fields.name, tsap_text(message.called_tsap, operations));
  }
  if (!message.calling_tsap.empty()) {
    operation.set_name(fields.calling, tsap_text(message.calling_tsap, operations));
  }
  if (!message.tpdu_size.empty()) {
    operation.set(fields.tpdu_size, std::int64_t{1} << message.tpdu_size[0]);
  }
}

Fault decode_alone(const Message& message, protocols::Direction direction,
                   const protocols::Catalogue& catalogue, TsapFields fields,
                   protocols::OperationList& operations) {
  const bool connect = message.tpdu == kConnect;
  const bool confirm = message.tpdu == kConfirm;
  const bool from_client = direction == protocols::Direction::request;
  if (from_client ? confirm : connect) return Fault::wrong_direction;
  const auto function = protocols::find_function(catalogue.functions, code_alone(message));
  if (function == protocols::kNotInCatalogue) return Fault::unknown_function;
  protocols::Operation* operation = operations.add(function);
  if (operation == nullptr) return Fault::too_many_operations;
  operations.leave_free(message.references, "references, which class 0 only hands back");
  operations.leave_free(message.told, "why a connection ends");
  if (!connect && !confirm) return Fault::none;
  set_tsaps(message, fields, *operation, operations);
  return Fault::none;
}

}  // namespace

Frame frame_message(ByteView stream, DataUnits units) {
  const bool in_pieces = units == DataUnits::pieces || units == DataUnits::next_piece;
  bool begun = units == DataUnits::next_piece;
  std::size_t user_bytes = 0;
  for (std::size_t at = 0;;) {
    const ByteView rest = stream.subspan(std::min(at, stream.size()));
    std::size_t length = 0;
    if (const Fault fault = tpkt_length(rest, length); fault != Fault::none) return {fault, 0, 0};
    if (length == 0) return {Fault::none, 0, at + kTpktBytes};
    if (rest.size() < kLookBytes) return {Fault::none, 0, at + kLookBytes};
    if ((rest[5] & 0xf0) != kData) {
      if (begun) return {Fault::bad_sequence, 0, 0};
      return {Fault::none, at + length, at + length};
    }
    Data data;
    if (const Fault fault = parse_data(rest, length, units, begun, data); fault != Fault::none) {
      return {fault, 0, 0};
    }
    if (in_pieces && at > 0 && at + length > kPieceBytes) return {Fault::none, at, at};
    at += length;
    user_bytes += data.bytes;
    if (user_bytes > kUserBytesMax) return {Fault::bad_length, 0, 0};
    if (data.end || (data.bytes == 0 && !begun)) return {Fault::none, at, at};
    begun = true;
  }
}

Fault parse_message(ByteView bytes, Message& message, DataUnits units) {
  thread_local std::array<std::uint8_t, kUserBytesMax> joined;
  message = Message{};
  const bool in_pieces = units == DataUnits::pieces || units == DataUnits::next_piece;
  std::size_t count = 0;
  bool begun = units == DataUnits::next_piece;
  for (ByteView rest = bytes;;) {
    std::size_t length = 0;
    if (const Fault fault = tpkt_length(rest, length); fault != Fault::none) return fault;
    if (length == 0 || rest.size() < kLookBytes || length > rest.size()) return Fault::truncated;
    const ByteView tpkt = rest.first(length);
    rest = rest.subspan(length);
    if ((tpkt[5] & 0xf0) != kData) {
      if (begun) return Fault::bad_sequence;
      if (!rest.empty()) return Fault::trailing_bytes;
      return parse_alone(tpkt, message);
    }
    Data data;
    if (const Fault fault = parse_data(tpkt, length, units, begun, data); fault != Fault::none)
      return fault;
    const ByteView part = tpkt.subspan(kLookBytes);
    const bool last = data.end || (part.empty() && !begun);
    message.tpdu = kData;
    if (last && !begun) {
      message.user = part;
    } else {
      if (count + part.size() > joined.size()) return Fault::bad_length;
      std::copy(part.begin(), part.end(), joined.begin() + static_cast<std::ptrdiff_t>(count));
      count += part.size();
      message.user = {joined.data(), count};
    }
    if (last) return rest.empty() ? Fault::none : Fault::trailing_bytes;
    begun = true;
    if (!rest.empty()) continue;
    message.more = in_pieces;
    return in_pieces ? Fault::none : Fault::truncated;
  }
}

FirstOctet first_user_octet(ByteView stream) {
  for (ByteView rest = stream;;) {
    std::size_t length = 0;
    if (const Fault fault = tpkt_length(rest, length); fault != Fault::none) return {fault};
    if (length == 0 || rest.size() <= kLookBytes) return {};
    if ((rest[5] & 0xf0) == kData && length > kLookBytes) return {Fault::none, true, rest[7]};
    if (length > rest.size()) return {};
    rest = rest.subspan(length);
  }
}

namespace {

// Where the octets of a data unit stand that came in several TPDUs.
void tell_copies(ByteView bytes, ByteView user, const protocols::OperationList& operations) {
  std::size_t count = 0;
  for (ByteView rest = bytes; !rest.empty() && count < user.size();) {
    std::size_t length = 0;
    if (tpkt_length(rest, length) != Fault::none || length < kLookBytes || length > rest.size()) {
      return;
    }
    const ByteView part = rest.first(length).subspan(kLookBytes);
    if (count + part.size() > user.size()) return;
    operations.copied(user.subspan(count, part.size()), part);
    count += part.size();
    rest = rest.subspan(length);
  }
}

}  // namespace

// All that share the port delimit alike until a data unit tells whose it is: one that begins in
// several TPDUs may be another's.
Frame User::frame(ByteView stream, const protocols::MessageContext& context) const {
  const DataUnits units = next_units(context);
  if (units != DataUnits::whole) return frame_message(stream, units);
  const FirstOctet first = first_user_octet(stream);
  const bool own = first.known && begins_with(first.octet);
  return frame_message(stream, own ? units : DataUnits::joined);
}

protocols::Recognition User::recognise(ByteView stream,
                                       const protocols::MessageContext& /*context*/) const {
  const FirstOctet first = first_user_octet(stream);
  if (first.fault != Fault::none) return protocols::Recognition::no;
  if (!first.known) return protocols::Recognition::unknown;
  return begins_with(first.octet) ? protocols::Recognition::yes : protocols::Recognition::no;
}

Fault User::parse(protocols::Parsed& parsed, const protocols::MessageContext& context,
                  protocols::OperationList& operations) const {
  operations.clear();
  const ByteView bytes = parsed.message();
  const DataUnits units = next_units(context);
  Message message;
  if (const Fault fault = parse_message(bytes, message, units); fault != Fault::none) return fault;
  const bool next = units == DataUnits::next_piece;
  parsed.keep(CarriedUnit{message.user, !next, message.more});
  if (next) {
    const Fault fault = check_next_piece(message.user.size(), message.more, context);
    return fault != Fault::none ? fault : parse_next_piece(bytes, operations);
  }
  if (message.tpdu == kData) {
    operations.leave_free(bytes.subspan(kNumberAt, 1), "a number, which is taken off", kNumber);
  }
  if (!message.user.empty()) {
    const bool joined = message.user.data() != bytes.data() + (bytes.size() - message.user.size());
    if (joined && operations.accounts()) tell_copies(bytes, message.user, operations);
    if (message.more) return parse_piece(message.user, parsed, context, operations);
    return parse_user(message.user, parsed, context, operations);
  }
  if (message.tpdu == kData) {
    operations.leave_free(bytes.last(1), "the end of a data unit that holds nothing", kEndOfUnit);
  }
  return decode_alone(message, context.direction, catalogue(), tsap_fields(), operations);
}

// Content of what was granted by its head, as accept() knows; its TPDUs have their one form.
Fault User::parse_next_piece(ByteView bytes, protocols::OperationList& operations) const {
  const auto function = protocols::find_function(catalogue().functions, kContinuationCode);
  if (function == protocols::kNotInCatalogue) return Fault::unknown_function;
  protocols::Operation* operation = operations.add(function);
  if (operation == nullptr) return Fault::too_many_operations;
  operation->tied = true;
  for (ByteView rest = bytes; !rest.empty();) {
    std::size_t length = 0;
    if (tpkt_length(rest, length) != Fault::none || length > rest.size()) return Fault::truncated;
    operations.leave_free(rest.first(length).subspan(kLookBytes), "what follows of a long answer");
    rest = rest.subspan(length);
  }
  return Fault::none;
}

std::optional<std::uint16_t> User::claimed_code(ByteView bytes) const {
  Message message;
  if (parse_message(bytes, message, data_units()) != Fault::none) return std::nullopt;
  if (!message.user.empty()) return claimed_user_code(message.user);
  return code_alone(message);
}

Fault User::accept(std::span<std::byte> session, const protocols::Parsed& message,
                   std::uint32_t now_ms) const {
  const CarriedUnit& unit = *message.kept<CarriedUnit>();
  if (!unit.first || unit.more) return accept_piece(session, message, unit, now_ms);
  return unit.user.empty() ? Fault::none : accept_user(session, message, now_ms);
}

bool User::is_rewritten(ByteView message) const {
  return message.size() > kNumberAt && message[kTpktBytes + 1] == kData &&
         (message[kNumberAt] & kNumber) != 0;
}

void User::renumber(std::span<std::byte> /*session*/, protocols::Direction /*direction*/,
                    std::span<std::uint8_t> first_bytes) const {
  if (is_rewritten(first_bytes)) first_bytes[kNumberAt] &= kEndOfUnit;
}

void put_data_header(std::span<std::uint8_t> to, std::size_t user_bytes) {
  to[0] = kVersion;
  to[1] = 0;
  store_be16(to.data() + 2, static_cast<std::uint16_t>(kDataHeaderBytes + user_bytes));
  to[4] = 2;
  to[5] = kData;
  to[6] = kEndOfUnit;
}

}  // namespace bulkhead::cotp
