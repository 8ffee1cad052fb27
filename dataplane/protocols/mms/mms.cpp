// The module's face: which PDU goes which way, and the refusal of a request.
#include <algorithm>
#include <array>
#include <cstdio>

#include "dataplane/protocols/mms/layout.h"
#include "dataplane/protocols/mms/pairing.h"

namespace bulkhead::mms {

using protocols::Direction;
using protocols::Fault;
using protocols::MessageContext;
using protocols::OperationList;
using protocols::Parsed;

namespace {

// The code of what is no service; requests and their answers are one function.
std::uint16_t pdu_code(std::uint32_t tag) {
  switch (tag) {
    case kCancelResponse:
    case kCancelError:
      tag = kCancelRequest;
      break;
    case kInitiateResponse:
    case kInitiateError:
      tag = kInitiateRequest;
      break;
    case kConcludeResponse:
    case kConcludeError:
      tag = kConcludeRequest;
      break;
    default:
      break;
  }
  return static_cast<std::uint16_t>(kPduCode | (tag & 0xff));
}

FunctionCode code_of(const Unit& unit, const Call& call) {
  if (!unit.has_pdu) {
    // The acceptance of an association need not contain MMS.
    if (unit.spdu == kAccept) return {pdu_code(kInitiateResponse)};
    return {static_cast<std::uint16_t>(kSpduCode | unit.spdu)};
  }
  switch (unit.pdu.number()) {
    case kConfirmedRequest:
    case kConfirmedResponse:
      return function_code(call.service);
    case kUnconfirmed:
      return unconfirmed_code(call.service);
    default:
      return {pdu_code(unit.pdu.number())};
  }
}

// A connection and its acceptance bring the initiate PDUs, which go in nothing else.
Fault check_place(const Unit& unit) {
  const std::uint32_t tag = unit.pdu.number();
  if (unit.bare) return Fault::none;
  switch (unit.spdu) {
    case kConnect:
      return tag == kInitiateRequest ? Fault::none : Fault::bad_value;
    case kAccept:
      return !unit.has_pdu || tag == kInitiateResponse || tag == kInitiateError ? Fault::none
                                                                                : Fault::bad_value;
    default:
      return !unit.has_pdu || tag < kInitiateRequest || tag > kInitiateError ? Fault::none
                                                                             : Fault::bad_value;
  }
}

bool is_answer(const Unit& unit) {
  if (!unit.has_pdu) return unit.spdu == kAccept || unit.spdu == kRefuse;
  switch (unit.pdu.number()) {
    case kConfirmedResponse:
    case kCancelResponse:
    case kCancelError:
    case kInitiateResponse:
    case kInitiateError:
    case kConcludeResponse:
    case kConcludeError:
      return true;
    default:
      return false;
  }
}

// An association is begun by the client; all else has functions of its own for the other side.
Fault check_direction(const Unit& unit, Direction direction) {
  const bool from_client = direction == Direction::request;
  const std::uint32_t tag = unit.pdu.number();
  const bool initiates = unit.spdu == kConnect || unit.spdu == kAccept || unit.spdu == kRefuse ||
                         (unit.has_pdu && tag >= kInitiateRequest && tag <= kInitiateError);
  return !initiates || is_answer(unit) != from_client ? Fault::none : Fault::wrong_direction;
}

// The invoke identifier stands in front of the service.
void leave_id_free(const Unit& unit, const OperationList& operations) {
  ber::Reader reader(unit.pdu.content);
  ber::Element id;
  if (reader.next_if(ber::kInteger, id)) operations.leave_free(id.whole, "invoke identifier");
}

ByteView as_hex(ByteView octets, Decoding& decoding) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<std::uint8_t, 32> text{};
  std::size_t size = 0;
  for (const std::uint8_t octet : octets.first(std::min(octets.size(), text.size() / 2))) {
    text[size++] = static_cast<std::uint8_t>(kDigits[octet >> 4]);
    text[size++] = static_cast<std::uint8_t>(kDigits[octet & 15]);
  }
  return decoding.keep(ByteView(text).first(size));
}

// An object identifier as numbers with points between them (X.690, 8.19); empty if it is too long.
ByteView as_dotted(ByteView oid, Decoding& decoding) {
  std::array<char, 128> text{};
  std::size_t size = 0;
  std::uint64_t number = 0;
  bool first = true;
  for (const std::uint8_t octet : oid) {
    if (number >> 32 != 0) return {};
    number = number << 7 | (octet & 0x7f);
    if ((octet & 0x80) != 0) continue;
    const std::uint64_t root = first ? std::min<std::uint64_t>(number / 40, 2) : 0;
    const int bytes =
        first ? std::snprintf(text.data(), text.size(), "%d.%lu", static_cast<int>(root),
                              static_cast<unsigned long>(number - 40 * root))
              : std::snprintf(text.data() + size, text.size() - size, ".%lu",
                              static_cast<unsigned long>(number));
    size += static_cast<std::size_t>(bytes);
    if (size >= text.size()) return {};
    first = false;
    number = 0;
  }
  return decoding.keep(ByteView(reinterpret_cast<const std::uint8_t*>(text.data()), size));
}

// The request of an association, and whom it is for behind the host.
void decode_association(const Unit& unit, Decoding& decoding) {
  const Called& called = unit.called;
  decoding.leave_free(unit.pdu.content, "what the association offers, which its answer settles");
  const auto code = static_cast<std::uint16_t>(kPduCode | kInitiateRequest);
  protocols::Operation* operation =
      decoding.add(called.authenticated ? FunctionCode{code, kAuthenticated} : FunctionCode{code});
  if (operation == nullptr) return;
  if (!called.session_selector.empty()) {
    operation->set_name(kSessionSelector, as_hex(called.session_selector, decoding));
  }
  if (!called.presentation_selector.empty()) {
    operation->set_name(kPresentationSelector, as_hex(called.presentation_selector, decoding));
  }
  if (!called.ap_title.empty()) {
    const ByteView title = as_dotted(called.ap_title, decoding);
    if (title.empty()) return decoding.fail(Fault::bad_value);
    operation->set_name(kApTitle, title);
  }
  if (called.ae_qualifier) operation->set(kAeQualifier, *called.ae_qualifier);
}

class Mms final : public cotp::User, public protocols::Splicing {
 public:
  const protocols::Catalogue& catalogue() const override { return mms::catalogue(); }

