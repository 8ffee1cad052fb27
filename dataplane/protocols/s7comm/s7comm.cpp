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
using protocols::Parsed;

namespace {

// Only a PLC that is loaded asks its client for something: for blocks.
bool asked_by_server(std::uint8_t code) { return code == kDownloadBlock || code == kDownloadEnded; }

// `user` is what user data holds.
Fault check_direction(const Pdu& pdu, const UserData& user, Direction direction) {
  const bool from_client = direction == Direction::request;
  if (pdu.rosctr == kUserData) {
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

class S7Comm final : public cotp::User, public protocols::RememberedVerdicts {
 public:
  const protocols::Catalogue& catalogue() const override { return s7comm::catalogue(); }

  protocols::StateLayout state_layout() const override { return kStateLayout; }

  std::size_t outstanding(std::span<std::byte> session, std::uint32_t now_ms) const override {
    return awaited(Session(session), now_ms);
  }

  // Reads and writes: other functions are rare, or depend on what the session knows.
  const protocols::RememberedVerdicts* remembered_verdicts() const override { return this; }
  ByteView key(ByteView request) const override {
    constexpr std::size_t kUserAt = cotp::kDataHeaderBytes;
    constexpr std::size_t kFunctionAt = kUserAt + kHeaderBytes;
    const bool job = request.size() > kFunctionAt && request[5] == cotp::kData &&
                     request[kUserAt] == kProtocolId && request[kUserAt + 1] == kJob;
    const std::uint8_t function = job ? request[kFunctionAt] : std::uint8_t{0};
    return function == kReadVar || function == kWriteVar ? request : ByteView{};
  }
  Fault accept_known(std::span<std::byte> session, ByteView request,
                     std::uint32_t now_ms) const override {
    cotp::Message message;
    Pdu pdu;
    Fault fault = cotp::parse_message(request, message, data_units());
    if (fault == Fault::none) fault = parse_pdu(message.user, pdu);
    return fault != Fault::none
               ? fault
               : accept_pdu(Session(session), pdu, nullptr, Direction::request, now_ms);
  }

  protocols::Difference difference(std::span<std::byte> session,
                                   const Parsed& answer) const override {
    const Pdu* pdu = answer.kept<Pdu>();
    return pdu != nullptr ? s7comm::difference(Session(session), *pdu) : protocols::Difference{};
  }

  // Ack_Data with error class 0x81, code 0x04: the service is not available; for user data the same
  // in its parameters.
  std::size_t refuse(const Parsed& request, protocols::DeniedPart /*denied_part*/,
                     std::span<std::uint8_t> reply) const override {
    constexpr std::uint8_t kErrorClass = 0x81;
    constexpr std::uint8_t kErrorCode = 0x04;
    if (request.kept<Pdu>() == nullptr) return 0;
    const Pdu& pdu = *request.kept<Pdu>();
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
    const UserData* kept = request.kept<UserData>();
    if (kept == nullptr || kept->type != UserData::kAsk) return 0;
    const UserData& user = *kept;
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

  bool begins_with(std::uint8_t octet) const override { return octet == kProtocolId; }

  Fault parse_user(ByteView user, Parsed& parsed, const MessageContext& context,
                   OperationList& operations) const override {
    Pdu pdu;
    if (const Fault fault = parse_pdu(user, pdu); fault != Fault::none) return fault;
    parsed.keep(pdu);
    UserData user_data;
    if (pdu.rosctr == kUserData) {
      const Fault fault = parse_user_data(pdu, user_data);
      if (fault != Fault::none) return fault;
      parsed.keep(user_data);
    }
    if (const Fault fault = check_direction(pdu, user_data, context.direction);
        fault != Fault::none) {
      return fault;
    }
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
        return decode_user_data(pdu, user_data, known_unfinished(context.session), operations);
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

  Fault accept_user(std::span<std::byte> session, const Parsed& message,
                    std::uint32_t now_ms) const override {
    return accept_pdu(Session(session), *message.kept<Pdu>(), message.kept<UserData>(),
                      message.direction(), now_ms);
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
