// The module's face: which messages each side may send, how they are told, and the refusal.
#include <algorithm>
#include <string_view>

#include "dataplane/protocols/opcua/body.h"
#include "dataplane/protocols/opcua/pairing.h"

namespace bulkhead::opcua {

using protocols::Direction;
using protocols::Fault;
using protocols::Frame;
using protocols::MessageContext;
using protocols::Operation;
using protocols::OperationList;

namespace {

Fault add(std::uint16_t code, OperationList& operations, Operation** added = nullptr) {
  Operation* operation = operations.add(find_function(code));
  if (added != nullptr) *added = operation;
  return operation != nullptr ? Fault::none : Fault::too_many_operations;
}

// 6, 7.1.2.3: five numbers and the endpoint. 7.1.2.6: two strings.
Fault decode_hello(const Message& message, OperationList& operations) {
  BodyReader reader(message.body);
  const bool reverse = message.kind == Kind::reverse_hello;
  if (reverse) {
    reader.string();
  } else {
    reader.skip(20);
  }
  const ByteView endpoint = reader.string();
  if (!reader.ok()) return Fault::truncated;
  if (reader.remaining() != 0) return Fault::trailing_bytes;
  Operation* operation = nullptr;
  const Fault fault = add(reverse ? kReverseHello : kHello, operations, &operation);
  if (fault == Fault::none && !endpoint.empty()) operation->set_name(kEndpoint, endpoint);
  return fault;
}

// What stands behind the # of a policy's URI; an empty one is None (6, 6.7.2.3).
ByteView policy_name(const Message& message) {
  static constexpr std::string_view kNone = "None";
  if (message.policy.empty()) {
    return {reinterpret_cast<const std::uint8_t*>(kNone.data()), kNone.size()};
  }
  const auto hash = std::find(message.policy.begin(), message.policy.end(), '#');
  if (hash == message.policy.end()) return message.policy;
  return message.policy.subspan(static_cast<std::size_t>(hash - message.policy.begin()) + 1);
}

Fault decode_open(const Message& message, Direction direction, OperationList& operations) {
  Operation* operation = nullptr;
  const bool asks = direction == Direction::request;
  if (message.is_secured_open()) {
    const Fault fault = add(asks ? kOpenChannel : kOpenChannelAnswer, operations, &operation);
    if (fault != Fault::none) return fault;
  } else {
    Reading reading{};
    std::uint16_t code = 0;
    const Fault fault = decode_body(message, direction, nullptr, reading, code);
    if (fault != Fault::none) return fault;
    if (code != (asks ? kOpenChannel : kOpenChannelAnswer)) return Fault::bad_value;
    if (const Fault full = add(code, operations, &operation); full != Fault::none) return full;
    BodyReader reader(message.body);
    reader.node_id();
    if (asks) {
      reader.request_header();
      reader.skip(8);
      operation->set(kSecurityMode, reader.u32());
      if (!reader.ok()) return Fault::truncated;
    }
  }
  operation->set_name(kSecurityPolicy, policy_name(message));
  if (!message.thumbprint.empty()) operation->set_name(kThumbprint, message.thumbprint);
  return Fault::none;
}

Fault decode_secure(const Message& message, Direction direction, OperationList& operations) {
  if (message.kind == Kind::close) {
    // Its content is only for the record; who closes may be heard.
    if (direction == Direction::response) return Fault::wrong_direction;
    return add(kCloseChannel, operations);
  }
  if (message.aborted) return add(kAbort, operations);
  Reading reading{};
  std::uint16_t code = 0;
  const Fault fault = decode_body(message, direction, &operations, reading, code);
  if (fault == Fault::unknown_function && code == kSecuredMessage) {
    operations.clear();
    return add(kSecuredMessage, operations);
  }
  const bool channel = code == kOpenChannel || code == kCloseChannel;
  return fault == Fault::none && channel ? Fault::bad_value : fault;
}

class OpcUa final : public protocols::Protocol {
 public:
  const protocols::Catalogue& catalogue() const override { return opcua::catalogue(); }

  Frame frame(ByteView stream, const MessageContext& /*context*/) const override {
    return frame_message(stream);
  }

  std::optional<Direction> told_direction(ByteView bytes) const override {
    Message message;
    if (parse_message(bytes, message) != Fault::none) return std::nullopt;
    switch (message.kind) {
      case Kind::hello:
      case Kind::close:
        return Direction::request;
      case Kind::acknowledge:
      case Kind::reverse_hello:
        return Direction::response;
      default:
        return told_by_service(message);
    }
  }

