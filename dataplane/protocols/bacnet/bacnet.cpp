// The module's face: a datagram is a message; which answer answers which request; the refusal.
#include <algorithm>

#include "dataplane/protocols/bacnet/layout.h"
#include "dataplane/protocols/outstanding.h"

namespace bulkhead::bacnet {

using protocols::Direction;
using protocols::Fault;
using protocols::Frame;
using protocols::MessageContext;
using protocols::Operation;
using protocols::OperationList;

namespace {

constexpr std::size_t kOutstandingUsual = 6;

struct Outstanding {
  std::uint32_t asked_ms = 0;
  std::uint8_t invoke_id = 0;
  std::uint8_t service = 0;
  bool by_server = false;  // it notifies
};

using Session = protocols::OutstandingTable<Outstanding>;
static_assert(Session::bytes_for(kOutstandingUsual) <= protocols::kSessionBytesUsual);

bool is_client_only(const Message& message) {
  const std::uint16_t function = find_function(message.service);
  return function == kNotInCatalogue ||
         catalogue().functions[function].initiator == protocols::Initiator::client;
}

// An answer keeps its request until the last segment; a reject or an abort ends it too.
Fault accept_answer(Session session, const Message& message, bool by_server, std::uint32_t now_ms) {
  session.forget_aged(now_ms);
  if (message.pdu_type == kSegmentAck) return Fault::none;
  const bool nameless = message.pdu_type == kReject || message.pdu_type == kAbort;
  Fault fault = Fault::unrequested_response;
  for (std::size_t i = 0; i < session.entries().size(); ++i) {
    const Outstanding& entry = session.entries()[i];
    if (entry.invoke_id != message.invoke_id || entry.by_server != by_server) continue;
    fault = Fault::mismatched_response;
    if (!nameless && entry.service != message.service) continue;
    if (!message.more_follows) session.remove(i);
    return Fault::none;
  }
  return fault;
}

class Bacnet final : public protocols::Protocol {
 public:
  const protocols::Catalogue& catalogue() const override { return bacnet::catalogue(); }

  Frame frame(ByteView stream, const MessageContext& /*context*/) const override {
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

  std::optional<Direction> told_direction(ByteView bytes) const override {
    Message message;
    if (parse_message(bytes, message) != Fault::none || !message.has_npdu ||
        message.network_message >= 0) {
      return std::nullopt;
    }
    return is_answer(message.pdu_type) ? Direction::response : Direction::request;
  }

  Fault decode(ByteView bytes, const MessageContext& context,
               OperationList& operations) const override {
    const Direction direction = context.direction;
    operations.clear();
    Message message;
    if (const Fault fault = parse_message(bytes, message); fault != Fault::none) return fault;
    if (!message.has_npdu) return add(message.bvlc, kOfBvlc, message, operations);
    if (message.network_message >= 0) {
      return add(static_cast<std::uint16_t>(message.network_message), kOfNetwork, message,
                 operations);
    }
    // Servers ask nothing but to be heard when something has changed.
    const bool asked_back = message.pdu_type == kConfirmedRequest &&
                            direction == Direction::response && is_client_only(message);
    if (asked_back) return Fault::wrong_direction;
    return decode_service(message, operations);
  }

  std::optional<std::uint16_t> claimed_code(ByteView bytes) const override {
    Message message;
    if (parse_message(bytes, message) != Fault::none || !message.has_npdu) return std::nullopt;
    return message.service;
  }

  std::size_t session_bytes() const override { return Session::bytes_for(kOutstandingUsual); }
  std::size_t session_bytes_max() const override {
    return Session::bytes_for(protocols::kOutstandingMax);
  }

  Fault pair(std::span<std::byte> block, ByteView bytes, Direction direction,
             std::uint32_t now_ms) const override {
    Message message;
    if (const Fault fault = parse_message(bytes, message); fault != Fault::none) return fault;
    if (!message.has_npdu || message.network_message >= 0) return Fault::none;
    const Session session(block);
    const bool from_server = direction == Direction::response;
    if (is_answer(message.pdu_type)) return accept_answer(session, message, !from_server, now_ms);
    if (message.pdu_type != kConfirmedRequest) return Fault::none;
    // Every segment of a request has its invoke identifier.
    for (const Outstanding& entry : session.entries()) {
      const bool same = entry.invoke_id == message.invoke_id && entry.by_server == from_server &&
                        entry.service == message.service;
      if (same && message.segmented) return Fault::none;
    }
    const Outstanding entry{now_ms, message.invoke_id, message.service, from_server};
    return session.add(entry, now_ms) ? Fault::none : Fault::too_many_outstanding;
  }

  std::size_t outstanding(std::span<std::byte> session, std::uint32_t now_ms) const override {
    return Session(session).awaited(now_ms,
                                    [](const Outstanding& entry) { return !entry.by_server; });
  }

  // 18.3 and 20.1.7: an Error of class security, code access denied, for the request's invoke
  // identifier; to where its NPDU says it came from.
  std::size_t refuse(ByteView request, protocols::Denial /*denial*/,
                     std::span<std::uint8_t> reply) const override {
    constexpr std::uint8_t kSecurity = 4;
    constexpr std::uint8_t kAccessDenied = 85;
    constexpr std::size_t kApduBytes = 7;
    constexpr std::uint8_t kRouted = 0x28;  // a destination or a source network
    constexpr std::size_t kBytes = kBvlcBytes + 2 + kApduBytes;
    Message message;
    const bool asked = parse_message(request, message) == Fault::none && message.has_npdu &&
                       message.network_message < 0 && message.pdu_type == kConfirmedRequest;
    if (!asked || reply.size() < kBytes || (message.npdu[1] & kRouted) != 0) return 0;
    const std::array<std::uint8_t, kBytes> answer = {kBvlcType,
                                                     kOriginalUnicast,
                                                     0,
                                                     kBytes,
                                                     1,
                                                     0,
                                                     kErrorPdu << 4,
                                                     message.invoke_id,
                                                     message.service,
                                                     0x91,
                                                     kSecurity,
                                                     0x91,
                                                     kAccessDenied};
    std::copy(answer.begin(), answer.end(), reply.begin());
    return kBytes;
  }

 private:
  static Fault add(std::uint16_t code, SubCode sub, const Message& message,
                   OperationList& operations) {
    const std::uint16_t function = find_function(code, sub);
    if (function == kNotInCatalogue) return Fault::unknown_function;
    Operation* operation = operations.add(function);
    if (operation == nullptr) return Fault::too_many_operations;
    if (message.network >= 0) operation->set(kNetwork, message.network);
    return Fault::none;
  }
};

}  // namespace

const protocols::Protocol& protocol() {
  static const Bacnet kProtocol;
  return kProtocol;
}

}  // namespace bulkhead::bacnet