  bool frames_by_session() const override { return true; }
  protocols::StateLayout state_layout() const override { return kStateLayout; }

  std::size_t outstanding(std::span<std::byte> session, std::uint32_t now_ms) const override {
    return awaited(Session(session), now_ms);
  }

  // Nobody answers for a server that has the beginning of a request.
  const protocols::Splicing* splicing() const override { return this; }
  bool take_out(std::span<std::byte> session, const Parsed& message) const override {
    return !message.is_request() || Session(session).state().asking_bytes == 0;
  }

  protocols::Difference difference(std::span<std::byte> session,
                                   const Parsed& answer) const override {
    const Call* call = answer.kept<Call>();
    if (call == nullptr) return {};
    return mms::difference(Session(session), *answer.kept<Unit>(), *call);
  }

  // A confirmed error: class access, object-access-denied (ISO 9506-2, 7.4.2), in the presentation
  // context of the request.
  std::size_t refuse(const Parsed& request, protocols::DeniedPart /*denied_part*/,
                     std::span<std::uint8_t> reply) const override {
    const auto* carried = request.kept<cotp::CarriedUnit>();
    const Unit* unit = request.kept<Unit>();
    const Call* call = request.kept<Call>();
    const bool whole = carried != nullptr && carried->first && !carried->more && call != nullptr;
    if (!whole || unit->pdu.number() != kConfirmedRequest || !call->invoke_id) return 0;
    std::array<std::uint8_t, 64> user{};
    const std::size_t user_bytes = put_error(*unit, *call->invoke_id, user);
    if (reply.size() < cotp::kDataHeaderBytes + user_bytes) return 0;
    cotp::put_data_header(reply, user_bytes);
    std::copy_n(user.begin(), user_bytes, reply.begin() + cotp::kDataHeaderBytes);
    return cotp::kDataHeaderBytes + user_bytes;
  }