  Fault decode(ByteView bytes, const MessageContext& context,
               OperationList& operations) const override {
    const Direction direction = context.direction;
    operations.clear();
    Message message;
    if (const Fault fault = parse_message(bytes, message); fault != Fault::none) return fault;
    const bool asks = direction == Direction::request;
    switch (message.kind) {
      case Kind::hello:
        return asks ? decode_hello(message, operations) : Fault::wrong_direction;
      case Kind::reverse_hello:
        return asks ? Fault::wrong_direction : decode_hello(message, operations);
      case Kind::acknowledge:
        if (asks) return Fault::wrong_direction;
        return message.body.size() == 20 ? add(kAcknowledge, operations) : Fault::bad_length;
      case Kind::error:
        return message.body.size() >= 8 ? add(kError, operations) : Fault::bad_length;
      case Kind::open:
        return decode_open(message, direction, operations);
      case Kind::message:
      case Kind::close:
        return decode_secure(message, direction, operations);
    }
    return Fault::not_this_protocol;
  }

  std::optional<std::uint16_t> claimed_code(ByteView bytes) const override {
    Message message;
    if (parse_message(bytes, message) != Fault::none) return std::nullopt;
    const NodeId type = BodyReader(message.body).node_id();
    const bool known = message.kind == Kind::message && type.name_space == 0 && type.is_numeric;
    if (!known || type.number > UINT16_MAX) return std::nullopt;
    return static_cast<std::uint16_t>(type.number);
  }

  void begin_unseen(std::span<std::byte> session) const override {
    Session(session).state().channel = Channel::unseen;
  }

  std::size_t session_bytes() const override { return Session::bytes_for(kOutstandingUsual); }
  std::size_t session_bytes_max() const override {
    return Session::bytes_for(protocols::kOutstandingMax);
  }

  Fault pair(std::span<std::byte> session, ByteView bytes, Direction direction,
             std::uint32_t now_ms) const override {
    Message message;
    if (const Fault fault = parse_message(bytes, message); fault != Fault::none) return fault;
    return accept_message(Session(session), message, direction, now_ms);
  }

  std::size_t outstanding(std::span<std::byte> session, std::uint32_t now_ms) const override {
    return Session(session).awaited(now_ms);
  }

  std::size_t numbered_bytes() const override { return kSecureHeaderBytes; }

  bool take_out(std::span<std::byte> session, ByteView request) const override {
    Message message;
    return parse_message(request, message) == Fault::none &&
           opcua::take_out(Session(session).state(), message);
  }

  void put_in(std::span<std::byte> session, std::span<std::uint8_t> refusal) const override {
    opcua::put_in(Session(session).state(), refusal);
  }

  void renumber(std::span<std::byte> session, Direction direction,
                std::span<std::uint8_t> first_bytes) const override {
    const bool numbered = first_bytes.size() >= kSecureHeaderBytes &&
                          (first_bytes[0] == 'M' || first_bytes[0] == 'C');
    if (numbered) opcua::renumber(Session(session).state(), direction, first_bytes);
  }

  // 4, 7.34: a ServiceFault with the request's handle. put_in() gives it its number.
  std::size_t refuse(ByteView request, protocols::Denial denial,
                     std::span<std::uint8_t> reply) const override {
    constexpr std::uint32_t kServiceUnsupported = 0x800b0000;
    constexpr std::uint32_t kUserAccessDenied = 0x801f0000;
    constexpr std::size_t kBodyBytes = 4 + 8 + 4 + 4 + 1 + 4 + 3;
    constexpr std::size_t kBytes = kSecureHeaderBytes + kBodyBytes;
    Message message;
    if (parse_message(request, message) != Fault::none || message.kind != Kind::message ||
        message.chunks != 1 || message.aborted || reply.size() < kBytes) {
      return 0;
    }
    BodyReader reader(message.body);
    const NodeId type = reader.node_id();
    const std::uint32_t handle = reader.request_header();
    if (!reader.ok() || type.name_space != 0 || !type.is_numeric) return 0;
    std::fill_n(reply.begin(), kBytes, std::uint8_t{0});
    std::copy_n(request.begin(), kSecureHeaderBytes, reply.begin());
    store_le32(reply.data() + 4, kBytes);
    std::uint8_t* const body = reply.data() + kSecureHeaderBytes;
    body[0] = 1;
    store_le16(body + 2, kServiceFault);
    store_le32(body + 12, handle);
    store_le32(body + 16,
               denial == protocols::Denial::function ? kServiceUnsupported : kUserAccessDenied);
    return kBytes;
  }
};

}  // namespace

const protocols::Protocol& protocol() {
  static const OpcUa kProtocol;
  return kProtocol;
}

}  // namespace bulkhead::opcua
