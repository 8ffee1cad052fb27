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
using protocols::Parsed;

namespace {

std::uint16_t find(std::uint16_t code) {
  return protocols::find_function(catalogue().functions, code);
}

std::uint16_t function_in(const Part& part, const Head& head, bool is_head, const Own& own) {
  if (part.version == kSystemEvent) return find(kSystemEventCode);
  if (!is_head) return find(kContinuationCode);
  if (head.opcode == kNotification) return find(kNotificationCode);
  // The codes of what is no function are none of a function's.
  if (head.function <= kSystemEventCode || head.function >= cotp::kTpduCode) {
    return kNotInCatalogue;
  }
  return function_of(head, own);
}

// Bits that clients are known to set: whether an answer is wanted (0x40), and what nobody has told
// the meaning of.
constexpr std::uint8_t kFreeFlags = 0x46;

bool are_flags(std::uint8_t flags) {
  constexpr std::uint8_t kAlways = 0x30;
  return (flags & ~kFreeFlags) == kAlways;
}

// The keyed hash in front of a protected part.
void leave_integrity(ByteView user, const Part& part, const OperationList& operations) {
  constexpr std::size_t kHeadBytes = 5;  // with the length of the hash
  constexpr std::size_t kHashBytes = 32;
  if (part.version != kVersion3) return;
  operations.leave_free(user.subspan(kHeadBytes, kHashBytes),
                        "a keyed hash, which only the two ends can check");
}

class S7CommPlus final : public cotp::User, public protocols::Splicing {
 public:
  const protocols::Catalogue& catalogue() const override { return s7comm_plus::catalogue(); }

  protocols::StateLayout state_layout() const override { return kStateLayout; }

  // Protected messages have numbers of their own that nobody else can read.
  const protocols::Splicing* splicing() const override { return this; }
  bool take_out(std::span<std::byte> /*session*/, const Parsed& message) const override {
    const auto* unit = message.kept<cotp::CarriedUnit>();
    const Part* part = message.kept<Part>();
    if (unit == nullptr) return false;
    return unit->user.empty() || (part != nullptr && part->version != kVersion3);
  }

  std::size_t outstanding(std::span<std::byte> session, std::uint32_t now_ms) const override {
    return Session(session).awaited(now_ms);
  }

  protocols::Difference difference(std::span<std::byte> session,
                                   const Parsed& answer) const override {
    const Part* part = answer.kept<Part>();
    if (part == nullptr) return {};
    return s7comm_plus::difference(Session(session), *part, answer.kept<Head>());
  }

 private:
  cotp::TsapFields tsap_fields() const override {
    return {kTsap, kTsapName, kCallingTsap, kTpduSize};
  }

  cotp::DataUnits data_units() const override { return cotp::DataUnits::whole; }

  bool begins_with(std::uint8_t octet) const override { return octet == kProtocolId; }

  Fault parse_user(ByteView user, Parsed& parsed, const MessageContext& context,
                   OperationList& operations) const override {
    const Direction direction = context.direction;
    Part part;
    Head head;
    if (const Fault fault = parse_part(user, part); fault != Fault::none) return fault;
    parsed.keep(part);
    const bool event = part.version == kSystemEvent;
    if (event && direction == Direction::request) return Fault::wrong_direction;
    const bool is_head = !event && s7comm_plus::parse_head(part, direction, head);
    if (is_head) parsed.keep(head);
    const State* state = Session::state_in(context.session);
    std::uint16_t function =
        function_in(part, head, is_head, state != nullptr ? state->own : Own{});
    if (is_head && direction == Direction::response && head.opcode != kNotification) {
      const std::uint16_t asked = asked_function(context.session, head);
      if (asked != kNotInCatalogue) function = asked;
    }
    if (function == kNotInCatalogue) return Fault::unknown_function;
    leave_integrity(user, part, operations);
    if (is_head && head.opcode == kRequest) {
      if (!are_flags(head.flags)) return Fault::bad_value;
      operations.leave_free(part.content.subspan(7, 2), "a number that the answer repeats");
      operations.leave_free(part.content.subspan(13, 1), "whether an answer is wanted", kFreeFlags);
      return add_request(head, function, operations);
    }
    Operation& operation = *operations.add(function);
    operation.set(kProtocolVersion, part.version);
    if (!event) operation.set(kMore, part.last ? 0 : 1);
    // Which message it goes on with is accept()'s to know.
    operation.tied = !is_head && !event;
    operations.leave_free(part.content, "what follows of a message, or what a controller tells");
    if (!is_head) return Fault::none;
    operation.set(kOpcode, head.opcode);
    if (head.opcode != kNotification) operation.set(kFunction, head.function);
    return Fault::none;
  }

  std::optional<std::uint16_t> claimed_user_code(ByteView user) const override {
    Part part;
    Head head;
    if (parse_part(user, part) != Fault::none) return std::nullopt;
    for (const Direction direction : {Direction::request, Direction::response}) {
      if (s7comm_plus::parse_head(part, direction, head)) return head.function;
    }
    return std::nullopt;
  }

  Fault accept_user(std::span<std::byte> session, const Parsed& message,
                    std::uint32_t now_ms) const override {
    return accept_part(Session(session), *message.kept<Part>(), message.kept<Head>(),
                       message.direction(), now_ms);
  }
};

}  // namespace

const protocols::Protocol& protocol() {
  static const S7CommPlus kProtocol;
  return kProtocol;
}

}  // namespace bulkhead::s7comm_plus