 private:
  cotp::TsapFields tsap_fields() const override {
    return {kTsap, kTsapName, kCallingTsap, kTpduSize};
  }

  cotp::DataUnits next_units(const MessageContext& context) const override {
    const Agreed* agreed = Session::state_in(context.session);
    const bool asks = context.direction == Direction::request;
    const bool goes_on = agreed != nullptr && (asks ? agreed->asking_bytes > 0 : agreed->in_pieces);
    return goes_on ? cotp::DataUnits::next_piece : cotp::DataUnits::pieces;
  }

  Fault parse_piece(ByteView user, Parsed& parsed, const MessageContext& context,
                    OperationList& operations) const override {
    if (context.direction == Direction::request) {
      LongRequest request;
      const Fault fault = parse_long(user, request);
      if (fault != Fault::none) return fault;
      parsed.keep(request);
      operations.leave_free(request.content, "a value that is no number");
      return parse_user(shorten(request), parsed, context, operations);
    }
    LongAnswer answer;
    if (const Fault fault = parse_long(user, answer); fault != Fault::none) return fault;
    parsed.keep(answer);
    Decoding decoding(operations, false, false);
    decoding.leave_free(answer.content, "what is answered to a request that was granted");
    decoding.add({answer.service});
    return decoding.fault();
  }

  // A request ends where its first piece said, or nowhere.
  Fault check_next_piece(std::size_t octets, bool more,
                         const MessageContext& context) const override {
    if (context.direction != Direction::request) return Fault::none;
    const std::size_t left = Session::state_in(context.session)->asking_bytes;
    return more             ? octets < left ? Fault::none : Fault::bad_length
           : octets == left ? Fault::none
                            : Fault::bad_length;
  }

  // parse() has seen that a further piece of a request has no more octets than are awaited.
  Fault accept_piece(std::span<std::byte> session, const Parsed& message,
                     const cotp::CarriedUnit& piece, std::uint32_t now_ms) const override {
    const Session known(session);
    Agreed& agreed = known.state();
    const auto octets = static_cast<std::uint32_t>(piece.user.size());
    Fault fault = Fault::none;
    if (message.is_request()) {
      const LongRequest* request = message.kept<LongRequest>();
      if (piece.first) fault = accept_long(known, *request, now_ms);
      if (fault != Fault::none) return fault;
      agreed.asking_bytes = piece.first ? static_cast<std::uint32_t>(request->user_bytes) - octets
                                        : agreed.asking_bytes - octets;
      return Fault::none;
    }
    if (piece.first) fault = accept_long(known, *message.kept<LongAnswer>(), now_ms);
    if (fault == Fault::none) agreed.in_pieces = piece.more;
    return fault;
  }

  // Every connection begins with a session's SPDU, and all data that follows is one too.
  bool begins_with(std::uint8_t octet) const override {
    switch (octet) {
      case kGiveTokensOrData:
      case kNotFinished:
      case kFinish:
      case kDisconnect:
      case kRefuse:
      case kConnect:
      case kAccept:
      case kAbort:
      case kAbortAccept:
        return true;
      default:
        return begins_pdu(octet);
    }
  }

