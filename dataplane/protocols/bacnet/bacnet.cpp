// The module's face: a datagram is a message; which answer answers which request; the refusal.
#include <algorithm>

#include "dataplane/protocols/bacnet/layout.h"
#include "dataplane/protocols/bacnet/pairing.h"

namespace bulkhead::bacnet {

using protocols::Carrier;
using protocols::Direction;
using protocols::Fault;
using protocols::Frame;
using protocols::MessageContext;
using protocols::OperationList;
using protocols::Parsed;

namespace {

bool has_apdu(const Message& message) { return message.has_npdu && !message.is_network_message; }

Fault accept_message(Session session, const Message& message, Direction direction,
                     std::uint32_t now_ms) {
  constexpr std::uint32_t kAnsweredMs = 10'000;
  if (!has_apdu(message)) return Fault::none;
  const bool from_server = direction == Direction::response;
  if (is_question_to_many(message) && !from_server) {
    note_question(session, message, now_ms);
  } else if (now_ms - session.state().asked_ms > kAnsweredMs) {
    session.state() = {};
  }
  if (is_answer(message.pdu_type)) return accept_answer(session, message, from_server, now_ms);
  if (message.pdu_type != kConfirmedRequest) return Fault::none;
  return accept_request(session, message, from_server, now_ms);
}

// Whether the client asked for it.
bool is_answered(const Message& message, const MessageContext& context) {
  const bool announces = has_apdu(message) && message.pdu_type == kUnconfirmedRequest &&
                         (message.service == kIAm || message.service == kIHave);
  const Question* question = Session::state_in(context.session);
  return announces && context.direction == Direction::response && question != nullptr &&
         answers(*question, message);
}

bool is_client_only(const Message& message) {
  const std::uint16_t function = find_function(message.service);
  return function == kNotInCatalogue ||
         catalogue().functions[function].initiator == protocols::Initiator::client;
}

class Bacnet final : public protocols::Protocol,
                     public protocols::RememberedVerdicts,
                     public protocols::QuestionsToMany {
 public:
  const protocols::Catalogue& catalogue() const override { return bacnet::catalogue(); }

  // J.1 and clause 7: each carrier has a form of its own.
  Frame frame(ByteView stream, const MessageContext& context) const override {
    const bool is_form = context.carrier == (is_lpdu(stream) ? Carrier::ethernet : Carrier::udp);
    if (!stream.empty() && !is_form) return {Fault::not_this_protocol, 0, 0};
    if (is_lpdu(stream)) {
      if (stream.size() < kLlcBytes) return {Fault::none, 0, kLlcBytes};
      const std::size_t bytes = 2U + load_be16(stream.data());
      if (bytes < kLlcBytes) return {Fault::bad_length, 0, 0};
      return {Fault::none, bytes, bytes};
    }
    if (!stream.empty() && stream[0] != kBvlcType) return {Fault::not_this_protocol, 0, 0};
    if (stream.size() < kBvlcBytes) return {Fault::none, 0, kBvlcBytes};
    const std::size_t length = load_be16(stream.data() + 2);
    if (length < kBvlcBytes || length > kMessageBytesMax) return {Fault::bad_length, 0, 0};
    return {Fault::none, length, length};
  }

  std::optional<Direction> encoded_direction(ByteView bytes) const override {
    Message message;
    if (parse_message(bytes, message) != Fault::none || !message.has_npdu ||
        message.is_network_message) {
      return std::nullopt;
    }
    return is_answer(message.pdu_type) ? Direction::response : Direction::request;
  }

  Fault parse(Parsed& parsed, const MessageContext& context,
              OperationList& operations) const override {
    operations.clear();
    const ByteView bytes = parsed.message();
    Message message;
    if (const Fault fault = parse_message(bytes, message); fault != Fault::none) return fault;
    message.answers = is_answered(message, context);
    message.reach = context.reach;
    parsed.keep(message);
    if (context.carrier != (is_lpdu(bytes) ? Carrier::ethernet : Carrier::udp)) {
      return Fault::not_this_protocol;
    }
    leave_headers_free(message, operations);
    if (!message.has_npdu) return decode_virtual_link(message, operations);
    if (message.is_network_message) return decode_network_message(message, operations);
    if (is_answer(message.pdu_type)) {
      // 5.4: it goes to the one that asked.
      return is_broadcast(message.bvlc) ? Fault::bad_value : decode_answer(message, operations);
    }
    if (message.pdu_type == kUnconfirmedRequest) return decode_unconfirmed(message, operations);
    // Servers ask nothing but to be heard when something has changed.
    if (context.direction == Direction::response && is_client_only(message)) {
      return Fault::wrong_direction;
    }
    return message.segmented ? decode_segment(message, operations)
                             : decode_confirmed(message, operations);
  }

  std::optional<std::uint16_t> claimed_code(ByteView bytes) const override {
    Message message;
    if (parse_message(bytes, message) != Fault::none || !message.has_npdu) return std::nullopt;
    return message.service;
  }

  protocols::StateLayout state_layout() const override { return kStateLayout; }

  Fault accept(std::span<std::byte> session, const Parsed& message,
               std::uint32_t now_ms) const override {
    return accept_message(Session(session), *message.kept<Message>(), message.direction(), now_ms);
  }

  const protocols::RememberedVerdicts* remembered_verdicts() const override { return this; }
  ByteView key(ByteView request) const override { return request; }
  Fault accept_known(std::span<std::byte> session, ByteView request,
                     std::uint32_t now_ms) const override {
    Message message;
    const Fault fault = parse_message(request, message);
    return fault != Fault::none
               ? fault
               : accept_message(Session(session), message, Direction::request, now_ms);
  }

  protocols::Difference difference(std::span<std::byte> block,
                                   const Parsed& answer) const override {
    const Message& message = *answer.kept<Message>();
    const bool answers = has_apdu(message) && is_answer(message.pdu_type);
    return answers ? bacnet::difference(Session(block), message) : protocols::Difference{};
  }

  const protocols::QuestionsToMany* questions_to_many() const override { return this; }
  bool asks_many(ByteView question) const override {
    Message message;
    return parse_message(question, message) == Fault::none && is_question_to_many(message);
  }
  bool answers_many(ByteView question, const Parsed& answer) const override {
    Message asked;
    return parse_message(question, asked) == Fault::none &&
           answers_question(asked, *answer.kept<Message>());
  }

  std::size_t outstanding(std::span<std::byte> session, std::uint32_t now_ms) const override {
    return Session(session).awaited(now_ms,
                                    [](const Outstanding& entry) { return !entry.by_server; });
  }

  // 18.3 and 20.1.7: an Error of class security, code access denied, for the request's invoke
  // identifier; to where its NPDU says it came from.
  std::size_t refuse(const Parsed& request, protocols::DeniedPart /*denied_part*/,
                     std::span<std::uint8_t> reply) const override {
    constexpr std::uint8_t kSecurity = 4;
    constexpr std::uint8_t kAccessDenied = 85;
    constexpr std::size_t kApduBytes = 7;
    constexpr std::uint8_t kRouted = 0x28;  // a destination or a source network
    constexpr std::size_t kBytes = kBvlcBytes + 2 + kApduBytes;
    const Message* message = request.kept<Message>();
    const bool asked =
        message != nullptr && has_apdu(*message) && message->pdu_type == kConfirmedRequest;
    if (!asked || reply.size() < kBytes || (message->npdu[1] & kRouted) != 0) return 0;
    const std::array<std::uint8_t, kBytes> answer = {kBvlcType,
                                                     kOriginalUnicast,
                                                     0,
                                                     kBytes,
                                                     1,
                                                     0,
                                                     kErrorPdu << 4,
                                                     message->invoke_id,
                                                     message->service,
                                                     0x91,
                                                     kSecurity,
                                                     0x91,
                                                     kAccessDenied};
    std::copy(answer.begin(), answer.end(), reply.begin());
    return kBytes;
  }
};

}  // namespace

const protocols::Protocol& protocol() {
  static const Bacnet kProtocol;
  return kProtocol;
}

}  // namespace bulkhead::bacnet
