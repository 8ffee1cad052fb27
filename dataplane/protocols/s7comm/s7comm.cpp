// The module's face: what stands in a TPDU, which side may send it, and the refusal of a request.
#include <algorithm>
#include <array>

#include "dataplane/protocols/s7comm/layout.h"
#include "dataplane/protocols/s7comm/pairing.h"

namespace bulkhead::s7comm {

using protocols::Direction;
using protocols::Fault;
using protocols::MessageContext;
using protocols::OperationList;

namespace {

// Only a PLC that is loaded asks its client for something: for blocks.
bool asked_by_server(std::uint8_t code) { return code == kDownloadBlock || code == kDownloadEnded; }

Fault check_direction(const Pdu& pdu, Direction direction) {
  const bool from_client = direction == Direction::request;
  if (pdu.rosctr == kUserData) {
    UserData user;
    if (const Fault fault = parse_user_data(pdu, user); fault != Fault::none) return fault;
    return (user.type == UserData::kAsk) == from_client ? Fault::none : Fault::wrong_direction;
  }
  const bool by_server = !pdu.parameters.empty() && asked_by_server(pdu.parameters[0]);
  const bool asks = pdu.rosctr == kJob;
  if (!asks && pdu.parameters.empty()) return Fault::none;
  return asks == (by_server != from_client) ? Fault::none : Fault::wrong_direction;
}

const Uploads* known_uploads(std::span<const std::byte> session) {
  const Agreed* agreed = Session::state_in(session);
  return agreed != nullptr ? &agreed->uploads : nullptr;
}

const Unfinished* known_unfinished(std::span<const std::byte> session) {
  const Agreed* agreed = Session::state_in(session);
  return agreed != nullptr ? &agreed->unfinished : nullptr;
}

class S7Comm final : public cotp::User {
 public:
  const protocols::Catalogue& catalogue() const override { return s7comm::catalogue(); }

  std::size_t session_bytes() const override { return Session::bytes_for(kOutstandingUsual); }
  std::size_t session_bytes_max() const override {
    return Session::bytes_for(protocols::kOutstandingMax);
  }

  std::size_t outstanding(std::span<std::byte> session, std::uint32_t now_ms) const override {
    return awaited(Session(session), now_ms);
  }

  // The identifiers of uploads are the session's, and what is gone on with or answered.
  ByteView verdict_key(ByteView bytes) const override {
    return is_of_session(bytes) ? ByteView{} : bytes;
  }

  // Ack_Data with error class 0x81, code 0x04: the service is not available; for user data the same
  // in its parameters.
  std::size_t refuse(ByteView request, protocols::Denial /*denial*/,
                     std::span<std::uint8_t> reply) const override {
    constexpr std::uint8_t kErrorClass = 0x81;
    constexpr std::uint8_t kErrorCode = 0x04;
    cotp::Message message;
    Pdu pdu;
    if (cotp::parse_message(request, message, data_units()) != Fault::none ||
        message.user.empty() || parse_pdu(message.user, pdu) != Fault::none) {
      return 0;
    }
    const auto high = static_cast<std::uint8_t>(pdu.reference >> 8);
    const auto low = static_cast<std::uint8_t>(pdu.reference);
    if (pdu.rosctr == kJob && !pdu.parameters.empty()) {
      const std::uint8_t code = pdu.parameters[0];
      if (asked_by_server(code)) return 0;
      const bool items = (code == kReadVar || code == kWriteVar) && pdu.parameters.size() > 1;
      const std::array<std::uint8_t, 14> answer = {
          kProtocolId, kAckData,
          0,           0,
          high,        low,
          0,           static_cast<std::uint8_t>(items ? 2 : 1),
          0,           0,
          kErrorClass, kErrorCode,
          code,        items ? pdu.parameters[1] : std::uint8_t{0}};
      return put(ByteView(answer).first(items ? 14 : 13), reply);
    }
    UserData user;
    if (pdu.rosctr != kUserData || parse_user_data(pdu, user) != Fault::none ||
        user.type != UserData::kAsk) {
      return 0;
    }
    const auto type = static_cast<std::uint8_t>(UserData::kAnswer << 4 | user.group);
    const std::array<std::uint8_t, 26> answer = {kProtocolId,
                                                 kUserData,
                                                 0,
                                                 0,
                                                 high,
                                                 low,
                                                 0,
                                                 12,
                                                 0,
                                                 4,  //
                                                 0,
                                                 1,
                                                 0x12,
                                                 8,
                                                 0x12,
                                                 type,
                                                 user.sub_function,
                                                 user.sequence,
                                                 0,
                                                 0,
                                                 kErrorClass,
                                                 kErrorCode,
                                                 0x0a,
                                                 0,
                                                 0,
                                                 0};
    return put(answer, reply);
  }