  Fault parse_user(ByteView user, Parsed& parsed, const MessageContext& context,
                   OperationList& operations) const override {
    if (context.carrier != protocols::Carrier::tcp) return Fault::not_this_protocol;
    const Direction direction = context.direction;
    Unit unit;
    Call call;
    Fault fault = parse_unit(user, unit, &operations);
    if (fault == Fault::none && unit.has_pdu) fault = parse_call(unit, call);
    if (fault != Fault::none) return fault;
    parsed.keep(unit);
    if (unit.has_pdu) parsed.keep(call);
    fault = check_place(unit);
    if (fault == Fault::none) fault = check_direction(unit, direction);
    if (fault != Fault::none) return fault;
    const bool from_client = direction == Direction::request;
    const bool error = unit.has_pdu && unit.pdu.number() == kConfirmedError;
    const bool answers = from_client && (is_answer(unit) || error);
    const bool service = unit.has_pdu && unit.pdu.number() <= kUnconfirmed && !error;
    const bool usual = unit.pdu.number() == kConfirmedRequest ? from_client : !from_client;
    Decoding decoding(operations, service && !usual, answers);
    if (call.service.whole.data() != nullptr) leave_id_free(unit, operations);
    if (unit.spdu == kConnect) {
      decode_association(unit, decoding);
    } else if (!service) {
      if (unit.has_pdu) decoding.leave_free(unit.pdu.content, "why, or of which request");
      decoding.add(code_of(unit, call));
    } else if (unit.pdu.number() == kConfirmedRequest) {
      decode_request(call.service, decoding);
    } else if (unit.pdu.number() == kConfirmedResponse) {
      decode_response(call.service, decoding);
    } else {
      decode_unconfirmed(call.service, decoding);
    }
    // A list of nothing asks for nothing.
    return operations.size() == 0 && decoding.fault() == Fault::none ? Fault::bad_quantity
                                                                     : decoding.fault();
  }

  std::optional<std::uint16_t> claimed_user_code(ByteView user) const override {
    Unit unit;
    Call call;
    if (parse_unit(user, unit, nullptr) != Fault::none) return std::nullopt;
    if (unit.has_pdu && parse_call(unit, call) != Fault::none) return pdu_code(unit.pdu.number());
    return code_of(unit, call).code;
  }

  Fault accept_user(std::span<std::byte> session, const Parsed& message,
                    std::uint32_t now_ms) const override {
    return accept_unit(Session(session), *message.kept<Unit>(), message.kept<Call>(),
                       message.direction(), now_ms);
  }

  // An integer that is not negative in the fewest octets.
  static std::size_t put_unsigned(std::uint8_t tag, std::uint32_t number,
                                  std::span<std::uint8_t> to) {
    std::uint8_t octets = 1;
    while (octets < 5 && (std::uint64_t{number} >> (8 * octets - 1)) != 0) ++octets;
    to[0] = tag;
    to[1] = octets;
    for (std::uint8_t i = 0; i < octets; ++i) {
      to[2U + i] = static_cast<std::uint8_t>(std::uint64_t{number} >> (8 * (octets - 1 - i)));
    }
    return 2U + octets;
  }

  // The answer's data unit, from its end: each header knows the length of what is behind it.
  static std::size_t put_error(const Unit& unit, std::uint32_t invoke_id,
                               std::span<std::uint8_t, 64> to) {
    constexpr std::array<std::uint8_t, 7> kError = {0xa2, 5, 0xa0, 3, 0x87, 1, 3};
    std::array<std::uint8_t, 8> number{};
    std::size_t at = to.size();
    const auto put = [&](ByteView bytes) {
      at -= bytes.size();
      std::copy(bytes.begin(), bytes.end(), to.begin() + static_cast<std::ptrdiff_t>(at));
    };
    const auto put_header = [&](std::uint8_t tag) {
      put(std::array{tag, static_cast<std::uint8_t>(to.size() - at)});
    };
    put(kError);
    put(ByteView(number).first(put_unsigned(0x80, invoke_id, number)));
    put_header(0xa0 | kConfirmedError);
    if (!unit.bare) {
      put_header(0xa0);  // a single ASN.1 type
      put(ByteView(number).first(put_unsigned(0x02, unit.context, number)));
      put_header(0x30);
      put_header(0x61);
      put(std::array<std::uint8_t, 4>{kGiveTokensOrData, 0, kGiveTokensOrData, 0});
    }
    const std::size_t bytes = to.size() - at;
    std::copy(to.begin() + static_cast<std::ptrdiff_t>(at), to.end(), to.begin());
    return bytes;
  }
};

}  // namespace

const protocols::Protocol& protocol() {
  static const Mms kProtocol;
  return kProtocol;
}

}  // namespace bulkhead::mms
