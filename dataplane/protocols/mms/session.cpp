// From the transport's data unit to the MMS PDU: the SPDUs of the kernel and the duplex unit
// (ISO 8327-1), one to a data unit.
#include <array>

#include "dataplane/protocols/mms/layout.h"

namespace bulkhead::mms {

using protocols::Fault;
using protocols::OperationList;

namespace {

// Parameters of SPDUs (ISO 8327-1, 8.3), in their order.
enum Parameter : std::uint8_t {
  kConnectItem = 5,
  kTransportDisconnect = 17,
  kUserRequirements = 20,
  kReasonCode = 50,
  kCallingSelector = 51,
  kCalledSelector = 52,
  kUserData = 193,
};

void leave_free(const OperationList* free, ByteView bytes, std::string_view reason,
                std::uint8_t mask = 0xff) {
  if (free != nullptr) free->leave_free(bytes, reason, mask);
}

// An octet, or 255 and two where it needs them (8.2.5).
std::size_t parameter_length(ByteReader& reader, bool& good) {
  const std::uint8_t length = reader.u8();
  if (length != 0xff) return length;
  const std::size_t longer = reader.u16();
  good = good && longer >= 0xff;
  return longer;
}

// The parameters of a CONNECT or ACCEPT item: protocol options, the largest TSDU of each way, and
// version 2, which is all that IEC 61850-8-1 has.
bool good_connect_item(ByteView item, const OperationList* free) {
  constexpr std::uint8_t kOptions = 19;
  constexpr std::uint8_t kTsduMaximum = 21;
  constexpr std::uint8_t kVersion = 22;
  ByteReader reader(item);
  if (reader.u8() != kOptions || reader.u8() != 1) return false;
  const ByteView options = reader.take(1);
  if (!reader.ok() || options[0] > 1) return false;
  leave_free(free, options, "whether SPDUs may be put together, which is refused when it comes", 1);
  std::uint8_t next = reader.u8();
  if (next == kTsduMaximum) {
    if (reader.u8() != 4) return false;
    leave_free(free, reader.take(4), "how long a data unit its sender takes");
    next = reader.u8();
  }
  return next == kVersion && reader.u8() == 1 && reader.u8() == 2 && reader.ok() &&
         reader.remaining() == 0;
}

// What an SPDU may have: bits by Parameter, in the order of kAll.
constexpr std::array<std::uint8_t, 7> kAll = {kConnectItem, kTransportDisconnect, kUserRequirements,
                                              kReasonCode,  kCallingSelector,     kCalledSelector,
                                              kUserData};
struct Allowed {
  std::array<bool, kAll.size()> may{};
  std::array<bool, kAll.size()> must{};
};

constexpr Allowed allowed_in(std::uint8_t spdu) {
  switch (spdu) {
    case kConnect:
      return {{true, false, true, false, true, true, true},
              {true, false, true, false, false, false, true}};
    case kAccept:
      return {{true, false, true, false, true, true, true},
              {true, false, true, false, false, false, true}};
    case kRefuse:
      return {{false, true, false, true, false, false, false},
              {false, false, false, true, false, false, false}};
    case kAbort:
      return {{false, true, false, false, false, false, true}, {}};
    case kFinish:
      return {{false, true, false, false, false, false, true}, {}};
    case kDisconnect:
    case kNotFinished:
      return {{false, false, false, false, false, false, true}, {}};
    default:  // kAbortAccept
      return {};
  }
}

// `whole` is the value with its code and its length.
Fault check_parameter(std::uint8_t code, ByteView whole, ByteView value, Unit& unit,
                      const OperationList* free) {
  constexpr std::size_t kSelectorBytesMax = 16;
  switch (code) {
    case kConnectItem:
      return good_connect_item(value, free) ? Fault::none : Fault::bad_value;
    case kTransportDisconnect:
      if (value.size() != 1 || value[0] > 0x0f) return Fault::bad_value;
      leave_free(free, whole, "why the session ends, and whether the transport does");
      return Fault::none;
    case kUserRequirements:  // the duplex functional unit alone
      return value.size() == 2 && value[0] == 0 && value[1] == 2 ? Fault::none : Fault::bad_value;
    case kReasonCode:
      leave_free(free, whole, "why a session is refused");
      return value.size() == 1 ? Fault::none : Fault::bad_value;
    case kCallingSelector:
      leave_free(free, whole, "who calls, as the sender says");
      return value.size() <= kSelectorBytesMax ? Fault::none : Fault::bad_length;
    case kCalledSelector:
      if (unit.spdu == kConnect) {
        unit.called.session_selector = value;
      } else {
        leave_free(free, whole, "who answers, as the sender says");
      }
      return value.size() <= kSelectorBytesMax ? Fault::none : Fault::bad_length;
    default:
      return Fault::none;
  }
}

// In their order, each once, up to the end.
Fault parse_parameters(ByteView user, ByteReader& reader, Unit& unit, ByteView& user_data,
                       const OperationList* free) {
  const Allowed allowed = allowed_in(unit.spdu);
  bool good = true;
  std::uint8_t code = 0;
  bool have = reader.remaining() > 0;
  if (have) code = reader.u8();
  for (std::size_t i = 0; i < kAll.size(); ++i) {
    if (!have || code != kAll[i] || !allowed.may[i]) {
      if (allowed.must[i]) return Fault::bad_value;
      continue;
    }
    const std::size_t begin = reader.offset() - 1;
    const ByteView value = reader.take(parameter_length(reader, good));
    if (!reader.ok() || !good) return Fault::bad_length;
    const ByteView whole = user.subspan(begin, reader.offset() - begin);
    const Fault fault = check_parameter(code, whole, value, unit, free);
    if (fault != Fault::none) return fault;
    if (code == kUserData) user_data = value;
    have = reader.remaining() > 0;
    if (have) code = reader.u8();
  }
  return have ? Fault::unknown_object : Fault::none;
}

}  // namespace

bool begins_data(ByteView user) {
  return user.size() >= kDataHeadBytes && user[0] == kGiveTokensOrData && user[1] == 0 &&
         user[2] == kGiveTokensOrData && user[3] == 0;
}

bool begins_pdu(std::uint8_t octet) {
  constexpr std::uint8_t kContextSpecific = 0x80;
  return (octet & 0xc0) == kContextSpecific && (octet & 0x1f) <= kConcludeError;
}

Fault parse_unit(ByteView user, Unit& unit, const OperationList* free) {
  unit = Unit{};
  if (user.empty()) return Fault::truncated;
  if (begins_pdu(user[0])) {
    unit.bare = true;
    if (!ber::only(user, unit.pdu)) return Fault::not_this_protocol;
    unit.has_pdu = true;
    return Fault::none;
  }
  if (user[0] == kGiveTokensOrData) {
    if (!begins_data(user)) return Fault::bad_value;
    unit.spdu = kGiveTokensOrData;
    return parse_presentation(user.subspan(kDataHeadBytes), unit, free);
  }
  switch (user[0]) {
    case kConnect:
    case kAccept:
    case kRefuse:
    case kFinish:
    case kDisconnect:
    case kNotFinished:
    case kAbort:
    case kAbortAccept:
      break;
    default:
      return Fault::unknown_function;
  }
  ByteReader reader(user);
  unit.spdu = reader.u8();
  bool good = true;
  const std::size_t length = parameter_length(reader, good);
  if (!reader.ok() || length > reader.remaining()) return Fault::truncated;
  if (length < reader.remaining()) return Fault::trailing_bytes;
  if (!good) return Fault::bad_length;
  ByteView user_data;
  const Fault fault = parse_parameters(user, reader, unit, user_data, free);
  if (fault != Fault::none) return fault;
  if (unit.spdu == kAccept) leave_free(free, user.subspan(1), "what answers an association");
  return parse_presentation(user_data, unit, free);
}

}  // namespace bulkhead::mms
