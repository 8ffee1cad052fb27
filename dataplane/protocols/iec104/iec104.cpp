// The module's face: framing by the APCI, who may send which frame, and the refusal of a command.
#include <algorithm>

#include "dataplane/protocols/iec104/session.h"

namespace bulkhead::iec104 {

using protocols::Direction;
using protocols::Fault;
using protocols::Frame;
using protocols::MessageContext;
using protocols::OperationList;
using protocols::Parsed;

Fault parse_apdu(ByteView message, Apdu& apdu) {
  ByteReader reader(message);
  const std::uint8_t start = reader.u8();
  const std::uint8_t length = reader.u8();
  const std::uint16_t first = reader.u16_le();
  const std::uint16_t second = reader.u16_le();
  apdu.asdu = reader.rest();
  if (!reader.ok()) return Fault::truncated;
  if (start != kStart) return Fault::not_this_protocol;
  if (length < kLengthMin || length > kLengthMax) return Fault::bad_length;
  if (length + kLengthFieldEnd > message.size()) return Fault::truncated;
  if (length + kLengthFieldEnd < message.size()) return Fault::trailing_bytes;
  apdu.control = static_cast<std::uint8_t>(first);
  apdu.send_number = first >> 1;
  apdu.receive_number = second >> 1;
  if (apdu.is_information()) return (second & 1) == 0 ? Fault::none : Fault::bad_value;
  // 104, 5: the other formats are four octets, and what they do not use is zero.
  if (!apdu.asdu.empty()) return Fault::bad_length;
  if (apdu.is_supervisory()) {
    return first == kSupervisory && (second & 1) == 0 ? Fault::none : Fault::bad_value;
  }
  return first == apdu.control && second == 0 ? Fault::none : Fault::bad_value;
}

namespace {

// accept() sees that numbers follow one another.
void leave_numbers_free(ByteView message, const Apdu& apdu, const OperationList& operations) {
  constexpr std::string_view kReason = "send and receive numbers";
  if (!apdu.is_information() && !apdu.is_supervisory()) return;
  for (std::size_t at = apdu.is_information() ? 2 : 4; at < kApciBytes; ++at) {
    operations.leave_free(message.subspan(at, 1), kReason, at % 2 == 0 ? 0xfe : 0xff);
  }
}

Fault decode_control(const Apdu& apdu, Direction direction, OperationList& operations) {
  const std::uint16_t function =
      find_function(static_cast<std::uint16_t>(kControlCode | apdu.control));
  if (function == kNotInCatalogue) return Fault::unknown_function;
  // 104, 5.3: the controlling station starts and stops.
  const bool starts = apdu.control == kStartDtAct || apdu.control == kStopDtAct;
  const bool confirms = apdu.control == kStartDtCon || apdu.control == kStopDtCon;
  if (direction == Direction::request ? confirms : starts) return Fault::wrong_direction;
  return operations.add(function) != nullptr ? Fault::none : Fault::too_many_operations;
}

// `asdu` is that of an I frame.
Fault accept_frame(Session session, const Apdu& apdu, const Asdu* asdu, Direction direction,
                   std::uint32_t now_ms) {
  Numbers next = session.state();
  if (const Fault fault = accept_numbers(next, apdu, direction); fault != Fault::none) {
    return fault;
  }
  if (asdu != nullptr) {
    const Fault fault = direction == Direction::request
                            ? accept_command(session, *asdu, now_ms)
                            : accept_confirmation(session, next, *asdu, now_ms);
    if (fault != Fault::none) return fault;
  }
  session.state() = next;
  return Fault::none;
}

class Iec104 final : public protocols::Protocol,
                     public protocols::RememberedVerdicts,
                     public protocols::NumberedMessages,
                     public protocols::Splicing {
 public:
  const protocols::Catalogue& catalogue() const override { return iec104::catalogue(); }

  Frame frame(ByteView stream, const MessageContext& /*context*/) const override {
    if (stream.empty()) return {Fault::none, 0, kLengthFieldEnd};
    if (stream[0] != kStart) return {Fault::not_this_protocol, 0, 0};
    if (stream.size() < kLengthFieldEnd) return {Fault::none, 0, kLengthFieldEnd};
    if (stream[1] < kLengthMin || stream[1] > kLengthMax) return {Fault::bad_length, 0, 0};
    const std::size_t length = kLengthFieldEnd + stream[1];
    return {Fault::none, length, length};
  }

  Fault parse(Parsed& parsed, const MessageContext& context,
              OperationList& operations) const override {
    const Direction direction = context.direction;
    operations.clear();
    Apdu apdu;
    if (const Fault fault = parse_apdu(parsed.message(), apdu); fault != Fault::none) return fault;
    parsed.keep(apdu);
    leave_numbers_free(parsed.message(), apdu, operations);
    if (!apdu.is_information()) return decode_control(apdu, direction, operations);
    Asdu asdu;
    if (const Fault fault = parse_asdu(apdu.asdu, asdu); fault != Fault::none) return fault;
    parsed.keep(asdu);
    return decode_asdu(asdu, direction, operations);
  }

  std::optional<std::uint16_t> claimed_code(ByteView message) const override {
    if (message.size() < kApciBytes) return std::nullopt;
    if ((message[2] & 1) != 0) return static_cast<std::uint16_t>(kControlCode | message[2]);
    if (message.size() == kApciBytes) return std::nullopt;
    return message[kApciBytes];
  }

  void begin_unseen(std::span<std::byte> session) const override {
    iec104::begin_unseen(Session(session));
  }

  protocols::StateLayout state_layout() const override { return kStateLayout; }

  Fault accept(std::span<std::byte> session, const Parsed& message,
               std::uint32_t now_ms) const override {
    return accept_frame(Session(session), *message.kept<Apdu>(), message.kept<Asdu>(),
                        message.direction(), now_ms);
  }

  const protocols::RememberedVerdicts* remembered_verdicts() const override { return this; }
  ByteView key(ByteView request) const override { return request; }
  Fault accept_known(std::span<std::byte> session, ByteView request,
                     std::uint32_t now_ms) const override {
    Apdu apdu;
    Asdu asdu;
    if (const Fault fault = parse_apdu(request, apdu); fault != Fault::none) return fault;
    const bool has_asdu = apdu.is_information();
    const Fault fault = has_asdu ? parse_asdu(apdu.asdu, asdu) : Fault::none;
    return fault != Fault::none ? fault
                                : accept_frame(Session(session), apdu, has_asdu ? &asdu : nullptr,
                                               Direction::request, now_ms);
  }

  protocols::Difference difference(std::span<std::byte> session,
                                   const Parsed& answer) const override {
    return iec104::difference(Session(session), *answer.kept<Apdu>());
  }

  std::size_t outstanding(std::span<std::byte> session, std::uint32_t now_ms) const override {
    return awaited(Session(session), now_ms);
  }

  const protocols::NumberedMessages* numbered_messages() const override { return this; }
  std::size_t numbered_bytes() const override { return kApciBytes; }
  void forget_numbers(std::span<std::byte> session) const override {
    iec104::forget_numbers(Session(session).state());
  }

  bool renumbers(std::span<std::byte> session) const override {
    const Numbers& numbers = Session(session).state();
    return (numbers.taken_out.total() | numbers.put_in.total() | numbers.dropped.total()) != 0;
  }

  const protocols::Splicing* splicing() const override { return this; }
  bool take_out(std::span<std::byte> session, const Parsed& message) const override {
    const Apdu* apdu = message.kept<Apdu>();
    return apdu != nullptr &&
           iec104::take_out(Session(session).state(), *apdu, message.direction());
  }

  std::size_t acknowledge(std::span<std::byte> session,
                          std::span<std::uint8_t> message) const override {
    return acknowledge_dropped(Session(session).state(), message);
  }

  void put_in(std::span<std::byte> session, std::span<std::uint8_t> refusal) const override {
    iec104::put_in(Session(session).state(), refusal);
  }

  void renumber(std::span<std::byte> session, Direction direction,
                std::span<std::uint8_t> first_bytes) const override {
    if (first_bytes.size() < kApciBytes) return;
    iec104::renumber(Session(session).state(), direction, first_bytes);
  }

  // 101, 7.2.3: the command itself with a negative confirmation as its cause. What is not a command
  // has none.
  std::size_t refuse(const Parsed& parsed, protocols::DeniedPart /*denied_part*/,
                     std::span<std::uint8_t> reply) const override {
    constexpr std::uint8_t kNegative = 0x40;
    constexpr std::uint8_t kTestBit = 0x80;
    constexpr std::size_t kCauseAt = kApciBytes + 2;
    const ByteView request = parsed.message();
    const Asdu* kept = parsed.kept<Asdu>();
    if (kept == nullptr || reply.size() < request.size()) return 0;
    const Asdu& asdu = *kept;
    const bool known = find_function(asdu.type) != kNotInCatalogue;
    const bool asks = asdu.cause == kActivation || asdu.cause == kDeactivation;
    if (asdu.negative || (known && !type_info(asdu.type).command)) return 0;
    std::uint8_t cause = kUnknownFirst;
    if (known && asks) {
      cause = asdu.cause == kActivation ? kActivationCon : kDeactivationCon;
    }
    std::copy(request.begin(), request.end(), reply.begin());
    reply[kCauseAt] = static_cast<std::uint8_t>(cause | kNegative | (request[kCauseAt] & kTestBit));
    return request.size();
  }
};

}  // namespace

const protocols::Protocol& protocol() {
  static const Iec104 kProtocol;
  return kProtocol;
}

}  // namespace bulkhead::iec104
