// The module's face: which messages each side may send, their functions, and the refusal.
#include <algorithm>
#include <string_view>

#include "dataplane/protocols/opcua/body.h"
#include "dataplane/protocols/opcua/pairing.h"
#include "dataplane/protocols/opcua/text.h"
#include "dataplane/protocols/opcua/thumbprint.h"

namespace bulkhead::opcua {

using protocols::Direction;
using protocols::Fault;
using protocols::Frame;
using protocols::MessageContext;
using protocols::Operation;
using protocols::OperationList;
using protocols::Parsed;

namespace {

Fault add(std::uint16_t code, OperationList& operations, Operation** added = nullptr) {
  Operation* operation = operations.add(find_function(code));
  if (added != nullptr) *added = operation;
  return operation != nullptr ? Fault::none : Fault::too_many_operations;
}

Fault end_of(const BodyReader& reader) {
  if (!reader.ok()) return reader.fault();
  return reader.remaining() == 0 ? Fault::none : Fault::trailing_bytes;
}

// 6, 7.1.2.3: five numbers and the endpoint. 7.1.2.6: two strings.
Fault decode_hello(const Message& message, OperationList& operations) {
  BodyReader reader(message.body, &operations);
  const bool reverse = message.kind == Kind::reverse_hello;
  reader.content(reverse ? "s" : "44444",
                 reverse ? "how a server calls itself" : "versions and limits of the transport");
  const ByteView endpoint = reader.plain_text();
  if (const Fault fault = end_of(reader); fault != Fault::none) return fault;
  Operation* operation = nullptr;
  const Fault fault = add(reverse ? kReverseHello : kHello, operations, &operation);
  if (fault == Fault::none && !endpoint.empty()) operation->set_name(kEndpoint, endpoint);
  return fault;
}

// 6, 7.1.2.4 and 7.1.2.5; an abort is as an error (6, 6.7.3).
Fault decode_told(ByteView body, std::string_view fields, std::uint16_t code,
                  OperationList& operations) {
  BodyReader reader(body, &operations);
  reader.content(fields, "the sender's own report");
  const Fault fault = end_of(reader);
  return fault != Fault::none ? fault : add(code, operations);
}

Fault set_policy(const Message& message, Operation& operation, OperationList& operations) {
  const std::string_view policy = policy_of(message.policy).name;
  const ByteView name(reinterpret_cast<const std::uint8_t*>(policy.data()), policy.size());
  if (!is_plain_text(name)) return Fault::bad_value;
  operation.set_name(kSecurityPolicy, name);
  if (message.thumbprint.empty()) return Fault::none;
  if (message.thumbprint.size() != kThumbprintBytes) return Fault::bad_length;
  const ByteView thumbprint = compose_hex(message.thumbprint, operations);
  if (thumbprint.empty()) return Fault::too_many_operations;
  operation.set_name(kThumbprint, thumbprint);
  return Fault::none;
}

// Whose the sender says that it is; its receiver checks that the opening is signed so.
Fault set_sender(const Message& message, Operation& operation, OperationList& operations) {
  constexpr std::size_t kLengthBytes = 4;
  if (message.certificate.size() <= kLengthBytes) {
    operations.leave_free(message.certificate, "null or empty, which are alike");
    return Fault::none;
  }
  const ByteView chain = message.certificate.subspan(kLengthBytes);
  const ByteView own = first_certificate(chain);
  const Thumbprint digest = sha1(own);
  const ByteView thumbprint = compose_hex(digest, operations);
  if (thumbprint.empty()) return Fault::too_many_operations;
  operation.set_name(kSenderThumbprint, thumbprint);
  operations.leave_free(chain.subspan(own.size()), "certificates of issuers");
  return Fault::none;
}

Fault decode_open(const Message& message, Direction direction, OperationList& operations) {
  Operation* operation = nullptr;
  const bool asks = direction == Direction::request;
  if (message.is_secured_open()) {
    operations.leave_free(message.body, "encrypted for the server alone: the opening of a channel");
    Fault fault = add(asks ? kOpenChannel : kOpenChannelAnswer, operations, &operation);
    if (fault != Fault::none) return fault;
    fault = set_sender(message, *operation, operations);
    if (fault != Fault::none) return fault;
    return set_policy(message, *operation, operations);
  }
  std::size_t remaining = 0;
  std::uint16_t code = 0;
  const Fault fault = decode_body(message, direction, Handles(), &operations, remaining, code);
  if (fault != Fault::none) return fault;
  // The refusal of an opening is an answer too.
  const bool fits = asks ? code == kOpenChannel : code == kOpenChannelAnswer;
  if (!fits) return Fault::bad_value;
  if (remaining != 0) return Fault::trailing_bytes;
  Operation copy = operations[0];
  operations.clear();
  operation = operations.add(copy.function);
  *operation = copy;
  return set_policy(message, *operation, operations);
}

// How the messages of a channel are read, by what is known of it.
enum class Reading : std::uint8_t { plain, perhaps_signed, signed_or_hidden, signing, hidden };

Reading reading_in(const MessageContext& context) {
  const Known* known = Session::state_in(context.session);
  if (known == nullptr) return Reading::perhaps_signed;
  switch (known->channel) {
    case Channel::plain:
      return Reading::plain;
    case Channel::secured:
      return Reading::signed_or_hidden;
    case Channel::signing:
      return Reading::signing;
    case Channel::hidden:
      return Reading::hidden;
    default:
      return Reading::perhaps_signed;
  }
}

Known known_in(const MessageContext& context) {
  const Known* known = Session::state_in(context.session);
  return known != nullptr ? *known : Known{};
}

// What may stand behind a body, where the channel's opening was not seen: nothing, or a signature
// of HMAC-SHA1 or HMAC-SHA256.
bool may_remain(Reading reading, std::size_t bytes) {
  return bytes == 0 || (reading == Reading::perhaps_signed && (bytes == 20 || bytes == 32));
}

// More of a request's value. It ends where it was said to, and so does the request.
Fault decode_further(const Message& message, const Known& known, OperationList& operations) {
  const bool ends = message.body_bytes == known.asking_bytes;
  const bool fits = message.unfinished ? message.body_bytes < known.asking_bytes : ends;
  if (!fits || message.aborted || message.kind != Kind::message) return Fault::bad_length;
  operations.leave_free(message.body, kLongValue);
  Operation* operation = nullptr;
  const Fault fault = add(kContinuation, operations, &operation);
  if (operation != nullptr) operation->tied = true;
  return fault;
}

Fault decode_readable(const Message& message, Reading reading, const MessageContext& context,
                      OperationList& operations, Parsed& parsed) {
  const bool answers = context.direction == Direction::response;
  const Known known = known_in(context);
  if (answers && known.answer_goes_on) {
    operations.leave_free(message.body, "what an answer tells");
    Operation* operation = nullptr;
    const Fault fault = add(kContinuation, operations, &operation);
    if (operation != nullptr) operation->tied = true;
    return fault;
  }
  if (!answers && known.asking_bytes > 0) return decode_further(message, known, operations);
  if (!answers && message.is_long()) {
    if (reading != Reading::plain && reading != Reading::signing) return Fault::too_long;
    LongRequest request;
    const Fault fault = find_long(message, request);
    if (fault != Fault::none) return fault;
    parsed.keep(request);
    return decode_long(message, request, handles_in(context.session), operations);
  }
  if (message.aborted) return decode_told(message.body, "4s", kAbort, operations);
  std::size_t remaining = 0;
  std::uint16_t code = 0;
  const Fault fault = decode_body(message, context.direction, handles_in(context.session),
                                  &operations, remaining, code);
  if (fault != Fault::none) return fault;
  parsed.keep(ReadBody{remaining});
  if (!may_remain(reading, remaining)) return Fault::trailing_bytes;
  operations.leave_free(message.body.last(remaining), "a signature, which its receiver checks");
  const bool closes = code == kCloseChannel;
  if (closes != (message.kind == Kind::close) || code == kOpenChannel) return Fault::bad_value;
  return Fault::none;
}

// Whether a message that does not read may be one that is encrypted.
bool may_be_hidden(Reading reading, Fault fault) {
  if (reading == Reading::signed_or_hidden) return true;
  return reading == Reading::perhaps_signed && fault == Fault::unknown_function;
}

// The end of each chunk that is not read.
void leave_signatures(ByteView bytes, std::size_t signature_bytes,
                      const OperationList& operations) {
  while (signature_bytes > 0 && bytes.size() > kHeaderBytes) {
    const std::size_t size = load_le32(bytes.data() + 4);
    if (size > bytes.size()) return;  // the end of a head is not there
    const ByteView chunk = bytes.first(size);
    operations.leave_free(chunk.last(signature_bytes), "a signature, which its receiver checks");
    bytes = bytes.subspan(chunk.size());
  }
}

Fault decode_secure(const Message& message, const MessageContext& context,
                    OperationList& operations, Parsed& parsed) {
  const ByteView bytes = parsed.message();
  const Reading reading = reading_in(context);
  if (message.kind == Kind::close && context.direction == Direction::response) {
    return Fault::wrong_direction;
  }
  if (reading != Reading::hidden) {
    const Fault fault = decode_readable(message, reading, context, operations, parsed);
    if (fault == Fault::none) leave_signatures(bytes, known_in(context).unread_bytes(), operations);
    if (fault == Fault::none || !may_be_hidden(reading, fault)) return fault;
    operations.clear();
  }
  operations.leave_free(bytes.subspan(kSecureHeaderBytes),
                        "encrypted content, which a rule grants unread");
  return add(kSecuredMessage, operations);
}

// Numbers in front of a readable body (6, 6.7.2).
void leave_numbers(ByteView bytes, const Message& message, const OperationList& operations) {
  constexpr std::string_view kChannel = "channel and token, which the server checks";
  constexpr std::string_view kNumbers = "numbers of chunk and request, which accept() checks";
  operations.leave_free(bytes.subspan(kHeaderBytes, 4), kChannel);
  if (message.kind == Kind::open) {
    const std::size_t bytes_behind = message.body.size() + 8;
    if (!message.is_secured_open()) {
      operations.leave_free(bytes.subspan(bytes.size() - bytes_behind, 8), kNumbers);
    }
    return;
  }
  operations.leave_free(bytes.subspan(kHeaderBytes + 4, 4), kChannel);
  operations.leave_free(bytes.subspan(kHeaderBytes + 8, 8), kNumbers);
}

class OpcUa final : public protocols::Protocol,
                    public protocols::NumberedMessages,
                    public protocols::Splicing {
 public:
  const protocols::Catalogue& catalogue() const override { return opcua::catalogue(); }

  bool frames_by_session() const override { return true; }
  Frame frame(ByteView stream, const MessageContext& context) const override {
    return frame_message(stream, known_in(context).pieces(context.direction));
  }

  std::optional<Direction> encoded_direction(ByteView bytes) const override {
    Message message;
    if (parse_message(bytes, message) != Fault::none) return std::nullopt;
    switch (message.kind) {
      case Kind::hello:
      case Kind::reverse_hello:
      case Kind::close:
        return Direction::request;
      case Kind::acknowledge:
        return Direction::response;
      default:
        return direction_of_service(message);
    }
  }

  Fault parse(Parsed& parsed, const MessageContext& context,
              OperationList& operations) const override {
    const ByteView bytes = parsed.message();
    const bool asks = context.direction == Direction::request;
    operations.clear();
    Message message;
    const Known known = known_in(context);
    const bool in_pieces = known.pieces(context.direction) != Pieces::none;
    const Fault fault =
        parse_message(bytes, message, {known.unread_bytes(), in_pieces, &operations});
    if (fault != Fault::none) return fault;
    parsed.keep(message);
    switch (message.kind) {
      case Kind::hello:
        return asks ? decode_hello(message, operations) : Fault::wrong_direction;
      case Kind::reverse_hello: {
        // 6, 7.1.3: the first message of the opener of the connection, which is the server then.
        const bool first = !known.begun && known.channel == Channel::closed;
        return asks && first ? decode_hello(message, operations) : Fault::wrong_direction;
      }
      case Kind::acknowledge:
        return asks ? Fault::wrong_direction
                    : decode_told(message.body, "44444", kAcknowledge, operations);
      case Kind::error:
        return decode_told(message.body, "4s", kError, operations);
      case Kind::open:
        leave_numbers(bytes, message, operations);
        return decode_open(message, context.direction, operations);
      case Kind::message:
      case Kind::close:
        leave_numbers(bytes, message, operations);
        return decode_secure(message, context, operations, parsed);
    }
    return Fault::not_this_protocol;
  }

  // Behind an answer's head, and a long request's, is content.
  Fault parse_head(Parsed& parsed, std::size_t /*length*/, const MessageContext& context,
                   OperationList& operations) const override {
    return parse(parsed, context, operations);
  }

  std::optional<std::uint16_t> claimed_code(ByteView bytes) const override {
    Message message;
    if (parse_message(bytes, message) != Fault::none) return std::nullopt;
    BodyReader reader(message.body);
    const std::uint32_t type = reader.type_id();
    if (message.kind != Kind::message || !reader.ok()) return std::nullopt;
    return static_cast<std::uint16_t>(type);
  }

  void begin_unseen(std::span<std::byte> session) const override {
    Known& known = session_in(session).state();
    known.channel = Channel::unseen;
    known.sessions.unseen = true;
  }

  protocols::StateLayout state_layout() const override { return kStateLayout; }

  Fault accept(std::span<std::byte> session, const Parsed& message,
               std::uint32_t now_ms) const override {
    const Fault fault = accept_message(session, message, now_ms);
    if (fault == Fault::none) session_in(session).state().begun = true;
    return fault;
  }

  protocols::Difference difference(std::span<std::byte> session,
                                   const Parsed& answer) const override {
    return opcua::difference(session_in(session), *answer.kept<Message>());
  }

  std::size_t outstanding(std::span<std::byte> session, std::uint32_t now_ms) const override {
    return session_in(session).awaited(now_ms);
  }

  const protocols::NumberedMessages* numbered_messages() const override { return this; }
  std::size_t numbered_bytes() const override { return kSecureHeaderBytes; }
  void forget_numbers(std::span<std::byte> session) const override {
    Known& known = session_in(session).state();
    known.client_counted = known.server_counted = false;
  }

  bool renumbers(std::span<std::byte> session) const override {
    const Known& known = session_in(session).state();
    return known.taken_out != 0 || known.put_in != 0;
  }

  const protocols::Splicing* splicing() const override { return this; }
  bool take_out(std::span<std::byte> session, const Parsed& parsed) const override {
    const Message* message = parsed.kept<Message>();
    return message != nullptr &&
           opcua::take_out(session_in(session).state(), *message, parsed.direction());
  }

  void put_in(std::span<std::byte> session, std::span<std::uint8_t> refusal) const override {
    opcua::put_in(session_in(session).state(), refusal);
  }

  void renumber(std::span<std::byte> session, Direction direction,
                std::span<std::uint8_t> first_bytes) const override {
    const bool numbered = first_bytes.size() >= kSecureHeaderBytes &&
                          (first_bytes[0] == 'M' || first_bytes[0] == 'C');
    if (numbered) opcua::renumber(session_in(session).state(), direction, first_bytes);
  }

  // 4, 7.34: a ServiceFault with the request's handle. put_in() gives it its number. A client whose
  // session is not taken over begins a new one when it hears that there is none.
  std::size_t refuse(const Parsed& request, protocols::DeniedPart denied_part,
                     std::span<std::uint8_t> reply) const override {
    constexpr std::uint32_t kServiceUnsupported = 0x800b0000;
    constexpr std::uint32_t kUserAccessDenied = 0x801f0000;
    constexpr std::uint32_t kSessionIdInvalid = 0x80250000;
    constexpr std::size_t kBodyBytes = 4 + 8 + 4 + 4 + 1 + 4 + 3;
    constexpr std::size_t kBytes = kSecureHeaderBytes + kBodyBytes;
    const Message* message = request.kept<Message>();
    if (message == nullptr || message->kind != Kind::message || message->chunks != 1 ||
        message->aborted || message->is_long() || reply.size() < kBytes) {
      return 0;
    }
    BodyReader reader(message->body);
    const std::uint32_t type = reader.type_id();
    const NodeId token = reader.node_id();
    reader.take(8);
    const std::uint32_t handle = reader.u32();
    if (!reader.ok()) return 0;
    std::uint32_t result =
        denied_part == protocols::DeniedPart::function ? kServiceUnsupported : kUserAccessDenied;
    if (type == kActivateSession && !token.is_null()) result = kSessionIdInvalid;
    std::fill_n(reply.begin(), kBytes, std::uint8_t{0});
    std::copy_n(request.message().begin(), kSecureHeaderBytes, reply.begin());
    store_le32(reply.data() + 4, kBytes);
    std::uint8_t* const body = reply.data() + kSecureHeaderBytes;
    body[0] = 1;
    store_le16(body + 2, kServiceFault);
    store_le32(body + 12, handle);
    store_le32(body + 16, result);
    return kBytes;
  }
};

}  // namespace

const protocols::Protocol& protocol() {
  static const OpcUa kProtocol;
  return kProtocol;
}

}  // namespace bulkhead::opcua