 private:
  cotp::TsapFields tsap_fields() const override {
    return {kTsap, kTsapName, kCallingTsap, kTpduSize};
  }
  cotp::DataUnits data_units() const override { return cotp::DataUnits::whole; }

  bool is_of_session(ByteView bytes) const {
    cotp::Message message;
    Pdu pdu;
    if (cotp::parse_message(bytes, message, data_units()) != Fault::none || message.user.empty() ||
        parse_pdu(message.user, pdu) != Fault::none || pdu.parameters.empty()) {
      return false;
    }
    UserData user;
    if (pdu.rosctr == kUserData) return parse_user_data(pdu, user) == Fault::none && user.goes_on;
    if (pdu.rosctr == kAckData) return pdu.parameters[0] == kPiService;
    return pdu.rosctr == kJob && (pdu.parameters[0] == kUpload || pdu.parameters[0] == kEndUpload);
  }

  bool begins_with(std::uint8_t octet) const override { return octet == kProtocolId; }

  Fault decode_user(ByteView user, const MessageContext& context,
                    OperationList& operations) const override {
    const Direction direction = context.direction;
    Pdu pdu;
    if (const Fault fault = parse_pdu(user, pdu); fault != Fault::none) return fault;
    if (const Fault fault = check_direction(pdu, direction); fault != Fault::none) return fault;
    operations.leave_free(user.subspan(4, 2), "the PDU's reference, which answers repeat");
    if (pdu.rosctr == kAck || pdu.rosctr == kAckData) {
      operations.leave_free(
          user.subspan(kHeaderBytes + (has_fields(pdu) ? 1 : 0), has_fields(pdu) ? 1 : 2),
          "why an answer refuses");
    }
    switch (pdu.rosctr) {
      case kJob:
        return decode_job(pdu, known_uploads(context.session), operations);
      case kAck:
      case kAckData:
        return decode_answer(pdu, asked_pi(context.session, pdu), operations);
      case kUserData:
        return decode_user_data(pdu, known_unfinished(context.session), operations);
      default:
        return Fault::unknown_function;
    }
  }

  std::optional<std::uint16_t> claimed_user_code(ByteView bytes) const override {
    Pdu pdu;
    const Fault fault = parse_pdu(bytes, pdu);
    if (fault != Fault::none || pdu.parameters.empty()) return std::nullopt;
    if (pdu.rosctr != kUserData) return pdu.parameters[0];
    UserData user;
    if (parse_user_data(pdu, user) != Fault::none) return std::nullopt;
    return user.code();
  }

  Fault pair_user(std::span<std::byte> session, ByteView user, Direction direction,
                  std::uint32_t now_ms) const override {
    Pdu pdu;
    if (const Fault fault = parse_pdu(user, pdu); fault != Fault::none) return fault;
    return accept_pdu(Session(session), pdu, direction, now_ms);
  }

  protocols::Difference user_difference(std::span<std::byte> session,
                                        ByteView user) const override {
    Pdu pdu;
    if (parse_pdu(user, pdu) != Fault::none) return {};
    return s7comm::difference(Session(session), pdu);
  }

  static std::size_t put(ByteView answer, std::span<std::uint8_t> reply) {
    const std::size_t bytes = cotp::kDataHeaderBytes + answer.size();
    if (reply.size() < bytes) return 0;
    cotp::put_data_header(reply, answer.size());
    std::copy(answer.begin(), answer.end(), reply.begin() + cotp::kDataHeaderBytes);
    return bytes;
  }
};

}  // namespace

const protocols::Protocol& protocol() {
  static const S7Comm kProtocol;
  return kProtocol;
}

}  // namespace bulkhead::s7comm
