// The module's face: what a part of a message says. There is no refusal: the session is reset.
#include "dataplane/protocols/s7comm_plus/layout.h"

namespace bulkhead::s7comm_plus {

using protocols::Direction;
using protocols::Fault;
using protocols::kNoSubCode;
using protocols::kNotInCatalogue;
using protocols::MessageContext;
using protocols::Operation;
using protocols::OperationList;

namespace {

// What a client does on its own session: it is created in the container of sessions, and later the
// object of a request is the session itself.
bool is_on_session(const Head& head) {
  if (head.function == kCreateObject) return head.object == kSessionContainer;
  const bool may_be = head.function == kDeleteObject || head.function == kSetMultiVariables;
  return may_be && head.object != 0 && head.object == head.session;
}

std::uint16_t function_of(const Part& part, const Head& head, bool is_head) {
  const auto find = [](std::uint16_t code, std::int32_t sub_code = kNoSubCode) {
    return protocols::find_function(catalogue().functions, code, sub_code);
  };
  if (part.version == kSystemEvent) return find(kSystemEventCode);
  if (!is_head) return find(kContinuationCode);
  if (head.opcode == kNotification) return find(kNotificationCode);
  // The codes of what is no function are none of a function's.
  if (head.function <= kSystemEventCode || head.function >= cotp::kTpduCode) {
    return kNotInCatalogue;
  }
  const bool session = head.opcode == kRequest && is_on_session(head);
  return find(head.function, session ? std::int32_t{kOnSession} : kNoSubCode);
}

class S7CommPlus final : public cotp::User {
 public:
  const protocols::Catalogue& catalogue() const override { return s7comm_plus::catalogue(); }

  std::size_t session_bytes() const override { return Session::bytes_for(kOutstandingUsual); }
  std::size_t session_bytes_max() const override {
    return Session::bytes_for(protocols::kOutstandingMax);
  }

  std::size_t outstanding(std::span<std::byte> session, std::uint32_t now_ms) const override {
    return Session(session).awaited(now_ms);
  }

 private:
  cotp::TsapFields tsap_fields() const override { return {kTsap, kTsapName}; }

  bool begins_with(std::uint8_t octet) const override { return octet == kProtocolId; }

  Fault decode_user(ByteView user, const MessageContext& context,
                    OperationList& operations) const override {
    const Direction direction = context.direction;
    Part part;
    Head head;
    if (const Fault fault = parse_part(user, part); fault != Fault::none) return fault;
    const bool is_head = part.version != kSystemEvent && parse_head(part, direction, head);
    const std::uint16_t function = function_of(part, head, is_head);
    if (function == kNotInCatalogue) return Fault::unknown_function;
    Operation& operation = *operations.add(function);
    operation.set(kProtocolVersion, part.version);
    // Which message it goes on with is pair()'s to know.
    operation.tied = !is_head && part.version != kSystemEvent;
    if (!is_head) return Fault::none;
    operation.set(kOpcode, head.opcode);
    if (head.opcode == kNotification) return Fault::none;
    operation.set(kFunction, head.function);
    if (head.opcode != kRequest) return Fault::none;
    operation.set(kSession, head.session);
    operation.set(kObject, head.object);
    return Fault::none;
  }

  std::optional<std::uint16_t> claimed_user_code(ByteView user) const override {
    Part part;
    Head head;
    if (parse_part(user, part) != Fault::none) return std::nullopt;
    for (const Direction direction : {Direction::request, Direction::response}) {
      if (parse_head(part, direction, head)) return head.function;
    }
    return std::nullopt;
  }

  Fault pair_user(std::span<std::byte> session, ByteView user, Direction direction,
                  std::uint32_t now_ms) const override {
    Part part;
    if (const Fault fault = parse_part(user, part); fault != Fault::none) return fault;
    return accept_part(Session(session), part, direction, now_ms);
  }
};

}  // namespace

const protocols::Protocol& protocol() {
  static const S7CommPlus kProtocol;
  return kProtocol;
}

}  // namespace bulkhead::s7comm_plus
